"""Every backend of the project against the contract; those that are not installed are skipped."""

import pytest

from compare.backends.contract import BackendContract, published


class TestNumpy(BackendContract):
    name = "numpy"


class TestTorch(BackendContract):
    name = "torch"

    @pytest.fixture(autouse=True)
    def installed(self):
        pytest.importorskip("torch")


# What takes XLA longest to compile; run with  pytest -m slow tests/compare/test_contract.py
SLOW = {"conv_regressor_quadrant", "coordconv_renderer", "deconv"}


class TestJax(BackendContract):
    name = "jax"

    @pytest.mark.parametrize(
        "architecture",
        [pytest.param(a, marks=[pytest.mark.slow] if a in SLOW else []) for a in published()],
    )
    def test_parity(self, backend, architecture):
        super().test_parity(backend, architecture)

    @pytest.fixture(autouse=True)
    def installed(self):
        pytest.importorskip("jax")
