"""From a request in text to plans, and from a record back to its plan."""

import json
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest

from compare import tasks
from compare.errors import UsageError
from compare.experiments import plan as plan_module
from compare.experiments.plan import Plan, Request, flag, here, load_backend, make_plans, plan_of
from compare.learned.recipe import OPTIONS, Recipe
from compare.solvers.base import SolverSpec

RECIPE = Recipe(0.01, epochs=2)
PLAN = Plan(
    task="onehot2coord", split="uniform", size=(16, 20), solver="conv", seed=3, recipe=RECIPE,
    eval_sizes=((12, 24), (16, 16)), backend="numpy", device="cpu", precision="float32",
)  # fmt: skip


def asked(**changes):
    return Request(**{"task": "onehot2coord", "seeds": (0, 7), "size": "16x20", **changes})


def refusal(request, spell=flag):
    """Return the message with which a request is refused."""
    with pytest.raises(UsageError) as refused:
        make_plans(request, spell)
    message = str(refused.value)
    assert "\n" not in message
    return message


def test_every_argument_and_the_version_change_the_name(monkeypatch):
    changes = {
        "task": "image2coord", "split": "quadrant", "size": (20, 16), "solver": "coordconv",
        "seed": 4, "recipe": None, "eval_sizes": ((16, 16), (12, 24)), "backend": "jax",
        "device": "cuda:0", "precision": "tf32", "options": {"kernel": 1},
        "folder": "/pictures", "digest": "0" * 64,
    }  # fmt: skip
    assert changes.keys() == {field.name for field in fields(Plan)}
    others = {
        "learning_rate": 0.02, "epochs": 3, "l2": 0.0, "batch": 8, "loss": "other",
        "lr_schedule": "step", "width": 2, "kernel": 1, "coordinates": "pixels",
        "target": "grey", "beta1": 0.8, "beta2": 0.9, "epsilon": 1e-7, "generator_rate": 0.1, "scenes": 100,
        "channels": 8,
    }  # fmt: skip
    assert others.keys() == {field.name for field in fields(Recipe)}
    plans = [PLAN, *(replace(PLAN, **{name: value}) for name, value in changes.items())]
    plans += [replace(PLAN, recipe=replace(RECIPE, **{k: v})) for k, v in others.items()]
    names = {plan.name() for plan in plans}
    assert len(names) == 1 + len(changes) + len(others)
    assert replace(PLAN).name() == PLAN.name()
    monkeypatch.setattr(plan_module, "_version", lambda: "another")
    assert PLAN.name() not in names


def test_the_name_begins_with_what_people_look_for(tmp_path):
    assert PLAN.name().startswith("onehot2coord-16x20-uniform-conv-seed3-numpy-")
    assert PLAN.directory(tmp_path) == tmp_path / PLAN.name()


def test_arguments_are_json_and_come_back_as_the_plan():
    arguments = PLAN.arguments()
    assert arguments["size"] == [16, 20]
    assert arguments["eval_sizes"] == [[12, 24], [16, 16]]
    assert arguments["recipe"]["epochs"] == 2
    assert json.loads(json.dumps(arguments)) == arguments
    fixed = replace(PLAN, solver="argmax", recipe=None, eval_sizes=())
    coordconv = replace(PLAN, solver="coordconv")
    for plan in (fixed, coordconv):
        assert plan_of(json.loads(json.dumps(plan.arguments()))) == plan
    assert (PLAN.epochs, fixed.epochs) == (2, 0)


def test_plans_and_requests_are_keys_that_do_not_change():
    for key, name in ((PLAN, "seed"), (asked(), "task")):
        with pytest.raises(FrozenInstanceError):
            setattr(key, name, None)
    assert hash(replace(PLAN)) == hash(PLAN)


def test_plans_come_by_split_solver_and_seed():
    plans = make_plans(asked(solver="conv,argmax,coordconv"))
    assert [(plan.split, plan.solver, plan.seed) for plan in plans] == [
        ("uniform", "conv", 0), ("uniform", "conv", 7), ("uniform", "argmax", 0),
        ("uniform", "coordconv", 0), ("uniform", "coordconv", 7),
        ("quadrant", "conv", 0), ("quadrant", "conv", 7), ("quadrant", "argmax", 0),
        ("quadrant", "coordconv", 0), ("quadrant", "coordconv", 7),
    ]  # fmt: skip
    assert {plan.size for plan in plans} == {(16, 20)}
    assert {(plan.backend, plan.device, plan.precision) for plan in plans} == {
        ("numpy", "cpu", "float32")
    }
    (only,) = make_plans(Request("onehot2coord", (5,), "conv", "quadrant"))
    assert (only.seed, only.size, only.eval_sizes) == (5, (64, 64), ())


