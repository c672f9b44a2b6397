"""A broken plugin is a warning that names its distribution, and an error for whoever asks."""

import json
import warnings
from importlib.metadata import EntryPoint, EntryPoints
from itertools import count
from types import SimpleNamespace

import pytest

from compare import backends, cli, plugins, tasks
from compare.errors import UsageError
from compare.experiments import plan
from compare.plugins import PluginError, guarded
from compare.solvers.catalogue import solvers_of

RUN = ["run", "--task", "onehot2coord", "--size", "16", "--split", "uniform"]

NUMBER = count()
"""Modules are imported once, so each has a name of its own."""

BROKEN = {
    "missing module": (None, "ModuleNotFoundError: No module named"),
    "missing attribute": ("", "AttributeError: module"),
    "a syntax error": ("THING = (", "SyntaxError: '(' was never closed"),
    "an error of the system": ("raise OSError(5, 'disk')", "OSError: [Errno 5] disk"),
    "an exit": ("raise SystemExit(0)", "SystemExit: 0"),
    "an exception of its own": ("class E(BaseException): pass\nraise E('x')", "E: x"),
    "None": ("THING = None", "TypeError: it "),
    "a number": ("THING = 7", "TypeError: it "),
    "a class": ("class THING: pass", "TypeError: it "),
}


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a module as the distribution "shaky", under entry points (group, name)."""
    monkeypatch.syspath_prepend(tmp_path)
    points = []
    monkeypatch.setattr(plugins, "_all", lambda: EntryPoints(points))
    plan._specs.cache_clear()

    def install_(group, name, source, thing="THING"):
        module = f"shaky_{next(NUMBER)}"
        if source is not None:
            (tmp_path / f"{module}.py").write_text(source)
        point = EntryPoint(name, f"{module}:{thing}", group)
        points.append(point._for(SimpleNamespace(name="shaky")))

    yield install_
    plan._specs.cache_clear()


def compare(capsys, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)  # as outside of the tests
        code = cli.main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_task_is_left_out_of_everything_but_what_asks_for_it(install, capsys, how):
    source, why = BROKEN[how]
    install("compare.tasks", "shaken", source)
    with pytest.warns(UserWarning, match=r"task 'shaken' of shaky cannot be used .*; left out"):
        assert "shaken" not in tasks.known()
    code, out, err = compare(capsys, "list")
    assert (code, err) == (0, "")  # it was said before
    assert "image2coord" in out
    assert "shaken" not in out
    code, out, err = compare(capsys, "run", "--task", "shaken")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"compare: task 'shaken' of shaky cannot be used ({why}" in err


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_solver_is_left_out_of_everything_but_what_asks_for_it(
    install, capsys, tmp_path, how
):
    source, why = BROKEN[how]
    install("compare.solvers", "onehot2coord.shaken", source)
    out_ = ["--out", str(tmp_path / "runs")]
    code, out, err = compare(capsys, *RUN, "--solver", "handcrafted", "--json", *out_)
    assert code == 0
    assert err.count("\n") == 1
    assert f"compare: solver 'onehot2coord.shaken' of shaky cannot be used ({why}" in err
    assert [row["solver"] for row in json.loads(out)["rows"]] == ["handcrafted"]
    code, out, err = compare(capsys, *RUN, "--solver", "handcrafted,shaken", *out_)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"solver 'onehot2coord.shaken' of shaky cannot be used ({why}" in err


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_backend_is_left_out_of_everything_but_what_asks_for_it(install, capsys, how):
    source, why = BROKEN[how]
    install("compare.backends", "shaken", source)
    code, out, err = compare(capsys, "list", "--devices")
    assert (code, err) == (0, "")
    assert "  numpy    devices: cpu" in out
    code, out, err = compare(capsys, *RUN, "--backend", "shaken")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "shaky" in err
    if source is not None:
        assert f"cannot be used ({why}" in err


def test_an_entry_point_that_names_nothing_is_broken_too(install):
    install("compare.tasks", "shaken", "", thing="")
    install("compare.backends", "shaken", "", thing="")
    with pytest.warns(UserWarning, match="task 'shaken' of shaky cannot be used"):
        assert "shaken" not in tasks.known()
    with pytest.raises(UsageError, match="backend 'shaken'"):
        backends.load("shaken")


def test_a_task_under_another_name_is_broken(install):
    install("compare.tasks", "shaken", "from compare.tasks.onehot2coord import TASK as THING")
    with pytest.raises(PluginError, match="it calls itself 'onehot2coord'"):
        tasks.load("shaken")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("summary=3", "its summary, legend, error or criterion is no text"),
        ("splits=()", "its splits are not names"),
        ("columns=('exact',)", "its columns are not of compare.tasks.base.Column"),
        ("evaluate=None", "its split, all_samples or evaluate is no function"),
        ("supervision=1", "its supervision is not a compare.tasks.base.Supervision"),
    ],
)
def test_what_is_wrong_with_a_task_is_said(install, change, why):
    source = f"""
