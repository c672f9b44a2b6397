"""Files appear whole, follow what users name, and an error of the system is no damage."""

import errno
import hashlib
import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

import compare
import handcrafted
from compare import cli
from compare.errors import StorageError, UsageError
from compare.files import (
    arrays_of,
    npz,
    read_arrays,
    read_file,
    read_input,
    read_sealed_arrays,
    read_sealed_json,
    remove,
    writable_directory,
    writable_file,
    write_arrays,
    write_csv,
    write_output,
    write_sealed_arrays,
    write_sealed_json,
    write_whole,
)
from compare.results.runs import complete_new_files, new_files, read_record

RUN = ["run", "-q", "--task", "onehot2coord", "--size", "16", "--solver", "coordconv",
       "--split", "uniform", "--seeds", "1", "--epochs", "2"]  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    assert cli.main([*RUN, "--out", str(out)]) == 0
    return out


@pytest.fixture
def store(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "runs")


def contents(out):
    return {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def failing(monkeypatch, name, number):
    """Let the system refuse to open any file of that name for reading."""
    opened = os.open

    def refuse(path, flags, *rest, **named):
        if os.path.basename(path) == name and not flags & os.O_WRONLY:
            raise OSError(number, os.strerror(number), str(path))
        return opened(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", refuse)


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EMFILE, errno.EACCES])
@pytest.mark.parametrize("name", ["run.json", "weights.npz"])
def test_a_file_that_cannot_be_read_is_not_damage(store, monkeypatch, capsys, number, name):
    before = contents(store)
    failing(monkeypatch, name, number)
    code = cli.main([*RUN, "--out", str(store)])
    _, err = capsys.readouterr()
    assert code == 1
    assert err.count("\n") == 1
    assert f"{name}: {os.strerror(number)}" in err
    assert "damaged" not in err
    monkeypatch.undo()
    assert contents(store) == before


def test_a_checkpoint_that_cannot_be_read_is_kept(store, monkeypatch, capsys):
    (run,) = store.glob("*/run.json")
    run.unlink()
    checkpoint = run.with_name("checkpoint.npz")
    checkpoint.write_bytes(b"not looked at")
    failing(monkeypatch, "checkpoint.npz", errno.EIO)
    assert cli.main([*RUN, "--out", str(store)]) == 1
    assert "checkpoint.npz: Input/output error" in capsys.readouterr().err
    assert checkpoint.read_bytes() == b"not looked at"


def test_a_listing_names_what_cannot_be_read_and_shows_the_rest(store, monkeypatch, capsys):
    failing(monkeypatch, "run.json", errno.EIO)
    assert cli.main(["results", str(store)]) == 0
    assert "run.json: Input/output error" in capsys.readouterr().err


def test_a_check_names_what_cannot_be_read_and_shows_the_rest(store, monkeypatch, capsys):
    failing(monkeypatch, "weights.npz", errno.EIO)
    assert cli.main(["results", str(store), "--check"]) == 0
    assert "weights.npz: Input/output error" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["fifo", "link", "directory"])
@pytest.mark.timeout(20)
def test_what_is_no_regular_file_is_named_and_not_opened(tmp_path, kind):
    path = tmp_path / "run.json"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "link":
        (tmp_path / "other").write_text("secret")
        path.symlink_to(tmp_path / "other")
    else:
        path.mkdir()
    with pytest.raises(
        ValueError, match=r"run\.json is damaged: it is (not a regular file|a link)"
    ):
        read_file(path)
    with pytest.raises(ValueError, match=r"run\.json"):
        read_arrays(path)


def test_a_missing_file_is_neither(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "x.npz")


# --- A finished run is replaced whole -------------------------------------------------------


