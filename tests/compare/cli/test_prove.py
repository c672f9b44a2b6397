"""`compare prove`: what is proved, by which means, and what is not."""

import pytest


def test_prove_says_what_by_which_means_and_how_many_cases(compare):
    pytest.importorskip("z3")
    code, out, err = compare("prove", "--task", "onehot2coord", "--max-size", "9")
    assert (code, err) == (0, "")
    for name in ("onehot2coord", "onehot2coord without coordinates"):
        assert (
            f"proved   {name}\n         exact on every canvas there is\n         by an SMT" in out
        )
    assert out.count("exact in every case of every canvas to 9x9") == 2
    assert out.count("enumeration in float32, 2,025 cases") == 2
    lemmas, networks = 10 + 16, 2 * 2025
    computed = 3 * 9**2  # CoordConv, and a plain network for each split
    verdict = f"All proved: {lemmas} lemmas, {networks + computed:,} cases tried, in "
    assert out.splitlines()[-1].startswith(verdict)
    assert (
        "float32 holds every integer to 16,777,216\n         by conversion, 16,777,217 int" in out
    )
    assert max(map(len, out.splitlines())) <= 80


def test_prove_covers_every_task_in_every_dtype(compare):
    pytest.importorskip("z3")
    for dtype in ("float16", "float64", "int64"):
        code, out, _ = compare("prove", "--max-size", "12", "--dtype", dtype)
        assert code == 0
        assert f"{dtype} holds every integer to " in out
        for name in ("coord2onehot", "coord2image", "image2coord", "image2objects"):
            assert f"proved   {name}\n         exact on every canvas" in out
        # Two objects have no room on a canvas so small, which is said and is no gap.
        assert "SKIPPED  objects2image\n         enumeration" in out
        assert "All proved" not in out
        assert out.splitlines()[-1].startswith("Proved but for ")


def test_prove_says_how_many_scenes_of_how_many_were_tried(compare):
    pytest.importorskip("z3")
    code, out, _ = compare("prove", "--task", "objects2image", "--max-size", "41")
    assert code == 0
    assert "exact in every case" not in out
    # Counted by hand for 21 x 21 places: ordered pairs 20 or more apart.
    places = [(x, y) for x in range(21) for y in range(21)]
    pairs = sum((x - u) ** 2 + (y - v) ** 2 >= 400 for x, y in places for u, v in places)
    assert f" of {4 * pairs:,} cases of the" in " ".join(out.split())


def test_prove_fails_loudly(compare, monkeypatch):
    from handcrafted import onehot2coord
    from handcrafted.operations import Subtraction

    right = onehot2coord.steps

    def wrong(height, width):
        return (*right(height, width)[:-1], Subtraction((width, height - 1)))

    monkeypatch.setattr(onehot2coord, "steps", wrong)
    code, out, err = compare("prove", "--task", "onehot2coord", "--max-size", "9")
    assert code == 1
    assert err.startswith("compare: NOT PROVED: 'H minus the sum is y' does not hold")
    assert "All proved" not in out
    # Without an SMT solver the enumeration still finds it.
    monkeypatch.setattr("handcrafted.proofs.claims.find_spec", lambda name: None)
    code, out, err = compare("prove", "--task", "onehot2coord", "--max-size", "9")
    assert code == 1
    assert "NOT PROVED: onehot2coord on 1x1 in float32 is wrong at (0, 0)" in err


def test_prove_without_the_solver_says_what_is_missing(compare, monkeypatch):
    monkeypatch.setattr("handcrafted.proofs.claims.find_spec", lambda name: None)
    code, out, _ = compare("prove", "--task", "coord2onehot", "--max-size", "9")
    assert code == 1
    assert (
        "SKIPPED  coord2onehot\n         every size\n         needs z3: pip install z3-solver"
        in out
    )
    assert "Not everything was proved (see SKIPPED)" in out


def test_more_than_a_minute_is_announced(compare, monkeypatch):
    from compare.experiments import exactness

    arguments = ("prove", "--task", "onehot2coord", "--max-size", "9")
    monkeypatch.setattr(exactness, "expected_seconds", lambda claim, size: 100.0)
    assert "proofs, about 5 min on this machine" in compare(*arguments)[2]
    assert compare("-q", *arguments)[2] == ""
    monkeypatch.setattr(exactness, "expected_seconds", lambda claim, size: 1.0)
    assert compare(*arguments)[2] == ""
