"""Supervised taggers find top quarks among the 2,000 jets of the public sample."""

from __future__ import annotations

import numpy as np
import pytest

from bycatch.evaluate import roc
from bycatch.learn import TAGGERS, make_tagger
from bycatch.represent.constituents import constituent_features
from bycatch.represent.images import jet_images

# Small networks, few steps and 1,200 jets to learn from; beside them the AUC that they reach, and
# from which 600 jets to test may lie three of their standard errors away.
SETTINGS = {
    "cnn": ({"channels": (8, 8, 16), "steps": 80, "rounds": 4, "batch_size": 64}, 0.955),
    "deep_sets": (
        {"per_constituent": (32, 32), "per_jet": (32,), "steps": 300, "rounds": 6},
        0.93,
    ),
    "transformer": (
        {
            "width": 16,
            "heads": 2,
            "blocks": 1,
            "hidden": 32,
            "steps": 150,
            "batch_size": 64,
            "rounds": 5,
        },
        0.925,
    ),
    "mlp": ({"hidden": (32, 32), "steps": 300, "rounds": 10}, 0.97),
}


@pytest.fixture(scope="module")
def jets(shared_data):
    path = shared_data / "jets" / "top_landscape_2k.npz"
    with np.load(path, allow_pickle=False) as stored:
        return stored["constituents"], stored["mask"], stored["label"].astype(np.int8)


def represented(name, constituents, mask):
    if name == "cnn":
        return jet_images(constituents, mask).pixels, None
    if name == "mlp":
        pytest.importorskip("fastjet", reason="N-subjettiness needs bycatch[simulate]")
        from bycatch.represent.substructure import subjettiness_basis

        return subjettiness_basis(constituents, mask, n_bodies=4, jet=True).values, None
    made = constituent_features(constituents, mask, n_max=40)
    return made.values, made.mask


@pytest.mark.parametrize("name", TAGGERS)
def test_tops_against_qcd(jets, name):
    constituents, present, label = jets
    options, expected = SETTINGS[name]
    X, mask = represented(name, constituents, present)
    part = np.random.default_rng(1).permutation(len(label)) % 10
    masks = {"train": part[None] < 6, "validate": (part[None] >= 6) & (part[None] < 7)}
    tagger = make_tagger(name, 1, **options).fit(X, label, None, mask, **masks, seed=1)
    test = part >= 7
    p = tagger.predict(X[test], None if mask is None else mask[test])[0]
    curve = roc(p, label[test])
    assert curve.auc > expected - 3.0 * curve.auc_error
    # And it is a probability: of all that it calls signal with p, about p are.
    sure = np.abs(p - 0.5) > 0.3
    right = (p[sure] > 0.5) == (label[test][sure] == 1)
    claimed = np.abs(p[sure] - 0.5) + 0.5
    spread = np.sqrt(float((claimed * (1.0 - claimed)).sum())) / sure.sum()
    assert abs(right.mean() - claimed.mean()) < 4.0 * spread + 0.03


def test_number_of_constituents_alone_is_much_worse(jets):
    """What the networks must beat; it is what a broken representation would leave."""
    _, present, label = jets
    curve = roc(present.sum(axis=1), label)
    assert curve.auc < 0.70 + 4.0 * curve.auc_error
