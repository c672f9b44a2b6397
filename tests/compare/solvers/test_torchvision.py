"""ResNet-50 on a folder of pictures, by the command: alone, and on two processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("PIL")

from compare import cli  # noqa: E402
from compare.backends import load  # noqa: E402
from compare.datasets.folder import open_folder  # noqa: E402
from compare.errors import UsageError  # noqa: E402
from compare.experiments.plan import Request, make_plans, plan_of  # noqa: E402
from compare.files import read_arrays  # noqa: E402
from compare.learned.layers import coordinates  # noqa: E402
from compare.solvers import torchvision as solver  # noqa: E402

VARIANTS = ("conv", "coordconv", "coordconv-first")
TRAIN, TEST = 36, 12
"""Pictures in the folder of the tests."""


# --- The network ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def resnets():
    """The three variants with the first weights of one seed, for 1000 classes."""
    return {variant: solver.network(variant, 1000, (64, 64), 0) for variant in VARIANTS}


def arrays_of(network):
    """Its arrays, the ResNet's under their own names in every variant."""
    last = len(network) - 1 if isinstance(network, torch.nn.Sequential) else None
    return {
        name.removeprefix(f"{last}."): array.numpy() for name, array in network.state_dict().items()
    }


def test_without_coordinates_it_is_torchvisions(resnets):
    models = solver.models()
    ours, theirs = resnets["conv"], models.resnet50(num_classes=1000)
    assert type(ours) is type(theirs)
    assert str(ours) == str(theirs)
    assert sum(p.numel() for p in ours.parameters()) == 25_557_032
    assert solver.multiply_adds(ours, (224, 224)) == 4_089_184_256


def test_the_variants_begin_alike_wherever_shapes_agree(resnets):
    plain = arrays_of(resnets["conv"])
    for variant, own in (("coordconv", {"1.weight", "1.bias"}), ("coordconv-first", set())):
        arrays = arrays_of(resnets[variant])
        assert arrays.keys() - plain.keys() == own
        different = {n for n in plain if not np.array_equal(plain[n], arrays[n])}
        assert different == {"conv1.weight"}
    shapes = {name: arrays_of(net)["conv1.weight"].shape for name, net in resnets.items()}
    assert shapes == {
        "conv": (64, 3, 7, 7), "coordconv": (64, 8, 7, 7), "coordconv-first": (64, 6, 7, 7)
    }  # fmt: skip
    assert arrays_of(resnets["coordconv"])["1.weight"].shape == (8, 6, 1, 1)


def test_another_seed_has_other_weights_and_leaves_pytorchs_own_alone(resnets):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    other = solver.network("conv", 1000, (64, 64), 1)
    torch.testing.assert_close(torch.rand(3), expected)
    assert not np.array_equal(
        arrays_of(other)["fc.weight"], arrays_of(resnets["conv"])["fc.weight"]
    )


def test_coordinates_are_x_y_and_the_radius():
    maps = torch.randn(2, 3, 5, 9)
    found = solver.Coordinates(5, 9)(maps)
    np.testing.assert_array_equal(found[:, :3], maps)
    expected = coordinates(5, 9, radius=True).astype(np.float32)
    np.testing.assert_array_equal(found[:, 3:], np.repeat(expected, 2, axis=0))
    assert found[0, 3:, 0, 0].tolist() == [-1, -1, pytest.approx(2**0.5)]


# --- The command ----------------------------------------------------------------------------


class Tiny(torch.nn.Module):
    """Stands for ResNet-50: a first convolution, a batch norm and a dense layer."""

    def __init__(self, num_classes):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 8, 5, 2, 2, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(8)
        self.fc = torch.nn.Linear(8 * 4 * 4, num_classes)

    def forward(self, maps):
        maps = torch.relu(self.bn1(self.conv1(maps)))
        return self.fc(torch.nn.functional.avg_pool2d(maps, 2).flatten(1))


class Models:
    resnet50 = Tiny


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(solver, "models", lambda: Models)


