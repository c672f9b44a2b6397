"""`python -m compare`, the same as the command `compare`."""

from compare.cli import main

raise SystemExit(main())
