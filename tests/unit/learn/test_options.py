"""Options that are declared once: constructor, defaults, bounds, words, documentation, clones."""

from __future__ import annotations

import inspect
import pickle
from typing import Literal

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone

from bycatch.errors import ConfigError
from bycatch.learn.options import Options, learned, option, options_of


class Parent(Options):
    """A parent.

    Attributes
    ----------
    found_ : int
    """

    members: int = option(default=1, least=1, kw_only=False, says="Independent repetitions.")
    steps: int = option(default=10, least=1, says="Gradient steps.")
    found_: tuple[int, ...] = learned(default=())


class Mixin(Options):
    """Only some children have this."""

    noise: float | None = option(default=None, least=0.0, says="Standard deviation.")


class Child(Mixin, Parent, BaseEstimator):
    """A child."""

    steps = 20
    hidden: tuple[int, ...] = option(default=(4, 4), least=1, most=8, says="Units of the layers.")
    loss: Literal["mse", "mae"] = option(default="mse", says="What is minimised. " * 12)
    solver: str = option(default="a", among=("a", "b"))
    found_ = (1,)


class Grandchild(Child):
    members: int = option(default=3, least=2, kw_only=False, says="At least two.")


def test_the_constructor_takes_options_by_keyword_and_the_first_by_position():
    parameters = inspect.signature(Child).parameters
    assert list(parameters) == ["members", "steps", "noise", "hidden", "loss", "solver"]
    kinds = {name for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
    assert kinds == set(parameters) - {"members"}
    model = Child(2, hidden=[3])
    assert (model.members, model.hidden, model.steps) == (2, [3], 20), "stored as they were given"
    with pytest.raises(TypeError, match="'step'"):
        Child(step=3)


def test_a_child_has_its_own_default_and_its_parent_keeps_the_other():
    assert Parent().steps == 10
    assert Child().steps == Child.steps == Grandchild().steps == 20
    assert (Child().members, Grandchild().members) == (1, 3)


def test_what_is_learned_is_no_option_and_of_each_model_its_own():
    assert "found_" not in [field.name for field in options_of(Child)]
    first, second = Parent(), Parent()
    first.found_ = (1, 2)
    assert (second.found_, Child().found_) == ((), (1,))
    assert "found_" not in Child().get_params()
    with pytest.raises(TypeError, match="found_"):
        Parent(found_=(1,))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"members": 0}, "'members' is 0, but it must be at least 1."),
        ({"steps": 0}, "'steps' is 0, but it must be at least 1."),
        ({"noise": -0.5}, "'noise' is -0.5, but it must be at least 0."),
        ({"hidden": (4, 9)}, "'hidden' is 9, but it must be between 1 and 8."),
        ({"hidden": np.array([0, 4])}, r"'hidden' is .*0.*, but it must be between 1 and 8."),
        ({"hidden": 4}, "'hidden' is 4, but it must be a list."),
        ({"loss": "mean"}, "'loss' is 'mean', but it must be one of mse, mae."),
        ({"solver": "c"}, "'solver' is 'c', but it must be one of a, b."),
    ],
)
def test_bounds_and_words_are_checked_and_named(options, message):
    model = Child(**options)  # the constructor only stores
    with pytest.raises(ConfigError, match=message):
        model.check_options()


def test_bounds_are_inclusive_and_none_is_allowed_where_the_type_says_so():
    Child(members=1, hidden=(1, 8), noise=0.0).check_options()
    Child(hidden=()).check_options()
    with pytest.raises(TypeError):
        Child(steps=None).check_options()


def test_a_child_may_narrow_the_bounds():
    Child(members=1).check_options()
    with pytest.raises(ConfigError, match="'members' is 1, but it must be at least 2"):
        Grandchild(members=1).check_options()


def test_the_docstring_lists_all_options_once_above_the_later_sections():
    text = inspect.getdoc(Parent)
    assert text.index("Parameters\n----------\nmembers : int, default 1") < text.index("Attributes")
    text = inspect.getdoc(Child)
    assert text.startswith("A child.\n\nParameters\n")
    assert text.count("steps : int, default 20\n    Gradient steps.\n") == 1
    assert "noise : float, default None\n    Standard deviation.\n" in text
    assert "hidden : sequence of int, default (4, 4)\n    Units of the layers.\n" in text
    assert 'loss : {"mse", "mae"}, default \'mse\'\n' in text
    assert " ".join(text.split()).count("What is minimised.") == 12, "long texts are wrapped whole"
    assert max(map(len, text.splitlines())) <= 96
    assert inspect.getdoc(Grandchild).startswith("Grandchild\n\nParameters\n")
    assert "At least two." in inspect.getdoc(Grandchild)
    assert "Independent repetitions." not in inspect.getdoc(Grandchild)


def test_get_params_clone_and_copies_keep_every_option():
    model = Child(2, hidden=(5,), noise=0.25)
    expected = {"members": 2, "steps": 20, "noise": 0.25}
    expected |= {"hidden": (5,), "loss": "mse", "solver": "a"}
    assert model.get_params() == expected
    assert clone(model).get_params() == expected
    assert pickle.loads(pickle.dumps(model)).get_params() == expected
    assert model != clone(model), "models are compared by identity"
    assert model.set_params(steps=5).steps == 5
