"""The time of a prediction, by a clock that is wound by hand."""

import numpy as np
import pytest

from compare.experiments.run import microseconds_a_sample


def test_the_time_is_the_median_of_five_predictions_shared_by_the_samples(monkeypatch):
    now = 100.0
    durations = iter([0.5, 8.0, 0.25, 2.0, 1.0])

    def predict(inputs):
        nonlocal now
        now += next(durations)

    monkeypatch.setattr("time.perf_counter", lambda: now)
    # The median of the five is 1 s, for 4 samples.
    assert microseconds_a_sample(predict, np.zeros((4, 1))) == 250_000
    with pytest.raises(StopIteration):
        next(durations)
