import numpy as np
import pytest

from compare.results import (
    FORMAT,
    read_arrays,
    read_record,
    write_arrays,
    write_csv,
    write_json,
    write_whole,
)


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


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def fail(file):
        file.write(b"half of the new")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(path, fail)
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
    assert path.read_bytes() == b"old"


def test_no_record_is_not_an_error_but_a_wrong_one_is(tmp_path):
    assert read_record(tmp_path) is None
    write_json(tmp_path / "run.json", {"format": FORMAT, "scores": {}})
    assert read_record(tmp_path) == {"format": FORMAT, "scores": {}}
    for text in ("", "{", "[]", '{"format": 0, "scores": {}}', '{"format": 2}'):
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(ValueError, match=r"run\.json is damaged"):
            read_record(tmp_path)


def test_a_table_has_its_header(tmp_path):
    write_csv(tmp_path / "h.csv", ("epoch", "loss"), [(1, 0.5)])
    assert (tmp_path / "h.csv").read_text().split() == ["epoch,loss", "1,0.5"]
