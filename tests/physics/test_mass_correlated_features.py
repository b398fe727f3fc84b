"""CWoLa's published failure must be seen: features that follow the mass fake a bump.

10 % of the di-jet mass added to the jet masses takes CWoLa's max SIC from 10.8 to 1.0
(arXiv:2109.00546). The search must say so, on signal-free simulated events, and must not cry wolf
on the same events without the shift.
"""

from __future__ import annotations

import numpy as np
import pytest

from bycatch.events import derive
from bycatch.events.demo import BACKGROUND
from bycatch.search.closure import closure_check, sculpting_check
from bycatch.search.looks import fit_look
from bycatch.search.plan import MethodPlan
from bycatch.search.sample import Sample
from bycatch.search.scored import score_window
from bycatch.search.selection import select
from bycatch.search.spectra import LookKey, spectrum_of
from bycatch.search.template_estimate import with_templates
from bycatch.statistics.plan import BackgroundPlan
from bycatch.statistics.region import Region

EDGES = np.arange(2700.0, 6600.0, 100.0)
TESTED = Region((3300.0, 3700.0), ((2880.0, 3300.0), (3700.0, 4120.0)))
APART = Region((2900.0, 3300.0), ((2700.0, 2900.0), (3700.0, 4072.0)))
METHOD = MethodPlan(template="cwola", classifier="trees")


@pytest.fixture(scope="module")
def columns():
    expressions = {
        "mass": "mjj",
        "m_light": "jL_mass / 1000",
        "delta_m": "(jH_mass - jL_mass) / 1000",
        "tau21_light": "jL_tau2 / (jL_tau1 + 1e-5)",
        "tau21_heavy": "jH_tau2 / (jH_tau1 + 1e-5)",
    }
    found = derive(str(BACKGROUND), expressions)
    chosen = np.random.default_rng(1).choice(len(found["mass"]), 50_000, replace=False)
    return {name: column[chosen] for name, column in found.items()}


def sample_of(columns, shift):
    mass = columns["mass"]
    features = np.stack([columns[name] for name in columns if name != "mass"], axis=1)
    features[:, :2] += shift * mass[:, None] / 1000
    names = tuple(name for name in columns if name != "mass")
    return Sample(mass, features.astype(np.float32), np.ones(len(mass)), None, names)


def checks(sample):
    """Return the sculpting and the closure check of the tested window at 10 %."""
    whole, _ = np.histogram(sample.mass, EDGES)
    inside = (EDGES[:-1] >= 3300) & (EDGES[:-1] < 3700)
    scored = [score_window(sample, region, METHOD, 5, 1, seed=1) for region in (TESTED, APART)]
    found = [
        select(item, sample, region, None, (0.1,), seed=1)
        for item, region in zip(scored, (TESTED, APART), strict=True)
    ]
    key = LookKey(METHOD.name, TESTED.window, 0.1)
    spectrum = spectrum_of(sample, found[0].mask[0], EDGES, key, (0.1, 0.001))
    fitted = fit_look(spectrum, BackgroundPlan().on(EDGES), None, 1)
    tasks = [(METHOD, TESTED), (METHOD, APART)]
    (fitted,) = with_templates([fitted], sample, tasks, scored, found)
    sculpting = sculpting_check(spectrum, whole.astype(float), inside, 1)
    return sculpting, closure_check(fitted.look)


def test_honest_features_pass(columns):
    sculpting, closure = checks(sample_of(columns, 0.0))
    assert sculpting.passed, sculpting.message
    assert closure.passed, closure.message


def test_shifted_masses_are_called_out(columns):
    sculpting, closure = checks(sample_of(columns, 0.1))
    assert not sculpting.passed, sculpting.message
    assert not closure.passed, closure.message
    assert "features that follow the resonance" in closure.message
    assert closure.values["delta_sys"] > 0.3
