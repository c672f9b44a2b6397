"""A run's directory: its name, its record, its lock and what a dead process left there."""

import hashlib
import json

import pytest

from compare.errors import StorageError, UsageError
from compare.files import write_sealed_json
from compare.results.runs import (
    FORMAT,
    complete_new_files,
    directory_name,
    locked,
    read_record,
    records,
    write_failure,
    write_record,
)

ARGUMENTS = {
    "task": "coord2image", "size": [48, 64], "split": "quadrant", "solver": "deconv", "seed": 12,
    "backend": "torch", "epochs": 5,
}  # fmt: skip
RECORD = {"format": FORMAT, "arguments": ARGUMENTS, "status": "finished"}


def run(out, name="a", status="finished"):
    """Write a run of this name and return its directory."""
    directory = out / name
    directory.mkdir(exist_ok=True)
    (directory / "weights.npz").write_bytes(b"weights")
    write_record(directory, {**RECORD, "status": status}, ["weights.npz"], directory.name)
    return directory


def test_a_directory_is_named_after_what_was_run_and_a_digest():
    text = json.dumps([4, "1.2", ARGUMENTS], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    expected = f"coord2image-48x64-quadrant-deconv-seed12-torch-{digest[:8]}"
    assert directory_name(ARGUMENTS, "1.2") == expected
    assert directory_name(dict(reversed(ARGUMENTS.items())), "1.2") == expected


def test_every_argument_and_the_version_change_the_name():
    changed = [{**ARGUMENTS, key: [9, 9] if key == "size" else 9} for key in ARGUMENTS]
    names = {directory_name(arguments, "1.2") for arguments in [ARGUMENTS, *changed]}
    assert len(names) == 1 + len(ARGUMENTS)
    assert directory_name(ARGUMENTS, "1.3") not in names


def test_a_record_holds_the_digests_of_the_files_beside_it(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    written = write_record(tmp_path, RECORD, ["x"], tmp_path.name)
    # The published digest of "abc", FIPS 180-2, B.1.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert written == {**RECORD, "files": {"x": expected}}
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
    with pytest.raises(ValueError, match=f"is of format {version}; this version reads format 4"):
        read_record(tmp_path)


def test_a_record_without_arguments_is_refused(tmp_path):
    write_sealed_json(tmp_path / "run.json", {"format": FORMAT})
    with pytest.raises(ValueError, match=r"run\.json is of format 4"):
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
    write_failure(tmp_path / "a", {**RECORD, "status": "failed"})
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


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path):
    (tmp_path / ".lock").symlink_to(tmp_path / "somebody's")
    with pytest.raises(StorageError, match=r"cannot write .*\.lock"), locked(tmp_path):
        pass
    assert not (tmp_path / "somebody's").exists()