def test_all_solvers_and_splits_are_meant_where_none_is_named():
    plans = make_plans(asked(seeds=(0,)))
    assert [plan.solver for plan in plans] == 2 * [
        "handcrafted", "handcrafted-coordconv", "handcrafted-conv", "coordconv", "conv", "argmax",
        "verified-argmax", "expectation",
    ]  # fmt: skip


def test_options_change_only_the_solvers_that_have_them():
    changes = {"kernel": "1", "epochs": "9"}
    request = Request("coord2image", (0,), split="uniform", size="64", recipe=changes)
    plans = {plan.solver: plan.recipe for plan in make_plans(request)}
    assert plans["handcrafted"] is plans["slicing"] is None
    assert (plans["coordconv"].kernel, plans["deconv"].kernel) == (1, 1)
    request = asked(split="uniform", seeds=(0,), recipe={"width": "2"})
    widths = {plan.solver: plan.recipe.width for plan in make_plans(request) if plan.recipe}
    # The CoordConv regressor has no width; the plain ones have.
    assert widths == {"coordconv": 1, "conv": 2}


def test_a_network_is_scored_on_pictures_as_bright_as_it_is_trained_to_draw():
    request = Request(
        "coord2image", (0,), split="uniform", size="16", solver="handcrafted,coordconv",
        recipe={"target": "grey"},
    )  # fmt: skip
    white, grey = make_plans(request)
    data = tasks.load("coord2image").all_samples(16, 16)
    assert white.evaluated_on(data) is data
    assert grey.recipe.target == "grey"
    lit = np.float32(128 / 255)
    assert set(np.unique(grey.evaluated_on(data).targets())) == {0, lit}


def test_an_option_that_no_chosen_solver_has_is_refused():
    assert refusal(asked(solver="coordconv", recipe={"target": "grey"})) == (
        "--target changes nothing here: none of the solvers coordconv has it"
    )
    assert refusal(asked(solver="coordconv,argmax", recipe={"width": "2"})) == (
        "--width changes nothing here: none of the solvers coordconv, argmax has it"
    )
    # What every training has is never refused for it, even where nothing is trained.
    assert len(make_plans(asked(solver="argmax", recipe={"epochs": "2"}))) == 2


def test_a_preset_is_the_solvers_own_unless_it_is_asked_for():
    def epochs(**changes):
        request = Request("coord2image", (0,), "coordconv", "uniform", **changes)
        return make_plans(request)[0].recipe.epochs

    assert (epochs(), epochs(preset="quick"), epochs(preset="paper")) == (3, 3, 50)
    assert epochs(preset="paper", recipe={"epochs": "7"}) == 7
    (regressor,) = make_plans(Request("onehot2coord", (0,), "conv", "uniform", size="16"))
    assert regressor.recipe.epochs == 100


def test_the_canvas_is_the_smallest_of_the_presets_unless_it_is_asked_for():
    def sizes(solver, **changes):
        return {plan.size for plan in make_plans(Request("two-objects", (0,), solver, **changes))}

    assert sizes("handcrafted") == sizes("gan", preset="paper") == {(64, 64)}
    assert sizes("gan") == sizes("handcrafted,gan") == sizes(None) == {(50, 50)}
    assert sizes("gan", size="64") == {(64, 64)}
    with pytest.raises(UsageError, match="has no room for two objects"):
        sizes("gan", size="30")


def test_what_a_training_lacks_is_no_argument():
    (plan,) = make_plans(Request("two-objects", (0,), "coordconv-g", recipe={"scenes": "64"}))
    assert plan.arguments()["recipe"]["scenes"] == 64
    assert plan_of(plan.arguments()) == plan
    (other,) = make_plans(Request("onehot2coord", (0,), "conv", "uniform"))
    assert not {"scenes", "generator_rate", "channels"} & other.arguments()["recipe"].keys()
    assert plan_of(other.arguments()) == other


