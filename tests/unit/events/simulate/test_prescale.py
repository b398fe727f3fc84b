"""Prescaled generation: its decisions, and that its weights give back what plain generation has."""

from __future__ import annotations

from dataclasses import replace

import awkward as ak
import numpy as np
import pytest

from bycatch.errors import DataError
from bycatch.events.simulate.chunk import make_rows
from bycatch.events.simulate.generator import Generator
from bycatch.events.simulate.prescale import Decisions, HardEvent, Prescale, kept_share
from bycatch.events.simulate.processes import find_process

pytest.importorskip("pythia8mc")

# Neither takes part in what is compared here: the recoil of W and Z, and heavy quarks.
BARE = ("PartonLevel:MPI = off", "HadronLevel:all = off")
PRESCALE = Prescale(100.0)
PLAIN, KEPT = 3000, 1000
"""Events of the comparison; every bound on it is in its own standard deviations."""
TRIGGER = [(11, 40.0, 0.5), (12, 40.0, -1.0)]


@pytest.mark.parametrize(
    ("partons", "leptons", "share"),
    [
        ([], TRIGGER, 0.01),
        ([], [(13, 14.0, 0.0), (14, 30.0, 0.0)], 0.005),  # too soft to trigger
        ([], [(13, 40.0, 2.5), (14, 40.0, 0.0)], 0.005),  # beyond the muon chambers
        ([(4, 9.0, 0.0)], [(13, 14.0, 0.0)], 0.05),  # a c quark may
        ([(4, 9.0, 0.0), (5, 9.0, 1.0)], TRIGGER, 0.1),
        ([(5, 9.0, 3.5)], TRIGGER, 0.01),
        (
            [(21, 120.0, 1.0), (1, 60.0, -2.0), (2, 20.0, 0.0)],
            TRIGGER,
            0.01 * (180.0 / 80.0) ** 1.5,
        ),
        ([(21, 120.0, 4.5)], TRIGGER, 0.01),
        ([], [(11, 100.0, 0.0), (12, 60.0, 0.0)], 0.01 * 32.0),
        ([(21, 120.0, 0.0)], [(12, 100.0, 0.0), (11, 60.0, 0.0)], 0.01 * 1.5**1.5 * 32.0),
        ([(21, 2000.0, 0.0)], TRIGGER, 1.0),
    ],
)
def test_share_is_the_product_of_preferences(partons, leptons, share):
    assert kept_share(HardEvent(partons, leptons), PRESCALE) == pytest.approx(share)


@pytest.fixture(scope="module", params=["w_lepton", "z_lepton"])
def both(request):
    """Return generators and batches of the plain and the prescaled process."""
    process = find_process(request.param)
    tail = find_process(request.param.replace("lepton", "lepton_tail"))
    assert tail.settings == process.settings
    settings = process.settings + BARE
    plain, preferred = Generator(settings, 5), Generator(settings, 6, None, tail.prescale)
    return (plain, *plain.batch(PLAIN)), (preferred, *preferred.batch(KEPT)), tail.prescale.rate


def boson_pt(record):
    boson = record[(abs(record.id) == 23) | (abs(record.id) == 24)][:, -1]
    return ak.to_numpy(np.hypot(boson.p.px, boson.p.py))


def hardest_lepton(record):
    size = abs(record.id)
    leptons = record[(record.status > 0) & (size >= 11) & (size <= 16)]
    return ak.to_numpy(ak.max(np.hypot(leptons.p.px, leptons.p.py), axis=1))


def heavy_pt(record):
    size = abs(record.id)
    pt = np.hypot(record.p.px, record.p.py)[(record.status > 0) & ((size == 4) | (size == 5))]
    return ak.to_numpy(ak.fill_none(ak.max(pt, axis=1), 0.0))