def arguments(folder, out, *more):
    return ["run", "--task", "classification", "--data", str(folder), "--size", "16", "--seeds", "1",
            "--batch", "12", "--out", str(out), *more]  # fmt: skip


def runs(out):
    found = {}
    for path in out.glob("*/run.json"):
        record = json.loads(path.read_text())
        found[record["arguments"]["solver"]] = record, path.parent
    return found


def test_the_command_trains_scores_and_reports(tiny, digit_folder, tmp_path, capsys):
    out = tmp_path / "runs"
    assert cli.main(arguments(digit_folder, out, "--epochs", "12", "--seeds", "2")) == 0
    text = capsys.readouterr().out
    assert [line for line in text.splitlines()[1:] if len(line) > 80 and str(out) not in line] == []
    assert "12 of 90 published epochs, unfinished" in " ".join(text.split())
    assert "top-1" in text
    assert "coordconv minus coordconv-first, over 2 seeds in pairs" in text
    found = runs(out)
    assert found.keys() == set(VARIANTS)
    record, directory = found["coordconv"]
    assert record["samples"] == {"test": TEST}
    assert record["arguments"]["folder"] == str(digit_folder)
    assert record["arguments"]["backend"] == "torch"
    assert record["scores"]["test"]["top5"] == 1
    samples = read_arrays(directory / "predictions.npz")
    right = samples["test_prediction"] == open_folder(digit_folder).val.labels
    np.testing.assert_array_equal(samples["test_correct"], right)
    assert record["scores"]["test"]["accuracy"] == right.mean()
    # Finished runs are not repeated, and need no folder to be reported.
    assert cli.main(arguments(digit_folder, out, "--epochs", "12", "--seeds", "2")) == 0
    assert "Done in 0." in capsys.readouterr().out
    page = tmp_path / "report.html"
    moved = digit_folder.with_name("moved")
    digit_folder.rename(moved)
    try:
        assert cli.main(["report", str(out), "-o", str(page)]) == 0
        assert cli.main(["results", str(out)]) == 0
    finally:
        moved.rename(digit_folder)
    assert capsys.readouterr().err.count("left out") == 0
    html = page.read_text()
    assert "coordconv-first" in html
    assert f"--data {digit_folder}" in html


def test_a_run_can_be_repeated(tiny, digit_folder, tmp_path, capsys):
    out = tmp_path / "runs"
    assert cli.main(arguments(digit_folder, out, "--epochs", "2", "--solver", "conv")) == 0
    ((_, directory),) = runs(out).values()
    assert cli.main(["rerun", str(directory)]) == 0
    assert "The weights are the same, to the last bit." in capsys.readouterr().out


def test_it_learns_to_tell_digits_apart(tiny, digit_folder, tmp_path):
    given = arguments(
        digit_folder, tmp_path, "--solver", "conv", "--epochs", "30", "--learning-rate", "0.05"
    )
    assert cli.main(given) == 0
    ((record, _),) = runs(tmp_path).values()
    assert record["scores"]["test"]["accuracy"] > 0.7  # of three classes


def test_what_other_commands_cannot_do_with_it_is_one_line(tiny, digit_folder, tmp_path, capsys):
    out = tmp_path / "runs"
    given = arguments(digit_folder, out, "--epochs", "1", "--solver", "conv")
    assert cli.main([*given, "--dry-run"]) == 0
    assert "1 run to carry out, for a time not known" in capsys.readouterr().out
    assert cli.main(given) == 0
    ((_, directory),) = runs(out).values()
    capsys.readouterr()
    assert cli.main(["export", str(directory), str(tmp_path / "net.pt")]) == 2
    err = capsys.readouterr().err
    assert "is of torchvision's network, which cannot be exported" in err
    assert err.count("\n") == 1


