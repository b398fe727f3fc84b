"""The cocktail: what it needs, its mixture and its optimum."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bycatch.errors import ConfigError, DataError, InputError
from bycatch.score import load_score, make_score

NETWORK = {"hidden": [16], "min_epochs": 3, "max_epochs": 8, "batch_size": 256}


def toy(n: int = 3000, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Background around the origin; signals 1 and 2 to the right, 3 on the other side."""
    rng = np.random.default_rng(seed)
    label = np.repeat([0, 1, 2, 3], [n, n // 4, n // 6, n // 8])
    centre = np.array([[0.0, 0.0], [2.5, 0.0], [2.5, 1.0], [-2.5, 0.0]])[label]
    return (centre + rng.normal(size=centre.shape)).astype(np.float32), label


def test_without_labels_it_refuses() -> None:
    x, label = toy(200)
    score = make_score("cocktail")
    with pytest.raises(DataError, match="learns from labels"):
        score.fit(x)
    for bad, match in (
        (label[:-1], "shape"),
        (label - 1, "background is 0"),
        (label.astype(float), "whole numbers"),
        (np.zeros_like(label), "0 signal rows"),
    ):
        with pytest.raises(DataError, match=match):
            score.fit(x, label=bad)


def test_it_approaches_the_likelihood_ratio_of_its_mixture() -> None:
    x, label = toy(3000)
    two = label < 2
    options = {**NETWORK, "max_epochs": 20, "batch_size": 128}
    score = make_score("cocktail", classifier="network", options=options)
    score.fit(x[two], label=label[two])
    points = np.array([[0.0, 0.0], [1.25, 0.5], [2.0, -1.0]])
    # log p1/p0 of two unit Gaussians at distance 2.5.
    exact = 2.5 * points[:, 0] - 0.5 * 2.5**2
    found = score.score(points.astype(np.float32))
    np.testing.assert_allclose(found, exact, atol=0.5)
    p = score.score(points.astype(np.float32), name="probability")
    np.testing.assert_allclose(p, 1.0 / (1.0 + np.exp(-found)), rtol=1e-4)


def test_the_mixture_is_equal_unless_told_otherwise() -> None:
    x, label = toy()
    weight = np.where(label == 3, 1e-3, 1.0)
    test_x, test_label = toy(seed=2)
    third = (test_label == 0) | (test_label == 3)
    found = {}
    for mixture in ("equal", "weights", (1.0, 1.0, 1e-3), (0.1, 0.1, 10.0)):
        score = make_score("cocktail", mixture=mixture).fit(x, weight, label=label)
        found[mixture] = roc_auc_score(test_label[third] == 3, score.score(test_x[third]))
    # With a share of a thousandth the third signal lies on the side of background.
    assert found["equal"] > 0.85
    assert found["weights"] < 0.6
    assert found[1.0, 1.0, 1e-3] < 0.6
    assert found[0.1, 0.1, 10.0] > found["equal"]


def test_trees_are_kept_and_wrong_folders_refused(tmp_path: Path) -> None:
    x, label = toy(400)
    score = make_score("cocktail", members=2, options={"max_trees": 10}).fit(x, label=label)
    score.save(tmp_path / "model")
    again = load_score(tmp_path / "model")
    np.testing.assert_array_equal(again.score(x), score.score(x))
    assert again.signals_ == (1, 2, 3)
    other = make_score("cocktail", classifier="network", members=2, options=NETWORK)
    other.fit(x, label=label).save(tmp_path / "other")
    for file in (tmp_path / "model" / "classifier").iterdir():
        file.unlink()
    for file in (tmp_path / "other" / "classifier").iterdir():
        (tmp_path / "model" / "classifier" / file.name).write_bytes(file.read_bytes())
    with pytest.raises(InputError, match="damaged"):
        load_score(tmp_path / "model")


def test_options_are_refused() -> None:
    x, label = toy(200)
    with pytest.raises(ConfigError, match="mixture"):
        make_score("cocktail", mixture="cross sections")
    with pytest.raises(ConfigError, match="positive"):
        make_score("cocktail", mixture=(1.0, -1.0, 1.0))
    with pytest.raises(ConfigError, match="no option 'leafs'"):
        make_score("cocktail", options={"leafs": 3})
    with pytest.raises(ConfigError, match="validation"):
        make_score("cocktail", validation=0.0)
    with pytest.raises(DataError, match="2 shares"):
        make_score("cocktail", mixture=(1.0, 1.0)).fit(x, label=label)
    with pytest.raises(DataError, match="signal 2 have a sum of weights of 0"):
        make_score("cocktail").fit(x, np.where(label == 2, 0.0, 1.0), label=label)
