"""Who learns from what, and that no event is scored by a model that saw it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bycatch.anomaly.inputs import StoredInputs
from bycatch.anomaly.plan import (
    InputPlan,
    MethodPlan,
    Preprocessing,
    ReferencePlan,
    SamplePlan,
    ScorePlan,
)
from bycatch.anomaly.sample import Processes
from bycatch.anomaly.trainings import (
    Training,
    member_numbers,
    plan_trainings,
    training_rows,
)
from bycatch.errors import DataError


def make_plan(**changes):
    plan = ScorePlan(
        background=SamplePlan("background", ("b",)),
        signals=(SamplePlan("x", ("x",)), SamplePlan("y", ("y",))),
        inputs=InputPlan("features", features=(("a", "a"),)),
        methods=(MethodPlan("pca", "pca", {"members": 2}),),
    )
    return replace(plan, **changes)


def make_sample(folds=0, n=(200, 100, 60)):
    process = np.repeat(np.arange(3, dtype=np.int8), n)
    fold = (np.arange(len(process)) % max(folds, 2)).astype(np.int8)
    if not folds:
        fold -= 1
    weight = np.where(process == 0, 1.0, 0.5)
    row = np.arange(len(process))
    return Processes(process, weight, None, fold, row, StoredInputs("none"), ("a",), ())


def test_all_trainings_have_names_of_their_own():
    plan = make_plan(
        methods=(
            MethodPlan("pca", "pca", {}),
            MethodPlan("mix", "cocktail", {}, uses="label"),
        ),
        contamination=(0.0, 0.1),
        inverse=True,
        pixels=Preprocessing(0.5, 1.0),
        variants=(Preprocessing(0.1, 1.0),),
        reference=ReferencePlan("trees", {}, 1, tagger=False, flat=False),
    )
    found = plan_trainings(plan)
    assert len({training.name for training in found}) == len(found)
    # pca: clean, 2 contaminated, 2 inverse, 1 + 2 with other pixels; cocktail: 2; reference: 2
    assert len(found) == 1 + 2 + 2 + 3 + 2 + 2
    assert found[0] == Training("pca")
    assert found[1].name == "direct/pca/x-0.1"


def test_halves():
    plan, sample = make_plan(), make_sample()
    rows = training_rows(Training("pca"), sample, plan, 2)
    assert (sample.process[rows.learn] == 0).all()
    assert not set(rows.learn) & set(rows.score)
    assert len(rows.score) == 180  # the test halves of all three
    assert rows.train is None
    inverse = training_rows(Training("pca", "inverse", "y"), sample, plan, 2)
    assert set(sample.process[inverse.learn]) == {2}
    assert set(sample.process[inverse.score]) == {0, 2}
    supervised = training_rows(Training("supervised", signal="x"), sample, plan, 1)
    assert set(sample.process[supervised.learn]) == {0, 1}


def test_a_cocktail_does_not_learn_from_the_signal_that_tests_it():
    plan = make_plan(methods=(MethodPlan("mix", "cocktail", {}, uses="label"),))
    rows = training_rows(Training("mix", signal="x"), make_sample(), plan, 1)
    assert set(make_sample().process[rows.learn]) == {0, 2}
    assert set(make_sample().process[rows.score]) == {0, 1}


def test_contamination_is_by_weight_and_nested():
    plan, sample = make_plan(), make_sample()
    low = training_rows(Training("pca", signal="x", contamination=0.05), sample, plan, 1)
    high = training_rows(Training("pca", signal="x", contamination=0.15), sample, plan, 1)
    for rows, wanted in ((low, 0.05), (high, 0.15)):
        weight = sample.weight[rows.learn]
        signal = sample.process[rows.learn] == 1
        fraction = weight[signal].sum() / weight.sum()
        assert fraction == pytest.approx(rows.contamination)
        assert fraction == pytest.approx(wanted, abs=0.5 / 100)  # one event is half a hundredth
    assert set(low.learn) < set(high.learn)
    with pytest.raises(DataError, match=r"needs a sum of weights of 42\.86 .* but there is 25"):
        training_rows(Training("pca", signal="x", contamination=0.3), sample, plan, 1)


def test_no_member_scores_what_it_saw():
    plan, sample = make_plan(folds=3), make_sample(folds=3)
    training = Training("pca", signal="x", contamination=0.05)
    rows = training_rows(training, sample, plan, 4)
    assert rows.train.shape == (12, len(rows.learn))
    for fold in range(3):
        scored = set(rows.score[sample.fold[rows.score] == fold])
        members = member_numbers(4, 3, fold)
        assert len(set(members)) == 4
        for member in members:
            seen = set(rows.learn[rows.train[member]])
            assert not seen & scored
            assert len(seen) > len(rows.learn) / 2
