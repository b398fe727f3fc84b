"""An autoencoder of jets follows their mass, and stops to do so at a price (arXiv:1808.08979)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from bycatch.evaluate import roc
from bycatch.events import read
from bycatch.learn.decorrelation import distance_correlation
from bycatch.represent import represent
from bycatch.score import make_score

DATA = Path(__file__).parents[1] / "data"


def test_distance_correlation_with_the_mass_falls_and_tops_are_still_found():
    qcd, top = (read(DATA / f"{name}_jets.parquet") for name in ("qcd", "top"))
    images, signal = (
        represent("images", events, size=20, power=0.5, smear=1.0).values for events in (qcd, top)
    )
    mass = np.asarray(qcd["jet_mass"])
    half = len(mass) // 2
    label = np.repeat([0, 1], [len(mass) - half, len(signal)])
    dependence, area = [], []
    for strength in (0.0, 1.0):
        score = make_score(
            "adversarial_autoencoder",
            decorrelate="disco",
            strength=strength,
            layout="image",
            hidden=(64,),
            steps=600,
            rounds=3,
            learning_rate=3e-3,
            batch_size=128,
        ).fit(images[:half], protected=mass[:half])
        found = score.score(images[half:])
        pair = (torch.from_numpy(np.asarray(v, float))[None] for v in (np.log(found), mass[half:]))
        dependence.append(float(distance_correlation(*pair)))
        area.append(roc(np.concatenate([found, score.score(signal)]), label).auc)
    # 125 jets to learn from, 125 to test: independent rows would have 0.02 on average.
    assert dependence[0] > 0.4
    assert dependence[1] < 0.5 * dependence[0]
    # The error of an area of 0.9 from 125 and 250 jets is 0.02.
    assert 0.8 < area[1] < area[0]
