"""All scores at once: what every one of them owes its users, whatever it is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bycatch.errors import ConfigError, DataError, InputError
from bycatch.score import SCORES, load_score, make_score
from bycatch.score.base import Score


@dataclass(frozen=True)
class Case:
    """A score with options that make it fast, and what it eats."""

    name: str
    layout: str = "vector"
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name}-{self.layout}"


QUICK = {"steps": 60, "rounds": 3, "batch_size": 64}
QUICK_CLASSIFIER = {"hidden": [8], "min_epochs": 1, "max_epochs": 3, "batch_size": 64}

EVENTS = {"places": (1, 2, 2, 3), "pt_min": (0.1, 0.1, 0.1), "eta_max": (9.0, 9.0, 9.0)}
SMALL = {
    "steps": 12,
    "rounds": 1,
    "batch_size": 32,
    "width": 8,
    "heads": 2,
    "blocks": 1,
    "hidden": 8,
    "projection": 4,
}
SMALL |= {"head_steps": 12, "head_hidden": (8,), "head_latent": 2}

ENERGY = {
    **QUICK,
    "hidden": (8,),
    "n_latent": 2,
    "energy_steps": 20,
    "energy_rounds": 2,
    "input_steps": 2,
    "latent_steps": 2,
    "buffer": 100,
}

CASES = [
    Case("pca", options={"components": 2}),
    Case("pca", "image", {"components": 3, "layout": "image", "standardise": False}),
    Case(
        "adversarial_autoencoder",
        options={**QUICK, "n_latent": 2, "hidden": (8,), "protected_column": 1},
    ),
    Case("mahalanobis"),
    Case("mahalanobis", "image", {"layout": "image"}),
    Case("isolation_forest", options={"trees": 40}),
    Case("isolation_forest", "image", {"trees": 40, "layout": "image"}),
    Case("autoencoder", options={**QUICK, "n_latent": 2, "hidden": (8,)}),
    Case(
        "autoencoder",
        "image",
        {**QUICK, "network": "conv", "channels": (4, 4), "n_latent": 2, "hidden": (8,)},
    ),
    Case("autoencoder", "set", {**QUICK, "network": "lola", "combinations": 2, "hidden": (8,)}),
    Case("vae", options={**QUICK, "n_latent": 2, "hidden": (8,), "samples": 4}),
    Case("vae", "image", {**QUICK, "network": "conv", "channels": (2,), "hidden": (8,)}),
    Case("vae", "set", {**QUICK, "layout": "set", "hidden": (8,), "samples": 4}),
    Case("swae", options={**QUICK, "n_latent": 2, "hidden": (8,), "directions": 8}),
    Case("dirichlet_vae", "image", {**QUICK, "hidden": (8,)}),
    Case("likelihood_vae", options={**QUICK, "n_latent": 2, "hidden": (8,), "samples": 4}),
    Case("flow", options={**QUICK, "hidden": (8,)}),
    Case("flow", "image", {**QUICK, "hidden": (8,), "layout": "image", "components": 3}),
    Case("cocktail", options={"classifier": "network", "options": QUICK_CLASSIFIER}),
    Case(
        "recurrent_vae",
        "set",
        {**QUICK, "steps": 20, "rounds": 2, "kinds": 0, "hidden": 8, "alignment": 4, "n_latent": 2},
    ),
    Case("jet_clr", "set", {**SMALL, "columns": (0, 1, 2), "head": "flow"}),
    Case("anomaly_clr", "set", {**SMALL, **EVENTS, "head": "autoencoder"}),
    Case("anomaly_clr_plus", "set", {**SMALL, **EVENTS}),
    Case("nae", options=ENERGY),
    Case("nae", "image", {**ENERGY, "layout": "image", "components": 6}),
    Case("wnae", options={**ENERGY, "through": 1, "directions": 8}),
]
"""One per score and layout; a new score needs a line here."""

cases = pytest.mark.parametrize("case", CASES, ids=str)


def data(layout: str, n: int = 300, seed: int = 3) -> dict[str, np.ndarray]:
    """Rows on a curved line with noise, as vectors, 12x12 images, or sets of at most 8 objects."""
    rng = np.random.default_rng(seed)
    t = rng.uniform(-1.0, 1.0, n)
    if layout == "vector":
        line = np.stack([t, t**2, np.sin(2 * t), -t, np.ones(n)], axis=1)
        return {"X": (line + 0.05 * rng.normal(size=line.shape)).astype(np.float32)}
    if layout == "image":
        y, x = np.mgrid[0:12, 0:12]
        bump = np.exp(-0.5 * ((x - 6 - 2 * t[:, None, None]) ** 2 + (y - 6) ** 2))
        bump *= rng.uniform(0.5, 1.5, bump.shape)
        return {"X": (bump / bump.sum(axis=(1, 2), keepdims=True)).astype(np.float32)}
    counts = rng.integers(1, 9, n)
    mask = np.arange(8) < counts[:, None]
    x = rng.normal(size=(n, 8, 3)).astype(np.float32) * 0.3
    x[..., 0] = np.sort(rng.exponential(1.0, (n, 8)), axis=1)[:, ::-1] + 0.1
    return {"X": np.where(mask[..., None], x, 0.0).astype(np.float32), "mask": mask}


def labels(case: Case, n: int = 300) -> dict[str, np.ndarray]:
    """Return what else `fit` needs: the cocktail alone is told which rows are signals 1 and 2."""
    return {"label": np.arange(n) % 3} if case.name == "cocktail" else {}


def fitted(case: Case, **options: Any) -> Score:
    rows = data(case.layout)
    score = make_score(case.name, **{**case.options, **options})
    return score.fit(rows["X"], mask=rows.get("mask"), **labels(case))


@cache
def _kept(name: str, layout: str, members: int) -> Score:
    case = next(case for case in CASES if (case.name, case.layout) == (name, layout))
    return fitted(case, members=members)


def kept(case: Case, members: int = 1) -> Score:
    """Return a score trained once for all tests; none of them may train it again."""
    return _kept(case.name, case.layout, members)


def test_every_score_has_a_case() -> None:
    assert {case.name for case in CASES} == set(SCORES)


@cases
def test_scores_have_the_right_shape_and_are_finite(case: Case) -> None:
    score = kept(case, members=2)
    rows = data(case.layout, 70, seed=4)
    for name in score.score_names:
        found = score.member_scores(rows["X"], rows.get("mask"), name=name)
        assert found.shape == (2, 70)
        assert found.dtype == np.float64
        assert np.isfinite(found).all()
        assert np.unique(found[0]).size > 60
        mean = score.score(rows["X"], rows.get("mask"), name=name)
        np.testing.assert_allclose(mean, found.mean(axis=0))


@cases
def test_same_seed_same_score_and_another_seed_another(case: Case) -> None:
    rows = data(case.layout, 50, seed=4)
    first, again = kept(case), fitted(case)
    a, b = (s.score(rows["X"], rows.get("mask")) for s in (first, again))
    np.testing.assert_array_equal(a, b)
    if hasattr(first, "parameters_"):
        other = fitted(case, seed=1).score(rows["X"], rows.get("mask"))
        assert not np.allclose(a, other)


@cases
def test_a_score_is_a_function_of_its_row(case: Case) -> None:
    score = kept(case)
    rows = data(case.layout, 40, seed=5)
    order = np.random.default_rng(0).permutation(40)
    for name in score.score_names:
        whole = score.score(rows["X"], rows.get("mask"), name=name)
        mask = rows["mask"][order] if "mask" in rows else None
        permuted = score.score(rows["X"][order], mask, name=name)
        np.testing.assert_allclose(permuted, whole[order], rtol=2e-4, atol=1e-6)


@cases
def test_scaling_all_weights_changes_nothing(case: Case) -> None:
    rows = data(case.layout)
    weight = np.random.default_rng(1).uniform(0.5, 1.5, len(rows["X"]))
    found = [
        make_score(case.name, **case.options)
        .fit(rows["X"], factor * weight, mask=rows.get("mask"), **labels(case))
        .score(rows["X"], rows.get("mask"))
        for factor in (1.0, 4.0)
    ]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-3, atol=1e-6)


@cases
def test_rows_of_weight_zero_do_not_count(case: Case) -> None:
    rows = data(case.layout)
    n = len(rows["X"])
    train = np.ones((1, n), dtype=bool)
    spoiled = rows["X"].copy()
    spoiled[n - 20 :] = spoiled[n - 20 :] * 3.0 + 1.0
    train[:, n - 20 :] = False
    found = [
        make_score(case.name, **case.options)
        .fit(X, mask=rows.get("mask"), train=train, **labels(case))
        .score(rows["X"], rows.get("mask"))
        for X in (rows["X"], spoiled)
    ]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-6)


@cases
def test_negative_weights_are_taken(case: Case) -> None:
    rows = data(case.layout)
    weight = np.where(np.arange(len(rows["X"])) % 10 == 0, -0.5, 1.0)
    score = make_score(case.name, **case.options)
    score.fit(rows["X"], weight, mask=rows.get("mask"), **labels(case))
    assert np.isfinite(score.score(rows["X"], rows.get("mask"))).all()


@cases
def test_save_and_load_give_the_same_numbers(case: Case, tmp_path: Path) -> None:
    score = kept(case, members=2)
    score.save(tmp_path / "model")
    again = load_score(tmp_path / "model")
    assert type(again) is type(score)
    rows = data(case.layout, 30, seed=6)
    for name in score.score_names:
        np.testing.assert_array_equal(
            again.score(rows["X"], rows.get("mask"), name=name),
            score.score(rows["X"], rows.get("mask"), name=name),
        )
    assert not list((tmp_path / "model").rglob("*.pkl"))


@cases
def test_a_damaged_model_is_refused(case: Case, tmp_path: Path) -> None:
    kept(case).save(tmp_path / "model")
    file = tmp_path / "model" / "arrays.safetensors"
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(InputError, match="damaged"):
        load_score(tmp_path / "model")


@cases
def test_nan_and_other_shapes_are_refused(case: Case) -> None:
    score = kept(case)
    rows = data(case.layout, 30)
    bad = rows["X"].copy()
    bad[(3, *(0 for _ in bad.shape[1:]))] = np.nan
    with pytest.raises(DataError, match="1 of 30 rows"):
        score.score(bad, rows.get("mask"))
    with pytest.raises(DataError, match="1 of 30 rows"):
        make_score(case.name, **case.options).fit(bad, mask=rows.get("mask"), **labels(case, 30))
    with pytest.raises(DataError, match="trained on"):
        score.score(rows["X"][..., :-1], rows.get("mask"))
    with pytest.raises(DataError, match="sum of weights"):
        make_score(case.name, **case.options).fit(
            rows["X"], np.zeros(30), mask=rows.get("mask"), **labels(case, 30)
        )
    with pytest.raises(DataError, match="call 'fit' first"):
        make_score(case.name, **case.options).score(rows["X"], rows.get("mask"))


@cases
def test_no_rows_have_no_scores(case: Case) -> None:
    score = kept(case)
    rows = data(case.layout, 5)
    mask = rows["mask"][:0] if "mask" in rows else None
    assert score.score(rows["X"][:0], mask).shape == (0,)


@cases
def test_what_lies_under_the_mask_does_not_count(case: Case) -> None:
    if case.layout != "set":
        return
    score = kept(case)
    rows = data(case.layout, 40, seed=7)
    other = np.where(rows["mask"][..., None], rows["X"], np.nan).astype(np.float32)
    np.testing.assert_array_equal(
        score.score(other, rows["mask"]), score.score(rows["X"], rows["mask"])
    )


@cases
def test_contributions_have_the_shape_of_the_inputs(case: Case) -> None:
    score = kept(case)
    rows = data(case.layout, 4, seed=8)
    shape = rows["mask"].shape if case.layout == "set" else rows["X"].shape
    for name in score.score_names:
        found = score.contributions(rows["X"], rows.get("mask"), name=name)
        assert found.shape == shape
        assert np.isfinite(found).all()
        assert np.abs(found).sum() > 0.0


@cases
def test_latent_coordinates(case: Case) -> None:
    score = kept(case, members=2)
    rows = data(case.layout, 20, seed=9)
    if not score.has_latent:
        with pytest.raises(ConfigError, match="latent"):
            score.latent(rows["X"], rows.get("mask"))
        return
    found = score.latent(rows["X"], rows.get("mask"), member=1)
    assert found.shape[0] == 20
    assert found.ndim == 2
    assert np.isfinite(found).all()
    assert found.std() > 0.0


@cases
def test_members_learn_from_their_own_rows(case: Case) -> None:
    rows = data(case.layout)
    n = len(rows["X"])
    train = np.zeros((2, n), dtype=bool)
    train[0, : n // 2] = train[1, n // 2 :] = True
    score = make_score(case.name, **{**case.options, "members": 2})
    score.fit(rows["X"], mask=rows.get("mask"), train=train, **labels(case))
    spoiled = rows["X"].copy()
    spoiled[n // 2 :] = spoiled[n // 2 :][::-1] * 2.0
    mask = rows.get("mask")
    if mask is not None:
        mask = mask.copy()
        mask[n // 2 :] = mask[n // 2 :][::-1]
    other = make_score(case.name, **{**case.options, "members": 2})
    other.fit(spoiled, mask=mask, train=train, **labels(case))
    a, b = (s.member_scores(rows["X"], rows.get("mask")) for s in (score, other))
    np.testing.assert_allclose(a[0], b[0], rtol=1e-5)
    assert not np.allclose(a[1], b[1])


@cases
def test_unknown_options_and_names_are_refused_by_name(case: Case) -> None:
    with pytest.raises(ConfigError, match="no option 'memberz'"):
        make_score(case.name, memberz=3)
    with pytest.raises(ConfigError, match="members"):
        make_score(case.name, **{**case.options, "members": 0})
    with pytest.raises(ConfigError, match="nearest"):
        kept(case).score(**data(case.layout, 3), name="scor")


@cases
def test_scores_are_scikit_learn_estimators(case: Case) -> None:
    from sklearn.base import clone

    score = make_score(case.name, **case.options)
    copy = clone(score)
    assert copy.get_params() == score.get_params()
    assert type(score).__name__ in repr(score)


def test_an_unknown_score_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="nearest are 'autoencoder'"):
        make_score("autoencodr")


@cases
def test_a_network_becomes_a_graph_with_the_same_numbers(case: Case, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    from bycatch.score.parts.neural import NeuralScore
    from bycatch.trigger.onnx_export import OnnxScore, check_parity, export_onnx

    score = kept(case)
    path = tmp_path / "score.onnx"
    if not isinstance(score, NeuralScore) or not score.has_graph:
        with pytest.raises(ConfigError, match="student"):
            export_onnx(score, path)
        return
    rows = data(case.layout, 500, seed=11)
    threshold = float(np.median(score.score(rows["X"], rows.get("mask"))))
    graph = OnnxScore(export_onnx(score, path, threshold=threshold))
    found = check_parity(score, graph, rows["X"], rows.get("mask"))
    assert found.n_events == 500
    assert found.largest < 1e-5
    assert 0.4 < graph.accept(rows["X"], rows.get("mask")).mean() < 0.6
