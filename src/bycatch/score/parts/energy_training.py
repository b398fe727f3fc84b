"""How an energy learns: rounds of data against negative samples, watched without labels.

The one trainer trains; the model that it is given keeps the chains' buffer and judges each state by
the held-out rows and by negative samples that it draws afresh, always from the same random numbers.
A member whose training diverges goes back to its best state and goes on with a lower learning rate.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.learn.callbacks import Callback, EpochReport
from bycatch.learn.inputs import as_tensor
from bycatch.learn.members import MemberRows
from bycatch.learn.neural import Noise
from bycatch.learn.trainer import Batch, TrainingOptions, train
from bycatch.learn.wasserstein import sliced_wasserstein, unit_directions
from bycatch.score.base import Inputs
from bycatch.score.parts.energy import Energy
from bycatch.tasks.random import child_seed, stream

RATIO = (0.9, 1.1)
"""Where the mean energy of negative samples, over that of data, must be for a density."""
_DIVERGED = (0.3, 3.0)
"""Where it must be for a training to go on."""
_FAR = 5.0
"""Greatest distance at which a training goes on, in units of the member's least one before."""
_DIRECTIONS = 64
_WORST = 1e30
"""What stands for a state that cannot be judged: the trainer takes finite numbers only."""
_SLOWER = 1.0 / 3.0


@dataclass(frozen=True)
class Round:
    """What was seen of a member in one round.

    Attributes
    ----------
    positive, negative : float
        Mean energy of held-out rows, and of negative samples that have moved on without training.
    distance : float
        Sliced Wasserstein distance between the two, in units of the energy's coordinates.
    judged : float
        By which the best state is chosen, the lowest: the distance, times by how much the ratio of
        the two energies is outside of `RATIO`.
    lost : float
        Fraction of training chains that were lost, and started anew.
    learning_rate : float
        Of this round's training, at its highest.
    """

    positive: float
    negative: float
    distance: float
    judged: float
    lost: float
    learning_rate: float

    @property
    def ratio(self) -> float:
        """E-/E+, near 1 where negative samples and data have the same energy."""
        return self.negative / self.positive if self.positive > 0.0 else float("inf")


@dataclass(frozen=True)
class Backoff:
    """A member that went back to its best state.

    Attributes
    ----------
    member, round : int
    learning_rate : float
        With which it went on.
    reason : str
    """

    member: int
    round: int
    learning_rate: float
    reason: str


