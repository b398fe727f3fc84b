"""Sentences about scores without labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from bycatch.anomaly.judge import Spread
from bycatch.evaluate.operating import rejection
from bycatch.evaluate.roc import roc
from bycatch.report.score_words import Pair, bias_sentence, rejection_text

NO_SPREAD = Spread((0.0, 0.0))


@dataclass
class Fake:
    """What a sentence needs of one direction."""

    auc: float
    auc_error: float = 0.01
    auc_spread: Spread = NO_SPREAD
    method: str = "autoencoder"
    score: str = "reconstruction"
    signal: str = "top"
    supervised: bool = False


@pytest.mark.parametrize(
    ("direct", "inverse", "sentence"),
    [
        (0.9, 0.6, None),
        (0.84, 0.24, "biased for 'top': even trained on 'top' it rates background as the more"),
        (0.2, 0.8, "biased for 'top': even trained on background it rates 'top' as the more"),
        (0.84, 0.49, "may be biased for 'top': trained on 'top' it cannot be told from a coin"),
        (0.3, 0.3, "prefers what it was trained on in neither direction"),
    ],
)
def test_bias_is_said(direct, inverse, sentence):
    found = bias_sentence(Pair(Fake(direct), Fake(inverse)))
    if sentence is None:
        assert found is None
    else:
        assert sentence in found
        assert f"AUC {direct:.3f}" in found


def test_the_spread_of_the_training_counts():
    spread = Spread((0.1, 0.5))
    assert "may be biased" in bias_sentence(Pair(Fake(0.9), Fake(0.3, auc_spread=spread)))


def test_a_rejection_without_background_is_a_limit():
    curve = roc(np.repeat([0.0, 1.0], 100), np.repeat([0, 1], 100))
    text = rejection_text(rejection(curve, 0.2), Spread((np.inf,)))
    assert text == "above 55"  # 1 / (1 - 0.15865 ** (1 / 101))
    curve = roc(np.arange(200.0), np.tile([0, 1], 100))
    assert rejection_text(rejection(curve, 0.3), Spread((3.0, 3.5))).count("±") == 2
