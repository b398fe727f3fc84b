"""A variational autoencoder that reads and writes an event candidate by candidate.

What to use when: for lists of particle-flow candidates, where nobody should have to choose which
observables matter. `vae` on those observables is faster and easier to judge.

A bi-directional GRU reads the candidates into a Gaussian of a few latent numbers; a GRU that starts
from them writes the candidates again, one density of the features and the kind per step, and the
probability that the list ends. In training the decoder sees the true former candidate with a
probability that decays, and otherwise its own prediction.

Attention is a way around the bottleneck. Each step of the decoder may look at what the encoder
noted at each candidate, among it the candidate that it is to write, so that it can copy the event
whatever it is, and the latent numbers need not hold it. The lecture has it, and so it is on by
default. Then ``free_running`` and ``teacher_forced`` measure how well the event can be copied, and
are not likelihoods of anything; only ``kl`` is of the bottleneck. Without it ``free_running`` is
-log p(x|z) at the mean of z and ``total`` about the bound of -log p(x) that the training minimises
at beta = 1.

References
----------
.. [1] Pierini, lecture "Particle flow, recurrent networks and model independence": no publication.
.. [2] Bahdanau, Cho, Bengio, "Neural Machine Translation by Jointly Learning to Align and
   Translate", arXiv:1409.0473 (the attention).
.. [3] S. Bengio et al., "Scheduled sampling for sequence prediction with recurrent neural
   networks", arXiv:1506.03099 (teacher forcing that decays).
.. [4] O. Cerri et al., arXiv:1811.10276 (the stream of events).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.errors import DataError
from bycatch.learn.inputs import as_tensor, blocks, constituent_scaling
from bycatch.learn.members import MemberRows, check_option
from bycatch.learn.nets.attention import alignment_keys, attend, draw_attention
from bycatch.learn.nets.gru import bidirectional_gru, cell, draw_gru
from bycatch.learn.nets.mlp import draw_weights, forward
from bycatch.learn.neural import Learning, Noise
from bycatch.learn.options import option
from bycatch.learn.trainer import Batch, Model
from bycatch.score.base import Inputs
from bycatch.score.parts.candidates import Layout, first_candidates, mean_candidate, surprises
from bycatch.score.parts.neural import NeuralScore, part


class RecurrentVae(NeuralScore):
    """Bi-directional GRU, a few latent numbers, and a GRU with attention that writes candidates.

    Rows are sets with a mask, hardest candidate first, as `bycatch.represent.particle_flow` makes
    them: continuous features, then `kinds` features of which one is 1. Scores are those at the mean
    of the latent numbers: ``free_running``, minus the log-likelihood of the true candidates where
    the decoder is fed by its own means; ``teacher_forced``, where it is fed by the truth;
    ``kl``, the divergence of the latent numbers from the prior; ``total``, the first and the
    divergence; ``per_candidate``, the first divided by the number of candidates; ``length``, what
    the number of candidates adds to the first. Densities are in standardised features.
    """

    kind = "recurrent_vae"
    citation = "attention"
    further_citations = ("gru", "scheduled-sampling", "vae-mining")
    score_names = ("total", "free_running", "teacher_forced", "kl", "per_candidate", "length")
    masked = True
    has_latent = True

    length: int = option(
        default=20, least=1, says="Candidates that are read, the first ones; the rest are left out."
    )
    kinds: int = option(
        default=5,
        least=0,
        says="Last features that say one-hot what a candidate is; 0 where there are none.",
    )
    attention: bool = option(
        default=True, says="Let the decoder look at the encoder's annotations."
    )
    hidden: int = option(
        default=32,
        least=1,
        says="Units of the state of each direction of the encoder, and of the decoder.",
    )
    alignment: int = option(default=16, least=1, says="Hidden units of the alignment model.")
    n_latent: int = option(default=8, least=1, says="Latent coordinates.")
    beta: float = option(default=0.3, least=0.0, says="Weight of the divergence in the loss.")
    warm_up: float = option(
        default=0.2,
        least=0.0,
        most=1.0,
        says="Fraction of the training in which that weight rises from zero; 0 for none.",
    )
    forcing: Sequence[float] = option(
        default=(1.0, 0.0),
        least=0.0,
        most=1.0,
        says="Probability that the decoder sees the true former candidate, at the beginning and at "
        "the end of the training; linear in between. States are judged by the loss at the end.",
    )
    smallest_width: float = option(
        default=0.1,
        least=1e-3,
        says="Of the Gaussian densities, in standard deviations of the feature.",
    )
    learning_rate = 3e-3

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes of the inputs after the first."""
        return ("n_particles", "n_features")

    @property
    def has_graph(self) -> bool:
        """Whether its computation is the same for all events, so that a graph can hold it."""
        return False

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        check_option("forcing", len(self.forcing), 2, 2)

    def _checked(
        self,
        X: NDArray[np.generic],
        mask: NDArray[np.bool_] | None,
        shape: tuple[int | None, ...] | None,
    ) -> dict[str, NDArray[Any]]:
        inputs = super()._checked(X, mask, shape)
        n_features = inputs["x"].shape[2]
        if n_features <= self.kinds:
            raise DataError(
                f"The option 'kinds' is {self.kinds}, but there are {n_features} features, of "
                "which at least one must be continuous."
            )
        _check_kinds(inputs, self.kinds)
        return inputs

    def _layout(self, n_features: int) -> Layout:
        return Layout(n_features - self.kinds, self.kinds, self.smallest_width)

    def _initial(
        self, shape: tuple[int, ...], rngs: Sequence[np.random.Generator]
    ) -> dict[str, Tensor]:
        dtype, n_features = getattr(torch, self.dtype), shape[1]
        units, noted = self.hidden, 2 * self.hidden
        seen = n_features + (noted if self.attention else 0)
        parts = {
            "forward.": draw_gru(n_features, units, rngs, dtype),
            "backward.": draw_gru(n_features, units, rngs, dtype),
            "posterior.": draw_weights((noted, 2 * self.n_latent), rngs, dtype),
            "start.": draw_weights((self.n_latent, units), rngs, dtype),
            "latent.": draw_weights((self.n_latent, 3 * units), rngs, dtype),
            "decoder.": draw_gru(seen, units, rngs, dtype),
            "output.": draw_weights((units, self._layout(n_features).outputs), rngs, dtype),
        }
        if self.attention:
            parts["attention."] = draw_attention(units, noted, self.alignment, rngs, dtype)
        return {
            f"{at}{name}": value for at, found in parts.items() for name, value in found.items()
        }

    def _fit(self, inputs: Inputs, rows: Sequence[MemberRows]) -> None:
        # Only the first candidates are ever looked at: what is scaled and kept in memory are these.
        found = [
            first_candidates(as_tensor(inputs["x"][b]), as_tensor(inputs["mask"][b]), self.length)
            for b in blocks(inputs["x"].shape)
        ]
        x, mask = (torch.cat(pieces).numpy() for pieces in zip(*found, strict=True))
        super()._fit({"x": x, "mask": mask}, rows)

    def _scaling(self, inputs: Inputs, rows: Sequence[MemberRows]) -> dict[str, NDArray[Any]]:
        found = constituent_scaling(inputs["x"], inputs["mask"], rows)
        n = inputs["x"].shape[2] - self.kinds
        found["shift"][..., n:], found["scale"][..., n:] = 0.0, 1.0
        return {"shift": found["shift"], "scale": found["scale"]}

    def prepared(self, columns: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the first candidates, in its precision, and zeros after them."""
        x, mask = first_candidates(columns["x"], columns["mask"], self.length)
        return {**columns, "x": x.to(getattr(torch, self.dtype)), "mask": mask}

    def _model(self, seeds: Sequence[int]) -> Model:
        return _Scheduled(self, seeds, self.rounds * (self.steps // self.rounds))

    def losses(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], noise: Noise
    ) -> Tensor:
        """Return the loss at the end of the training, of shape (n_members, n_rows)."""
        return self.losses_at(1.0, parameters, columns, noise)

    def losses_at(
        self,
        progress: float,
        parameters: Mapping[str, Tensor],
        columns: Mapping[str, Tensor],
        noise: Noise,
    ) -> Tensor:
        """Return -log p(x|z) plus the weighted divergence, of shape (n_members, n_rows).

        Parameters
        ----------
        progress : float
            From 0 at the beginning of the training to 1 at its end.
        parameters, columns, noise
            As in `losses`.
        """
        x, mask = _standardised(parameters, columns), columns["mask"]
        first, last = self.forcing
        beta = self.beta * (min(1.0, progress / self.warm_up) if self.warm_up else 1.0)
        annotations, mean, log_variance = self._posterior(parameters, x, mask)
        normal = noise.normal(mean.shape[1:], mean)
        z = mean + torch.exp(0.5 * log_variance) * normal
        forced = noise.uniform(mask.shape[1:], x) < first + (last - first) * progress
        outputs = self._decoded(parameters, z, annotations, x, mask, forced)
        candidates, length = surprises(outputs, x, mask, self._layout(x.shape[3]))
        return (candidates + length).sum(dim=2) + beta * _divergence(mean, log_variance)

    def encoded(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return the means of the latent numbers, of shape (n_members, n_rows, n_latent)."""
        return self._posterior(parameters, _standardised(parameters, columns), columns["mask"])[1]

    def scores(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], name: str
    ) -> Tensor:
        """Return the score `name`, of shape (n_members, n_rows), at the mean of the posterior."""
        x, mask = _standardised(parameters, columns), columns["mask"]
        annotations, mean, log_variance = self._posterior(parameters, x, mask)
        if name == "kl":
            return _divergence(mean, log_variance)
        forced = torch.full_like(mask, name == "teacher_forced")
        outputs = self._decoded(parameters, mean, annotations, x, mask, forced)
        candidates, length = surprises(outputs, x, mask, self._layout(x.shape[3]))
        if name == "length":
            return length.sum(dim=2)
        whole = (candidates + length).sum(dim=2)
        if name == "per_candidate":
            return whole / mask.sum(dim=2).clamp_min(1)
        return whole + _divergence(mean, log_variance) if name == "total" else whole

    def _posterior(
        self, parameters: Mapping[str, Tensor], x: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the annotations, and mean and log-variance of the latent numbers."""
        annotations, last = bidirectional_gru(parameters, x, mask)
        mean, log_variance = forward(part(parameters, "posterior."), last).chunk(2, dim=2)
        # An event unlike all others must not overflow.
        return annotations, mean, log_variance.clamp(-20.0, 20.0)

    def _decoded(
        self,
        parameters: Mapping[str, Tensor],
        z: Tensor,
        annotations: Tensor,
        x: Tensor,
        mask: Tensor,
        forced: Tensor,
    ) -> Tensor:
        """Return the predictions of all steps, of shape (n_members, n_rows, n_steps, n_outputs).

        A step sees the candidate before it where `forced`, of the shape of `mask`, and what was
        predicted for it elsewhere. Nothing is learned through that prediction, as in [3].
        """
        layout = self._layout(x.shape[3])
        decoder, output = part(parameters, "decoder."), part(parameters, "output.")
        looking = part(parameters, "attention.")
        keys = alignment_keys(looking, annotations) if self.attention else annotations
        constant = forward(part(parameters, "latent."), z) + decoder["input.bias"]
        state = torch.tanh(forward(part(parameters, "start."), z))
        before = torch.zeros_like(x[:, :, 0])
        states = []
        for step in range(x.shape[2]):
            seen = before
            if self.attention:
                context, _ = attend(looking, state, keys, annotations, mask)
                seen = torch.cat([before, context], dim=2)
            state = cell(decoder, torch.baddbmm(constant, seen, decoder["input.weight"]), state)
            states.append(state)
            with torch.no_grad():
                own = mean_candidate(forward(output, state), layout)
                before = torch.where(forced[:, :, step, None], x[:, :, step], own)
        stacked = torch.stack(states, dim=2)
        return forward(output, stacked.flatten(1, 2)).reshape(*mask.shape, layout.outputs)


class _Scheduled(Learning):
    """A loss that changes from step to step of the training."""

    def __init__(self, score: RecurrentVae, seeds: Sequence[int], steps: int) -> None:
        super().__init__(score, seeds)
        self._recurrent, self._steps, self._step = score, steps, 0

    def loss(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return the weighted sum of losses of the next step, of shape (n_members,)."""
        self._noise.members = batch.members
        progress = self._step / max(1, self._steps - 1)
        self._step += 1
        columns = self._recurrent.prepared(batch.columns)
        losses = self._recurrent.losses_at(progress, parameters, columns, self._noise)
        return (batch.weight * losses).sum(dim=1)


def _standardised(parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
    shift, scale = parameters["shift"].unsqueeze(1), parameters["scale"].unsqueeze(1)
    x = (columns["x"] - shift) / scale
    return x.masked_fill(~columns["mask"].unsqueeze(3), 0.0)


def _divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the divergence of a Gaussian from the standard normal one."""
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(dim=2)


def _check_kinds(inputs: Inputs, kinds: int) -> None:
    """Refuse candidates whose last features are not one-hot."""
    if not kinds:
        return
    bad = 0
    for rows in blocks(inputs["x"].shape):
        codes = inputs["x"][rows, :, -kinds:]
        one_hot = ((codes == 0) | (codes == 1)).all(axis=2) & (codes.sum(axis=2) == 1)
        bad += int((inputs["mask"][rows] & ~one_hot).any(axis=1).sum())
    if bad:
        raise DataError(
            f"The last {kinds} features must say one-hot what a candidate is, but in {bad} of "
            f"{len(inputs['x'])} rows they do not; give their number as the option 'kinds'."
        )
