"""What all densities offer: seeds, members, disk, options and refusals."""

import inspect
import json

import numpy as np
import pytest
import torch
from density_toy import FAST, TINY, every_density, masks, same_weights, small, toy

from bycatch.errors import ConfigError, DataError, InputError
from bycatch.learn import DENSITIES, density_options, load_density, make_density
from bycatch.learn.base import DensityEnsemble
from bycatch.tasks.random import child_seed, stream


@every_density
def test_is_an_ensemble_of_densities_with_plain_options(name):
    density = make_density(name, 3)
    assert isinstance(density, DensityEnsemble)
    assert density.kind == name
    assert density.members == 3
    for option, default in density_options(name).items():
        assert getattr(make_density(name, 3, **{option: default}), option) == default
    with pytest.raises(ConfigError, match=r"no option 'step'.*'steps'"):
        make_density(name, step=3)


@every_density
def test_a_seed_decides_everything(name):
    state = torch.random.get_rng_state()
    first, again, other = small(name), small(name), small(name, seed=5)
    X, c = toy(50, 4)
    np.testing.assert_array_equal(first.log_prob(X, c), again.log_prob(X, c))
    np.testing.assert_array_equal(first.sample(c, 1), again.sample(c, 1))
    assert (first.log_prob(X, c) != other.log_prob(X, c)).mean() > 0.9
    assert (first.sample(c, 1) != first.sample(c, 2)).mean() > 0.9
    assert torch.equal(torch.random.get_rng_state(), state), "the global stream was used"


@every_density
def test_round_trip_on_disk(name, tmp_path):
    density = small(name, members=2)
    density.save(tmp_path / "model")
    loaded = load_density(tmp_path / "model")
    assert type(loaded) is type(density)
    X, c = toy(60, 4)
    np.testing.assert_array_equal(loaded.log_prob(X, c), density.log_prob(X, c))
    for member in (0, 1):
        np.testing.assert_array_equal(loaded.sample(c, 1, member), density.sample(c, 1, member))
    assert loaded.histories_ == density.histories_
    for option in density_options(name):
        assert getattr(loaded, option) == getattr(density, option)


@every_density
def test_damaged_folders_are_input_errors(name, tmp_path):
    density = small(name)
    density.save(tmp_path / "model")
    index = tmp_path / "model" / "checkpoint.json"
    content = json.loads(index.read_text())

    def changed(**metadata):
        merged = {**content, "metadata": {**content["metadata"], **metadata}}
        index.write_text(json.dumps(merged))

    other = next(key for key in DENSITIES if key != name)
    index.write_text(json.dumps({**content, "kind": other}))
    with pytest.raises(InputError, match=f"of kind '{other}', but '{name}' is expected"):
        type(density).load(tmp_path / "model")
    options = content["metadata"]["options"]
    sizes = content["metadata"]["sizes"]
    for damage in (
        {"options": {**options, "hidden": [8, 8]}},
        {"options": {**options, "members": 2}},
        {"options": {**options, "steps": "many"}},
        {"options": {**options, "sauce": 1}},
        {"sizes": {**sizes, "n_features": 3}},
        {"sizes": {**sizes, "n_conditions": 2}},
        {"sizes": {}},
        {"histories": [{}]},
    ):
        changed(**damage)
        with pytest.raises(InputError, match=r"is damaged: its metadata does not fit"):
            load_density(tmp_path / "model")
    index.write_text(json.dumps(content))
    arrays = tmp_path / "model" / "arrays.safetensors"
    arrays.write_bytes(arrays.read_bytes()[:-4])
    with pytest.raises(InputError, match=r"is damaged: 'arrays.safetensors'"):
        load_density(tmp_path / "model")


