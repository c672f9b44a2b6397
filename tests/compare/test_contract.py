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


# What takes XLA longest to compile; run with  pytest -n 0 -m slow tests/compare/test_contract.py
QUICK = {"coordconv_regressor", "coordconv_classifier"}


class TestJax(BackendContract):
    name = "jax"

    @pytest.mark.parametrize(
        "architecture",
        [pytest.param(a, marks=[] if a in QUICK else [pytest.mark.slow]) for a in published()],
    )
    def test_parity(self, backend, architecture):
        super().test_parity(backend, architecture)

    @pytest.mark.parametrize(
        ("architecture", "batch"),
        [
            ("coordconv_regressor", 8),
            pytest.param("conv_regressor_quadrant", 22, marks=pytest.mark.slow),
        ],
    )
    def test_learning_curves_overlap(self, backend, architecture, batch):
        super().test_learning_curves_overlap(backend, architecture, batch)

    @pytest.fixture(autouse=True)
    def installed(self):
        pytest.importorskip("jax")
