"""A score as one ONNX graph: preprocessing, score and threshold.

What to use when: wherever a score leaves Python. The graph takes a representation's values in their
own units, scales them, returns the score of the mean over members and whether it reaches the
threshold, for any number of rows. Read it with `OnnxScore`, or with ONNX Runtime from any language.
Not for FPGAs: there a compressed student is used (`bycatch.trigger.student`).
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.errors import ConfigError, DataError, InputError
from bycatch.learn.members import check_members
from bycatch.score.parts.neural import NeuralScore
from bycatch.tasks.files import atomic_write
from bycatch.trigger.extras import optional

if TYPE_CHECKING:
    from bycatch.score.base import Score

_TRACED_ROWS = 3
"""Rows of the example that the graph is made from; any number may be scored."""


class _Graph(torch.nn.Module):
    """Preprocessing, a score and its threshold."""

    def __init__(
        self,
        score: torch.nn.Module,
        threshold: float | None,
        preprocessing: torch.nn.Module | None,
    ) -> None:
        super().__init__()
        self._score = score
        self._threshold = threshold
        self._preprocessing = preprocessing

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the score of each row and, where there is a threshold, whether it passes."""
        if self._preprocessing is not None:
            x = self._preprocessing(x)
        score = self._score(x, mask)
        return (score,) if self._threshold is None else (score, score >= self._threshold)


def export_onnx(
    score: Score,
    path: Path | str,
    *,
    name: str | None = None,
    members: Sequence[int] | None = None,
    threshold: float | None = None,
    preprocessing: torch.nn.Module | None = None,
) -> Path:
    """Write a trained score as an ONNX graph.

    Parameters
    ----------
    score : Score
        Any score that networks make.
    path : Path or str
        File to write.
    name : str, optional
        One of ``score.score_names``; the first by default.
    members : sequence of int, optional
        All by default; one alone is the fastest.
    threshold : float, optional
        With it the graph has a second output, ``accept``.
    preprocessing : torch.nn.Module, optional
        Applied to the input first, in the graph (see `bycatch.trigger.preprocessing`).

    Returns
    -------
    Path

    Raises
    ------
    ConfigError
        Where the score is not made of networks, or the name or a member does not exist.
    DataError
        Where the score is not trained.
    InputError
        Where the extra ``[export]`` is not installed.
    """
    optional("onnxscript")
    onnx = optional("onnx")
    if not isinstance(score, NeuralScore) or not score.has_graph:
        raise ConfigError(
            f"The score '{score.kind}' is not made of networks alone, or its computation depends "
            "on the events, so that it cannot become a graph; "
            "compress it into a student (bycatch.trigger.student) and export that."
        )
    shape = score._fitted_shape()  # noqa: SLF001 - says whether it is trained
    chosen = check_members(members, score.members)
    name = score._named(name)  # noqa: SLF001
    own = {key: value[chosen] for key, value in score.parameters_.items()}
    graph = _Graph(score.graph(own, name), threshold, preprocessing).eval()
    x = torch.ones((_TRACED_ROWS, *shape))
    inputs: tuple[Tensor, ...] = (x,)
    if score.masked:
        inputs = (x, torch.ones((_TRACED_ROWS, shape[0]), dtype=torch.bool))
    program = _traced(graph, inputs, ("score", "accept")[: 1 if threshold is None else 2])
    model = program.model_proto
    notes = {
        "kind": score.kind,
        "score": name,
        "members": len(chosen),
        "threshold": threshold,
        "shape": list(shape),
    }
    entry = model.metadata_props.add()
    entry.key, entry.value = "bycatch", json.dumps(notes)
    onnx.checker.check_model(model)
    atomic_write(Path(path), model.SerializeToString())
    return Path(path)