from dataclasses import replace
from compare.tasks import onehot2coord
THING = replace(onehot2coord.TASK, name="shaken", {change})
"""
    install("compare.tasks", "shaken", source)
    with pytest.raises(PluginError, match=why):
        tasks.load("shaken")


SOLVER = """
from compare.learned.model import Cost
from compare.solvers.base import SolverSpec
from compare.solvers.fixed import Fixed
def predict(bitmaps):
    {predict}
def build(setting, recipe):
    {build}
    return Fixed(predict, Cost(0, 0, 0))
THING = SolverSpec("shaken", build)
"""

FAILING = {
    "an exit": ("raise SystemExit(0)", "SystemExit: 0"),
    "an exception of its own": ("raise type('E', (BaseException,), {})('x')", "E: x"),
    "one answer for all": ("return bitmaps[:1, 0, 0, :2]", "ValueError: the model answered with"),
    "a column too many": ("return bitmaps[:, 0, 0, :3]", "ValueError: the model answered with"),
    "nothing": ("return None", "ValueError: the model answered with NoneType"),
    "texts": ("return bitmaps[:, 0, 0, :2].astype(str)", "ValueError: the model answered with"),
}


@pytest.mark.parametrize("how", FAILING)
def test_a_solver_that_fails_to_predict_is_a_failed_run(install, capsys, tmp_path, how):
    predict, why = FAILING[how]
    install("compare.solvers", "onehot2coord.shaken", SOLVER.format(predict=predict, build="pass"))
    quick = ["--seeds", "1", "--epochs", "1", "--out", str(tmp_path)]
    code, out, err = compare(capsys, *RUN, "--solver", "shaken,argmax", *quick)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert f"compare: {why}" in err
    (failure,) = tmp_path.glob("*shaken*/failure.json")
    assert json.loads(failure.read_text())["status"] == "failed"
    # Nobody asks for it: the others have their table.
    code, out, err = compare(capsys, *RUN, "--json", *quick)
    assert code == 0
    assert err.count("\n") == 1
    assert f"solver 'shaken' of shaky failed ({why}" in err
    solvers = [row["solver"] for row in json.loads(out)["rows"]]
    assert "shaken" not in solvers
    assert {"handcrafted", "coordconv", "conv", "argmax"} <= set(solvers)


@pytest.mark.parametrize("fault", ["raise SystemExit(0)", "raise OSError(5, 'disk')", "1 / 0"])
def test_a_solver_that_cannot_be_built_is_left_out(install, capsys, tmp_path, fault):
    install("compare.solvers", "onehot2coord.shaken", SOLVER.format(predict="pass", build=fault))
    code, out, err = compare(capsys, *RUN, "--solver", "shaken", "--out", str(tmp_path))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "solver 'shaken' of shaky cannot be used" in err
    code, out, err = compare(capsys, *RUN, "--dry-run", "--seeds", "1", "--out", str(tmp_path))
    assert code == 0
    assert "shaken" not in out
    assert "argmax" in out
    assert err.count("\n") == 1
    assert "solver 'shaken' of shaky cannot be used" in err


def test_a_plugin_does_not_replace_what_is_built_in(install):
    install("compare.solvers", "onehot2coord.argmax", "raise SystemExit(3)")
    install("compare.tasks", "onehot2coord", "raise SystemExit(3)")
    install("compare.backends", "numpy", "raise SystemExit(3)")
    assert solvers_of("onehot2coord", "argmax")["argmax"].summary.startswith("numpy.argmax")
    assert tasks.load("onehot2coord").name == "onehot2coord"
    assert backends.load("numpy").name == "numpy"


@pytest.mark.parametrize(
    "error", [UsageError("x"), MemoryError("x"), KeyboardInterrupt()], ids=repr
)
def test_what_is_said_in_one_line_already_is_raised_as_it_is(error):
    def fail():
        raise error

    with pytest.raises(type(error)) as raised:
        guarded("it", fail)
    assert raised.value is error
