"""A record of any other shape is named and left out, whatever is done with it."""

import copy
import random
import shutil

import pytest

from compare import cli
from compare.errors import RunError, UsageError
from compare.experiments import rerun as rerun_module
from compare.experiments.executors import Outcome
from compare.files import read_sealed_json, write_sealed_json
from compare.report.commands import commands
from compare.report.sections import read_runs, sections
from compare.results.runs import read_record, records
from compare.results.schema import FILES

RUN = ["run", "-q", "--task", "onehot2coord", "--size", "16", "--solver", "coordconv,argmax",
       "--split", "uniform", "--seeds", "1", "--epochs", "1"]  # fmt: skip

MUTATIONS = 560


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


ABSENT = object()
VALUES = [
    ABSENT, None, [], {}, "", "text", "x" * 300, "\x1b[31m", True, False, 0, -1, 1.5, 10**9,
    10**18, 10**30, -(10**30), 1e300, float("nan"), float("inf"), float("-inf"), [None], [[]],
    {"a": {}}, {"": 0}, nested(50), list(range(1000)), [1, 2, 3], ["a", "b"], "/dev/zero", "../x",
]  # fmt: skip


def places(value, path=()):
    """Yield the path of everything in a JSON value but the value itself."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from places(item, (*path, key))


def mutated(record, path, value):
    record = copy.deepcopy(record)
    *above, last = path
    inner = record
    for key in above:
        inner = inner[key]
    if value is ABSENT:
        del inner[last]
    else:
        inner[last] = value
    return record


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    assert cli.main([*RUN, "--out", str(out)]) == 0
    return out


@pytest.fixture
def store(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "runs")


FREE = ("scipy", "autograd", "platform", "cores", "modified")
"""What an environment may say besides, which is printed and no more."""


NULLABLE = {
    "published_epochs": (int, type(None)),
    "commit": (str, type(None)),
    "processor": (str, type(None)),
    **dict.fromkeys(
        (
            *("samples_a_second", "waiting_seconds", "processor_seconds", "gpu_seconds"),
            *("processor_joules", "gpu_joules"),
        ),
        (int, float, type(None)),
    ),
    "ledger": type(None),
    "preset": type(None),
}
OPTIONAL = ("preset", "ledger", "samples_a_second", "waiting_seconds")


def may_be(old, new, path):
    """Whether a value of another JSON type is right in this place."""
    return (
        path[-1] in FREE
        or (path[0] == "scores" and len(path) == 3 and new is ABSENT)  # for a listing
        or (type(new) is not bool and isinstance(new, NULLABLE.get(path[-1], ())))
        or (path == ("ledger", "multiply_adds") and type(new) in (int, float, type(None)))
        or (path[-1] in OPTIONAL and new is ABSENT)
        or (path[0] == "correct" and new == {})
        or (path[0] == "scores" and isinstance(old, float) and type(new) is int)
        or (isinstance(old, float) and type(new) is int)
    )


def test_no_mutation_of_a_record_is_a_traceback(store, capsys, monkeypatch):
    directories = sorted(store.iterdir())
    originals = {path: read_sealed_json(path / "run.json") for path in directories}
    healthy = read_record(directories[0])

    def at_once(plans, out, *_):
        yield plans[0], Outcome(plans[0].name(), "finished")

    # The repetition itself is not made: what is asked is what becomes of the record.
    monkeypatch.setattr(rerun_module, "in_this_process", at_once)
    monkeypatch.setattr(
        rerun_module, "read_record", lambda p: read_record(p) if p in originals else healthy
    )
    cases = [(d, path, v) for d in directories for path in places(originals[d]) for v in VALUES]
    refused = 0
    for directory, path, value in random.Random(0).sample(cases, MUTATIONS):
        case = f"{directory.name}: {path} = {str(value)[:60]}"
        record = originals[directory]
        write_sealed_json(directory / "run.json", mutated(record, path, value))
        assert cli.main(["results", str(store), "--format", "csv"]) == 0, case
        out, err = capsys.readouterr()
        shown = out.count("\n") - 1
        assert (shown, err.count("\n")) in ((2, 0), (1, 1)), case
        if shown == 1:
            refused += 1
            assert str(directory / "run.json") in err, case
        else:
            old = record
            for key in path:
                old = old[key]
            assert type(value) is type(old) or may_be(old, value, path), case

        runs, complaints = read_runs(store)
        assert len(runs) + len(complaints) == 2, case
        assert len(runs) >= 1, case
        assert len(runs) <= shown, case
        assert all(commands(section, "runs") for section in sections(runs)), case

        try:
            rerun_module.rerun(directory)
            assert shown == 2, case
        except (UsageError, RunError) as error:
            assert str(error), case  # noqa: PT017
        write_sealed_json(directory / "run.json", record)
    assert refused > MUTATIONS * 0.8


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (("arguments", "seed"), "3", r"Expected `int`, got `str` - at `\$.arguments.seed`"),
        (("arguments", "size"), [16, 0], r"Expected `int` >= 1 - at `\$.arguments.size\[1\]`"),
        (("arguments", "options"), [1], r"Expected `object`, got `array` - at `\$.arguments.options`"),
        (("arguments", "recipe", "width"), 7, "Invalid enum value 7"),
        (("arguments", "recipe", "learning_rate"), 0, "Expected `float` > 0"),
        (("arguments", "recipe", "epochs"), 2**63, "Expected `int` <= 9223372036854775807"),
        (("arguments", "recipe", "beta1"), 1.0, "Expected `float` < 1.0"),
        (("arguments", "solver"), "x" * 256, "Expected `str` of length <= 255"),
        (("scores", "test", "x" * 65), 1.0, "Expected `str` of length <= 64"),
        (("timing", "train_seconds"), -1.0, "Expected `float` >= 0"),
        (("timing", "train_seconds"), float("nan"), "Expected `float` >= 0"),
        (("timing", "train_seconds"), float("inf"), "Expected `float` <= "),
        (("scores", "test"), None, "no scores of 'test'"),
        (("correct", "test"), 10**6, "'correct' does not fit the samples of 'test'"),
        (("files",), {"/dev/zero": "0" * 64}, "'files' are not history.csv, predictions.npz"),
        (("files",), {**dict.fromkeys(FILES, "0" * 64), "../x": "0" * 64}, "'files' are not"),
        (("status",), "failed", "Invalid enum value 'failed'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(store, path, value, why):
    (file,) = store.glob("*coordconv*/run.json")
    write_sealed_json(file, mutated(read_sealed_json(file), path, value))
    with pytest.raises(ValueError, match=rf"run\.json is no record of a run: {why}"):
        read_record(file.parent)


def test_the_longest_names_are_read(store):
    (file,) = store.glob("*coordconv*/run.json")
    record = read_sealed_json(file)
    write_sealed_json(file, mutated(record, ("environment", "processor"), "x" * 255))
    assert read_record(file.parent)["environment"]["processor"] == "x" * 255
    write_sealed_json(file, mutated(record, ("scores", "test", "x" * 64), 1.0))
    assert read_record(file.parent)["scores"]["test"]["x" * 64] == 1


def test_a_record_without_a_score_of_its_task_is_for_listings_only(store):
    (file,) = store.glob("*argmax*/run.json")
    record = mutated(read_sealed_json(file), ("scores", "test", "exact"), ABSENT)
    write_sealed_json(file, record)
    assert record in records(store)[0].values()
    with pytest.raises(ValueError, match=r"no record of a run: no score 'exact' of 'test'"):
        read_record(file.parent)


def test_a_run_with_a_record_of_another_shape_is_done_again(store, capsys):
    (file,) = store.glob("*coordconv*/run.json")
    record = read_sealed_json(file)
    write_sealed_json(file, mutated(record, ("success",), "yes"))
    assert cli.main([*RUN, "--out", str(store)]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert "Expected `bool`, got `str` - at `$.success`; running it again" in line
    assert read_record(file.parent, check_files=True)["files"] == record["files"]


LEARNED = {
    "learning_rate": 0.01, "epochs": 1, "l2": 0.0, "batch": 4, "loss": "mse",
    "lr_schedule": "constant", "width": 1, "kernel": 3, "coordinates": "scaled",
    "target": "white", "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8,
}  # fmt: skip


@pytest.mark.parametrize(
    ("solver", "recipe", "why"),
    [
        ("coordconv", None, "solver 'coordconv' needs a recipe"),
        ("argmax", LEARNED, "solver 'argmax' learns nothing, so it has no recipe"),
    ],
)
def test_a_recipe_belongs_to_a_solver_that_learns(store, capsys, solver, recipe, why):
    (file,) = store.glob(f"*{solver}*/run.json")
    record = mutated(read_sealed_json(file), ("arguments", "recipe"), recipe)
    write_sealed_json(file, record)
    assert cli.main(["rerun", str(file)]) == 2
    assert why in capsys.readouterr().err


def test_a_loss_that_the_task_lacks_is_refused_before_any_work(store, capsys):
    (file,) = store.glob("*coordconv*/run.json")
    record = mutated(read_sealed_json(file), ("arguments", "recipe", "loss"), "hinge")
    write_sealed_json(file, record)
    assert cli.main(["rerun", str(file)]) == 2
    assert "unknown loss 'hinge'; choose from: mse" in capsys.readouterr().err