def test_a_batch_that_is_never_full_is_refused():
    request = Request("two-objects", (0,), "gan", recipe={"scenes": "9"})
    assert refusal(request) == (
        "solver 'gan' cannot do 50x50 on the all split: a batch of 16 is more than the 9 scenes to train on; "
        "give a smaller batch or more scenes"
    )


def test_a_task_without_losses_refuses_one():
    assert refusal(Request("two-objects", (0,), "gan", recipe={"loss": "mse"})) == (
        "--loss changes nothing here: task 'two-objects' has no choice of it"
    )


def test_losses_are_the_tasks():
    request = Request("coord2image", (0,), "deconv", "uniform", recipe={"loss": "mse"})
    assert make_plans(request)[0].recipe.loss == "mse"
    assert refusal(replace(request, recipe={"loss": "softmax"})) == (
        "unknown loss 'softmax'; choose from: sigmoid, mse"
    )


def test_eval_sizes_are_each_given_once_in_order():
    (plan, *_) = make_plans(asked(solver="coordconv", eval_size="20,16x20,20x20"))
    assert plan.eval_sizes == ((20, 20), (16, 20))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "x"}, "unknown task 'x'; choose from: onehot2coord, coord2onehot"),
        ({"preset": "slow"}, "unknown preset 'slow'; choose from: quick, paper"),
        ({"split": "half"}, "unknown split 'half'; choose from: uniform, quadrant"),
        (
            {"solver": "conv,magic"},
            "unknown solver 'magic'; choose from: handcrafted, handcrafted-coordconv",
        ),
        ({"size": "x"}, "--size is 'x'; give pixels as N or as HEIGHTxWIDTH"),
        ({"size": "8"}, "a canvas of 8x8 is too small for the 9x9 square"),
        ({"eval_size": "20,x"}, "--eval-size is 'x'; give pixels"),
        ({"eval_size": "8"}, "a canvas of 8x8 is too small for the 9x9 square"),
        ({"backend": "abacus"}, "unknown backend 'abacus'"),
        ({"device": "gpu"}, "backend 'numpy' has no device 'gpu' here"),
        ({"precision": "tf32"}, "backend 'numpy' has no precision 'tf32'"),
        ({"recipe": {"learning_rate": "0"}}, "--learning-rate is '0'; give a number above 0"),
        ({"recipe": {"lr_schedule": "sine"}}, "unknown lr-schedule 'sine'; choose from: constant"),
    ],
)
def test_what_cannot_be_done_is_one_line(changes, message):
    assert refusal(asked(**changes)).startswith(message)


def test_messages_spell_a_field_as_their_caller_does():
    request = asked(recipe={"learning_rate": "0"})
    assert refusal(request, str).startswith("learning_rate is '0'")
    assert flag("learning_rate") == "--learning-rate"


@pytest.fixture
def picky(monkeypatch):
    """A solver, as another package may offer it, that does no canvas lower than 16 pixels."""

    def build(setting, recipe):
        if setting.height < 16:
            raise ValueError("too low")
        return setting

    monkeypatch.setattr(plan_module, "_specs", lambda *_: {"picky": SolverSpec("", build)})
    return Request("onehot2coord", (0,), "picky", "uniform", size="16")


def test_a_canvas_that_a_solver_cannot_do_is_refused_with_its_reason(picky):
    assert len(make_plans(picky)) == 1
    message = "solver 'picky' cannot do 12x20 on the uniform split: too low"
    assert refusal(replace(picky, size="12x20")) == message
    # Other canvases are checked as well, each as its own.
    assert refusal(replace(picky, eval_size="20,12x20")) == message


