"""One thread of BLAS for each of xdist's processes, which already take all cores.

BLAS waits in a loop for its threads: with more of them than cores a notebook took 86 s, not 11.
It reads this when NumPy is first imported; subprocesses inherit it.
"""

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
