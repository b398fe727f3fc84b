"""Cross sections, acceptances and cut flows with their errors."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from bycatch.events.simulate.generator import CrossSection
from bycatch.events.simulate.process import Selection
from bycatch.events.simulate.tally import Tally, combine


def add(tally, mask, weight=None, judged=None, counts=None):
    mask = np.asarray(mask, dtype=bool)
    weight = np.ones(len(mask)) if weight is None else np.asarray(weight, dtype=float)
    selection = Selection(np.flatnonzero(mask), {}, counts or {})
    judged = len(mask) if judged is None else judged
    tally.add(selection, weight, int(mask.sum()), judged)
    return tally


def test_the_acceptance_is_binomial():
    tally = add(Tally(), np.arange(100) < 30)
    numbers = combine([tally])
    assert numbers["acceptance"] == pytest.approx(0.3)
    assert numbers["acceptance_error"] == pytest.approx(math.sqrt(0.3 * 0.7 / 100))
    assert (numbers["n_accepted"], numbers["n_judged"], numbers["n_rows"]) == (30, 100, 30)


def test_an_event_of_weight_two_moves_the_acceptance_as_two_events():
    weighted = combine([add(Tally(), [1, 0, 0], weight=[2.0, 1.0, 1.0])])
    plain = combine([add(Tally(), [1, 1, 0, 0])])
    assert weighted["acceptance"] == plain["acceptance"]
    assert weighted["acceptance_error"] > plain["acceptance_error"]
    assert weighted["effective_events"] == pytest.approx(16.0 / 6.0)


def test_the_error_with_weights_is_the_spread_of_repeated_samples():
    rng = np.random.default_rng(2)
    found, errors = [], []
    for _ in range(400):
        weight = rng.exponential(size=300)
        numbers = combine([add(Tally(), rng.random(300) < 0.2, weight)])
        found.append(numbers["acceptance"])
        errors.append(numbers["acceptance_error"])
    # the spread of 400 values is known to 1/sqrt(800) = 3.5 %; the error's formula is first order
    assert np.std(found) == pytest.approx(np.mean(errors), rel=0.15)


def test_stopping_at_an_accepted_event_does_not_bias_the_acceptance():
    rng = np.random.default_rng(4)
    truth, stop = 0.3, 5
    biased, found = [], []
    for _ in range(4000):
        mask = rng.random(200) < truth
        last = np.flatnonzero(mask)[stop - 1]
        selection = Selection(np.flatnonzero(mask), {})
        tally = Tally()
        tally.add(selection, np.ones(200), stop, int(last))
        found.append(combine([tally])["acceptance"])
        biased.append(stop / (last + 1))
    error = np.std(found) / math.sqrt(len(found))
    assert abs(np.mean(found) - truth) < 4.5 * error
    assert np.mean(biased) - truth > 4.5 * error  # what leaving out the last event mends


def test_counts_are_fractions_of_all_generated_events():
    numbers = combine([add(Tally(), [1, 0, 0, 0], counts={"trigger": np.array([1, 1, 0, 0])})])
    fraction, error = numbers["counts"]["trigger"]
    assert fraction == 0.5
    assert error == pytest.approx(math.sqrt(0.25 / 4))


def test_chunks_are_weighted_by_their_tries():
    tallies = []
    for value, error, tries in ((1.0, 0.1, 100), (2.0, 0.2, 300)):
        tally = add(Tally(), [1, 0])
        tally.cross_section = CrossSection(value, error, tries)
        tallies.append(tally)
    numbers = combine(tallies)
    assert numbers["cross_section_pb"] == pytest.approx(1.75)
    assert numbers["cross_section_error_pb"] == pytest.approx(math.hypot(0.025, 0.15))
    assert numbers["accepted_cross_section_pb"] == pytest.approx(0.875)


def test_a_tally_survives_json():
    tally = add(Tally(), [1, 0, 1], counts={"trigger": np.array([1, 0, 1])})
    tally.cross_section = CrossSection(1.5, 0.1, 7)
    assert Tally.from_json(json.loads(json.dumps(tally.to_json()))) == tally


def test_a_chunk_of_one_event_that_was_accepted_at_once_says_nothing():
    numbers = combine([add(Tally(), [1, 0, 0], judged=0)])
    assert numbers["acceptance"] == 0.0
    assert numbers["acceptance_error"] == 0.0
    json.dumps(numbers, allow_nan=False)
