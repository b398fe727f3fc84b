"""CATHODE and ANODE against closed forms: normal features whose mean is linear in log m."""

import numpy as np
import pytest
from scipy import stats

from bycatch.template import Region, SidebandDensity, get_template

SPAN = (1.0, 4.0)
WINDOWS = ((1.3, 1.6), (1.8, 2.2), (2.5, 3.0))
MEAN, SLOPE = np.array([1.0, -20.0]), np.array([1.5, 20.0])
COVARIANCE = np.array([[0.25, 1.0], [1.0, 16.0]])
SPREAD = np.sqrt(np.diag(COVARIANCE))
NORMAL = stats.multivariate_normal([0.0, 0.0], COVARIANCE)
DENSITIES = {
    "matching": {"hidden": (32, 32), "steps": 800, "rounds": 5, "batch_size": 500},
    "maf": {"hidden": (16, 16), "transforms": 3, "steps": 400, "rounds": 5, "batch_size": 500},
}
MODEL_ERROR = 0.05
"""What a training that is this short may add to the statistical error, in standard deviations."""


def region(window):
    """Return a window whose training sidebands, which no density cares for, end with the span."""
    return Region(window, ((SPAN[0], window[0]), (window[1], SPAN[1])), SPAN)


def mean_at(mass):
    return MEAN + SLOPE * np.log(np.asarray(mass))[..., None]


def inside(mass, window):
    return (mass >= window[0]) & (mass < window[1])


def sample(n, seed, window, share, offset, width):
    """Return masses, features and truth; the window holds `share` signal events per background one.

    The signal lies `offset` standard deviations off the background's mean in the window's middle.
    """
    rng = np.random.default_rng(seed)
    mass = np.exp(rng.uniform(*np.log(SPAN), n))
    X = mean_at(mass) + rng.multivariate_normal([0.0, 0.0], COVARIANCE, n)
    k = round(share * np.count_nonzero(inside(mass, window)))
    centre = mean_at(np.mean(window)) + SPREAD * offset
    signal = centre + width * SPREAD * rng.normal(size=(k, 2))
    mass = np.r_[mass, rng.uniform(*window, k)]
    return mass, np.r_[X, signal].astype(np.float32), np.arange(n + k) >= n


def moments(mean, covariance):
    """Return means, widths (logarithms) and correlation (Fisher's z) in units of their errors.

    The errors of n events are about 1 / sqrt(n) each, or less.
    """
    width = np.sqrt(np.diag(covariance))
    correlation = covariance[0, 1] / width.prod()
    return np.r_[mean / SPREAD, np.log(width), np.arctanh(correlation)]


def interpolation_variance(mass, window):
    """Return the variance of a parabola in log m that is fitted outside, averaged over the window.

    In units of the variance of what it is fitted to.
    """
    within = inside(mass, window)
    powers = np.log(mass)[:, None] ** np.arange(3)
    centre, outside = powers[within].mean(axis=0), powers[~within]
    return centre @ np.linalg.solve(outside.T @ outside, centre)


def check_background(made, mass, X, window):
    """Hold the moments of a template against those of the window's background, and see its power.

    The statistical error is taken four times: of the interpolation, and of the template's events.
    """
    within = inside(mass, window)
    u = np.log(mass[within])
    expected = moments(MEAN + SLOPE * u.mean(), COVARIANCE + np.outer(SLOPE, SLOPE) * u.var())
    template = made.X[made.y == 0].astype(float)
    found = moments(template.mean(axis=0), np.cov(template.T))
    variance = interpolation_variance(mass, window) + 1 / len(template)
    error = 4 * np.sqrt(variance) + MODEL_ERROR
    np.testing.assert_array_less(np.abs(found - expected), error)
    # A template that learns the window's signal, or the sidebands without the mass, would fail.
    signal = moments(X[within].astype(float).mean(axis=0), np.cov(X[within].T.astype(float)))
    assert (np.abs(signal - expected)[:2] > 2 * error).all()
    outside = ~within
    sidebands = moments(X[outside].astype(float).mean(axis=0), np.cov(X[outside].T.astype(float)))
    assert (np.abs(sidebands - expected) > 2 * error).any()


