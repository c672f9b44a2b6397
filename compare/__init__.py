"""Weight-free networks beside learned ones, on the same data, scored."""

from __future__ import annotations
