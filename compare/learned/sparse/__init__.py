"""The shortcut for sparse pictures: one background and a small window for each.

`patches` has the batch, `rules` what each layer makes of it, `kernels` the operations that the
rules need beyond the backend's contract, and `batches` its way through a compiled step. Layers and
backends know nothing of it.
"""

__all__ = ["batches", "kernels", "numpy_kernels", "patches", "rules"]