@every_density
def test_rows_that_cannot_serve_are_refused(name):
    X, c = toy(40, 4)
    density = make_density(name, 1, **TINY, **FAST[name])

    def refused(match, X=X, c=c, weight=None, error=DataError, **changes):
        with pytest.raises(error, match=match):
            density.fit(X, c, weight, seed=1, **{**masks(len(X)), **changes})

    bad = X.copy()
    bad[3, 1], bad[4, 0] = np.nan, np.inf
    refused("2 of 40 rows have features that are NaN or infinite", X=bad)
    refused("2 of 40 rows have a condition", c=np.where(np.arange(40) < 2, np.inf, c))
    refused("1 of 40 weights are NaN", weight=np.where(np.arange(40) < 1, np.nan, 1.0))
    refused("0 training rows", X=X[:0], c=c[:0])
    refused("0 validation rows", validate=np.zeros((1, 40), dtype=bool))
    refused("sum of weights of -", weight=-np.ones(40))
    refused(r"'train' must have the shape \(1, 40\)", train=np.ones(40, dtype=bool))
    refused(r"'weight' must have the shape \(40,\)", weight=np.ones(39))
    refused(r"Conditions must have the shape \(40, n_conditions\)", c=c[:39])
    refused("masks must not overlap", train=np.ones((1, 40), dtype=bool))
    refused("Feature 1 has the one value", X=np.c_[X[:, 0], np.ones(40)].astype(np.float32))
    refused("beyond the bounds", bounds=np.array([[0.0, -50.0], [0.5, 50.0]]))
    nothing = np.zeros((2, 40), dtype=bool)
    nothing[1] = True
    refused("Head 1 is blind to every training row", blind=nothing)
    refused("0 training rows", blind=nothing[1:])


@every_density
def test_evaluation_refuses_what_does_not_fit(name):
    density = small(name)
    X, c = toy(10, 4)
    bad = X.copy()
    bad[0, 0] = np.nan
    for match, arguments in (
        ("1 of 10 rows have features", (bad, c)),
        ("trained on 2 features", (X[:, :1], c)),
        ("trained on 1 conditions, but was given 0", (X,)),
        ("trained on 1 conditions, but was given 2", (X, np.c_[c, c])),
        ("have a condition that is NaN", (X, np.full(10, np.nan))),
        ("no member 1", (X, c, [1])),
        ("no head 1", (X, c, None, 1)),
    ):
        with pytest.raises(DataError, match=match):
            density.log_prob(*arguments)
    with pytest.raises(DataError, match="give 'n'"):
        density.sample(None, 1)
    for method, arguments in (("log_prob", (X, c)), ("sample", (c, 1))):
        with pytest.raises(DataError, match="not trained"):
            getattr(make_density(name), method)(*arguments)


@every_density
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision_is_an_option(name, dtype):
    density = small(name, dtype=dtype)
    assert {str(value.dtype) for value in density.parameters_.values()} == {f"torch.{dtype}"}
    X, c = toy(30, 4)
    assert density.log_prob(X, c).dtype == np.float64
    assert density.sample(c, 1).dtype == np.float32
    with pytest.raises(ConfigError, match="'dtype' is 'float16'"):
        make_density(name, dtype="float16")


@every_density
def test_the_same_weights_in_both_precisions(name):
    single = small(name)
    double = same_weights(single, dtype="float64")
    X, c = toy(30, 4)
    X = single.scaling_.clip(X)
    # Some hundred operations on numbers of order one to ten, each rounded to seven digits.
    np.testing.assert_allclose(single.log_prob(X, c), double.log_prob(X, c), rtol=0, atol=1e-4)
    assert (single.log_prob(X, c) != double.log_prob(X, c)).any()


@every_density
def test_each_member_equals_the_same_member_trained_alone(name, monkeypatch):
    together = small(name, members=3, dtype="float64")
    X, c = toy(30, 4)
    X = together.scaling_.clip(X)
    log_p = together.log_prob(X, c)
    assert len(np.unique(log_p[:, 0])) == 3
    np.testing.assert_allclose(together.log_prob(X, c, [2, 0]), log_p[[2, 0]], atol=1e-12)

    def renamed(function, m):
        """Call the first member by the number m."""
        return lambda seed, *path: function(
            seed, *((path[0], m, *path[2:]) if path[0] == "member" else path)
        )

    for m in range(3):
        monkeypatch.setattr("bycatch.learn.neural.stream", renamed(stream, m))
        monkeypatch.setattr("bycatch.learn.neural.child_seed", renamed(child_seed, m))
        alone = small(name, dtype="float64")
        # Only the order of sums differs; 30 steps let rounding of 1e-16 grow.
        np.testing.assert_allclose(alone.log_prob(X, c)[0], log_p[m], rtol=0, atol=1e-9)
        np.testing.assert_allclose(
            alone.histories_[0].validation_loss,
            together.histories_[m].validation_loss,
            rtol=0,
            atol=1e-9,
        )


