"""One look: spectrum, fit, excess, correction."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from bycatch.errors import FitError
from bycatch.search.looks import fit_look
from bycatch.search.sample import Sample
from bycatch.search.spectra import LookKey, SelectedSpectrum, spectrum_of
from bycatch.search.validation.correction import Correction, CorrectionEntry
from bycatch.statistics.plan import BackgroundPlan

EDGES = np.arange(2700.0, 6600.0, 100.0)
KEY = LookKey("cwola-trees", (3300.0, 3700.0), 0.1)
PLAN = BackgroundPlan(family="dijet", order="auto")


def counts(seed=1, excess=0.0):
    x = (EDGES[:-1] + 50) / 13000
    rate = (1 - x) ** 10 / x**5
    rate *= 4000 / rate.sum()
    inside = (EDGES[:-1] >= 3300) & (EDGES[:-1] < 3700)
    rate = rate + excess * inside / inside.sum()
    return np.random.default_rng(seed).poisson(rate).astype(float), rate


def selected(values, scale=1.0):
    return SelectedSpectrum(KEY, values * scale, np.abs(values) * scale**2, 0.1, 0.001)


def test_excess_is_found_and_background_predicted():
    values, _ = counts(excess=300.0)
    look = fit_look(selected(values), PLAN.on(EDGES), None, 1).look
    _, smooth = counts()
    inside = (EDGES[:-1] >= 3300) & (EDGES[:-1] < 3700)
    assert look.status == "ok"
    assert abs(look.background - smooth[inside].sum()) < 4 * look.background_error
    assert look.local_z > 5
    assert look.local_p == pytest.approx(norm.sf(look.local_z))
    assert look.n_window == values[inside].sum()


def test_weights_scale_counts_and_not_significance():
    """Events of weight 3 are three times the yield, and the same evidence."""
    values, _ = counts(excess=100.0)
    one = fit_look(selected(values), PLAN.on(EDGES), None, 1)
    three = fit_look(selected(values, 3.0), PLAN.on(EDGES), None, 1)
    assert three.r == pytest.approx(one.r, abs=1e-9)
    assert three.look.background == pytest.approx(3 * one.look.background)
    assert three.look.background_error == pytest.approx(3 * one.look.background_error)
    np.testing.assert_allclose(three.spectrum.fit, 3 * np.array(one.spectrum.fit), rtol=1e-9)


def test_correction_divides_the_spread_out():
    values, _ = counts(excess=150.0)
    plain = fit_look(selected(values), PLAN.on(EDGES), None, 1)
    entry = CorrectionEntry(
        method=KEY.method, working_point=0.1, mean=0.1, mean_error=0.02, sd=1.25, sd_error=0.02,
        n=2000, r_mean=0.1, r_sd=1.25, toy_mean=0.0, toy_sd=1.0,
    )  # fmt: skip
    corrected = fit_look(selected(values), PLAN.on(EDGES), Correction((entry,), 0.01), 1)
    assert corrected.look.uncorrected_p == plain.look.local_p
    assert corrected.look.local_z == pytest.approx((plain.look.local_z - 0.1) / 1.25)
    assert corrected.corrected_r == pytest.approx((plain.r - 0.1) / 1.25)
    assert corrected.look.dispersion == pytest.approx(1.25)


def test_failed_fit_is_a_sentence_and_no_number():
    empty = fit_look(selected(np.zeros(EDGES.size - 1)), PLAN.on(EDGES), None, 1)
    assert empty.look.local_p is None
    assert empty.look.background is None
    assert len(empty.look.status) > 10
    assert np.isnan(empty.r)
    inside = (EDGES[:-1] >= 3300) & (EDGES[:-1] < 3700)
    negative, _ = counts()
    negative[inside] = -5.0
    look = fit_look(selected(negative), PLAN.on(EDGES), None, 1).look
    assert look.local_p is None
    assert "negative" in look.status


def test_negative_bins_of_signed_weights_are_merged():
    values, _ = counts()
    values[-3] = -1.0
    fitted = fit_look(selected(values), PLAN.on(EDGES), None, 1)
    assert fitted.look.status == "ok"
    assert len(fitted.spectrum.counts) < EDGES.size - 1
    assert sum(fitted.spectrum.counts) == values.sum()
    assert min(fitted.spectrum.counts) >= 0
    clean = values.copy()
    clean[-3] = 0.0
    whole = fit_look(selected(clean), PLAN.on(EDGES), None, 1)
    assert fitted.r == pytest.approx(whole.r, abs=0.1)


def test_spectrum_keeps_weights_and_their_squares():
    rng = np.random.default_rng(5)
    mass, weight = rng.uniform(2700, 6500, 500), rng.uniform(-0.5, 2.0, 500)
    sample = Sample(mass, np.zeros((500, 1), np.float32), weight, None, ("x",))
    kept = rng.random(500) < 0.5
    spectrum = spectrum_of(sample, kept, EDGES, KEY)
    assert spectrum.counts.sum() == pytest.approx(weight[kept].sum())
    assert spectrum.variances.sum() == pytest.approx((weight[kept] ** 2).sum())
    assert spectrum.scale == pytest.approx(weight[kept].sum() / (weight[kept] ** 2).sum())


def test_unknown_goodness_does_not_end_the_search(monkeypatch):
    """Where too few toys of a sparse spectrum can be fitted, the look keeps its excess."""

    def refuse(*_, **__):
        message = "Only 10 of 300 toys could be fitted."
        raise FitError(message)

    monkeypatch.setattr("bycatch.search.looks.goodness_of_fit", refuse)
    values, _ = counts(excess=100.0)
    look = fit_look(selected(values), PLAN.on(EDGES), None, 1).look
    assert look.goodness_of_fit is None
    assert look.local_p is not None
    assert look.status == "ok"
