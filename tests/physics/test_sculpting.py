"""Features that follow the mass sculpt the selected sidebands; honest features do not.

Imitates the published stress test (arXiv:2109.00546), where 10 % of the di-jet mass is added to the
jet masses, on signal-free events.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from bycatch.search.plan import MethodPlan
from bycatch.search.sample import Sample
from bycatch.search.scored import score_window
from bycatch.search.selection import select
from bycatch.statistics.region import Region

REGION = Region((3300.0, 3700.0), ((2900.0, 3300.0), (3700.0, 4100.0)))
N = 20_000


def signal_free(shift: float, seed: int) -> Sample:
    """Falling spectrum; jet masses of 100 GeV scale, moved by `shift` times the di-jet mass."""
    rng = np.random.default_rng(seed)
    mass = 2700.0 + rng.exponential(600.0, N)
    jets = rng.gamma(2.0, 0.08, size=(N, 2)) + shift * mass[:, None] / 1000.0
    return Sample(mass, jets.astype(np.float32), np.ones(N), None, ("m_light", "delta_m"))


def sideband_p(sample: Sample, selected: np.ndarray) -> float:
    """p-value of 'the selected sideband spectrum is a scaled copy of the unselected one'."""
    edges = np.concatenate([np.linspace(*side, 9) for side in REGION.sidebands])
    keep = REGION.in_sidebands(sample.mass)
    yes = np.histogram(sample.mass[keep & selected], edges)[0]
    no = np.histogram(sample.mass[keep & ~selected], edges)[0]
    filled = yes + no > 0
    expected = (yes + no) * yes.sum() / (yes + no).sum()
    variance = expected * (1.0 - yes.sum() / (yes + no).sum())
    statistic = np.sum((yes - expected)[filled] ** 2 / variance[filled])
    return float(chi2.sf(statistic, np.count_nonzero(filled) - 1))


@pytest.mark.parametrize(("shift", "sculpted"), [(0.0, False), (0.1, True)])
def test_shifted_masses_sculpt_the_sidebands(shift, sculpted):
    sample = signal_free(shift, seed=1)
    scored = score_window(
        sample, REGION, MethodPlan(template="cwola", classifier="trees"), 5, members=1, seed=1
    )
    selection = select(scored, sample, REGION, None, (0.1,), seed=1)
    assert selection.efficiency[0] == pytest.approx(0.1, abs=1e-3)
    p = sideband_p(sample, selection.mask[0])
    window_share = selection.mask[0][REGION.in_window(sample.mass)].mean()
    if sculpted:
        assert p < 1e-6
        # The background of the window passes more often than that of the sidebands: a false bump.
        assert window_share > 0.12
    else:
        assert p > 1e-3