@every_density
def test_the_best_state_is_kept_and_histories_are_in_units_of_the_features(name):
    density = small(name, dtype="float64")
    (history,) = density.histories_
    assert len(history.train_loss) == len(history.validation_loss) == 3
    assert history.best == int(np.argmin(history.validation_loss))
    X, c = toy(400, 3)
    held_out = masks(400)["validate"][0]
    found = -density.log_prob(X[held_out], c[held_out])[0].mean()
    # Flow matching judges with fewer steps of a simpler solver.
    assert found == pytest.approx(min(history.validation_loss), abs=0.05)


@every_density
def test_unconditional_and_single_feature(name):
    X, c = toy(300, 4)
    for features, condition in ((X[:, :1], c), (X[:, :1], None), (X, None), (X, np.c_[c, c**2])):
        density = make_density(name, 2, **TINY, **FAST[name])
        density.fit(features, condition, seed=1, **masks(300, 2))
        log_p = density.log_prob(features, condition)
        assert log_p.shape == (2, 300)
        assert np.isfinite(log_p).all()
        drawn = density.sample(condition, 1, n=300)
        assert drawn.shape == features.shape
        assert np.isfinite(drawn).all()


@every_density
def test_many_rows_come_in_chunks(name, monkeypatch):
    density = small(name, members=2)
    X, c = toy(10_000, 5)
    X = density.scaling_.clip(X)
    whole = density.log_prob(X, c)
    parts = [density.log_prob(X[i : i + 2500], c[i : i + 2500]) for i in range(0, 10_000, 2500)]
    np.testing.assert_allclose(whole, np.concatenate(parts, axis=1), rtol=0, atol=1e-4)  # float32

    largest = 0

    def counted(parameters, z, c, h):
        nonlocal largest
        largest = max(largest, z.shape[0] * z.shape[1])
        return z.sum(dim=2) * 0

    monkeypatch.setattr(density, "_log_prob", counted)
    n = 40_000
    many = np.resize(X, (n, 2))
    log_p = density.log_prob(many, np.resize(c, n))
    np.testing.assert_allclose(log_p[1], density.scaling_.log_jacobian(many.astype(np.float32)))
    assert 0 < largest <= 2 * 8192


@every_density
def test_several_heads_where_they_can_be_blind(name):
    X, c = toy(200, 4)
    blind = np.stack([c < 0, c >= 0])
    density = make_density(name, 1, **TINY, **FAST[name])
    reason = "'degree'" if name == "matching" else "every layer of a flow"
    with pytest.raises(ConfigError, match=reason):
        density.fit(X, c, seed=1, blind=blind, **masks(200))


@every_density
def test_one_head_is_blind_to_marked_rows(name):
    """Rows that it may not see change nothing, be they far away; also in the scaling."""
    X, c = toy(300, 4)
    hidden = np.arange(300) >= 250
    options = {**TINY, **FAST[name], "dtype": "float64"}
    found = []
    for shift in (0.0, 1000.0):
        moved = X + shift * hidden[:, None].astype(np.float32)
        density = make_density(name, 1, **options)
        density.fit(moved, c, seed=1, blind=hidden[None], **masks(300))
        found.append(density.log_prob(X[:250], c[:250]))
    np.testing.assert_array_equal(found[0], found[1])


@every_density
def test_no_option_is_lost(name):
    """What is stored is what the constructor takes."""
    parameters = inspect.signature(type(make_density(name))).parameters
    assert set(parameters) == {"members", *density_options(name)}
    for option, value in {"steps": 0, "rounds": 0, "batch_size": 0, "members": 0}.items():
        with pytest.raises(ConfigError, match=f"'{option}' is 0"):
            make_density(name, **{option: value})
