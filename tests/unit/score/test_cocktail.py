"""The cocktail: what it needs, its mixture, its optimum, and the transfer to unseen signals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bycatch.errors import ConfigError, DataError, InputError
from bycatch.score import load_score, make_score
from bycatch.score.transfer import transfer_matrix

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


def test_transfer_goes_to_what_is_alike_and_not_to_the_rest() -> None:
    x, label = toy()
    found = transfer_matrix(x, label, names=("right", "upper", "left"), repeats=2)
    assert found.signals == ("right", "upper", "left")
    assert found.trainings[0] == "all"
    assert len(found.auc) == len(found.trainings) == 7
    # 'upper' stands in for 'right'; nothing stands in for 'left', and its cocktail points away.
    assert found.left_out["right"][0] > 0.8
    assert found.left_out["left"][0] < 0.3
    assert found.row("all")["left"][0] > 0.85
    for name in found.signals:
        supervised, error = found.row(f"only {name}")[name]
        assert supervised > found.left_out[name][0] - 4.0 * error
    assert np.isfinite(found.auc_spread).all()
    assert found.n_background == 1500
    text = json.dumps(found.to_json(), allow_nan=False)
    assert json.loads(text)["trainings"][1] == "without right"


def test_transfer_never_tests_on_what_it_was_trained_on() -> None:
    """Noise that can be learned by heart is worth nothing on rows that no training saw."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(800, 4)).astype(np.float32)
    label = np.arange(800) % 3
    options = {"leaves": 100, "min_rows_per_leaf": 1, "max_trees": 60, "min_trees": 50}
    found = transfer_matrix(x, label, options=options)
    for areas, errors in zip(found.auc, found.auc_error, strict=True):
        assert (np.abs(np.array(areas) - 0.5) < 4.0 * np.array(errors)).all()


def test_one_signal_cannot_be_left_out() -> None:
    x, label = toy(200)
    with pytest.raises(DataError, match="1 signals"):
        transfer_matrix(x, np.minimum(label, 1))
    with pytest.raises(DataError, match="names"):
        transfer_matrix(x, label, names=("a", "b"))
    with pytest.raises(DataError, match="no training"):
        transfer_matrix(x, label, options={"max_trees": 10}).row("some")
