"""The contract's own suite on this backend."""

from compare.testing.backends import BackendContract


class TestFloat64(BackendContract):
    """All of it; nothing here has to be written again."""

    name = "float64"