@pytest.mark.parametrize(
    ("quantity", "edges"),
    [
        (boson_pt, (0.0, 5.0, 10.0, 20.0, 40.0, 80.0, np.inf)),
        (hardest_lepton, (0.0, 20.0, 40.0, 50.0, 70.0, np.inf)),
        (heavy_pt, (0.0, 1e-9, 15.0, 30.0, np.inf)),
    ],
)
def test_weighted_spectra_are_those_of_plain_generation(both, quantity, edges):
    (_, record, _, weight), (_, tail, _, tail_weight), _ = both
    assert np.all(weight == 1.0)
    fractions, variances = [], []
    for events, w in ((record, weight), (tail, tail_weight)):
        inside = np.digitize(quantity(events), edges)
        p = np.bincount(inside, weights=w, minlength=len(edges))[1:] / w.sum()
        w2 = np.bincount(inside, weights=w**2, minlength=len(edges))[1:]
        fractions.append(p)
        variances.append((w2 * (1.0 - p) ** 2 + (np.sum(w**2) - w2) * p**2) / w.sum() ** 2)
    pull = (fractions[0] - fractions[1]) / np.sqrt(np.sum(variances, axis=0))
    # Five standard deviations in none of 30 bins; wrong weights are off by tens of them.
    assert np.abs(pull).max() < 5.0
    unweighted = np.histogram(quantity(tail), edges)[0] / len(tail)
    assert np.abs(unweighted - fractions[0]).max() > 10.0 * np.sqrt(np.max(variances))


def test_weights_sum_to_what_was_judged(both):
    _, (generator, _, _, weight), rate = both
    decisions = generator._prescale
    # The variance of the sum of 1/p over kept events is the sum of (1 - p)/p over all of them.
    error = np.sqrt(np.sum((weight * rate) ** 2))
    assert abs(weight.sum() * rate - decisions.judged) < 4.0 * error
    assert decisions.kept == pytest.approx(KEPT, abs=5)  # a few fail later
    assert decisions.judged > 10 * decisions.kept


def test_cross_section_counts_what_was_dropped(both):
    (plain, *_), (tail, *_), _ = both
    known, found = plain.cross_section(), tail.cross_section()
    # Pythia's error of the kept events does not know that judged over kept has one of its own.
    share = 1.0 / np.sqrt(KEPT)
    error = np.hypot(known.error, np.hypot(found.error, share * found.value))
    assert abs(known.value - found.value) < 4.0 * error


def test_of_events_made_to_the_end_many_more_are_in_the_tail(both):
    (_, record, _, _), (_, tail, _, weight), _ = both
    plain = np.count_nonzero(hardest_lepton(record) > 80.0) / len(record)
    w = weight[hardest_lepton(tail) > 80.0]
    effective = w.sum() ** 2 / np.sum(w**2) / len(tail)
    assert effective > 5.0 * plain
    assert w.max() < 1.0


def test_same_seed_same_rows_and_weights():
    process = replace(
        find_process("w_lepton_tail"),
        settings=(*find_process("w_lepton_tail").settings, "PartonLevel:MPI = off"),
        batch=50,
    )
    first, second, other = (
        make_rows(process, 15, seed, ("w", 0)).columns["weight"] for seed in (5, 5, 6)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
    assert np.all((first >= 0.01) & (first <= 2.0))


def test_qcd_prefers_events_with_heavy_quarks():
    process = find_process("qcd_lepton_tail")
    generator = Generator((*process.settings, *BARE), 3, None, process.prescale)
    record, _, weight = generator.batch(500)
    assert generator._prescale.judged > 1000
    size = abs(record.id)
    heavy = ak.to_numpy(ak.any((size == 4) | (size == 5), axis=1))
    assert heavy.mean() > 0.25
    assert np.average(heavy, weights=weight) < heavy.mean()


def test_an_event_that_was_never_judged_is_an_error(both):
    (_, record, _, _), _, rate = both
    decisions = Decisions(Prescale(rate), np.random.default_rng(0))
    with pytest.raises(DataError, match=f"{PLAIN} of {PLAIN} generated events were not seen"):
        decisions.weights(record)