class EnergyTraining:
    """An energy's loss, as the training loop wants it.

    Parameters
    ----------
    score : Energy
    seeds : sequence of int
        Of the noise of each member.
    """

    def __init__(self, score: Energy, seeds: Sequence[int]) -> None:
        self._score = score
        self._seeds = list(seeds)
        self._noise = Noise(seeds)
        self._buffer: Tensor | None = None
        self._seen = np.zeros((len(seeds), 4))
        self._lost = np.zeros((len(seeds), 2))

    def loss(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return the weighted sum of losses, of shape (n_members,)."""
        score, noise = self._score, self._noise
        noise.members = batch.members
        u = score.coordinates(parameters, score.prepared(batch.columns))
        fixed = {name: value.detach() for name, value in parameters.items()}
        place, start = self._starts(fixed, batch, u)
        through = score.gradient_steps
        samples = score.moved(parameters if through else fixed, start, noise, through=through)
        total, lost = score.contrast(parameters, u, batch.weight, samples, noise)
        again = score.decoded_anywhere(fixed, samples.shape[1], noise, u)
        ends = torch.where(lost.unsqueeze(2), again, samples.detach())
        self._write(place, ends, batch.members)
        self._lost[list(batch.members), 0] += lost.double().mean(dim=1).cpu().numpy()
        self._lost[list(batch.members), 1] += 1.0
        return total

    def validation(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return the weighted sum of what a state is judged by, of shape (n_members,)."""
        score, members = self._score, list(batch.members)
        noise = Noise([child_seed(seed, "validation") for seed in self._seeds])
        noise.members = batch.members
        u = score.coordinates(parameters, score.prepared(batch.columns))
        rows = batch.weight.shape[1]
        _, start = self._drawn(rows, members, noise, u)
        samples = score.moved(parameters, start, noise)
        total = batch.weight.sum(dim=1)
        positive = (batch.weight * score.energy(parameters, u)).sum(dim=1)
        negative = score.energy(parameters, samples).mean(dim=1) * total
        directions = unit_directions(noise.normal((_DIRECTIONS, u.shape[2]), u))
        distance = sliced_wasserstein(u, samples, directions, batch.weight, order=1) * total
        judged = distance * _off(negative / positive)
        seen = torch.stack([positive, negative, distance, total], dim=1).double()
        self._seen[members] += _finite(seen).cpu().numpy()
        return _finite(judged.double())

    def seen(self, member: int) -> tuple[float, float, float, float]:
        """Return and forget what was seen: E+, E-, the distance, and the lost fraction."""
        positive, negative, distance, total = self._seen[member]
        lost, steps = self._lost[member]
        self._seen[member] = self._lost[member] = 0.0
        return positive / total, negative / total, distance / total, lost / max(1.0, steps)

    def _starts(
        self, parameters: Mapping[str, Tensor], batch: Batch, like: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return places in the buffer and what is there; new chains take the first of them."""
        score, noise, rows = self._score, self._noise, batch.weight.shape[1]
        if self._buffer is None:
            # All members begin together; later some leave.
            self._buffer = score.on_manifold(parameters, score.buffer, noise, like)
        place, start = self._drawn(rows, list(batch.members), noise, like)
        fresh = round((1.0 - score.replay) * rows)
        if fresh:
            start[:, :fresh] = score.on_manifold(parameters, fresh, noise, like)
        return place, start

    def _drawn(
        self, rows: int, members: Sequence[int], noise: Noise, like: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Draw places of the buffer, and return them with what is there."""
        assert self._buffer is not None  # noqa: S101 - the first step has filled it
        size = self._buffer.shape[1]
        place = (noise.uniform((rows,), like) * size).long().clamp(max=size - 1)
        row = torch.tensor(members, device=place.device).unsqueeze(1)
        return place, self._buffer[row, place]

    def _write(self, place: Tensor, ends: Tensor, members: Sequence[int]) -> None:
        """Put chains back where they came from."""
        assert self._buffer is not None  # noqa: S101
        row = torch.tensor(members, device=place.device).unsqueeze(1)
        self._buffer[row, place] = ends


def _off(ratio: Tensor) -> Tensor:
    """Return 1 for ratios of energies within `RATIO`, and by how much they are outside of it."""
    low, high = RATIO
    return torch.maximum(ratio / high, low / ratio.clamp_min(1e-30)).clamp_min(1.0)


def _finite(values: Tensor) -> Tensor:
    return torch.nan_to_num(values, nan=_WORST, posinf=_WORST).clamp(-_WORST, _WORST)


@dataclass
class Watch:
    """Record rounds, and stop members that diverge.

    Attributes
    ----------
    training : EnergyTraining
    learning_rate : float
    nearest : ndarray of shape (n_members,)
        Least distance of each member so far.
    rounds : list of list of Round
        Of each member of the loop.
    diverged : dict
        Why a member was stopped.
    """

    training: EnergyTraining
    learning_rate: float
    nearest: NDArray[np.float64]
    rounds: list[list[Round]]
    diverged: dict[int, str] = field(default_factory=dict)

    def on_epoch(self, report: EpochReport) -> Collection[int]:
        """Return the members that diverged in this round."""
        found = []
        for member, judged in zip(report.members, report.validation_loss, strict=True):
            positive, negative, distance, lost = self.training.seen(member)
            seen = Round(positive, negative, distance, judged, lost, self.learning_rate)
            self.rounds[member].append(seen)
            reason = self._reason(seen, member)
            if reason:
                self.diverged[member] = reason
                found.append(member)
        return found

    def _reason(self, seen: Round, member: int) -> str:
        """Say why a member must not go on; nothing where it may."""
        if max(seen.judged, seen.positive, abs(seen.negative)) >= 0.1 * _WORST:
            return "an energy was not finite"
        if not _DIVERGED[0] < seen.ratio < _DIVERGED[1]:
            return f"negative samples had {seen.ratio:.3g} times the energy of held-out rows"
        if seen.distance > _FAR * self.nearest[member]:
            times = seen.distance / self.nearest[member]
            return f"negative samples went {times:.3g} times as far from held-out rows as before"
        self.nearest[member] = min(self.nearest[member], seen.distance)
        return ""


@dataclass
class Recovery:
    """What a training of energies comes to.

    Attributes
    ----------
    parameters : dict of str to Tensor of shape (n_members, ...)
    rounds : list of list of Round
    best : list of int
        The round of the kept state of each member; -1 where it is that after pre-training.
    backoffs : list of Backoff
    """

    parameters: dict[str, Tensor]
    rounds: list[list[Round]]
    best: list[int]
    backoffs: list[Backoff] = field(default_factory=list)


def train_energy(
    score: Energy,
    parameters: Mapping[str, Tensor],
    trainable: Sequence[str],
    inputs: Inputs,
    rows: Sequence[MemberRows],
    callbacks: Sequence[Callback] = (),
) -> Recovery:
    """Train from pre-trained autoencoders.

    Parameters
    ----------
    score : Energy
    parameters : mapping of str to Tensor of shape (n_members, ...)
    trainable : sequence of str
    inputs : mapping of str to ndarray
    rows : sequence of MemberRows
    callbacks : sequence of Callback

    Returns
    -------
    Recovery
    """
    columns = {name: as_tensor(values) for name, values in inputs.items()}
    kept = {name: value.clone() for name, value in parameters.items()}
    found = Recovery(kept, [[] for _ in rows], [-1] * len(rows))
    lowest, nearest = np.full(len(rows), np.inf), np.full(len(rows), np.inf)
    pending, rate = list(range(len(rows))), score.energy_learning_rate
    for attempt in range(score.backoffs + 1):
        left = score.energy_rounds - min(len(found.rounds[m]) for m in pending)
        if left < 1:
            break
        seeds = [child_seed(score.seed, "member", m, "chains", attempt) for m in pending]
        training = EnergyTraining(score, seeds)
        watch = Watch(training, rate, nearest[pending], [[] for _ in pending])
        trained, histories = train(
            training,
            {name: value[pending] for name, value in kept.items()},
            trainable,
            columns,
            [rows[m] for m in pending],
            [stream(score.seed, "member", m, "energy", attempt) for m in pending],
            _options(score, left, rate),
            (watch, *callbacks),
        )
        rate *= _SLOWER
        nearest[pending] = watch.nearest
        _take(found, lowest, pending, watch, trained, [h.best for h in histories], rate)
        pending = [pending[place] for place in sorted(watch.diverged)]
        if not pending:
            break
    return found


def _options(score: Energy, rounds: int, rate: float) -> TrainingOptions:
    return TrainingOptions(
        score.batch_size,
        rounds,
        rate,
        score.weight_decay,
        steps_per_epoch=score.energy_steps // score.energy_rounds,
        one_cycle=True,
        device=score.device,
    )


def _take(
    found: Recovery,
    lowest: NDArray[np.float64],
    pending: Sequence[int],
    watch: Watch,
    trained: Mapping[str, Tensor],
    best: Sequence[int],
    rate: float,
) -> None:
    """Keep the states that are better than those before, and note what happened."""
    for place, member in enumerate(pending):
        rounds = watch.rounds[place]
        judged = rounds[best[place]].judged
        if judged < lowest[member] and _sound(watch, place, best[place]):
            lowest[member] = judged
            found.best[member] = len(found.rounds[member]) + best[place]
            for name, value in trained.items():
                found.parameters[name][member] = value[place]
        found.rounds[member] += rounds
        if place in watch.diverged:
            last = len(found.rounds[member]) - 1
            found.backoffs.append(Backoff(member, last, rate, watch.diverged[place]))


def _sound(watch: Watch, member: int, index: int) -> bool:
    """Say whether a member had not diverged in that round."""
    return member not in watch.diverged or index < len(watch.rounds[member]) - 1
