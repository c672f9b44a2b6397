"""A run's directory: its name, its record, its lock and what a dead process left there."""

import errno
import hashlib
import json
import os
import shutil
import threading

import pytest

from compare.errors import StorageError, UsageError
from compare.experiments.plan import Request, make_plans
from compare.experiments.run import load_or_run
from compare.files import read_sealed_json, write_sealed_json
from compare.results.runs import (
    complete_new_files,
    directory_name,
    locked,
    read_record,
    records,
    write_failure,
    write_record,
)
from compare.results.schema import FILES, FORMAT
from compare.results.table import load, tidy

ARGUMENTS = {
    "task": "coord2image", "size": [48, 64], "split": "quadrant", "solver": "slicing", "seed": 12,
    "backend": "torch", "device": "cpu", "precision": "float32", "recipe": None, "eval_sizes": [],
}  # fmt: skip
SCORES = {"exact": 1.0, "rounded": 1.0, "mean_iou": 1.0, "worst_iou": 1.0, "authors_iou": 1.0}
ENVIRONMENT = {
    "handcrafted": "1", "python": "3", "numpy": "2", "blas": "", "threads": 1, "processor": "",
    "gpus": [], "commit": None, "started": "2020-01-02",
}  # fmt: skip
RECORD = {
    "format": FORMAT, "arguments": ARGUMENTS, "status": "finished", "published_epochs": None,
    "samples": {"train": 3, "test": 2}, "correct": {"train": 3, "test": 2},
    "scores": {"train": SCORES, "test": SCORES}, "success": True,
    "cost": {"parameters": 0, "constants": 0, "multiply_adds": 0},
    "timing": {"train_seconds": 0.0, "predict_microseconds": 1.5},
    "environment": ENVIRONMENT,
}  # fmt: skip
FAILURE = {
    "format": FORMAT, "arguments": ARGUMENTS, "status": "failed", "error": "no room",
    "environment": ENVIRONMENT,
}  # fmt: skip


def run(out, name="a", status="finished"):
    """Write a run of this name and return its directory."""
    directory = out / name
    directory.mkdir(exist_ok=True)
    for file in FILES:
        (directory / file).write_bytes(b"content")
    write_record(directory, {**RECORD, "status": status}, FILES, directory.name)
    return directory


