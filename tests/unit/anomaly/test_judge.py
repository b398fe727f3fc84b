"""Numbers of scores: directions, spreads, the false-positive rate that a sample supports."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bycatch.anomaly.judge import Spread, measure_all, supported_fpr
from bycatch.anomaly.plan import (
    InputPlan,
    MethodPlan,
    ReferencePlan,
    SamplePlan,
    ScorePlan,
)
from bycatch.anomaly.sample import Processes, StoredInputs
from bycatch.anomaly.train import Trained
from bycatch.anomaly.trainings import Training
from bycatch.tasks import plain

N = 400


def make(score, training, names=("one",)):
    process = np.repeat(np.array([0, 1, 2], dtype=np.int8), N)
    plan = ScorePlan(
        SamplePlan("background", ("b",)),
        (SamplePlan("x", ("x",)), SamplePlan("y", ("y",))),
        InputPlan("features"),
        (MethodPlan("pca", "pca", {}),),
        inverse=True,
        reference=ReferencePlan("trees", {}, 1, tagger=False, flat=False),
    )
    weight = np.ones(3 * N)
    row = np.arange(3 * N)
    fold = np.zeros(3 * N, dtype=np.int8)
    sample = Processes(process, weight, None, fold, row, StoredInputs("none"), (), ())
    rows = row if training.signal is None else row[process < 2]
    scores = np.asarray(score, dtype=float)[None, :, rows]
    return measure_all([Trained(training, names, rows, scores, {}, 9, 0.0, 0)], sample, plan)


def gaussians(shift, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=3 * N) + np.repeat([0.0, shift, 2 * shift], N)


def test_each_signal_is_measured_alone_and_members_apart():
    members = np.stack([gaussians(1.0, seed) for seed in range(3)])
    x, y = make(members, Training("pca"))
    assert (x.signal, y.signal) == ("x", "y")
    # Means of three have a third of the variance: Phi(sqrt(3 / 2) d).
    for item, d in ((x, 1.0), (y, 2.0)):
        expected = 0.5 * (1.0 + math.erf(math.sqrt(3.0 / 2.0) * d / math.sqrt(2.0)))
        assert item.auc == pytest.approx(expected, abs=4 * item.auc_error + 0.004)
    assert x.auc > max(x.auc_spread.values)
    assert x.auc_spread.deviation == pytest.approx(np.std(x.auc_spread.values, ddof=1))
    assert x.tpr.fpr == pytest.approx(10 / N)
    assert x.curve.n_background == x.curve.n_signal == N


def test_the_inverse_direction_looks_for_background():
    (item,) = make([gaussians(-1.0)], Training("pca", "inverse", "x"))
    assert item.direction == "inverse"
    assert item.auc == pytest.approx(0.76, abs=4 * item.auc_error)


def test_the_reference_is_turned_round_for_the_inverse_direction():
    direct, inverse = make([gaussians(1.0)], Training("supervised", signal="x"))
    assert (direct.direction, inverse.direction) == ("direct", "inverse")
    assert direct.supervised
    assert direct.auc == pytest.approx(inverse.auc, abs=1e-12)


def test_spreads():
    assert Spread((1.0,)).deviation is None
    assert Spread((1.0, math.inf)).deviation is None
    assert Spread((0.3, 0.3 + 1e-16)).deviation == 0.0
    assert Spread((1.0, 3.0)).deviation == pytest.approx(math.sqrt(2.0))


def test_the_rate_that_a_sample_supports():
    assert supported_fpr(1e8) == 1e-5
    assert supported_fpr(1000.0) == pytest.approx(0.01)
    assert supported_fpr(0.0) == 0.5


def test_json_has_no_infinities():
    perfect = np.repeat([0.0, 1.0, 1.0], N)
    item = make([perfect], Training("pca"))[0]
    found = plain(item)
    assert found["rejection"][0]["value"] is None
    assert found["rejection"][0]["interval"][0] > 100
    assert found["auc"] == 1.0
