import subprocess
import sys

import pytest

from bycatch.errors import ConfigError
from bycatch.learn import CLASSIFIERS, classifier_options, make_classifier
from bycatch.learn.base import ClassifierEnsemble


def test_import_is_light():
    heavy = ("torch", "lightgbm", "sklearn", "scipy", "pandas")
    code = f"import sys, bycatch.learn; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_name_makes_an_ensemble(name):
    ensemble = make_classifier(name, 3)
    assert isinstance(ensemble, ClassifierEnsemble)
    for option, default in classifier_options(name).items():
        assert getattr(make_classifier(name, 3, **{option: default}), option) == default


def test_unknown_classifier_names_the_nearest():
    with pytest.raises(ConfigError, match=r"no classifier 'netwrk'.*'network'"):
        make_classifier("netwrk", 2)


def test_unknown_option_names_the_nearest():
    with pytest.raises(ConfigError, match=r"no option 'learning_rat'.*'learning_rate'"):
        make_classifier("trees", 2, learning_rat=0.1)
    with pytest.raises(ConfigError, match="no option 'members_'"):
        make_classifier("network", 2, members_=3)


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("trees", "leaves", 1),
        ("trees", "learning_rate", 0.0),
        ("trees", "row_fraction", 1.5),
        ("trees", "max_trees", 5),  # fewer than min_trees
        ("hgb", "bins", 300),
        ("network", "batch_size", 0),
        ("network", "patience", 0),
        ("network", "hidden", (64, 0)),
        ("network", "dtype", "float16"),
    ],
)
def test_senseless_values_are_refused(name, option, value):
    with pytest.raises(ConfigError, match=f"'{option}' is"):
        make_classifier(name, 2, **{option: value})


def test_no_members_is_refused():
    with pytest.raises(ConfigError, match="'members' is 0"):
        make_classifier("trees", 0)