@pytest.mark.parametrize("name", DENSITIES)
def test_cathode_samples_the_windows_background_without_its_signal(name):
    window = WINDOWS[0]
    mass, X, _ = sample(12_000, 1, window, 0.4, (1.5, -1.5), 0.3)
    template = get_template("cathode", density=name, density_options=DENSITIES[name], shared=False)
    made = template.training_set(mass, X, np.ones(mass.size), region(window), seed=1)
    check_background(made, mass, X, window)


@pytest.mark.parametrize("window", WINDOWS)
def test_a_shared_head_samples_its_windows_background_without_its_signal(window):
    """The heads of the other windows see the signal, and the trunk that all share does."""
    mass, X, _ = sample(12_000, 2, window, 0.4, (1.5, -1.5), 0.3)
    weight = np.ones(mass.size)
    shared = SidebandDensity.fit(
        mass, X, weight, WINDOWS, SPAN, options=DENSITIES["matching"], seed=1
    )
    template = get_template("cathode", background=shared)
    made = template.training_set(mass, X, weight, region(window), seed=1)
    check_background(made, mass, X, window)


def log_ratio(X, mass, share, centre, width):
    """Return log p(x | window) - log p(x | background) in closed form.

    Parameters
    ----------
    mass : ndarray
        Of the window's events.
    share : float
        Part of the window's events that is signal.
    """
    below = marginal(X, mass)
    signal = stats.multivariate_normal(centre, np.diag((width * SPREAD) ** 2)).pdf(X)
    return np.log(1.0 - share + share * signal / below)


def marginal(X, mass, n=300):
    """Return the mean density of the background over masses, at n evenly spread quantiles."""
    masses = np.quantile(mass, (np.arange(n) + 0.5) / n)
    return np.mean([NORMAL.pdf(X - mean_at(m)) for m in masses], axis=0)


def test_anode_against_the_ratio_in_closed_form():
    """A density with p parameters, learned from n events, errs by about sqrt(p / n) in log p.

    That is the root mean square over events, for many events and a density that the model can hold:
    the signal is as wide as a training this short can follow. On average log p is too low by
    p / (2 n). Both are taken for both densities, with all of their parameters.
    """
    window, offset, width, share = WINDOWS[0], np.array([1.0, 1.0]), 0.7, 0.7
    mass, X, is_signal = sample(100_000, 3, window, share, offset, width)
    options = {"hidden": (24, 24), "steps": 1200, "rounds": 5, "batch_size": 1000}
    anode = get_template("anode", density_options=options, window_options=options, oversample=0.1)
    made = anode.training_set(mass, X, np.ones(mass.size), region(window), seed=1)
    ratio = anode.classifier(1)
    validate = (np.arange(made.y.size) % 5 == 0)[None]
    ratio.fit(made.X, made.y, made.weight, train=~validate, validate=validate, seed=1)

    within = inside(mass, window)
    parameters = [
        sum(value[0].numel() for value in density.parameters_.values())
        for density in (ratio.background._density, ratio.inside)
    ]
    events = [0.85 * np.count_nonzero(~within), 0.8 * np.count_nonzero(within)]
    variance = sum(p / n for p, n in zip(parameters, events, strict=True))

    m, x, _ = sample(20_000, 4, window, share, offset, width)
    x = x[inside(m, window)]
    x = x[~ratio.outside(x)]
    centre = mean_at(np.mean(window)) + SPREAD * offset
    expected = log_ratio(x, mass[within], is_signal[within].mean(), centre, width)
    difference = ratio.log_ratio(x)[0] - expected
    assert rms(difference) < np.sqrt(variance)
    error = 5 * difference.std() / np.sqrt(difference.size)
    assert abs(difference.mean()) < 0.5 * variance + error
    # No ratio at all, or one to the sidebands' density without the mass, would be further off.
    assert rms(expected) > 2 * np.sqrt(variance)
    without = np.log(marginal(x, mass[~within]) / marginal(x, mass[within]))
    assert rms(without) > 2 * np.sqrt(variance)


def rms(values):
    return np.sqrt(np.mean(values**2))
