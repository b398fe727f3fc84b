"""Autoencoders whose score does not follow the mass.

What to use when: where a bump hunt follows in the variable that the score would sculpt. It costs
some of the power to find anomalies of a mass of their own, because that was a part of what made
them anomalous. Try ``disco`` first: it has one number to choose. ``adversary`` is the method of the
paper; both protect only where there are training rows.

References
----------
.. [1] Heimel, Kasieczka, Plehn, Thompson, "QCD or what?", arXiv:1808.08979, section 5 (the
   adversary sees the reconstruction's errors and predicts the bin of the jet mass).
.. [2] Kasieczka, Shih, "Robust jet classifiers through distance correlation", arXiv:2001.05310.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from bycatch.errors import ConfigError, DataError
from bycatch.learn.decorrelation import distance_correlation, reverse_gradient
from bycatch.learn.inputs import training_weights
from bycatch.learn.members import MemberRows
from bycatch.learn.nets.mlp import draw_weights, forward
from bycatch.learn.neural import Learning
from bycatch.learn.options import option
from bycatch.learn.trainer import Batch, Model
from bycatch.score.base import Inputs
from bycatch.score.parts.neural import part
from bycatch.score.parts.reconstruction import ErrorOptions, ReconstructionScore

_TINY = 1e-6


class AdversarialAutoencoder(ErrorOptions, ReconstructionScore):
    """An autoencoder that is punished where its errors tell the value of a protected variable.

    `fit` needs the protected variable, as an argument or as a column of X; `score` never looks at
    it. Training keeps the last state, because a game has no lowest loss.
    """

    kind = "adversarial_autoencoder"
    citation = "qcd-or-what"
    keeps_last: ClassVar[bool] = True

    decorrelate: Literal["adversary", "disco"] = option(
        default="disco",
        says="Subtract `strength` times the cross-entropy of a network that predicts the protected "
        "variable's bin from all errors of the reconstruction, or add `strength` times the "
        "squared distance correlation of the score's logarithm and the protected variable in the "
        "batch.",
    )
    strength: float = option(
        default=1.0, least=0.0, says="In units of the loss of the reconstruction."
    )
    bins: int = option(
        default=10,
        least=2,
        says="Of equal numbers of training rows, in which the adversary sorts the protected "
        "variable.",
    )
    adversary: Sequence[int] = option(
        default=(64, 64), least=1, says="Units of the adversary's hidden layers."
    )
    protected_column: int | None = option(
        default=None,
        least=0,
        says="Column of a vector that is the protected variable; it is neither read nor given "
        "back by the network. Without it, give `fit` the argument `protected`.",
    )

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        if self.protected_column is not None and self.eats != "vector":
            raise ConfigError(
                f"The option 'protected_column' is {self.protected_column}, but a row is a "
                f"{self.eats} without columns; give 'fit' the argument 'protected' instead."
            )

    def fit(
        self,
        X: NDArray[np.generic],
        weight: NDArray[np.float64] | None = None,
        *,
        mask: NDArray[np.bool_] | None = None,
        train: NDArray[np.bool_] | None = None,
        protected: NDArray[np.floating] | None = None,
    ) -> Self:
        """Learn what the rows have in common, whatever the value of the protected variable.

        Parameters
        ----------
        X, weight, mask, train
            As in `bycatch.score.base.Score.fit`.
        protected : ndarray of shape (n_rows,), optional
            The protected variable; needed without the option `protected_column`.

        Returns
        -------
        AdversarialAutoencoder
            Itself.

        Raises
        ------
        ConfigError, DataError, FitError
            As in `bycatch.score.base.Score.fit`, and where there is no protected variable, there
            are two, or it is not finite.
        """
        self._protected = protected
        try:
            return super().fit(X, weight, mask=mask, train=train)
        finally:
            del self._protected

    def _fit(self, inputs: Inputs, rows: Sequence[MemberRows]) -> None:
        super()._fit({**inputs, "protected": self._variable(inputs["x"])}, rows)

    def _variable(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Return the protected variable of each row, or say why there is none."""
        column, given = self.protected_column, self._protected
        if (column is None) == (given is None):
            raise DataError(
                f"The score '{self.kind}' has {'no' if given is None else 'two'} protected "
                "variables; give either 'fit' the argument 'protected' or the option "
                "'protected_column'."
            )
        if column is not None:
            if not column < x.shape[1] > 1:
                raise DataError(
                    f"The option 'protected_column' is {column}, but rows have {x.shape[1]} "
                    "columns, of which one must be left to learn from."
                )
            return np.asarray(x[:, column], dtype=np.float64)
        values = np.asarray(given, dtype=np.float64)
        if values.shape != (len(x),):
            raise DataError(
                f"'protected' must have the shape ({len(x)},), but it has {values.shape}."
            )
        bad = int(np.count_nonzero(~np.isfinite(values)))
        if bad:
            raise DataError(
                f"{bad} of {len(x)} values of 'protected' are NaN or infinite; drop these rows."
            )
        return values

    def _initial(
        self, shape: tuple[int, ...], rngs: Sequence[np.random.Generator]
    ) -> dict[str, Tensor]:
        if self.protected_column is not None:
            shape = (shape[0] - 1,)
        weights = super()._initial(shape, rngs)
        if self.decorrelate == "disco":
            return weights
        sizes = (int(np.prod(shape)) + 1, *self.adversary, self.bins)
        adversary = draw_weights(sizes, rngs, getattr(torch, self.dtype))
        return weights | {f"adversary.{name}": value for name, value in adversary.items()}

    def _scaling(self, inputs: Inputs, rows: Sequence[MemberRows]) -> dict[str, NDArray[Any]]:
        x = inputs["x"]
        if self.protected_column is not None:
            x = np.delete(x, self.protected_column, axis=1)
        found = super()._scaling({**inputs, "x": x}, rows)
        if self.decorrelate == "adversary":
            found["edges"] = _edges(inputs["protected"], training_weights(rows, len(x)), self.bins)
        return found

    def prepared(self, columns: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return columns as networks want them: without the protected one."""
        found = super().prepared(columns)
        column = self.protected_column
        if column is not None:
            x = found["x"]
            found["x"] = torch.cat([x[..., :column], x[..., column + 1 :]], dim=-1)
        return found

    def losses(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], noise: Any
    ) -> Tensor:
        """Return what both players minimise, of shape (n_members, n_rows).

        The adversary's cross-entropy is in it; its gradient turns round where it reaches the
        autoencoder.
        """
        if self.decorrelate == "disco":
            return super().losses(parameters, columns, noise)
        errors = self.errors(parameters, columns)
        return errors.sum(dim=2) + self._entropy(parameters, columns, errors)

    def judged(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], noise: Any
    ) -> Tensor:
        """Return what the autoencoder minimises, of shape (n_members, n_rows)."""
        if self.decorrelate == "disco":
            return super().losses(parameters, columns, noise)
        errors = self.errors(parameters, columns)
        return errors.sum(dim=2) - self.strength * self._entropy(parameters, columns, errors)

    def _entropy(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], errors: Tensor
    ) -> Tensor:
        """Return the adversary's cross-entropy, of shape (n_members, n_rows)."""
        each = torch.log1p(errors * errors.shape[2])
        total = torch.log(errors.sum(dim=2, keepdim=True) + _TINY)
        seen = reverse_gradient(torch.cat([each, total], dim=2), self.strength)
        logits = forward(part(parameters, "adversary."), seen)
        value = columns["protected"].to(logits.dtype).unsqueeze(2)
        target = (value > parameters["edges"]).sum(dim=2)
        return cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none").reshape(
            target.shape
        )

    def _model(self, seeds: Sequence[int]) -> Model:
        return _Disco(self, seeds) if self.decorrelate == "disco" else Learning(self, seeds)

    def _contributions(
        self, inputs: Inputs, members: Sequence[int], name: str
    ) -> NDArray[np.float64]:
        if self.protected_column is None or name != "reconstruction":
            return super()._contributions(inputs, members, name)
        errors = self._map(self.errors, inputs, members).mean(axis=0)
        return np.insert(errors, self.protected_column, 0.0, axis=1)