def test_a_directory_is_named_after_what_was_run_and_a_digest():
    text = json.dumps([5, "1.2", ARGUMENTS], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    expected = f"coord2image-48x64-quadrant-slicing-seed12-torch-{digest[:8]}"
    assert directory_name(ARGUMENTS, "1.2") == expected
    assert directory_name(dict(reversed(ARGUMENTS.items())), "1.2") == expected


def test_every_argument_and_the_version_change_the_name():
    changed = [{**ARGUMENTS, key: [9, 9] if key == "size" else 9} for key in ARGUMENTS]
    names = {directory_name(arguments, "1.2") for arguments in [ARGUMENTS, *changed]}
    assert len(names) == 1 + len(ARGUMENTS)
    assert directory_name(ARGUMENTS, "1.3") not in names


def test_a_record_holds_the_digests_of_the_files_beside_it(tmp_path):
    for file in FILES:
        (tmp_path / file).write_bytes(b"abc")
    written = write_record(tmp_path, RECORD, FILES, tmp_path.name)
    # The published digest of "abc", FIPS 180-2, B.1.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert written == {**RECORD, "files": dict.fromkeys(FILES, expected)}
    assert read_record(tmp_path) == read_record(tmp_path, check_files=True) == written


@pytest.mark.parametrize("change", [lambda p: p.unlink(), lambda p: p.write_bytes(b"other")])
def test_files_beside_a_record_are_checked_only_where_that_is_asked(tmp_path, change):
    directory = run(tmp_path)
    change(directory / "weights.npz")
    assert read_record(directory)["status"] == "finished"
    message = f"{directory / 'weights.npz'} is missing, damaged or was changed"
    with pytest.raises(ValueError, match=message):
        read_record(directory, check_files=True)


@pytest.mark.parametrize("version", [FORMAT - 1, FORMAT + 1, None])
def test_a_record_of_another_format_is_refused(tmp_path, version):
    write_sealed_json(tmp_path / "run.json", {**RECORD, "format": version})
    with pytest.raises(ValueError, match=f"is of format {version}; this version reads format 5"):
        read_record(tmp_path)


def test_a_record_without_arguments_is_refused(tmp_path):
    write_sealed_json(tmp_path / "run.json", {"format": FORMAT})
    with pytest.raises(ValueError, match=r"run\.json is no record of a run: Object missing"):
        read_record(tmp_path)


def test_records_are_read_by_name_in_order(tmp_path):
    for name in ("b", "c", "a"):
        run(tmp_path, name)
    (tmp_path / "under way").mkdir()
    (tmp_path / "a file").write_bytes(b"")
    found, complaints = records(tmp_path)
    assert list(found) == ["a", "b", "c"]
    assert complaints == []
    assert records(str(tmp_path))[0] == found


def test_a_failure_counts_where_there_is_no_result(tmp_path):
    (tmp_path / "a").mkdir()
    write_failure(tmp_path / "a", FAILURE)
    assert records(tmp_path)[0]["a"]["status"] == "failed"
    run(tmp_path, "a")
    assert records(tmp_path)[0]["a"]["status"] == "finished"


def test_what_is_wrong_with_a_record_is_said_and_the_others_are_read(tmp_path):
    run(tmp_path, "a")
    path = run(tmp_path, "b") / "run.json"
    path.write_text("{}")
    found, complaints = records(tmp_path)
    assert list(found) == ["a"]
    (complaint,) = complaints
    assert complaint.startswith(f"{path} is damaged")


def test_runs_are_not_read_from_a_file(tmp_path):
    (tmp_path / "x").write_bytes(b"")
    with pytest.raises(UsageError, match=f"cannot read runs from '{tmp_path / 'x'}': "):
        records(tmp_path / "x")


def test_a_lock_in_a_directory_that_is_not_there_is_named(tmp_path):
    (tmp_path / "x").write_bytes(b"")
    with pytest.raises(StorageError, match=r"cannot write .*x/\.lock: "), locked(tmp_path / "x"):
        pass


def test_a_lock_is_let_go_when_the_work_fails(tmp_path):
    def work():
        with locked(tmp_path) as mine:
            assert mine
            raise RuntimeError

    for _ in range(2):
        with pytest.raises(RuntimeError):
            work()


def test_only_what_a_process_left_half_written_is_removed(tmp_path):
    left = [".tmp-123", ".tmp-ab"]
    kept = [".lock", "run.json", "tmp-5", ".run.json", ".tmp.json"]
    for name in left + kept:
        (tmp_path / name).write_bytes(b"")
    complete_new_files(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_a_message_is_stored_in_part_and_never_widens_a_listing(tmp_path):
    """An error text of 200 kB, beside 20,000 short ones, would take 16 GB in a table."""
    error = "begin " + "x" * 200_000 + " end"
    (tmp_path / "failed").mkdir()
    write_failure(tmp_path / "failed", {**FAILURE, "error": error, "traceback": error})
    record = records(tmp_path)[0]["failed"]
    for name, most in (("error", 2_000), ("traceback", 20_000)):
        assert most - 2 <= len(record[name]) <= most
        assert record[name].startswith("begin xxx")
        assert record[name].endswith("xxx end")
        assert " characters left out ... " in record[name]
    # One that another program wrote in full.
    write_sealed_json(tmp_path / "failed" / "failure.json", {**FAILURE, "error": error})
    whole = records(tmp_path)[0]["failed"]
    assert whole["error"] == error
    table = tidy({"failed": whole, **dict.fromkeys(map(str, range(20_000)), FAILURE)})
    assert table["error"][0] == error[:255]
    assert table["error"][1] == "no room"
    assert table.nbytes < 64e6


def test_links_that_lead_nowhere_or_round_leave_the_rest_of_a_store(tmp_path):
    run(tmp_path, "a")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "nowhere").symlink_to("absent")
    (tmp_path / "round").mkdir()
    (tmp_path / "round" / "run.json").symlink_to("run.json")
    found, complaints = records(tmp_path)
    assert list(found) == ["a"]
    loop, round_ = complaints
    assert loop.startswith(f"cannot read {tmp_path / 'loop'}: Too many levels of symbolic links")
    assert round_.startswith(f"{tmp_path / 'round' / 'run.json'} is damaged: it is a link")


def test_a_run_that_may_not_be_read_leaves_the_rest_of_a_store(tmp_path, monkeypatch):
    for name in ("a", "b"):
        run(tmp_path, name)
    opened = os.open

    def refuse(path, *rest):
        if "/b/" in str(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return opened(path, *rest)

    monkeypatch.setattr(os, "open", refuse)
    found, complaints = records(tmp_path)
    assert list(found) == ["a"]
    (complaint,) = complaints
    assert complaint.startswith(f"cannot read {tmp_path / 'b' / 'run.json'}: Permission denied")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["run.json", "failure.json"])
def test_a_pipe_in_a_store_is_not_waited_for(tmp_path, name):
    run(tmp_path, "a")
    (tmp_path / "b").mkdir()
    os.mkfifo(tmp_path / "b" / name)
    found, complaints = records(tmp_path)
    assert list(found) == ["a"]
    assert complaints == [f"{tmp_path / 'b' / name} is damaged: it is not a regular file"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", FILES)
def test_a_pipe_or_a_link_beside_a_record_is_damage(tmp_path, name):
    directory = run(tmp_path)
    content = (directory / name).read_bytes()
    (directory / name).unlink()
    os.mkfifo(directory / name)
    with pytest.raises(ValueError, match=f"{name} is missing, damaged or was changed"):
        read_record(directory, check_files=True)
    (directory / name).unlink()
    (tmp_path / "outside").write_bytes(content)  # what the digest asks for, but not in the run
    (directory / name).symlink_to(tmp_path / "outside")
    with pytest.raises(ValueError, match=f"{name} is missing, damaged or was changed"):
        read_record(directory, check_files=True)


def test_new_files_are_not_taken_from_behind_a_link(tmp_path):
    directory, other = run(tmp_path, "a"), tmp_path / "other"
    other.mkdir()
    for file in FILES:
        (other / file).write_bytes(b"foreign")
    write_record(other, RECORD, FILES, "a")
    (directory / ".new").symlink_to(other)
    complete_new_files(directory)
    assert (directory / "weights.npz").read_bytes() == b"content"
    assert (other / "weights.npz").read_bytes() == b"foreign"
    assert not (directory / ".new").is_symlink()


def test_a_lock_that_is_a_link_is_refused_and_its_target_kept(tmp_path):
    (tmp_path / "precious").write_text("text")
    (tmp_path / ".lock").symlink_to("precious")
    with pytest.raises(StorageError, match=r"cannot write .*\.lock: "), locked(tmp_path):
        pass
    assert (tmp_path / "precious").read_text() == "text"


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
