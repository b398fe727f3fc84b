"""The base of all that networks learn, by a model that none of the rooms has: a regression."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bycatch.errors import ConfigError, DataError, FitError
from bycatch.learn.callbacks import JsonLog
from bycatch.learn.members import MemberRows
from bycatch.learn.nets.mlp import draw_weights, forward
from bycatch.learn.neural import NeuralEnsemble, Noise, Patience, Rounds
from bycatch.learn.options import option

N, MEMBERS = 600, 3
DATA = np.random.default_rng(1).normal(size=(N, 2)).astype(np.float32)
TARGET = DATA @ np.array([1.0, -2.0], dtype=np.float32)


class Calibrator(Rounds, Patience, NeuralEnsemble):
    """Learns a number per row, from rows with noise."""

    kind = "calibrator"
    noun = "calibrator"
    chunk = 100

    hidden: tuple[int, ...] = option(default=(8,), least=1, says="Units of the layers.")
    smear: float = option(default=0.0, least=0.0, says="Noise on the inputs in training.")
    steps = 200
    rounds = 10
    learning_rate = 0.02

    def _initial(self, shape, rngs):
        return draw_weights((*shape, *self.hidden, 1), rngs, getattr(torch, self.dtype))

    def _scaling(self, columns, rows):
        return {"shift": np.stack([columns["x"][r.train].mean(axis=0) for r in rows])[:, None]}

    def _value(self, parameters, columns):
        return forward(parameters, columns["x"] - parameters["shift"])[..., 0]

    def losses(self, parameters, columns, noise):
        x = columns["x"]
        x = x + self.smear * noise.normal(x.shape[1:], x)
        found = self._value(parameters, {"x": x})
        return (found - columns["target"].to(found)).square()

    def fit(self, seed=5):
        even = np.arange(N)
        rows = [
            MemberRows(even[m::6], even[3 + m :: 6], *np.ones((2, N // 6))) for m in range(MEMBERS)
        ]
        columns, rngs = {"x": DATA, "target": TARGET}, self._streams(seed)
        self.shape_ = DATA.shape[1:]
        self._train(*self._begin(self.shape_, columns, rows, rngs), columns, rows, rngs, seed)
        return self

    def predict(self, X, members=range(MEMBERS), dtype=np.float64):
        self._require_fitted()
        return self._map(self._value, {"x": X}, members, dtype)

    def _restore(self, arrays, notes):
        super()._restore(arrays, notes)
        self.shape_ = arrays["shift"].shape[2:]


@pytest.fixture(scope="module")
def fitted():
    return Calibrator(MEMBERS, patience=9).fit()


def test_it_learns(fitted):
    for history in fitted.histories_:
        assert history.validation_loss[history.best] < 0.1 * TARGET.var()
        assert len(history.train_loss) <= 10


def test_rows_are_evaluated_in_chunks_each_alone(fitted):
    whole = fitted.predict(DATA[:250])
    assert whole.shape == (MEMBERS, 250)
    assert whole.dtype == np.float64
    np.testing.assert_allclose(fitted.predict(DATA[120:130]), whole[:, 120:130], atol=1e-6)
    np.testing.assert_array_equal(fitted.predict(DATA[:250], [2, 0]), whole[[2, 0]])
    assert fitted.predict(DATA[:0]).shape == (MEMBERS, 0)
    assert fitted.predict(DATA[:5], dtype=np.float32).dtype == np.float32


def test_a_seed_says_everything_and_noise_is_of_each_member(fitted):
    again = Calibrator(MEMBERS, patience=9).fit()
    np.testing.assert_array_equal(again.predict(DATA), fitted.predict(DATA))
    other = Calibrator(MEMBERS, patience=9).fit(seed=6)
    assert (other.predict(DATA) != fitted.predict(DATA)).any()
    first, second = (Calibrator(MEMBERS, smear=0.1, steps=20).fit() for _ in range(2))
    np.testing.assert_array_equal(first.predict(DATA), second.predict(DATA))
    noise = Noise([1, 2, 3])
    drawn = noise.normal((4,), torch.zeros(1))
    noise = Noise([1, 2, 3])
    noise.members = (2,)
    assert torch.equal(noise.normal((4,), torch.zeros(1))[0], drawn[2])


def test_it_is_saved_and_loaded(fitted, tmp_path):
    fitted.save(tmp_path)
    loaded = Calibrator.load(tmp_path)
    assert (loaded.members, loaded.patience, loaded.hidden) == (MEMBERS, 9, (8,))
    assert loaded.histories_ == fitted.histories_
    np.testing.assert_array_equal(loaded.predict(DATA), fitted.predict(DATA))


def test_callbacks_are_called(tmp_path):
    model = Calibrator(MEMBERS, steps=4, rounds=2)
    model.callbacks = (JsonLog(tmp_path / "log.jsonl"),)
    model.fit()
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 2 * MEMBERS


def test_what_makes_no_sense_is_refused_when_it_is_made():
    for options, message in (
        ({"rounds": 300}, "'rounds' is 300, but it must be between 1 and 200."),
        ({"rounds": 0}, "'rounds' is 0, but it must be between 1 and 200."),
        ({"dtype": "float16"}, "'dtype' is 'float16', but it must be 'float32' or 'float64'."),
        ({"hidden": (3, 0)}, "'hidden' is 0, but it must be at least 1."),
        ({"device": "tpu"}, "'device' is 'tpu', but it must be 'cpu', 'cuda' or 'cuda:N'."),
        ({"patience": 0}, "'patience' is 0, but it must be at least 1."),
    ):
        with pytest.raises(ConfigError, match=message):
            Calibrator(**options)


def test_who_is_not_trained_says_so(tmp_path):
    for use in (lambda m: m.predict(DATA), lambda m: m.save(tmp_path)):
        with pytest.raises(DataError, match=r"The calibrator is not trained; call 'fit'"):
            use(Calibrator(MEMBERS))


def test_a_training_that_diverges_is_an_error():
    with pytest.raises(FitError, match="diverged"):
        Calibrator(MEMBERS, learning_rate=1e30).fit()


def test_the_last_state_is_kept_where_there_is_no_lowest_loss():
    class Game(Calibrator):
        """A game."""

        keeps_last = True

    for history in Game(MEMBERS, learning_rate=0.5, patience=10).fit().histories_:
        assert history.best == len(history.validation_loss) - 1 == 9
