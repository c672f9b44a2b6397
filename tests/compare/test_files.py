"""Files that appear whole and say whether they were changed."""

import hashlib
import json
import os
import stat

import numpy as np
import pytest

from compare import StorageError, UsageError
from compare.results import (
    read_arrays,
    read_sealed_arrays,
    read_sealed_json,
    remove,
    writable_directory,
    write_arrays,
    write_csv,
    write_sealed_arrays,
    write_sealed_json,
    write_whole,
)

ARRAYS = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.asarray(7)}


@pytest.fixture
def directory(tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    return path


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old and longer")
    write_whole(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_is_there_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def write(file):
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"

    write_whole(path, write)
    assert path.read_bytes() == b"new"


def test_the_file_and_then_its_directory_are_flushed_to_the_disk(tmp_path, monkeypatch):
    flushed = []

    def fsync(descriptor):
        flushed.append("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")

    monkeypatch.setattr(os, "fsync", fsync)
    write_whole(tmp_path / "x", lambda file: file.write(b"new"))
    assert flushed == ["file", "directory"]


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def interrupt(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(path, interrupt)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"


def test_a_directory_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "absent" / "x"
    with pytest.raises(StorageError, match=f"cannot write {path}: No such file or directory; "):
        write_whole(path, lambda file: None)


def test_removing_what_is_there_and_what_is_not(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"")
    remove(path)
    assert not path.exists()
    remove(path)
    with pytest.raises(StorageError, match=f"cannot write {tmp_path}: "):
        remove(tmp_path)


def test_a_sealed_record_is_json_with_its_digest_last(directory):
    path = directory / "run.json"
    record = {"a": [1, 2.5], "b": {"c": "ü", "d": None}}
    write_sealed_json(path, record)
    text = path.read_text()
    head = json.dumps(record, indent=2)[: -len("\n}")]
    digest = hashlib.sha256(f"run\n{head}".encode()).hexdigest()
    assert text == head + f',\n  "sha256": "{digest}"\n}}\n'
    assert json.loads(text) == {**record, "sha256": digest}
    assert read_sealed_json(path) == read_sealed_json(str(path)) == record


def test_a_record_may_hold_numbers_that_are_not_finite(directory):
    write_sealed_json(directory / "x.json", {"a": float("inf"), "b": float("nan")})
    record = read_sealed_json(directory / "x.json")
    assert record["a"] == np.inf
    assert np.isnan(record["b"])


@pytest.mark.parametrize("place", [0, 5, -70, -10, -3, -1])
def test_no_byte_of_a_record_can_be_changed(directory, place):
    path = directory / "run.json"
    write_sealed_json(path, {"seed": 3, "solver": "conv"})
    text = bytearray(path.read_bytes())
    text[place] ^= 1
    path.write_bytes(text)
    with pytest.raises(ValueError, match=f"{path} is damaged, was changed"):
        read_sealed_json(path)


def test_a_record_belongs_to_its_directory(directory, tmp_path):
    write_sealed_json(directory / "run.json", {"a": 1})
    directory.rename(tmp_path / "other")
    with pytest.raises(ValueError, match="belongs to another run"):
        read_sealed_json(tmp_path / "other" / "run.json")


def test_a_record_that_is_not_there(directory):
    with pytest.raises(FileNotFoundError):
        read_sealed_json(directory / "run.json")


def test_sealed_arrays_come_back(directory):
    write_sealed_arrays(directory / "x.npz", ARRAYS)
    back = read_sealed_arrays(directory / "x.npz")
    assert back.keys() == ARRAYS.keys()
    assert all(np.array_equal(back[name], ARRAYS[name]) for name in ARRAYS)


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays["b"].__setitem__((1, 2), 0),
        lambda arrays: arrays.update(b=arrays["b"].reshape(3, 2)),
        lambda arrays: arrays.update(b=arrays["b"].view(np.int32)),
        lambda arrays: arrays.update(c=arrays.pop("b")),
        lambda arrays: arrays.pop("a"),
        lambda arrays: arrays.update(c=np.zeros(0)),
        lambda arrays: arrays.pop("sha256"),
    ],
    ids=["value", "shape", "dtype", "name", "fewer", "more", "unsealed"],
)
def test_sealed_arrays_cannot_be_changed(directory, change):
    path = directory / "x.npz"
    write_sealed_arrays(path, ARRAYS)
    arrays = read_arrays(path)
    change(arrays)
    write_arrays(path, arrays)
    with pytest.raises(ValueError, match=f"{path} was changed after it was written"):
        read_sealed_arrays(path)


def test_sealed_arrays_belong_to_their_directory(directory, tmp_path):
    write_sealed_arrays(directory / "x.npz", ARRAYS)
    directory.rename(tmp_path / "other")
    with pytest.raises(ValueError, match="belongs to another run"):
        read_sealed_arrays(tmp_path / "other" / "x.npz")


def test_a_table_is_quoted_where_it_has_to_be(tmp_path):
    write_csv(tmp_path / "x.csv", ("a", "b"), [(1, "x, y"), (0.1, None)])
    assert (tmp_path / "x.csv").read_bytes() == b'a,b\r\n1,"x, y"\r\n0.1,\r\n'


def test_a_directory_is_created_with_those_above_it(tmp_path):
    path = tmp_path / "a" / "b"
    assert writable_directory(path) == path
    assert path.is_dir()
    assert list(path.iterdir()) == []
    assert writable_directory(path) == path


def test_a_file_is_no_output_directory(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"")
    with pytest.raises(UsageError, match=f"cannot write to the output directory '{path}': "):
        writable_directory(path)
