"""Event files of trainings, read back as TensorBoard reads them: record by record."""

import os
import signal
import struct
import subprocess
import sys
import time

import pytest

pytest.importorskip("tensorboardX")

from tensorboardX.proto.event_pb2 import Event, SessionLog

import compare
from compare import cli
from compare.errors import UsageError
from compare.experiments.events import event_directory, written
from compare.learned.training import Progress

RUN = ["run", "--task", "onehot2coord", "--size", "16", "--split", "uniform", "--solver",
       "coordconv,argmax", "--seeds", "2"]  # fmt: skip


def points(directory):
    """The values by (name, step); what a later start hides is gone, as in TensorBoard."""
    found = {}
    for path in sorted(directory.glob("events.out.*"), key=os.path.getmtime):
        content = path.read_bytes()
        while content:  # length, its checksum, the event, its checksum
            (length,) = struct.unpack("<Q", content[:8])
            event, content = Event.FromString(content[12 : 12 + length]), content[16 + length :]
            if event.session_log.status == SessionLog.START:
                found = {key: value for key, value in found.items() if key[1] < event.step}
            for value in event.summary.value:
                found[value.tag, event.step] = value.simple_value
    return found


def losses(path):
    header, *lines = (path / "history.csv").read_text().splitlines()
    assert header.startswith("epoch,loss")
    return {("loss", int(epoch)): float(loss) for epoch, loss, *_ in (x.split(",") for x in lines)}


def test_a_directory_a_training_with_its_losses(tmp_path, monkeypatch):
    """And none for what learns nothing, nor for a run that is finished already."""
    monkeypatch.chdir(tmp_path)
    assert cli.main([*RUN, "--epochs", "3", "--tensorboard", "live"]) == 0
    runs = sorted(path.name for path in (tmp_path / "runs").glob("*-coordconv-*"))
    assert sorted(path.name for path in (tmp_path / "live").iterdir()) == runs
    assert len(runs) == 2
    for name in runs:
        expected = losses(tmp_path / "runs" / name)
        assert points(tmp_path / "live" / name) == pytest.approx(expected)
        assert len(expected) == 3
    assert cli.main([*RUN, "--epochs", "3", "--tensorboard", "later"]) == 0
    assert not list((tmp_path / "later").iterdir())


def test_a_run_that_is_resumed_has_each_epoch_once(tmp_path):
    """Killed in the middle, and gone on from its checkpoint; then made anew."""
    arguments = [*RUN[:-3], "coordconv", "--seeds", "1", "--epochs", "60000",
                 "--out", str(tmp_path / "runs"), "--tensorboard", str(tmp_path / "live")]  # fmt: skip
    command = [sys.executable, "-m", "compare", "-q", *arguments]
    with subprocess.Popen(command) as process:
        while not list(tmp_path.glob("live/*/events*")):
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
    assert process.returncode == 130
    (directory,) = (tmp_path / "live").iterdir()
    before = points(directory)
    with written(directory) as write:  # as a run does that resumes after two epochs
        write(Progress(3, 5, 0.5))
        write(Progress(4, 5, 0.25))
    after = points(directory)
    assert len(before) > 4
    first = {("loss", epoch): before["loss", epoch] for epoch in (1, 2)}
    assert after == {**first, ("loss", 3): 0.5, ("loss", 4): 0.25}


def test_worker_processes_write_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid.toml").write_text(
        'task = "onehot2coord"\nsize = 16\nsplit = "uniform"\nsolver = "coordconv"\n'
        "seeds = 2\nepochs = 2\n"
    )
    arguments = ["sweep", "grid.toml", "--workers", "1", "--tensorboard", "live", "-q"]
    assert cli.main(arguments) == 0
    for directory in (tmp_path / "live").iterdir():
        assert points(directory) == pytest.approx(losses(tmp_path / "runs" / directory.name))
    assert len(list((tmp_path / "live").iterdir())) == 2


def test_what_else_is_known_of_an_epoch_is_there(tmp_path):
    """Such as a GAN's other loss."""
    with written(tmp_path / "run") as write:
        write(Progress(1, 2, 0.5, {"discriminator_loss": 0.25}))
    assert points(tmp_path / "run") == {("loss", 1): 0.5, ("discriminator_loss", 1): 0.25}


def test_without_the_library_one_line_says_what_to_install(tmp_path, capsys, monkeypatch):
    """Before any work."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("compare.experiments.events.find_spec", lambda _: None)
    assert cli.main([*RUN, "--tensorboard", "live"]) == 2
    message = capsys.readouterr().err
    assert message == "compare: --tensorboard needs tensorboardX; run: pip install tensorboardX\n"
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError, match=r"^tensorboard needs"):
        compare.run("onehot2coord", size=16, out=tmp_path / "runs", tensorboard=tmp_path / "live")


def test_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file"):
        event_directory("--tensorboard", tmp_path / "file")
    assert event_directory("--tensorboard", None) is None
