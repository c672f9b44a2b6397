"""What is planned for solvers whose weights are computed."""

import pytest

from compare.errors import UsageError
from compare.experiments.plan import Request, make_plans, plan_of


def plans(task, warn=lambda _: None, **request):
    return make_plans(Request(task, (0, 1), **request), warn=warn)


def test_computed_weights_learn_nothing_and_run_once_with_the_architecture_of_the_preset():
    quick, trained, _ = plans(
        "coord2image", split="uniform", size="16", solver="handcrafted-deconv,deconv"
    )
    assert (quick.recipe, quick.epochs, quick.seed) == (None, 0, 0)
    expected = {"width": 1, "kernel": 3, "coordinates": "scaled", "loss": "sigmoid"}
    assert quick.arguments()["options"] == expected
    assert "options" not in trained.arguments()
    (paper,) = plans(
        "coord2image", split="uniform", size="16", solver="handcrafted-deconv", preset="paper",
        recipe={"kernel": "2", "loss": "mse", "epochs": "7"},
    )  # fmt: skip
    assert paper.options == {"width": 2, "kernel": 2, "coordinates": "pixels", "loss": "mse"}
    assert paper.name() != quick.name()
    assert plan_of(paper.arguments()) == paper


def test_what_has_no_weights_is_left_out_aloud_where_no_solver_is_named():
    lines = []
    solvers = {plan.solver for plan in plans("coord2onehot", lines.append, size="65")}
    assert "handcrafted-coordconv" in solvers
    assert "handcrafted-deconv" not in solvers
    assert "deconv" in solvers
    assert lines == [
        f"solver 'handcrafted-deconv' cannot do 65x65: no weights are known for a canvas of 65x65; "
        f"give sides of 1 to 64 pixels; {split} split left out"
        for split in ("uniform", "quadrant")
    ]


def test_what_has_no_weights_is_refused_where_it_is_named():
    with pytest.raises(UsageError, match="kernel of 1; give 2 or more"):
        plans("coord2image", solver="handcrafted-deconv", recipe={"kernel": "1"})
    with pytest.raises(UsageError, match="give sides of 1 to 96 pixels"):
        plans("onehot2coord", solver="handcrafted-conv", eval_size="20,100")