def test_a_forced_run_that_cannot_be_written_leaves_the_old_one(store, capsys, monkeypatch):
    before = contents(store)
    kept = read_record(next(store.iterdir()), check_files=True)
    for stop in ("history.csv", "predictions.npz", "weights.npz", "run.json"):
        replaced = os.replace

        def full(source, target, stop=stop, replaced=replaced):
            if os.path.basename(target) == stop and ".new" in str(target):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            replaced(source, target)

        monkeypatch.setattr(os, "replace", full)
        assert cli.main([*RUN, "--out", str(store), "--force"]) == 1
        assert "No space left on device; what was there before is intact" in capsys.readouterr().err
        monkeypatch.undo()
        assert read_record(next(store.iterdir()), check_files=True) == kept
        after = contents(store)
        assert {path: after[path] for path in before} == before


@pytest.mark.parametrize("moves", range(5))
def test_new_files_are_moved_all_or_none(store, monkeypatch, moves):
    """Whenever the process dies, the next holder of the directory finds one whole run."""
    directory = next(store.iterdir())
    old = read_record(directory, check_files=True)
    new = {**old, "scores": {p: dict.fromkeys(s, 0.25) for p, s in old["scores"].items()}}

    class DiedError(BaseException):
        pass

    left, replaced = [moves], os.replace

    def die(source, target):
        if ".new" in str(source) and ".new" not in str(target):  # a move into place
            left[0] -= 1
            if left[0] < 0:
                raise DiedError
        replaced(source, target)

    monkeypatch.setattr(os, "replace", die)
    try:
        with new_files(directory) as folder:
            for name in old["files"]:
                shutil.copy(directory / name, folder)
            write_sealed_json(folder / "run.json", new, directory.name)
    except DiedError:
        assert moves < 4  # three files and the record
    monkeypatch.undo()
    complete_new_files(directory)
    assert read_record(directory, check_files=True) == new
    assert not (directory / ".new").exists()


def test_new_files_without_a_record_are_removed(store):
    directory = next(store.iterdir())
    old = read_record(directory, check_files=True)
    (directory / ".new").mkdir()
    (directory / ".new" / "weights.npz").write_bytes(b"half")
    (directory / ".tmp-0123").write_bytes(b"half")
    complete_new_files(directory)
    assert read_record(directory, check_files=True) == old
    assert sorted(path.name for path in directory.glob(".*")) in ([], [".lock"])


# --- Files that users name ------------------------------------------------------------------


def test_a_link_is_followed_and_the_mode_kept(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o600)
    link.symlink_to(target)
    write_output(writable_file(link), b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_new_file_has_the_mode_that_the_system_gives(tmp_path):
    write_output(writable_file(tmp_path / "deep" / "new"), b"new")
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "deep" / "new").stat().st_mode) == 0o666 & ~umask


