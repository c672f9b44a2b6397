"""A recipe's defaults, which the published command lines rely on."""

from dataclasses import FrozenInstanceError, asdict, fields, replace

import pytest

from compare.learned.recipe import (
    LARGEST,
    OPTIONS,
    Option,
    Recipe,
    below_1,
    changed,
    not_negative,
    positive,
    whole_number,
)


def test_the_defaults_are_those_of_the_authors_script():
    """Batch 256, betas 0.9 and 0.99, L2 1e-5 (github.com/uber-research/CoordConv); the rest is ours."""
    recipe = asdict(Recipe(learning_rate=0.005))
    expected = {
        "learning_rate": 0.005,
        "l2": 1e-5,
        "batch": 256,
        "loss": "mse",
        "lr_schedule": "constant",
        "width": 1,
        "kernel": 3,
        "coordinates": "scaled",
        "target": "white",
        "beta1": 0.9,
        "beta2": 0.99,
        "epsilon": 1e-8,
    }
    assert {name: recipe[name] for name in expected} == expected


def test_grey_is_128_of_255_as_the_authors_generator_draws():
    assert Recipe(0.1).brightness == 1
    assert Recipe(0.1, target="grey").brightness == 128 / 255


def test_there_is_no_default_rate():
    with pytest.raises(TypeError, match="learning_rate"):
        Recipe()


def test_a_recipe_is_a_key_that_does_not_change():
    """Compiled steps are kept by recipe."""
    recipe = Recipe(0.01)
    assert hash(recipe) == hash(Recipe(0.01))
    assert recipe != Recipe(0.02)
    with pytest.raises(FrozenInstanceError):
        recipe.batch = 1


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), (" 7 ", 7), ("007", 7), ("9223372036854775807", 2**63 - 1), ("0" * 98 + "3", 3)],
)
def test_whole_numbers_are_read(text, value):
    assert whole_number(text) == value


@pytest.mark.parametrize("text", ["", "0", "-1", "1.0", "1e3", "one", "0x1", "+1"])
def test_what_is_no_whole_number_of_1_or_more_is_refused(text):
    with pytest.raises(ValueError, match=r"^give a whole number, 1 or more$"):
        whole_number(text)


@pytest.mark.parametrize("text", [str(2**63), "9" * 99, "9" * 100, "9" * 5000])
def test_a_whole_number_is_one_that_a_table_can_hold(text):
    """Python itself refuses to read more than 4300 digits."""
    assert LARGEST == 2**63 - 1
    with pytest.raises(ValueError, match=f"^give a whole number up to {2**63 - 1}$"):
        whole_number(text)


def test_a_limit_is_the_last_number_that_is_taken():
    assert whole_number("10", 10) == 10
    with pytest.raises(ValueError, match=r"^give a whole number up to 10$"):
        whole_number("11", 10)


@pytest.mark.parametrize("text", ["0.5", "1", "1e-300", "1e300", " 2 "])
def test_positive_numbers_are_read(text):
    assert positive(text) == not_negative(text) == float(text)
    assert isinstance(positive(text), float)


@pytest.mark.parametrize("text", ["0", "-0.5", "nan", "inf", "-inf", "x", ""])
def test_what_is_not_a_finite_number_above_0_is_refused(text):
    with pytest.raises(ValueError, match=r"^give a number above 0$"):
        positive(text)
    if text == "0":
        assert not_negative(text) == 0
    else:
        with pytest.raises(ValueError, match=r"^give a number 0 or more$"):
            not_negative(text)


@pytest.mark.parametrize("text", ["0", "0.5", "0.999999"])
def test_numbers_below_1_are_read(text):
    assert below_1(text) == float(text)


@pytest.mark.parametrize("text", ["1", "-0.1", "nan", "x"])
def test_what_is_not_below_1_is_refused(text):
    with pytest.raises(ValueError, match=r"^give a number from 0 to below 1$"):
        below_1(text)


def test_every_option_is_a_field_with_its_own_reader():
    """Written down once more: name, placeholder, choices, and of whom it is."""
    found = [
        (o.name, o.metavar, o.choices, o.architectural, o.from_task, o.is_text) for o in OPTIONS
    ]
    assert found == [
        ("learning_rate", "X", (), False, False, False),
        ("epochs", "N", (), False, False, False),
        ("l2", "X", (), False, False, False),
        ("batch", "N", (), False, False, False),
        ("loss", "NAME", (), False, True, True),
        ("lr_schedule", "NAME", ("constant", "step", "warm-up"), False, False, True),
        ("width", "N", ("1", "2", "3"), True, False, False),
        ("kernel", "N", ("1", "2", "3", "4"), True, False, False),
        ("coordinates", "NAME", ("scaled", "pixels"), True, False, True),
        ("target", "NAME", ("white", "grey"), True, False, True),
        ("beta1", "X", (), False, False, False),
        ("beta2", "X", (), False, False, False),
        ("epsilon", "X", (), False, False, False),
        ("generator_rate", "X", (), False, False, False),
        ("scenes", "N", (), False, False, False),
        ("channels", "N", (), True, False, False),
    ]
    assert [o.name for o in OPTIONS] == [f.name for f in fields(Recipe) if f.metadata]
    assert all(o.help for o in OPTIONS)
    reads = {o.name: o.read for o in OPTIONS}
    assert (reads["learning_rate"], reads["l2"]) == (positive, not_negative)
    assert reads["epochs"] is reads["batch"] is whole_number
    assert (reads["beta1"], reads["beta2"], reads["epsilon"]) == (below_1, below_1, positive)


def test_an_option_is_a_number_anyone_may_have_unless_it_says_so():
    option = Option("name", "help", float, "X")
    assert (option.choices, option.architectural, option.from_task) == ((), False, False)
    assert not option.is_text
    assert Option("name", "help", str, "X").is_text
    with pytest.raises(FrozenInstanceError):
        option.name = "other"


def test_a_default_is_one_of_the_choices():
    recipe = Recipe(0.1)
    for option in OPTIONS:
        if option.choices:
            assert str(getattr(recipe, option.name)) in option.choices


def test_what_an_architecture_does_not_have_is_not_changed():
    recipe = Recipe(0.1)
    values = {"learning_rate": 0.5, "width": 2, "kernel": 1, "epochs": 3}
    trained = replace(recipe, learning_rate=0.5, epochs=3)
    assert changed(recipe, values, ()) == trained
    assert changed(recipe, values, ("kernel",)) == replace(trained, kernel=1)
    assert changed(recipe, values, ("kernel", "width")) == replace(trained, kernel=1, width=2)
    assert changed(recipe, {}, ("kernel",)) == recipe


def test_a_gan_s_steps_are_whole_batches_of_scenes():
    recipe = Recipe(0.1, epochs=3, batch=16, scenes=50)
    assert recipe.steps == 9
    assert replace(recipe, scenes=None).steps is None
