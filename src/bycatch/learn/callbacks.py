"""What may happen at the end of an epoch: show it, log it, stop members."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class EpochReport:
    """Members that have just finished an epoch; all sequences run over them.

    Attributes
    ----------
    members : sequence of int
    epoch : sequence of int
        Number of the finished epoch, from 0.
    train_loss, validation_loss : sequence of float
    best_epoch : sequence of int
        Epoch whose state would be kept now.
    active, total : int
        Members that still train, and all members.
    """

    members: Sequence[int]
    epoch: Sequence[int]
    train_loss: Sequence[float]
    validation_loss: Sequence[float]
    best_epoch: Sequence[int]
    active: int
    total: int


class Callback(Protocol):
    """Something that watches a training."""

    def on_epoch(self, report: EpochReport) -> Collection[int]:
        """Look at finished epochs; return the members that shall stop."""
        ...


@dataclass(frozen=True)
class EarlyStopping:
    """Stop a member whose validation loss has not improved for `patience` epochs."""

    patience: int

    def on_epoch(self, report: EpochReport) -> Collection[int]:
        """Return the members without patience left."""
        return [
            member
            for member, epoch, best in zip(
                report.members, report.epoch, report.best_epoch, strict=True
            )
            if epoch - best >= self.patience
        ]


@dataclass(frozen=True)
class JsonLog:
    """Append one JSON object per finished epoch and member to a file."""

    path: Path

    def on_epoch(self, report: EpochReport) -> Collection[int]:
        """Write one line per member."""
        columns = zip(
            report.members,
            report.epoch,
            report.train_loss,
            report.validation_loss,
            strict=True,
        )
        names = ("member", "epoch", "train_loss", "validation_loss")
        lines = [json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in columns]
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(lines)
        return ()


@dataclass(frozen=True)
class ProgressReport:
    """Hand one line of text per finished epoch to a progress display."""

    show: Callable[[str], None]

    def on_epoch(self, report: EpochReport) -> Collection[int]:
        """Show the epoch, the mean validation loss and how many members still train."""
        loss = sum(report.validation_loss) / len(report.validation_loss)
        self.show(
            f"epoch {max(report.epoch) + 1}: validation loss {loss:.4f}, "
            f"{report.active} of {report.total} members still train"
        )
        return ()
