"""NumPy in float64: what the networks would learn if nothing were rounded to float32."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from compare.backends.numpy import NumpyBackend


class Float64Backend(NumpyBackend):
    """Everything as in the NumPy backend, but arrays of floats are float64 here."""

    name: ClassVar[str] = "float64"
    precisions: ClassVar[tuple[str, ...]] = ("float64",)

    def asarray(self, array: NDArray[Any], like: Any = None) -> NDArray[Any]:
        """Widen floats, and leave numbers of samples and pixels what they are."""
        if like is None and not np.issubdtype(array.dtype, np.floating):
            return array.copy()
        return np.array(array, dtype=np.float64 if like is None else like.dtype)