class _Disco(Learning):
    """The loss of the reconstruction, and the distance correlation within each batch."""

    def __init__(self, score: AdversarialAutoencoder, seeds: Sequence[int]) -> None:
        super().__init__(score, seeds)
        self._score = score

    def loss(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return the sum over the rows of both, of shape (n_members,)."""
        return self._both(parameters, batch)

    def validation(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return the same."""
        return self._both(parameters, batch)

    def _both(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        score = self._score
        columns = score.prepared(batch.columns)
        errors = score.scores(parameters, columns, "reconstruction")
        variable = columns["protected"].to(errors.dtype)
        penalty = distance_correlation(torch.log(errors + _TINY), variable, batch.weight)
        count = batch.weight.sum(dim=1)
        return (batch.weight * errors).sum(dim=1) + score.strength * count * penalty


def _edges(
    values: NDArray[np.float64], weights: NDArray[np.float64], bins: int
) -> NDArray[np.float64]:
    """Return inner edges of bins of equal absolute weight, of shape (n_members, 1, bins - 1)."""
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(np.abs(weights[:, order]), axis=1)
    wanted = np.arange(1, bins) / bins
    found = [values[order[np.searchsorted(c, wanted * c[-1])]] for c in cumulative]
    return np.stack(found)[:, None]