def test_a_link_to_nothing_makes_what_it_points_to(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_output(writable_file(tmp_path / "link"), b"new")
    assert (tmp_path / "target").read_bytes() == b"new"


@pytest.mark.timeout(20)
def test_a_pipe_is_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    received = []
    reader = threading.Thread(target=lambda: received.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write_output(writable_file(tmp_path / "pipe"), b"through")
    reader.join()
    assert received == [b"through"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def device(tmp_path):
    """A null device of our own: no test may spoil the machine's."""
    path = tmp_path / "null"
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        path.write_bytes(b"")
    except OSError as error:
        pytest.skip(f"no device may be made here: {error}")
    return path


@pytest.mark.parametrize("command", ["report", "figure", "export"])
def test_a_device_stays_one(store, tmp_path, command, capsys):
    path = device(tmp_path)
    if command == "report":
        arguments = ["report", str(store), "-o", str(path)]
    else:
        named = path.with_name({"figure": "null.svg", "export": "null.onnx"}[command])
        path = path.rename(named)
        arguments = {
            "figure": ["bench", "--solver", "argmax", "--figure", str(path)],
            "export": ["export", "--task", "onehot2coord", str(path)],
        }[command]
    assert cli.main(arguments) == 0
    assert stat.S_ISCHR(path.stat().st_mode)
    assert os.minor(path.stat().st_rdev) == 3


def test_a_dash_is_standard_output(store, capfdbinary, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["report", str(store), "-o", "-"]) == 0
    assert capfdbinary.readouterr().out.lstrip().startswith(b"<!doctype html>")
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize("what", ["directory", "no directory"])
def test_a_file_that_cannot_be_written_is_refused_before_any_work(tmp_path, what):
    path = tmp_path
    if what == "no directory":
        (tmp_path / "file").write_text("")
        path = tmp_path / "file" / "report.html"
    with pytest.raises(UsageError, match=r"directory"):
        writable_file(path)


def test_a_planted_link_is_not_followed(tmp_path, monkeypatch):
    """Even if somebody guessed the name of the file that is written first."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    monkeypatch.setattr("secrets.token_hex", lambda _: "guessed")
    (tmp_path / ".tmp-guessed").symlink_to(victim)
    with pytest.raises(StorageError, match=r"x: File exists"):
        write_whole(tmp_path / "x", lambda file: file.write(b"new"))
    assert victim.read_bytes() == b"precious"


def test_names_of_temporary_files_differ(tmp_path):
    names = set()
    for _ in range(3):
        write_whole(
            tmp_path / "x", lambda _: names.update(path.name for path in tmp_path.iterdir())
        )
    assert len(names - {"x"}) == 3


def test_an_archive_round_trip(tmp_path):
    write_arrays(tmp_path / "x.npz", {"x": np.arange(3)})
    assert read_arrays(tmp_path / "x.npz")["x"].tolist() == [0, 1, 2]


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
    with pytest.raises(UsageError, match=f"cannot write to the directory '{path}': "):
        writable_directory(path)


# --- Bounds on what is read -----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["fifo", "link to a fifo", "device", "directory", "absent"])
@pytest.mark.timeout(20)
def test_an_input_that_might_never_end_is_refused(tmp_path, kind):
    path = tmp_path / "sweep.toml"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "link to a fifo":
        os.mkfifo(tmp_path / "pipe")
        path.symlink_to(tmp_path / "pipe")
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "directory":
        path.mkdir()
    with pytest.raises(UsageError, match=rf"'{path}' is not a regular file|cannot read '{path}'"):
        read_input(path, 100)
    assert cli.main(["sweep", str(path)]) == 2


def test_an_input_is_read_through_a_link_and_up_to_its_bound(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_input(tmp_path / "link", 5) == b"12345"
    with pytest.raises(UsageError, match=r"link' has more than 4 bytes"):
        read_input(tmp_path / "link", 4)


def test_a_record_of_a_terabyte_is_refused_unread(store, capsys):
    (path,) = store.glob("*/run.json")
    with path.open("r+b") as file:
        file.truncate(1 << 40)  # without taking room on the disk
    assert cli.main(["results", str(store)]) == 0
    assert "run.json is damaged: it has more than 1,048,576 bytes" in capsys.readouterr().err


def npz_of(header, data, compression=zipfile.ZIP_STORED):
    """An archive with one array whose header is given."""
    array, archive = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(array, header)
    with zipfile.ZipFile(archive, "w", compression) as file:
        file.writestr("x.npy", array.getvalue() + data)
    return archive.getvalue()


@pytest.mark.parametrize(
    ("shape", "descr", "size", "message"),
    [
        ((10**15,), "<f4", 8, "x.npy has 8 bytes for float32 of shape"),
        ((1,), "<f4", 8, "x.npy has 8 bytes for float32 of shape"),
        ((), "<f4", 0, "x.npy has 0 bytes for float32 of shape"),
        ((-2,), "<f4", 8, "x.npy has 8 bytes for float32 of shape"),
        ((1,), "|O", 8, "x.npy holds objects"),
    ],
)
def test_an_array_that_outgrows_its_bytes_is_refused(tmp_path, shape, descr, size, message):
    header = {"shape": shape, "fortran_order": False, "descr": descr}
    (tmp_path / "x.npz").write_bytes(npz_of(header, bytes(size)))
    with pytest.raises(ValueError, match=rf"x\.npz is not a readable array file \({message}"):
        read_arrays(tmp_path / "x.npz")


def test_a_compressed_archive_is_refused_unread():
    header = {"shape": (1 << 20,), "fortran_order": False, "descr": "|u1"}
    with pytest.raises(ValueError, match=r"x\.npy is compressed"):
        arrays_of(npz_of(header, bytes(1 << 20), zipfile.ZIP_DEFLATED))


def test_arrays_of_every_kind_and_order_come_back():
    arrays = {
        "columns": np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
        "scalar": np.asarray(2.5),
        "empty": np.zeros((0, 3), bool),
        "text": np.asarray("abc"),
    }
    back = arrays_of(npz(arrays))
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype
        assert back[name].flags.writeable
        np.testing.assert_array_equal(back[name], array, strict=True)


def test_no_module_unpickles():
    """Pickles are code; what is stored or sent is JSON and arrays."""
    ways = (
        r"\b(c?pickle|dill|joblib|marshal|shelve|torch\.load|\w*_object_list|allow_pickle=True)\b"
    )
    for package in (compare, handcrafted):
        for path in Path(package.__file__).parent.rglob("*.py"):
            assert not re.search(ways, path.read_text().replace("No pickle is", "")), path


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


# --- Other systems --------------------------------------------------------------------------------


@pytest.mark.parametrize("refusals", [0, 2, 99])
def test_windows_is_asked_again_while_somebody_reads_a_file(tmp_path, monkeypatch, refusals):
    left, replaced, waited = [refusals], os.replace, []

    def open_elsewhere(source, target):
        left[0] -= 1
        if left[0] >= 0:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        replaced(source, target)

    (tmp_path / "file").write_bytes(b"old")
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(os, "replace", open_elsewhere)
        elsewhere.setattr("time.sleep", waited.append)
        elsewhere.setattr(sys, "platform", "win32")
        if refusals == 99:
            with pytest.raises(StorageError, match="what was there before is intact"):
                write_whole(tmp_path / "file", lambda file: file.write(b"new"))
        else:
            write_whole(tmp_path / "file", lambda file: file.write(b"new"))
    assert (tmp_path / "file").read_bytes() == (b"old" if refusals == 99 else b"new")
    assert len(waited) == min(refusals, 7)


def test_every_file_is_opened_for_bytes_where_text_is_the_default(tmp_path, monkeypatch):
    """As on Windows, which else writes CR LF for LF and reads no further than a byte 26."""
    binary, opened, flags_seen = 1 << 30, os.open, []

    def watched(path, flags, *mode):
        if not os.path.isdir(path):
            flags_seen.append(flags)
        return opened(path, flags & ~binary, *mode)

    monkeypatch.setattr("compare.files._BINARY", binary)
    monkeypatch.setattr(os, "open", watched)
    write_whole(tmp_path / "file", lambda file: file.write(b"\n\x1a\n"))
    assert read_file(tmp_path / "file") == b"\n\x1a\n" == read_input(tmp_path / "file", 9)
    assert len(flags_seen) == 3
    assert all(flags & binary for flags in flags_seen)


def test_commands_name_every_encoding_and_print_on_a_narrow_one(store, tmp_path):
    """Windows reads and writes cp1252 where no encoding is named; Python can warn of it."""
    program = (
        "import sys, warnings\n"
        "warnings.simplefilter('ignore', EncodingWarning)\n"  # of libraries
        "warnings.filterwarnings('error', '.*encoding', EncodingWarning, 'compare|subprocess')\n"
        "sys.exit(__import__('compare.cli').cli.main(sys.argv[1:]))"
    )
    strict = [sys.executable, "-X", "warn_default_encoding", "-c", program]
    narrow = {**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1252:strict"}
    for words in (
        ["results", str(store)],
        ["report", str(store), "-o", str(tmp_path / "report.html")],
        [*RUN, "--force", "--out", str(tmp_path / "runs")],
        ["list"],
        ["run", "--help"],
    ):
        ended = subprocess.run([*strict, *words], env=narrow, capture_output=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, b""), words
