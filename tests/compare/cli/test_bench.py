"""`compare bench`: a size that takes more memory than there is, is left out."""

import json

from compare.experiments import bench


def test_what_memory_does_not_hold_is_left_out(compare, monkeypatch):
    measured = bench._median_milliseconds

    def limited(task, spec, backend, side, batch):
        if side > 12:
            raise MemoryError
        return measured(task, spec, backend, side, batch)

    monkeypatch.setattr(bench, "_median_milliseconds", limited)
    monkeypatch.setattr(bench, "SIDES", (10, 12, 14))
    monkeypatch.setattr(bench, "BATCHES", (1,))
    monkeypatch.setattr(bench, "SIDE", 12)
    monkeypatch.setattr(bench, "_SECONDS", 0.0)
    code, out, err = compare("bench", "--solver", "argmax", "--json")
    assert (code, err) == (0, "")
    (costs,) = json.loads(out)
    assert list(costs["by_side"]) == ["10", "12"]