def test_other_canvases_are_scored_too(tiny, digit_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(Tiny, "forward", lambda self, maps: self.fc(
        torch.nn.functional.adaptive_avg_pool2d(self.bn1(self.conv1(maps)), 4).flatten(1)
    ))  # fmt: skip
    given = arguments(digit_folder, tmp_path, "--solver", "coordconv", "--epochs", "1")
    assert cli.main([*given, "--eval-size", "24x20"]) == 0
    ((record, _),) = runs(tmp_path).values()
    assert record["scores"]["24x20"].keys() == record["scores"]["test"].keys()


@pytest.mark.filterwarnings("default:left out")
def test_bad_files_are_named_and_left_out(tiny, digit_folder, tmp_path, capsys):
    import shutil

    root = tmp_path / "pictures"
    shutil.copytree(digit_folder, root)
    bad = root / "train" / "digit0" / "05.jpg", root / "val" / "digit1" / "01.jpg"
    for path in bad:
        path.write_bytes(path.read_bytes()[:-60])
    given = arguments(root, tmp_path / "runs", "--solver", "conv", "--epochs", "1")
    given[given.index("--batch") + 1] = "5"
    assert cli.main(given) == 0
    err = capsys.readouterr().err
    for path in bad:
        assert err.count(f"left out: {path} (image file is truncated") == 1
    ((record, _),) = runs(tmp_path / "runs").values()
    assert record["samples"] == {"test": TEST - 1}


@pytest.mark.filterwarnings("default:left out")
def test_too_many_bad_files_to_train_on_end_the_run_in_one_line(
    tiny, digit_folder, tmp_path, capsys
):
    import shutil

    root = tmp_path / "pictures"
    shutil.copytree(digit_folder, root)
    for number in range(0, 12, 2):
        (root / "train" / "digit1" / f"{number:02d}.jpg").write_bytes(b"")
    given = arguments(root, tmp_path / "runs", "--solver", "conv", "--epochs", "1")
    assert cli.main(given) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "6 or more of the 36 files in" in err
    assert "and 3 may be left out: " in err
    assert "digit1/00.jpg (no picture of a known format)" in err


ERRORS = {
    "no folder": (["--data", "nowhere"], "there is no folder '.*nowhere'"),
    "another task": (["--task", "onehot2coord"], "task 'onehot2coord' takes no folder"),
    "another backend": (["--backend", "numpy"], "--data is trained on by PyTorch, not by 'numpy'"),
    "another split": (["--split", "uniform"], "unknown split 'uniform'; choose from: folder"),
    "another solver": (["--solver", "argmax"], "unknown solver 'argmax'; choose from: conv"),
    "a batch too large": (["--batch", "37"], "--batch is 37, and '.*train' has 36 pictures"),
    "no epochs": (["--epochs", "0"], "--epochs is '0'"),
    "no architecture option": (["--width", "2"], "--width changes nothing here"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_what_cannot_be_done_is_one_line(digit_folder, tmp_path, capsys, case):
    given, message = ERRORS[case]
    out = tmp_path / "runs"
    assert cli.main(arguments(digit_folder, out, *given)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert __import__("re").search(message, captured.err), captured.err
    assert not out.exists()


def test_half_precision_needs_the_scaled_loss(capsys):
    assert (
        cli.main(["run", "--task", "onehot2coord", "--backend", "torch", "--precision", "fp16"])
        == 2
    )
    assert "only training on a folder of pictures (--data) has one" in capsys.readouterr().err


def test_missing_libraries_are_named(digit_folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(solver, "find_spec", lambda name: None)
    assert cli.main(arguments(digit_folder, tmp_path / "runs")) == 2
    assert "pip install 'handcrafted[imagenet]'" in capsys.readouterr().err


def test_a_plan_of_a_folder_that_changed_is_refused(tiny, digit_folder, tmp_path):
    import shutil

    shutil.copytree(digit_folder, tmp_path / "copy")
    request = Request("classification", (0,), "conv", size="16", data=str(tmp_path / "copy"),
                      recipe={"batch": "12"})  # fmt: skip
    (plan,) = make_plans(request)
    assert plan_of(plan.arguments()) == plan
    (tmp_path / "copy" / "val" / "digit0" / "more.jpg").touch()
    with pytest.raises(UsageError, match="holds other files than when this run was made"):
        plan_of(plan.arguments())


def test_weights_of_another_shape_are_refused(tiny, digit_folder):
    backend = load("torch", "cpu")
    built = solver.Torchvision("conv", str(digit_folder), (16, 16), None_recipe(), backend)
    with pytest.raises(ValueError, match="conv1"):
        built.load({"conv1.weight": np.zeros((1, 3, 5, 5), np.float32)})


def None_recipe():  # noqa: N802
    from compare.learned.recipe import Recipe

    return Recipe(0.1, batch=12, loss="softmax")


# --- Two processes --------------------------------------------------------------------------

# The command with the network above, without the ten seconds before a first checkpoint; slower, so
# that it can be killed on the way.
PROGRAM = f"""
import importlib.util, os, time
spec = importlib.util.spec_from_file_location("tiny", {__file__!r})
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)
from compare.learned import streaming
tests.solver.models = lambda: tests.Models
streaming.CHECKPOINT_SECONDS = 0.1
step = streaming.FolderTraining.step
def slow(*arguments):
    time.sleep(float(os.environ.get("TEST_PAUSE", "0")))
    step(*arguments)
streaming.FolderTraining.step = slow
from compare.cli import main
raise SystemExit(main())
"""


def start(rank, port, pause, *given):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *given],
        env={**os.environ, "OMP_NUM_THREADS": "1", "RANK": str(rank), "WORLD_SIZE": "2",
             "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
             "MASTER_PORT": str(port), "TEST_PAUSE": str(pause)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def both(*given, pause=0.0):
    """Start two processes that compute together, as `torchrun` does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return [start(rank, port, pause, *given) for rank in (0, 1)]


def finish(processes):
    answers = [process.communicate(timeout=120) for process in processes]
    return [process.returncode for process in processes], answers


def weights(out):
    ((_, directory),) = runs(out).values()
    return read_arrays(directory / "weights.npz"), (directory / "history.csv").read_text()


def test_two_processes_killed_and_resumed_are_as_if_they_had_not_been(digit_folder, tmp_path):
    """With a loss that is scaled, of which the checkpoint keeps the scale."""
    given = ("--solver", "coordconv", "--precision", "fp16", "--epochs", "8", "--device", "cpu")
    killed = both(*arguments(digit_folder, tmp_path / "killed", *given), pause=0.2)
    whole = again = []
    try:
        deadline = time.monotonic() + 100
        while not list((tmp_path / "killed").glob("*/checkpoint.npz")):
            assert killed[0].poll() is None, killed[0].communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        killed[1].send_signal(signal.SIGKILL)
        whole = both(*arguments(digit_folder, tmp_path / "whole", *given))
        codes, answers = finish(killed)
        assert codes == [1, -signal.SIGKILL]
        lines = [line for line in answers[0][1].splitlines() if line.startswith("compare: ")]
        assert len(lines) == 1
        assert "a worker of the distributed run was lost" in lines[0]
        (checkpoint,) = (tmp_path / "killed").glob("*/checkpoint.npz")
        assert 0 < int(read_arrays(checkpoint)["steps"]) < 24
        again = both(*arguments(digit_folder, tmp_path / "killed", *given))
        for processes in (whole, again):
            codes, answers = finish(processes)
            assert codes == [0, 0], answers
            assert "torch on 2 x cpu, fp16" in answers[0][0]
            assert answers[1][0] == ""
    finally:
        for process in (*whole, *killed, *again):
            process.kill()
    (first, losses), (second, others) = (weights(tmp_path / name) for name in ("whole", "killed"))
    assert losses == others
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(second[name], array, err_msg=name)


def test_processes_that_cannot_share_a_batch_are_refused(digit_folder, monkeypatch):
    from types import SimpleNamespace

    from compare.experiments import plan

    monkeypatch.setattr(plan, "load_backend", lambda *_: SimpleNamespace(processes=8))
    for batch, instead in (("20", 16), ("12", 8), ("4", 8)):
        request = Request(
            "classification", (0,), size="16", data=str(digit_folder), recipe={"batch": batch}
        )
        message = f"--batch is {batch}, which 8 processes cannot share equally; give {instead} or"
        with pytest.raises(UsageError, match=message):
            make_plans(request)
