"""Which densities a search trains, from which events, and how often."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bycatch.search import densities
from bycatch.search.densities import (
    density_folder,
    distinct,
    fit_density,
    plan_densities,
    template_of,
    train_densities,
)
from bycatch.search.folds import assign_folds
from bycatch.search.plan import MethodPlan
from bycatch.search.sample import Sample
from bycatch.search.scored import score_window
from bycatch.tasks import Run, RunFolder
from bycatch.template import Region, SidebandDensity
from bycatch.template._ratio import DensityRatio

SPAN = (1.0, 7.0)
REGIONS = [
    Region((low, low + 1.0), ((low - 1, low), (low + 1, low + 2)), SPAN) for low in (2.0, 3.0, 4.5)
]
TINY = {"steps": 20, "rounds": 2, "batch_size": 64, "hidden": [8]}
QUICK = (("density_options", TINY),)
TREES = (("max_trees", 12),)


def cathode(name=None, **options):
    options = {"density": "matching", **options}
    return MethodPlan(
        template="cathode",
        classifier="trees",
        **dict(TREES),
        **dict(tuple(sorted(options.items()))),
        label=name,
    )


def names(*methods):
    tasks = [(method, region) for region in REGIONS for method in methods]
    return {key: task.name for key, task in plan_densities(tasks).items()}


def make_sample(n=1500, seed=1):
    rng = np.random.default_rng(seed)
    mass = rng.uniform(*SPAN, n)
    X = rng.normal(size=(n, 2)).astype(np.float32)
    return Sample(mass, X, np.ones(n), None, ("a", "b"))


def write(sample, folder):
    return {
        name: str(folder.save_npy(name, getattr(sample, name))) for name in ("mass", "X", "weight")
    }


def test_one_density_serves_all_windows_and_methods():
    network = MethodPlan(template="cathode", classifier="network", density="matching")
    tasks = [
        (m, r)
        for r in REGIONS
        for m in (cathode(), MethodPlan(template="cwola", classifier="trees"), network)
    ]
    found = plan_densities(
        [*tasks, *((MethodPlan(template="anode"), region) for region in REGIONS)]
    )
    task, folded = distinct(found)
    assert (task.name, folded.name) == ("matching", "matching-folds")
    assert task.windows == folded.windows == tuple(region.window for region in REGIONS)
    assert task.span == SPAN
    assert (task.folded, folded.folded) == (False, True)
    assert found["anode", REGIONS[0].window] is folded
    assert {name for name, _ in found} == {"cathode-trees", "cathode-network", "anode"}


def test_a_density_that_cannot_share_is_trained_for_each_window():
    found = names(cathode(density="maf"))
    assert sorted(found.values()) == ["maf-2-3", "maf-3-4", "maf-4.5-5.5"]
    alone = names(cathode(shared=False))
    assert sorted(alone.values()) == ["matching-2-3", "matching-3-4", "matching-4.5-5.5"]


def test_windows_of_the_closure_test_hide_the_tested_ones():
    tested = REGIONS[1]
    apart = Region((5.0, 6.0), ((4.0, 5.0), (6.0, 7.0)), SPAN, (tested.window,))
    (task,) = distinct(plan_densities([(cathode(), tested), (cathode(), apart)]))
    assert task.hidden == {apart.window: (tested.window,)}
    alone = distinct(plan_densities([(cathode(shared=False), r) for r in (tested, apart)]))
    assert [dict(task.hidden) for task in alone] == [{}, {apart.window: (tested.window,)}]


@pytest.mark.parametrize("mode", [3, "half"])
def test_no_event_is_scored_by_a_density_that_learned_from_it(monkeypatch, mode):
    sample = make_sample()
    method = MethodPlan(template="anode", density_options=TINY, window_options=TINY)
    pairs = []
    original = DensityRatio.predict

    def spy(ratio, X, members=None):
        pairs.append((ratio.background.members, ratio.folds[members].tolist(), X))
        return original(ratio, X, members)

    monkeypatch.setattr(DensityRatio, "predict", spy)
    scored = score_window(sample, REGIONS[0], method, mode, 1, 7)
    seen = 0
    for members, folds, X in pairs:
        # Rows of the sample are recognised by their features.
        rows = np.flatnonzero((sample.X[:, None, 0] == X[None, :, 0]).any(axis=1))
        seen += rows.size  # none of a chunk of template events
        if mode == 3:
            assert members == 3
            assert set(scored.fold[rows].tolist()) in (set(), set(folds))
        else:
            assert (members, folds) == (1, [0])
            assert (scored.fold[rows] == 1).all()
    assert seen == scored.scored.sum()
    assert np.isfinite(scored.score[scored.scored]).all()


def test_other_options_make_another_density_and_leave_the_first_alone():
    first, second = cathode(), cathode("long", density_options={"steps": 9000})
    found = names(first, second)
    assert {found[key] for key in found if key[0] == "cathode-trees"} == {"matching-1"}
    assert {found[key] for key in found if key[0] == "long"} == {"matching-2"}
    tasks = [(method, region) for region in REGIONS for method in (second, first)]
    identities = {task.name: task.identity for task in plan_densities(tasks).values()}
    alone = plan_densities([(first, region) for region in REGIONS])
    assert identities["matching-2"] == alone["cathode-trees", REGIONS[0].window].identity


def test_template_options_reach_the_template():
    template = template_of(cathode(oversample=2.5, density="spline"))
    assert (template.oversample, template.density) == (2.5, "spline")


def test_in_half_mode_the_searched_half_is_not_learned_from():
    sample = make_sample()
    (task,) = distinct(plan_densities([(cathode(**dict(QUICK)), r) for r in REGIONS]))
    half = assign_folds(len(sample), "half", 4)
    noise = np.random.default_rng(9).permutation(np.flatnonzero(half.scored))
    X = sample.X.copy()
    X[half.scored] = X[noise]
    mixed = dataclasses.replace(sample, X=X)
    at = np.full(5, 2.5)
    inside = np.clip(sample.X[:5], -1.0, 1.0)

    def log_p(which, folds):
        return fit_density(which, task, folds, 3).log_prob(REGIONS[0].window, inside, at)

    np.testing.assert_array_equal(log_p(sample, half), log_p(mixed, half))
    whole = assign_folds(len(sample), 5, 4)
    assert not np.array_equal(log_p(sample, whole), log_p(mixed, whole))


def test_trained_once_and_kept(tmp_path, monkeypatch):
    sample = make_sample()
    flow = cathode("maf", density="maf", density_options={**TINY, "transforms": 1})
    methods = (cathode(**dict(QUICK)), flow)
    needed = plan_densities([(method, region) for region in REGIONS for method in methods])
    tasks = distinct(needed)
    folds = assign_folds(len(sample), 3, 1)

    def train(workers):
        with RunFolder.open(tmp_path, "run", "a: 1") as folder:
            run = Run(folder, workers)
            curves = train_densities(tasks, write(sample, folder), folds, 5, run)
            return curves, [SidebandDensity.load(density_folder(run, task)) for task in tasks]

    curves, models = train(2)
    assert [curve.name for curve in curves] == [
        "matching", "maf-2-3", "maf-3-4", "maf-4.5-5.5",
    ]  # fmt: skip
    assert [len(curve.windows) for curve in curves] == [3, 1, 1, 1]
    assert {curve.n_events for curve in curves} == {1500}
    monkeypatch.setattr(densities, "fit_density", None)  # nothing may be trained again
    again, _ = train(1)
    assert again == curves
    monkeypatch.undo()
    # The model on disk is the one that the seed gives, in whatever process.
    here = fit_density(sample, tasks[1], folds, 5)
    at = np.full(5, 2.5)
    np.testing.assert_array_equal(
        models[1].log_prob((2.0, 3.0), sample.X[:5], at),
        here.log_prob((2.0, 3.0), sample.X[:5], at),
    )


def test_a_window_is_scored_with_the_density_that_it_is_given():
    sample = make_sample()
    method = cathode(**dict(QUICK))
    task = plan_densities([(method, REGIONS[0])])["cathode-trees", REGIONS[0].window]
    density = fit_density(sample, task, assign_folds(len(sample), 3, 1), 5)
    scored = score_window(sample, REGIONS[0], method, 3, 1, 7, background=density)
    inside = np.count_nonzero(REGIONS[0].in_window(sample.mass))
    assert scored.template_row.size == 4 * inside
    assert (scored.template_row == -1).all()
    # Template events are scored by models of another fold than those that they trained.
    assert np.bincount(scored.template_fold).min() > 0
    assert np.isfinite(scored.template_score).all()
    with pytest.raises(Exception, match="no model that is blind to the window"):
        score_window(sample, REGIONS[1], method, 3, 1, 7, background=density)
