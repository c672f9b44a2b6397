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


def test_a_dry_run_times_nothing_and_says_what_it_would(compare, monkeypatch, tmp_path):
    def fail(*_):
        raise AssertionError("a dry run timed something")

    monkeypatch.setattr(bench, "_median_milliseconds", fail)
    figure = tmp_path / "cost.svg"
    code, out, err = compare(
        "bench", "--solver", "argmax,handcrafted", "--dry-run", "--figure", figure
    )
    assert (code, err) == (0, "")
    assert out.startswith("2 solvers, about 16 s on this machine; none was timed.\n")
    assert "solvers: argmax, handcrafted\n" in out
    assert "16 samples: 16, 32, 64, 128, 256, 512, 1024\n" in out
    assert not figure.exists()
    code, out, err = compare("bench", "--solver", "argmax", "--dry-run", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "solvers": ["argmax"],
        "sides": list(bench.SIDES),
        "batches": list(bench.BATCHES),
        "seconds": bench.expected_seconds(1),
    }
