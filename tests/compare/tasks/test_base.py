"""Tasks by name, and measures of consecutive samples."""

import os
import subprocess
import sys
from dataclasses import FrozenInstanceError
from types import SimpleNamespace

import numpy as np
import pytest

from compare.datasets import Dataset
from compare.errors import UsageError
from compare.tasks import known, load, summary
from compare.tasks.base import Column, Evaluation, by_sample

NAMES = (
    "onehot2coord",
    "coord2onehot",
    "coord2image",
    "image2coord",
    "two-objects",
    "classification",
)


def test_the_built_in_tasks_come_first_in_their_order():
    assert known()[: len(NAMES)] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_task_is_loaded_by_its_own_name(name):
    assert load(name).name == name
    assert load(name) is load(name)


def test_an_unknown_task_is_refused_with_those_known():
    with pytest.raises(UsageError) as refused:
        load("onehot")
    message = str(refused.value)
    assert message.startswith("unknown task 'onehot'; did you mean 'onehot2coord'? choose from: ")
    assert ", ".join(NAMES) in message


def test_an_unknown_task_has_no_summary():
    with pytest.raises(UsageError, match="unknown task 'onehot'"):
        summary("onehot")


def test_the_summary_of_a_built_in_task_needs_no_import():
    code = (
        "import sys\nfrom compare.tasks import summary\n"
        "print(summary('coord2image'), 'numpy' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout == "(x, y) to the picture of a 9x9 square centred there False\n"


def test_tasks_columns_and_evaluations_cannot_be_changed():
    task = load("coord2image")
    evaluation = Evaluation({}, {}, True)
    with pytest.raises(FrozenInstanceError):
        evaluation.success = False
    with pytest.raises(FrozenInstanceError):
        task.name = "other"
    with pytest.raises(FrozenInstanceError):
        task.columns[0].share = False
    with pytest.raises(FrozenInstanceError):
        task.supervision.losses = ()


def test_a_column_is_a_number_of_three_figures_unless_it_says_so():
    column = Column("worst_error", "worst error px")
    assert (column.share, column.digits) == (False, None)


class Doubler:
    """A model that counts how often it is asked."""

    def __init__(self):
        self.sizes = []

    def predict(self, inputs):
        self.sizes.append(len(inputs))
        return 2 * inputs


def test_samples_are_measured_in_parts_and_joined_in_order():
    # Inputs of a megabyte: no more than eight of them are drawn at a time.
    positions = np.array([[number, 0] for number in range(20)])
    data = Dataset(
        positions,
        lambda chosen: np.repeat(chosen[:, :1].astype(float), 1 << 17, axis=1),
        lambda chosen: 2.0 * chosen[:, :1] + (chosen[:, :1] == 7),
    )
    evaluate = by_sample(
        lambda answers, targets: {"error": abs(answers[:, 0] - targets[:, 0])},
        lambda samples: {"worst": float(samples["error"].max())},
        lambda scores: scores["worst"] < 1,
    )
    model = Doubler()
    evaluation = evaluate(model, data)
    assert model.sizes == [8, 8, 4]
    assert (evaluation.samples["position"] == positions).all()
    assert evaluation.samples["error"].tolist() == [0.0] * 7 + [1.0] + [0.0] * 12
    assert evaluation.scores == {"worst": 1.0}
    assert evaluation.success is False


def test_another_packages_task_is_loaded_and_replaces_no_built_in_one(tmp_path):
    """A package is what its metadata says it is."""
    information = tmp_path / "others-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[compare.tasks]\nown = others:TASK\ncoord2image = others:TASK\n"
    )
    (tmp_path / "others.py").write_text(
        "from dataclasses import replace\nfrom compare.tasks.onehot2coord import TASK\n"
        "TASK = replace(TASK, name='own', summary='theirs')\n"
    )
    code = (
        "from compare.tasks import known, load, summary\n"
        "print(known(), load('own').name, summary('own'), load('coord2image').name)"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    answer = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert answer.stdout == f"{(*NAMES, 'own')} own theirs coord2image\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_split_that_there_is_not_is_refused(name):
    with pytest.raises(UsageError, match=r"unknown split 'nope'; choose from: \w+"):
        load(name).split("nope", 64, 64)


def test_samples_that_fit_in_one_part_are_measured_at_once():
    positions = np.array([[3, 0], [5, 0]])
    data = Dataset(positions, lambda chosen: chosen[:, :1], lambda chosen: 2 * chosen[:, :1])
    evaluate = by_sample(
        lambda answers, targets: {"right": (answers == targets)[:, 0]},
        lambda samples: {"share": float(samples["right"].mean())},
        lambda scores: scores["share"] == 1,
    )
    model = Doubler()
    evaluation = evaluate(model, data)
    assert model.sizes[-1] == 2
    assert evaluation.samples["right"].tolist() == [True, True]
    assert evaluation.success is True


# Any picture may be an answer to the random numbers of two-objects; classification has no uniform
# split, and a test of its own.
@pytest.mark.parametrize("name", NAMES[:4])
def test_answers_of_another_shape_are_refused_and_not_broadcast(name):
    task = load(name)
    data = task.split("uniform", 16, 16).test
    right = data.targets()
    for answers in (right[:1], right[0], right[..., :1], right[:, :, None], 0.0, right.astype(str)):
        model = SimpleNamespace(predict=lambda _, answers=answers: answers)
        with pytest.raises(ValueError, match=r"numbers of shape \(9, .*\) were expected"):
            task.evaluate(model, data)
    assert task.evaluate(SimpleNamespace(predict=lambda _: right), data).success
