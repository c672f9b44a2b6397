"""Every backend of the project against the contract; those that are not installed are skipped."""

import pytest

from compare.testing.backends import BackendContract


class TestNumpy(BackendContract):
    name = "numpy"


class TestTorch(BackendContract):
    name = "torch"

    @pytest.fixture(autouse=True)
    def installed(self):
        pytest.importorskip("torch")


class TestJax(BackendContract):
    name = "jax"

    @pytest.fixture(autouse=True)
    def installed(self):
        pytest.importorskip("jax")
