"""Files appear whole, say what they are, and are not believed when they are something else."""

import json
import shutil
import threading

import numpy as np
import pytest

from compare.errors import StorageError, UsageError
from compare.experiments.plan import Request, make_plans
from compare.experiments.run import load_or_run
from compare.files import (
    read_arrays,
    read_sealed_arrays,
    read_sealed_json,
    write_arrays,
    write_csv,
    write_sealed_arrays,
    write_sealed_json,
    write_whole,
)
from compare.results.runs import locked, read_record
from compare.results.table import load


def plan(**changes):
    request = {"task": "onehot2coord", "seeds": (0,), "size": "16", "solver": "argmax",
               "split": "uniform", "recipe": {"epochs": "1"}, **changes}  # fmt: skip
    (only,) = make_plans(Request(**request))
    return only


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A learned run and one of a closed form."""
    out = tmp_path_factory.mktemp("runs")
    load_or_run(plan(), out)
    load_or_run(plan(solver="coordconv", seeds=(3,)), out)
    return out


@pytest.fixture
def copy(store, tmp_path):
    """The same store, to be spoilt."""
    return shutil.copytree(store, tmp_path / "runs")


def test_arrays_come_back_to_the_bit(tmp_path):
    arrays = {"a/b": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.asarray(7)}
    write_arrays(tmp_path / "x.npz", arrays)
    back = read_arrays(tmp_path / "x.npz")
    assert all(np.array_equal(back[k], v) and back[k].dtype == v.dtype for k, v in arrays.items())


def test_pickles_are_neither_written_nor_read(tmp_path):
    objects = np.array([{"a": 1}], dtype=object)
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write_arrays(tmp_path / "x.npz", {"x": objects})
    np.savez(tmp_path / "y.npz", x=objects)
    with pytest.raises(ValueError, match=r"y\.npz is not a readable array file"):
        read_arrays(tmp_path / "y.npz")


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_truncated_archive_is_named(tmp_path, keep):
    path = tmp_path / "x.npz"
    write_arrays(path, {"x": np.arange(1000)})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"x\.npz is not a readable array file"):
        read_arrays(path)


def test_no_wrong_byte_of_an_archive_is_a_traceback(tmp_path):
    """Every byte of a small archive in turn: either it is refused by name or it did not matter."""
    path = tmp_path / "x.npz"
    arrays = {"x": np.arange(3, dtype=np.float32)}
    write_sealed_arrays(path, arrays)
    good = path.read_bytes()
    refused = 0
    for place in range(len(good)):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x5A]) + good[place + 1 :])
        try:
            assert np.array_equal(read_sealed_arrays(path)["x"], arrays["x"])
        except ValueError as error:
            assert str(path) in str(error)  # noqa: PT017
            refused += 1
    assert refused > len(good) / 2


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def fail(file):
        file.write(b"half of the new")
        raise OSError("disk full")

    with pytest.raises(StorageError, match=r"cannot write .*x: disk full; what was there before"):
        write_whole(path, fail)
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
    assert path.read_bytes() == b"old"


def test_a_table_has_its_header(tmp_path):
    write_csv(tmp_path / "h.csv", ("epoch", "loss"), [(1, 0.5)])
    assert (tmp_path / "h.csv").read_text().split() == ["epoch,loss", "1,0.5"]


def test_no_record_is_not_an_error(tmp_path):
    assert read_record(tmp_path) is None


def _rewritten(path, change):
    """Change a record and seal it again, as only a program would."""
    record = read_sealed_json(path)
    change(record)
    write_sealed_json(path, record)


def _put_beside_another(path):
    """Copy the record of the other run here."""
    (other,) = (p for p in path.parent.parent.glob("*/run.json") if p != path)
    shutil.copy(other, path)


SPOILT = {
    "empty": lambda path: path.write_text(""),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-40]),
    "not text": lambda path: path.write_bytes(b"\xff\x00\x01"),
    "a list": lambda path: path.write_text("[]"),
    "nested": lambda path: path.write_text("[" * 100_000),
    "edited": lambda path: path.write_text(path.read_text().replace('"seed": 3', '"seed": 4')),
    "a directory": lambda path: (path.unlink(), path.mkdir()),
    "of another run": _put_beside_another,
    "old": lambda path: _rewritten(path, lambda record: record.update(format=3)),
    "foreign": lambda path: write_sealed_json(path, {"a": 1}),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_record_that_is_not_to_be_trusted_is_named_and_skipped(copy, how):
    message = r"run\.json is (damaged[,:]|of format (3|None);)"
    path = copy / plan(solver="coordconv", seeds=(3,)).name() / "run.json"
    SPOILT[how](path)
    with pytest.raises(ValueError, match=message):
        read_record(path.parent)
    with pytest.warns(UserWarning, match=message) as warned:
        table = load(copy)
    assert str(path) in str(warned[0].message)
    assert list(table.solver) == ["argmax"]


def test_one_holder_at_a_time(tmp_path):
    found = []

    def other():
        with locked(tmp_path) as mine:
            found.append(mine)

    def in_another_thread():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    with locked(tmp_path) as mine:
        assert mine
        in_another_thread()
    in_another_thread()
    assert found == [False, True]


def test_the_record_array_is_tidy(store):
    table = load(str(store))
    assert isinstance(table, np.recarray)
    assert list(table.solver) == ["argmax", "coordconv"]
    assert list(table.seed) == [0, 3]
    assert list(table["size"]) == ["16x16", "16x16"]
    assert table.test_exact[0] == 1
    assert np.isnan(table.learning_rate[0])
    assert table.learning_rate[1] == 0.01
    assert table.success.dtype == bool
    assert not any(table.dtype[name].hasobject for name in table.dtype.names)


def test_pandas_and_polars_take_it_as_it_is(store):
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    table = load(store)
    for frame in (pandas.DataFrame(table), polars.DataFrame(table)):
        assert list(frame.columns) == list(table.dtype.names)
        assert list(frame["solver"]) == ["argmax", "coordconv"]
        assert frame["test_exact"][0] == 1.0


def test_an_empty_store_is_an_empty_table_and_none_is_an_error(tmp_path):
    assert len(load(tmp_path)) == 0
    assert "solver" in load(tmp_path).dtype.names
    with pytest.raises(UsageError, match=r"cannot read runs from '.*absent': No such file"):
        load(tmp_path / "absent")


def test_records_of_a_diverged_run_are_read(tmp_path):
    load_or_run(plan(solver="conv", recipe={"learning_rate": "1e18", "epochs": "9"}), tmp_path)
    (row,) = load(tmp_path)
    assert row.status == "diverged"
    assert row.test_mean_error == np.inf
    (path,) = tmp_path.glob("*/history.csv")
    assert json.loads((path.parent / "run.json").read_text())["status"] == "diverged"
