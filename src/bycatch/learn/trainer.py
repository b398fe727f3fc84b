"""The one training loop: mini-batch gradient descent on many members at once.

A model is anything whose parameters carry the members on their first axis and whose loss is one
number per member. A member's steps, epochs, early stopping and kept state depend on its own rows
and its own random stream only; a member that has stopped leaves the batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.errors import FitError
from bycatch.learn.base import History
from bycatch.learn.batches import BatchStream
from bycatch.learn.callbacks import Callback, EpochReport
from bycatch.learn.members import MemberRows
from bycatch.learn.threads import one_torch_thread

_BLOCK_VALUES = 2_000_000
_VALIDATION_CHUNK = 512


@dataclass(frozen=True)
class Batch:
    """Rows of each member.

    Attributes
    ----------
    columns : mapping of str to Tensor of shape (n_members, n_rows, ...)
    weight : Tensor of shape (n_members, n_rows)
    members : tuple of int
        Which members these are, for models that draw from streams of their own.
    """

    columns: Mapping[str, Tensor]
    weight: Tensor
    members: tuple[int, ...] = ()


class Model(Protocol):
    """What the loop can train."""

    def loss(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return the sum of weight times loss over each member's rows, of shape (n_members,).

        A sum, not a mean: the loop divides, so that zero weights can pad a batch.
        """
        ...

    def validation(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return the same sum of what a state is judged by, which may be another loss."""
        ...


@dataclass(frozen=True)
class TrainingOptions:
    """Options of the loop.

    Attributes
    ----------
    batch_size : int
    max_epochs : int
    learning_rate : float
    weight_decay : float
        L2 penalty of Adam.
    min_epochs : int
        No state from before the end of this many epochs is kept.
    steps_per_epoch : int, optional
        Length of an epoch for all members; by default a member's epoch is one pass over its rows.
    one_cycle : bool
        Let the learning rate rise over the first tenth of the steps and fall to zero at the end, as
        a density needs; all members then need the same number of steps per epoch.
    device : str
        Where it computes; the results come back to the processor.
    """

    batch_size: int
    max_epochs: int
    learning_rate: float
    weight_decay: float = 0.0
    min_epochs: int = 1
    steps_per_epoch: int | None = None
    one_cycle: bool = False
    device: str = "cpu"


@dataclass
class _State:
    """Members that still train and what is known about all of them."""

    active: list[int]
    parameters: dict[str, Tensor]
    best: dict[str, Tensor]
    train_loss: list[list[float]] = field(default_factory=list)
    validation_loss: list[list[float]] = field(default_factory=list)
    best_epoch: list[int] = field(default_factory=list)


def train(
    model: Model,
    parameters: Mapping[str, Tensor],
    trainable: Sequence[str],
    columns: Mapping[str, Tensor],
    rows: Sequence[MemberRows],
    rngs: Sequence[np.random.Generator],
    options: TrainingOptions,
    callbacks: Sequence[Callback] = (),
) -> tuple[dict[str, Tensor], list[History]]:
    """Train all members with Adam.

    Parameters
    ----------
    model : Model
    parameters : mapping of str to Tensor of shape (n_members, ...)
        Initial values; they are not changed.
    trainable : sequence of str
        Which parameters learn; the others (a scaling, say) only travel with their member.
    columns : mapping of str to Tensor of shape (n_rows, ...)
        The data that all members share.
    rows : sequence of MemberRows
        Rows and weights of each member.
    rngs : sequence of numpy.random.Generator
        One per member, for the order of its rows.
    options : TrainingOptions
    callbacks : sequence of Callback

    Returns
    -------
    parameters : dict
        Each member's state at its lowest validation loss after `min_epochs`.
    histories : list of History

    Raises
    ------
    FitError
        Where a member's validation loss is not finite.
    """
    members = len(rows)
    columns = {name: value.to(options.device) for name, value in columns.items()}
    parameters = {name: value.to(options.device) for name, value in parameters.items()}
    current = {
        name: value.clone().requires_grad_(name in trainable) for name, value in parameters.items()
    }
    state = _State(
        active=list(range(members)),
        parameters=current,
        best={name: value.clone() for name, value in parameters.items()},
        train_loss=[[] for _ in rows],
        validation_loss=[[] for _ in rows],
        best_epoch=[-1] * members,
    )
    stream = BatchStream(
        [r.train for r in rows], [r.train_weight for r in rows], rngs, options.batch_size
    )
    with one_torch_thread():
        _loop(model, state, trainable, columns, rows, stream, options, callbacks)
    histories = [
        History(tuple(train_loss), tuple(validation_loss), best)
        for train_loss, validation_loss, best in zip(
            state.train_loss, state.validation_loss, state.best_epoch, strict=True
        )
    ]
    return {name: value.cpu() for name, value in state.best.items()}, histories


def _loop(
    model: Model,
    state: _State,
    trainable: Sequence[str],
    columns: Mapping[str, Tensor],
    rows: Sequence[MemberRows],
    stream: BatchStream,
    options: TrainingOptions,
    callbacks: Sequence[Callback],
) -> None:
    # The fused kernel is several times faster than the default one on a CPU, and acts element by
    # element, so that members stay independent.
    optimiser = torch.optim.Adam(
        [state.parameters[name] for name in trainable],
        lr=options.learning_rate,
        weight_decay=options.weight_decay,
        fused=True,
    )
    period = {
        member: options.steps_per_epoch or stream.steps_per_epoch(member) for member in state.active
    }
    schedule = _schedule(optimiser, options, max(period.values()) * options.max_epochs)
    limit = max(1, _BLOCK_VALUES // (options.batch_size * max(1, _row_size(columns))))
    step = 0
    running = torch.zeros(len(state.active), dtype=torch.float64)
    while state.active:
        to_epoch_end = min(period[m] - step % period[m] for m in state.active)
        count = max(1, min(to_epoch_end, limit // len(state.active)))
        drawn, weights = stream.draw(state.active, count)
        batches = (drawn, weights, tuple(state.active))
        running += _steps(model, state.parameters, optimiser, schedule, columns, batches)
        step += count
        ended = [i for i, m in enumerate(state.active) if step % period[m] == 0]
        if not ended:
            continue
        finished = [state.active[i] for i in ended]
        losses = [float(running[i]) / period[state.active[i]] for i in ended]
        running[ended] = 0.0
        _record(model, state, columns, rows, ended, losses, options.min_epochs)
        stop = {m for m in finished if len(state.train_loss[m]) >= options.max_epochs}
        report = _report(state, finished)
        for callback in callbacks:
            stop.update(callback.on_epoch(report))
        if stop:
            keep = [i for i, m in enumerate(state.active) if m not in stop]
            running = running[keep]
            _keep(state, optimiser, trainable, keep)


def _schedule(
    optimiser: torch.optim.Optimizer, options: TrainingOptions, steps: int
) -> torch.optim.lr_scheduler.LRScheduler | None:
    if not options.one_cycle:
        return None
    return torch.optim.lr_scheduler.OneCycleLR(
        optimiser, options.learning_rate, total_steps=steps + 1, pct_start=0.1
    )


def _row_size(columns: Mapping[str, Tensor]) -> int:
    return sum(int(np.prod(column.shape[1:])) for column in columns.values())


def _steps(
    model: Model,
    parameters: Mapping[str, Tensor],
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler | None,
    columns: Mapping[str, Tensor],
    batches: tuple[NDArray[np.int64], NDArray[np.float64], tuple[int, ...]],
) -> Tensor:
    """Do one step per batch; return the sum of the steps' mean losses, of shape (n_members,)."""
    drawn, weights, members = batches
    index = torch.from_numpy(np.ascontiguousarray(drawn))
    like = next(iter(parameters.values()))
    index = index.to(like.device)
    weight = torch.from_numpy(np.ascontiguousarray(weights)).to(like)
    gathered = {name: column[index] for name, column in columns.items()}
    total = torch.zeros(index.shape[1], dtype=torch.float64, device=like.device)
    for step in range(len(index)):
        batch = Batch(
            {name: value[step] for name, value in gathered.items()}, weight[step], members
        )
        optimiser.zero_grad(set_to_none=True)
        loss = model.loss(parameters, batch) / index.shape[2]
        loss.sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if schedule is not None:
            schedule.step()
        total += loss.detach()
    return total.cpu()


def _record(
    model: Model,
    state: _State,
    columns: Mapping[str, Tensor],
    rows: Sequence[MemberRows],
    ended: Sequence[int],
    train_loss: Sequence[float],
    min_epochs: int,
) -> None:
    """Validate the members at the positions `ended` and keep those states that are the best."""
    finished = [state.active[i] for i in ended]
    parameters = {name: value.detach()[ended] for name, value in state.parameters.items()}
    losses = _validate(model, parameters, columns, [rows[m] for m in finished], finished)
    improved = []
    for position, (member, loss) in enumerate(zip(finished, losses, strict=True)):
        if not np.isfinite(loss):
            raise FitError(
                f"The training of member {member} diverged in epoch "
                f"{len(state.train_loss[member])}; lower the option 'learning_rate'."
            )
        best, epoch = state.best_epoch[member], len(state.validation_loss[member])
        if epoch < min_epochs or loss < state.validation_loss[member][best]:
            state.best_epoch[member] = epoch
            improved.append(position)
        state.train_loss[member].append(train_loss[position])
        state.validation_loss[member].append(float(loss))
    where = [finished[position] for position in improved]
    for name, value in parameters.items():
        state.best[name][where] = value[improved]


def _validate(
    model: Model,
    parameters: Mapping[str, Tensor],
    columns: Mapping[str, Tensor],
    rows: Sequence[MemberRows],
    members: Sequence[int],
) -> NDArray[np.float64]:
    """Return the mean loss on each member's validation rows, of shape (n_members,)."""
    longest = max(len(r.validate) for r in rows)
    total = np.zeros(len(rows))
    like = next(iter(parameters.values()))
    for start in range(0, longest, _VALIDATION_CHUNK):
        # Always whole chunks, padded by weight zero, so that sums do not depend on other members.
        index = np.zeros((len(rows), _VALIDATION_CHUNK), dtype=np.int64)
        weight = np.zeros((len(rows), _VALIDATION_CHUNK))
        for i, r in enumerate(rows):
            part = r.validate[start : start + _VALIDATION_CHUNK]
            index[i, : len(part)] = part
            weight[i, : len(part)] = r.validate_weight[start : start + _VALIDATION_CHUNK]
        chosen = torch.from_numpy(index).to(like.device)
        batch = Batch(
            {name: column[chosen] for name, column in columns.items()},
            torch.from_numpy(weight).to(like),
            tuple(members),
        )
        with torch.no_grad():
            total += model.validation(parameters, batch).double().cpu().numpy()
    counts = np.array([len(r.validate) for r in rows], dtype=np.float64)
    return np.asarray(total / counts)


def _report(state: _State, finished: Sequence[int]) -> EpochReport:
    return EpochReport(
        members=finished,
        epoch=[len(state.train_loss[m]) - 1 for m in finished],
        train_loss=[state.train_loss[m][-1] for m in finished],
        validation_loss=[state.validation_loss[m][-1] for m in finished],
        best_epoch=[state.best_epoch[m] for m in finished],
        active=len(state.active),
        total=len(state.train_loss),
    )


def _keep(
    state: _State,
    optimiser: torch.optim.Optimizer,
    trainable: Sequence[str],
    keep: Sequence[int],
) -> None:
    """Let only the members at the positions `keep` go on."""
    index = torch.tensor(keep, dtype=torch.int64)
    state.active = [state.active[i] for i in keep]
    for name, value in state.parameters.items():
        if name not in trainable:
            state.parameters[name] = value[index]
            continue
        for key in ("exp_avg", "exp_avg_sq"):
            optimiser.state[value][key] = optimiser.state[value][key][index]
        value.data = value.data[index]
        value.grad = None