def test_a_record_of_a_canvas_that_a_solver_cannot_do_is_refused(picky):
    (plan,) = make_plans(picky)
    assert plan_of(plan.arguments()) == plan
    for changes in ({"size": [12, 20]}, {"eval_sizes": [[20, 20], [12, 20]]}):
        with pytest.raises(
            UsageError, match="solver 'picky' cannot do 12x20 on the uniform split: too low"
        ):
            plan_of({**plan.arguments(), **changes})


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_is_read_into_the_recipe(option):
    """By its own reader, to another value than the default."""
    text = {"learning_rate": "0.3", "loss": "mse", "epochs": "7", "l2": "0.5", "batch": "9",
            "beta1": "0.5", "beta2": "0.5", "epsilon": "0.5",
            "generator_rate": "0.25", "scenes": "99", "channels": "2"}  # fmt: skip
    given = text.get(option.name, option.choices[-1] if option.choices else None)
    request = Request("coord2image", (0,), "deconv", "uniform", recipe={option.name: given})
    if option.adversarial or option.name == "channels":
        request = replace(request, task="two-objects", solver="gan", split="all")
    (plan,), (plain,) = make_plans(request), make_plans(replace(request, recipe={}))
    assert getattr(plan.recipe, option.name) == option.read(given)
    assert plan.recipe == replace(plain.recipe, **{option.name: option.read(given)})


def test_the_backend_is_found_by_whoever_is_asked_to():
    asked_for = []

    def find(*place):
        asked_for.append(place)
        return "far", "gpu:7", "int8"

    request = asked(backend="b", device="d", precision="p")
    plans = make_plans(request, flag, find)
    assert asked_for == [("b", "d", "p")]
    assert {(plan.backend, plan.device, plan.precision) for plan in plans} == {
        ("far", "gpu:7", "int8")
    }


def test_a_backend_is_loaded_once(monkeypatch):
    monkeypatch.setattr(plan_module, "_LOADED", {})
    first = load_backend("numpy", "cpu", "float32")
    assert load_backend("numpy", "cpu", "float32") is first
    assert here("numpy", "auto", None) == ("numpy", "cpu", "float32")
    assert load_backend("numpy", "cpu", "float32") is first


def test_what_is_found_here_is_what_is_loaded_later(monkeypatch):
    monkeypatch.setattr(plan_module, "_LOADED", {})
    place = here("numpy", "auto", None)
    (loaded,) = plan_module._LOADED.values()
    assert load_backend(*place) is loaded


def test_a_solver_is_built_for_the_plans_canvas_or_another():
    plan = replace(PLAN, solver="coordconv")
    assert plan.build().architecture.inputs == (1, 16, 20)
    other = plan.build((24, 12))
    assert (other.architecture.inputs, other.size) == ((1, 24, 12), (24, 12))
    assert plan.build().backend is load_backend("numpy", "cpu", "float32")
    # Only to see whether it can be built: the backend may be on another machine.
    assert replace(plan, backend="far").build(compute=False).backend is None


def test_records_of_unknown_things_are_refused():
    (plan,) = make_plans(Request("onehot2coord", (0,), "argmax", "uniform", size="16"))
    assert plan_of(plan.arguments()) == plan
    for changes, message in (
        ({"task": "x"}, "unknown task 'x'"),
        ({"solver": "x"}, "unknown solver 'x'"),
        ({"split": "x"}, "unknown split 'x'"),
        ({"size": [8, 8]}, "a canvas of 8x8 is too small"),
        ({"size": 3}, "these are not the arguments of a run: TypeError"),
        ({"more": 3}, "these are not the arguments of a run: TypeError"),
        ({"recipe": {"rate": 3}}, "these are not the arguments of a run: TypeError"),
    ):
        with pytest.raises(UsageError, match=message):
            plan_of({**plan.arguments(), **changes})
    with pytest.raises(UsageError, match="these are not the arguments of a run: KeyError"):
        plan_of({})


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
        f"solver 'handcrafted-deconv' cannot do 65x65 on the {split} split: no weights are known for a "
        "canvas of 65x65; give sides of 1 to 64 pixels; left out"
        for split in ("uniform", "quadrant")
    ]


def test_what_has_no_weights_is_refused_where_it_is_named():
    with pytest.raises(UsageError, match="kernel of 1; give 2 or more"):
        plans("coord2image", solver="handcrafted-deconv", recipe={"kernel": "1"})
    with pytest.raises(UsageError, match="give sides of 1 to 96 pixels"):
        plans("onehot2coord", solver="handcrafted-conv", eval_size="20,100")


def test_a_preset_that_nobody_published_is_refused():
    message = "solver 'conv' of classification has no preset 'paper': its recipe is ours"
    with pytest.raises(UsageError, match=message):
        make_plans(Request("classification", (0,), "conv", preset="paper"))
    (plan,) = make_plans(Request("classification", (0,), "conv", split="relevant"))
    assert (plan.size, plan.epochs) == ((24, 24), 12)