def _traced(graph: _Graph, inputs: tuple[Tensor, ...], outputs: Sequence[str]) -> Any:
    rows = torch.export.Dim("rows")
    names = ("x", "mask")[: len(inputs)]
    with _quiet(), torch.no_grad():
        return torch.onnx.export(
            graph,
            inputs,
            input_names=list(names),
            output_names=list(outputs),
            dynamic_shapes=tuple({0: rows} for _ in inputs),
            dynamo=True,
            verbose=False,
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks about optional packages from the user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


class OnnxScore:
    """A graph that `export_onnx` wrote, run by ONNX Runtime.

    Parameters
    ----------
    path : Path or str
    threads : int

    Attributes
    ----------
    notes : dict
        Kind of the score, its name, number of members, threshold and shape of the inputs.

    Raises
    ------
    InputError
        Where the file cannot be read or is no graph of a score.
    """

    def __init__(self, path: Path | str, threads: int = 1) -> None:
        runtime = optional("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise InputError(f"The graph {path} cannot be read ({error.strerror}).") from error
        try:
            self.session = runtime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
            entries = self.session.get_modelmeta().custom_metadata_map
            self.notes: dict[str, Any] = json.loads(entries["bycatch"])
        except Exception as error:
            raise InputError(
                f"{path} is no graph of a score of bycatch ({type(error).__name__})."
            ) from error
        self.path = Path(path)
        self._inputs = [entry.name for entry in self.session.get_inputs()]

    def run(
        self, X: NDArray[np.floating], mask: NDArray[np.bool_] | None = None
    ) -> list[NDArray[Any]]:
        """Return all outputs of the graph for some rows.

        Raises
        ------
        DataError
            Where the inputs are not those of the graph.
        """
        given = {"x": np.ascontiguousarray(X, dtype=np.float32)}
        if mask is not None:
            given["mask"] = np.ascontiguousarray(mask, dtype=np.bool_)
        shape = tuple(self.notes["shape"])
        if sorted(given) != sorted(self._inputs) or given["x"].shape[1:] != shape:
            raise DataError(
                f"The graph {self.path} takes {', '.join(self._inputs)} with rows of the shape "
                f"{shape}, but was given {', '.join(given)} with {given['x'].shape[1:]}."
            )
        found: list[NDArray[Any]] = self.session.run(None, given)
        return found

    def score(
        self, X: NDArray[np.floating], mask: NDArray[np.bool_] | None = None, batch: int = 1000
    ) -> NDArray[np.float32]:
        """Return the score of each row, of shape (n_rows,), a batch at a time."""
        parts = [
            self.run(X[rows], None if mask is None else mask[rows])[0]
            for rows in (slice(i, i + batch) for i in range(0, max(1, len(X)), batch))
        ]
        return np.concatenate(parts)

    def accept(
        self, X: NDArray[np.floating], mask: NDArray[np.bool_] | None = None
    ) -> NDArray[np.bool_]:
        """Return whether each row reaches the threshold.

        Raises
        ------
        ConfigError
            Where the graph has no threshold.
        """
        if self.notes["threshold"] is None:
            raise ConfigError(f"The graph {self.path} has no threshold; export it with one.")
        return np.asarray(self.run(X, mask)[1], dtype=np.bool_)


@dataclass(frozen=True)
class Parity:
    """How well a graph repeats the numbers of Python.

    Attributes
    ----------
    n_events : int
    largest : float
        Largest difference of the scores, relative to max(1, |score|).
    threshold_flips : int
        Events that only one of the two accepts; 0 without a threshold.
    """

    n_events: int
    largest: float
    threshold_flips: int


def check_parity(
    score: Score,
    graph: OnnxScore,
    X: NDArray[np.floating],
    mask: NDArray[np.bool_] | None = None,
    members: Sequence[int] | None = None,
) -> Parity:
    """Compare a graph with the score that it was made from.

    Raises
    ------
    DataError
        Where there are no events.
    """
    if not len(X):
        raise DataError("There are no events to compare the graph with its score on.")
    expected = score.score(X, mask, name=graph.notes["score"], members=members)
    found = graph.score(X, mask).astype(np.float64)
    difference = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
    flips, threshold = 0, graph.notes["threshold"]
    if threshold is not None:
        flips = int(np.count_nonzero((found >= threshold) != (expected >= threshold)))
    return Parity(len(X), float(difference.max()), flips)
