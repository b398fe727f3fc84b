"""What CATHODE and ANODE promise, on simulated di-jets with features that follow the mass.

CATHODE's template is interpolated in the mass, so that features which follow it fake nothing and
cost little (arXiv:2109.00546 section V; CWoLa falls from a maximum significance improvement of 10.8
to 1.0 there). ANODE finds the same signal with two densities, less well (arXiv:2001.04990).
"""

from __future__ import annotations

import numpy as np
import pytest

from bycatch.evaluate import max_sic, roc
from bycatch.events import Events, derive
from bycatch.events.demo import BACKGROUND, SIGNAL
from bycatch.search.plan import MethodPlan
from bycatch.search.sample import Sample
from bycatch.search.scored import score_window
from bycatch.search.selection import select
from bycatch.statistics.region import Region

REGION = Region((3300.0, 3700.0), ((2900.0, 3300.0), (3700.0, 4100.0)))
FEATURES = {
    "m_light": "jL_mass / 1000",
    "delta_m": "(jH_mass - jL_mass) / 1000",
    "tau21_light": "jL_tau2 / (jL_tau1 + 1e-5)",
    "tau21_heavy": "jH_tau2 / (jH_tau1 + 1e-5)",
}
FLOW = {"steps": 350, "batch_size": 512}
CWOLA = MethodPlan(template="cwola", classifier="trees")
CATHODE = MethodPlan(
    template="cathode",
    classifier="trees",
    density="spline",
    density_options=FLOW,
)
ANODE = MethodPlan(
    template="anode",
    density="spline",
    density_options={"steps": 500, "batch_size": 512},
    window_options={"steps": 300, "batch_size": 512},
)
POINT = 0.1


def sample_of(shift: float, n_signal: int = 200) -> Sample:
    """30,000 background events in 2700 to 5000 GeV and the signal, masses of jets shifted."""
    expressions = {"mjj": "mjj", **FEATURES}
    rng = np.random.default_rng(11)
    parts = []
    for path, label, n in ((BACKGROUND, 0, 30_000), (SIGNAL, 1, n_signal)):
        found = derive(str(path), expressions)
        usable = np.flatnonzero((found["mjj"] >= 2700) & (found["mjj"] < 5000))
        chosen = rng.choice(usable, n, replace=False)
        columns = {name: values[chosen] for name, values in found.items()}
        parts.append(Events(columns, label=np.full(n, label)))
    events = Events.concatenate(parts)
    mass = np.asarray(events["mjj"], dtype=np.float64)
    X = events.matrix(list(FEATURES))
    X[:, :2] += shift * mass[:, None] / 1000
    return Sample(mass, X, events.weight, events.label, tuple(FEATURES))


def measured(
    method: MethodPlan, sample: Sample, folds: int = 3
) -> tuple[float, float, float, float]:
    """Return max SIC, its error, and the template's bias at 10 % in the window with its error."""
    scored = score_window(sample, REGION, method, folds, 2, seed=1)
    inside = REGION.in_window(sample.mass)
    best = max_sic(roc(scored.score[inside], sample.label[inside]))
    chosen = select(scored, sample, REGION, None, (POINT,), seed=1)
    background = inside & (sample.label == 0)
    expected = float(chosen.efficiency[0]) * background.sum()
    observed = float((chosen.mask[0] & background).sum())
    relative = float(chosen.efficiency_error[0] / chosen.efficiency[0])
    error = np.hypot(np.sqrt(observed) / expected, observed / expected * relative)
    return best.value, best.error, observed / expected - 1.0, float(error)


@pytest.fixture(scope="module")
def results(once):
    return once("interpolated-templates", all_measured)


def all_measured():
    samples = {"plain": sample_of(0.0), "shift": sample_of(0.1)}
    methods = {"cwola": CWOLA, "cathode": CATHODE}
    return {
        f"{name} {variant}": measured(method, sample)
        for name, method in methods.items()
        for variant, sample in samples.items()
    }


def test_cathode_finds_the_signal_as_well_as_cwola(results):
    value, error, bias, bias_error = results["cathode plain"]
    assert value - error > 3.0  # no classifier: 1
    assert value > 0.9 * results["cwola plain"][0] - 3 * error
    # 350 steps leave a density of four features that is off by a few percent
    assert abs(bias) < 0.06 + 3 * bias_error


def test_features_that_follow_the_mass_spoil_cwola_and_not_cathode(results):
    sic, _, bias, bias_error = results["cathode shift"]
    fooled, fooled_error, wrong, wrong_error = results["cwola shift"]
    assert abs(bias) < 0.06 + 3 * bias_error
    assert wrong - 3 * wrong_error > 0.3
    assert fooled + 3 * fooled_error < results["cwola plain"][0]
    # all four are judged on the same events, so the ratios' errors are smaller than the values'
    assert fooled / results["cwola plain"][0] < 0.7 < sic / results["cathode plain"][0]


@pytest.mark.slow  # its density ratio is checked in validation/test_template_oracles.py
def test_anode_finds_the_signal_less_well():
    value, error, bias, bias_error = measured(ANODE, sample_of(0.0))
    assert value - 3 * error > 1.0
    assert abs(bias) < 0.06 + 3 * bias_error
