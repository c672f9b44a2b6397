"""XLA compiles for minutes what runs for milliseconds here, so it is asked not to optimise."""

import os

os.environ.setdefault(
    "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)
