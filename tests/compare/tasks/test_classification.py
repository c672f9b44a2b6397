"""Pictures to classes: encoding, measures, scores and success, worked out by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import softmax

from compare.datasets import Dataset
from compare.errors import UsageError
from compare.tasks import load, summary
from compare.tasks.classification import TASK, decode, encode, measure, of_folder, score


def test_what_it_is_called_and_maps_to_what():
    assert load("classification") is TASK
    assert TASK.summary == summary("classification")
    assert TASK.splits == ("irrelevant", "relevant", "disjoint")


def test_networks_are_trained_on_the_label():
    data = TASK.split("relevant", 16, 24).train
    assert (encode(data.positions, 16, 24) == data.targets().argmax(axis=1)).all()


def test_answers_are_probabilities():
    logits = np.array([[0.0, 1.0, -2.0], [1000.0, 0.0, 0.0]])
    assert np.allclose(decode(logits, 8, 8, "softmax"), softmax(logits, axis=1))


def one_hot(labels, classes):
    return np.eye(classes, dtype=np.float32)[labels]


def test_the_likeliest_class_counts_and_a_tie_does_not():
    answers = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.1, 0.2, 0.7], [0.0, 1.0, 0.0]])
    found = measure(answers, one_hot([1, 0, 0, 1], 3))
    assert found["correct"].tolist() == [True, False, False, True]
    assert found["prediction"].tolist() == [1, 0, 2, 1]
    assert np.allclose(found["error"], [0.5, 0.6, 0.9, 0])
    assert "top5" not in found


def test_what_is_no_number_is_wrong():
    answers = np.array([[np.nan, 0.5], [0.5, np.nan], [np.inf, 0.0], [0.9, 0.1]])
    found = measure(answers, one_hot([0, 0, 0, 0], 2))
    assert found["correct"].tolist() == [False, False, False, True]
    assert np.allclose(found["error"], [1, 1, 1, 0.1])
    # An error is a probability, whatever the answer.
    assert measure(np.array([[-3.0, 4.0]]), one_hot([0], 2))["error"] == 1


def test_top_five_are_counted_of_eleven_classes_and_more():
    answers = np.array([np.arange(11), np.arange(11)[::-1], np.full(11, 1)]) / 55
    found = measure(answers, one_hot([6, 6, 6], 11))
    assert found["top5"].tolist() == [True, False, False]
    found["correct"] = np.array([True, False, False])
    scores = score(found)
    assert scores["top5"] == pytest.approx(1 / 3)
    assert scores["accuracy"] == pytest.approx(1 / 3)
    assert scores["mean_error"] == pytest.approx(found["error"].mean())


@pytest.mark.parametrize(("wrong", "success"), [(29, True), (30, False)])
def test_a_run_is_solved_with_95_percent_right(wrong, success):
    data = TASK.split("irrelevant", 16, 24).test
    answers = data.targets()
    answers[:wrong] = 1 - answers[:wrong]
    numbers = np.arange(len(answers))[:, None]
    known = Dataset(numbers, lambda n: answers[n[:, 0]], lambda n: data.targets()[n[:, 0]])
    found = TASK.evaluate(SimpleNamespace(predict=lambda inputs: inputs), known)
    assert found.scores["accuracy"] == (597 - wrong) / 597
    assert found.success is success


def test_answers_of_another_shape_are_refused_and_not_broadcast():
    data = TASK.split("irrelevant", 16, 24).test
    right = data.targets()
    for answers in (right[:1], right[..., :1], right[:, :, None], right.astype(str)):
        model = SimpleNamespace(predict=lambda _, answers=answers: answers)
        with pytest.raises(ValueError, match=r"numbers of shape \(597, 10\) were expected"):
            TASK.evaluate(model, data)


def known(answers, targets):
    """Return samples whose inputs are the answers."""
    numbers = np.arange(len(answers))[:, None]
    return Dataset(numbers, lambda n: answers[n[:, 0]], lambda n: targets[n[:, 0]])


ECHO = SimpleNamespace(predict=lambda inputs: inputs)


@pytest.mark.parametrize(
    ("classes", "answer", "right", "expected"),
    [
        # Of five or fewer any is among the five likeliest.
        (5, [0.1, 0.2, 0.3, 0.15, 0.25], 0, 1),
        # Of six the least likely is not, and a tie is with the likelier.
        (6, [0.1, 0.2, 0.3, 0.15, 0.13, 0.12], 0, 0),
        (6, [0.1, 0.2, 0.3, 0.15, 0.13, 0.12], 5, 1),
        (6, [0.1, 0.3, 0.3, 0.1, 0.1, 0.1], 0, 0),
    ],
)
def test_a_folder_is_scored_by_the_five_likeliest(tmp_path, classes, answer, right, expected):
    task = of_folder(str(tmp_path))
    scores = task.evaluate(ECHO, known(np.array([answer]), one_hot([right], classes))).scores
    assert scores["top5"] == expected
    assert scores["mean_error"] == pytest.approx(1 - answer[right])
    shown = {column.score: (column.share, column.digits) for column in task.columns}
    assert shown == {"accuracy": (True, None), "top5": (True, None), "mean_error": (False, 4)}
    assert [column.digits for column in TASK.columns] == [None, 4]


def test_a_folder_has_one_split(tmp_path):
    task = of_folder(str(tmp_path))
    assert task.splits == ("folder",)
    with pytest.raises(UsageError, match="unknown split 'uniform'; choose from: folder"):
        task.split("uniform", 8, 8)
    with pytest.raises(UsageError, match="train"):  # which is not there
        task.split("folder", 8, 8)
