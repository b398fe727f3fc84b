"""The density score: what coordinates do to it, what it is worth, and how it is kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import rankdata

from bycatch.errors import ConfigError, DataError, InputError
from bycatch.learn import DENSITIES
from bycatch.score import load_score, make_score
from bycatch.score.base import Score

QUICK = {"steps": 30, "rounds": 2, "batch_size": 64, "hidden": (8,)}


def rows(n: int = 400, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 2)).astype(np.float32)


def test_other_units_add_a_constant_and_keep_the_order() -> None:
    x = rows()
    factor = np.float32([4.0, 0.25]) * np.float32([1.0, 8.0])
    a = make_score("flow", **QUICK).fit(x)
    b = make_score("flow", **QUICK).fit(x * factor)
    shift = float(np.log(factor.astype(float)).sum())
    # Powers of two are exact, so both learn from the same numbers.
    np.testing.assert_allclose(b.score(x * factor), a.score(x) + shift, rtol=1e-6, atol=1e-6)
    for name in ("scaled", "typicality"):
        np.testing.assert_allclose(
            b.score(x * factor, name=name), a.score(x, name=name), rtol=1e-6, atol=1e-6
        )


def test_other_coordinates_change_the_order_by_the_jacobian_alone() -> None:
    options = {**QUICK, "density": "coupling", "steps": 150, "hidden": (16,)}
    options |= {"learning_rate": 1e-2, "batch_size": 256}
    train, test = 0.5 * rows(5000, 2), 0.5 * rows(400, 3)
    flat = make_score("flow", **options).fit(train).score(test)
    curved = make_score("flow", **options).fit(np.exp(train)).score(np.exp(test))
    x = test.astype(np.float64)
    bulk = (np.abs(x) < 1.0).all(axis=1)
    # Splines of some hundred numbers are known to about sqrt(100 / 5,000) = 0.14 nats each.
    exact = (2.0 * x**2 + 0.5 * np.log(2.0 * np.pi * 0.25)).sum(axis=1)
    assert np.sqrt(np.mean((flat - exact)[bulk] ** 2)) < 0.14
    # -log p(y) = -log p(x) + log abs(det dy/dx), and for y = exp(x) that is the sum of x.
    back = curved - x.sum(axis=1)
    assert np.sqrt(np.mean((back - flat)[bulk] ** 2)) < 0.2
    orders = [rankdata(values[bulk]) for values in (flat, back, curved)]
    assert np.corrcoef(orders[0], orders[1])[0, 1] > 0.95
    assert np.corrcoef(orders[0], orders[2])[0, 1] < 0.85


def test_a_density_of_all_principal_components_is_that_of_the_features() -> None:
    """A rotation has no Jacobian; in fewer components, what lies outside of them does not count."""
    x = rows(2000) @ np.float32([[2.0, 1.0], [0.0, 0.5]])
    options = {**QUICK, "steps": 150, "batch_size": 256, "learning_rate": 1e-2}
    plain = make_score("flow", **options).fit(x)
    turned = make_score("flow", components=2, **options).fit(x)
    # Both learn a Gaussian, each to about sqrt(parameters / rows).
    assert np.abs(plain.score(x) - turned.score(x)).mean() < 0.1
    flat = make_score("flow", components=1, **options).fit(x)
    outside = np.linalg.svd(x - x.mean(axis=0))[2][1]
    np.testing.assert_allclose(flat.score(x[:20] + 5.0 * outside), flat.score(x[:20]), atol=0.02)


def test_far_outliers_have_finite_and_rising_scores() -> None:
    score = make_score("flow", **{**QUICK, "steps": 100}).fit(rows())
    far = np.array([[2.0, 0.0], [10.0, 0.0], [100.0, 0.0], [1e30, 0.0]], dtype=np.float32)
    for name in ("scaled", "typicality"):
        found = score.score(far, name=name)
        assert np.isfinite(found).all()
        assert (np.diff(found) > 0.0).all()


def test_typicality_is_high_on_both_sides() -> None:
    """In 30 dimensions the middle of a Gaussian is where no event is, although p is highest."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(2000, 30)).astype(np.float32)
    score = make_score("flow", **{**QUICK, "steps": 200}).fit(x)
    middle = np.zeros((1, 30), dtype=np.float32)
    assert score.score(middle)[0] < score.score(x).min()
    typical = score.score(x, name="typicality")
    assert score.score(middle, name="typicality")[0] > np.quantile(typical, 0.99)


@pytest.mark.parametrize("density", DENSITIES)
def test_every_density_serves_and_is_kept(density: str, tmp_path: Path) -> None:
    x = rows()
    score = make_score("flow", density=density, members=2, **QUICK).fit(x)
    score.save(tmp_path / "model")
    again = load_score(tmp_path / "model")
    for name in score.score_names:
        np.testing.assert_array_equal(again.score(x, name=name), score.score(x, name=name))
    assert not np.allclose(*score.member_scores(x))


def saved(folder: Path) -> Score:
    score = make_score("flow", **QUICK).fit(rows())
    score.save(folder)
    return score


def test_a_damaged_density_is_refused(tmp_path: Path) -> None:
    saved(tmp_path / "model")
    file = tmp_path / "model" / "density" / "arrays.safetensors"
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(InputError, match="damaged"):
        load_score(tmp_path / "model")


@pytest.mark.parametrize(
    ("options", "features"),
    [({"density": "spline"}, 2), ({"members": 2}, 2), ({}, 3)],
    ids=["another density", "other members", "other features"],
)
def test_a_density_of_another_score_is_refused(
    tmp_path: Path, options: dict[str, object], features: int
) -> None:
    saved(tmp_path / "model")
    x = np.random.default_rng(5).normal(size=(400, features)).astype(np.float32)
    make_score("flow", **{**QUICK, **options}).fit(x).save(tmp_path / "other")
    for file in (tmp_path / "other" / "density").iterdir():
        (tmp_path / "model" / "density" / file.name).write_bytes(file.read_bytes())
    with pytest.raises(InputError, match="damaged"):
        load_score(tmp_path / "model")


def test_options_that_do_not_fit_are_damage(tmp_path: Path) -> None:
    saved(tmp_path / "model")
    path = tmp_path / "model" / "checkpoint.json"
    index = json.loads(path.read_text())
    index["metadata"]["options"]["members"] = 3
    path.write_text(json.dumps(index))
    with pytest.raises(InputError, match="damaged"):
        load_score(tmp_path / "model")


def test_what_has_no_density_is_refused() -> None:
    x = rows()
    x[:, 1] = 2.5
    with pytest.raises(DataError, match=r"Feature 1 has the one value 2\.5"):
        make_score("flow", **QUICK).fit(x)
    with pytest.raises(ConfigError, match="validation"):
        make_score("flow", validation=0.0)
    with pytest.raises(ConfigError, match="Pixels have no density"):
        make_score("flow", layout="image")
    with pytest.raises(DataError, match="'components' is 3, but there are 2 inputs"):
        make_score("flow", components=3, **QUICK).fit(x)
    with pytest.raises(ConfigError, match="density"):
        make_score("flow", density="parzen")
