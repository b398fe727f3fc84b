"""What was done, as the configuration says it; and truth with its errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bycatch.config.demo import demo_search
from bycatch.evaluate.roc import max_sic, roc
from bycatch.report.design import design, features_of, injection
from bycatch.report.methods import recipes
from bycatch.report.truth import truth_of, with_truth
from bycatch.search.result import Evaluation, SearchResult

Make = Callable[..., SearchResult]


def _told(result: SearchResult) -> dict[str, str]:
    return {name: " ".join(sentences) for name, sentences in design(result)}


def test_the_demo_is_told_from_its_resolved_configuration(make_result: Make) -> None:
    loaded = demo_search(signal=True)
    names = tuple(method.name for method in loaded.plan.methods)
    result = make_result(methods=names, config=dict(loaded.resolved))
    told = _told(result)
    assert "500 simulated signal events" in told["Events"]
    assert "injected into the data" in told["Events"]
    assert "fitted over 2700\N{EN DASH}6500" in told["Windows"]
    assert "12\N{NO-BREAK SPACE}% of the window's centre" in told["Windows"]
    for name in names:
        assert f"`{name}` learns" in told["Methods"]
    assert "Nested 5-fold" in told["Selection"]
    assert "mean over 4 trainings of each fold" in told["Selection"]
    assert "family `dijet`" in told["Background"]
    assert [name for name, _ in features_of(loaded.resolved)] == list(loaded.plan.features)
    assert set(recipes(loaded.resolved)) == set(names)


def test_neighbouring_windows_share_what_they_share(make_result: Make) -> None:
    looks = make_result(n_windows=3, methods=("anode",), points=(0.01,)).looks
    base = make_result(n_windows=3, methods=("anode",), points=(0.01,))
    windows = [(0.0, 10.0), (5.0, 15.0), (10.0, 20.0)]
    half = tuple(replace(x, window=w) for x, w in zip(looks, windows, strict=True))
    assert "neighbours share 50\N{NO-BREAK SPACE}% of their width" in _told(
        replace(base, looks=half)
    )["Windows"]  # fmt: skip
    apart = [(0.0, 10.0), (10.0, 20.0), (20.0, 30.0)]
    alone = tuple(replace(x, window=w) for x, w in zip(looks, apart, strict=True))
    assert "no two overlap" in _told(replace(base, looks=alone))["Windows"]
    assert _told(replace(base, looks=alone[:1]))["Windows"].startswith(
        "One window, 0\N{EN DASH}10."
    )


def test_half_splits_weights_cuts_and_yardsticks_are_told(make_result: Make) -> None:
    config = {
        "data": {"path": ["/far/away/x.root"], "where": "pt > 30", "weight": "w", "fraction": 0.25},
        "folds": "half",
        "members": 7,
        "truth": "label",
        "regions": {"fit_range": [1, 2], "sidebands": [[1.0, 1.2], [1.8, 2.0]]},
        "background": {"family": "exppoly", "order": 4},
        "methods": [{"template": "ideal", "classifier": "hgb", "name": "perfect"}],
    }
    told = _told(make_result(n_windows=1, methods=("perfect",), config=config))
    for piece in ("`x.root`", "`pt > 30`", "random 25", "weight `w`", "Truth (`label`)"):
        assert piece in told["Events"]
    assert "/far" not in told["Events"]
    assert "the other half is searched" in told["Selection"]
    assert "mean over 7 trainings." in told["Selection"]
    assert "Training sidebands: 1\N{EN DASH}1.2, 1.8\N{EN DASH}2." in told["Windows"]
    assert "with 4 parameters" in told["Background"]
    assert "yardstick, no search" in told["Methods"]


def test_what_the_configuration_does_not_say_is_left_out(make_result: Make) -> None:
    told = _told(make_result(n_windows=1, config={"seed": 1, "methods": "none", "data": None}))
    assert set(told) == {"Events", "Windows", "Selection", "Significance"}
    assert injection({"data": {"inject": None}}) is None
    assert recipes({"methods": [1, {"template": 3}, {"classifier": "trees"}]}) == {}


def test_a_name_is_whatever_the_configuration_says() -> None:
    found = recipes(
        {
            "methods": [
                {"template": "anode"},
                {"template": "cathode", "classifier": "trees", "name": "supervised"},
                {"template": "supervised", "classifier": "trees"},
                {"template": "from-elsewhere", "classifier": "trees"},
            ]
        }
    )
    assert list(found) == ["anode", "supervised", "supervised-trees", "from-elsewhere-trees"]
    assert [item.yardstick for item in found.values()] == [False, False, True, False]
    assert [item.own_score for item in found.values()] == [True, False, False, False]


def test_errors_of_kept_curves_are_those_of_the_whole_ones() -> None:
    rng = np.random.default_rng(4)
    label = np.repeat([0, 1], [20_000, 400])
    curve = roc(rng.normal(size=label.size) + 1.5 * label, label)
    best = max_sic(curve)
    kept = Evaluation("m", (0.0, 1.0), curve.auc, best.value, 400, 20_000, curve.thin())
    found = with_truth(kept)
    assert found.auc_error == pytest.approx(curve.auc_error, rel=0.02)
    # the thinned curve has its maximum at a neighbouring cut, some per cent away in eps_B
    assert found.max_sic_error == pytest.approx(best.error, rel=0.2)


def test_what_cannot_be_known_has_no_error(make_result: Make) -> None:
    result = make_result(n_windows=1)
    item = result.evaluation[0]
    for empty in (replace(item, roc=()), replace(item, n_signal=0), replace(item, n_background=0)):
        assert with_truth(empty).auc_error is None
        assert with_truth(empty).max_sic_error is None
    few = with_truth(replace(item, n_background=20))  # no cut is known to 20 %
    assert few.max_sic_error is None
    assert few.auc_error is not None
    assert truth_of(result.evaluation, replace(result.best, method="none")) is None
