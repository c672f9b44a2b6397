"""Tasks by name, and measures of consecutive samples."""

import subprocess
import sys
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from compare.errors import UsageError
from compare.tasks import known, load, summary
from compare.tasks.base import Column, Measures, joined

NAMES = ("onehot2coord", "coord2onehot", "coord2image", "image2coord")


def test_the_built_in_tasks_come_first_in_their_order():
    assert known()[:4] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_task_is_loaded_by_its_own_name(name):
    assert load(name).name == name
    assert load(name) is load(name)


def test_an_unknown_task_is_refused_with_those_known():
    with pytest.raises(UsageError) as refused:
        load("onehot")
    message = str(refused.value)
    assert message.startswith("unknown task 'onehot'; choose from: " + ", ".join(NAMES))


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


def test_tasks_columns_and_measures_cannot_be_changed():
    task = load("coord2image")
    measures = Measures(np.array([True]), np.array([True]), np.array([0.0]))
    with pytest.raises(FrozenInstanceError):
        measures.error = np.array([1.0])
    with pytest.raises(FrozenInstanceError):
        task.name = "other"
    with pytest.raises(FrozenInstanceError):
        task.columns[0].share = False


def test_a_column_is_a_number_of_three_figures_unless_it_says_so():
    column = Column("worst_error", "worst error px")
    assert (column.share, column.digits) == (False, None)


def test_measures_of_consecutive_samples_are_joined_in_order():
    first = Measures(np.array([True, False]), np.array([True, True]), np.array([0.0, 0.25]))
    second = Measures(np.array([False]), np.array([False]), np.array([3.0]))
    together = joined([first, second])
    assert together.exact.tolist() == [True, False, False]
    assert together.right.tolist() == [True, True, False]
    assert together.error.tolist() == [0, 0.25, 3]
