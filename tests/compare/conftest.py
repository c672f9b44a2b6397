"""XLA compiles for minutes what runs for milliseconds here, so it is asked not to optimise."""

import os

import pytest

os.environ.setdefault(
    "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)


@pytest.fixture(scope="session")
def digit_folder(tmp_path_factory):
    """A folder of JPEG pictures: digits 0, 1 and 7 of scikit-learn's, 12 of each to train on.

    Nobody writes to it.
    """
    image = pytest.importorskip("PIL.Image")
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    root = tmp_path_factory.mktemp("digits")
    for digit in (0, 1, 7):
        found = digits.images[digits.target == digit]
        for part, chosen in (("train", found[:12]), ("val", found[12:16])):
            folder = root / part / f"digit{digit}"
            folder.mkdir(parents=True)
            for number, pixels in enumerate(chosen):
                grey = image.fromarray((pixels * 15.9).astype("uint8")).resize((32, 28))
                grey.convert("RGB").save(folder / f"{number:02d}.jpg")
    return root
