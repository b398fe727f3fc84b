"""Models of the expected counts per bin, and the Poisson likelihood's derivatives for each.

`LogLinear` takes the density at the centre of each bin: the likelihood is that of a generalised
linear model and has one maximum. `Integrated` integrates the density over each bin, which wide bins
need and which costs the convexity.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.intp]

_LOG_MAX = 690.0  # exp of more overflows


def half_deviance(counts: Array, log_rate: Array, rate: Array) -> Array:
    """Poisson log-likelihood of each bin minus that of the saturated model.

    Parameters
    ----------
    counts, log_rate, rate : ndarray of shape (..., n_bins)

    Returns
    -------
    ndarray of shape (..., n_bins)
        Not positive; minus twice its sum is the deviance. Unlike the log-likelihood itself it does
        not lose digits where counts are large.
    """
    # an empty bin contributes minus its rate: 0 log 0 is 0
    log_counts = np.log(np.where(counts > 0.0, counts, 1.0))
    return np.asarray(counts * (log_rate - log_counts) - (rate - counts))


class RateModel(Protocol):
    """Expected counts as a function of coefficients, for a batch of toys."""

    @property
    def n_bins(self) -> int:
        """Number of bins."""

    @property
    def n_parameters(self) -> int:
        """Number of coefficients."""

    @property
    def design(self) -> Array:
        """Columns at the centres of the bins, of shape (n_bins, n_parameters)."""

    @property
    def log_exposure(self) -> Array:
        """Offset of the log rates, of shape (n_bins,), averaged over toys (for start values)."""

    def transformed(self, matrix: Array) -> RateModel:
        """Return the model of coefficients a where the present ones are `matrix` @ a."""

    def on_bins(self, bins: NDArray[np.bool_]) -> RateModel:
        """Return the model of some bins only."""

    def rates(self, coef: Array, index: Index) -> Array:
        """Return expected counts (n, n_bins) for coefficients (n, p) of the toys `index`."""

    def evaluate(
        self, coef: Array, counts: Array, used: Array | None, index: Index
    ) -> tuple[Array, Array, Array]:
        """Return log-likelihood, gradient and Fisher information of each toy."""

    def sum_gradient(self, coef: Array, bins: NDArray[np.bool_]) -> Array:
        """Return the derivatives (n_toys, p) of the summed rates of some bins."""

    def slopes(self, coef: Array) -> Array:
        """Return the derivatives (n, n_bins, p) of the rates (models without per-toy offsets)."""


@dataclass(frozen=True)
class _Columns:
    design: Array

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return int(self.design.shape[0])

    @property
    def n_parameters(self) -> int:
        """Number of coefficients."""
        return int(self.design.shape[1])


@dataclass(frozen=True)
class LogLinear(_Columns):
    """rate_i = exp(offset_i + sum_j design_ij coef_j).

    Attributes
    ----------
    design : ndarray of shape (n_bins, n_parameters)
    offset : ndarray of shape (n_bins,) or (n_toys, n_bins)
    """

    offset: Array

    @property
    def log_exposure(self) -> Array:
        """Offset of the log rates, of shape (n_bins,), averaged over toys (for start values)."""
        return np.asarray(np.atleast_2d(self.offset).mean(axis=0))

    def transformed(self, matrix: Array) -> LogLinear:
        """Return the model of coefficients a where the present ones are `matrix` @ a."""
        return replace(self, design=self.design @ matrix)

    def on_bins(self, bins: NDArray[np.bool_]) -> LogLinear:
        """Return the model of some bins only."""
        return LogLinear(self.design[bins], self.offset[..., bins])

    def _log_rates(self, coef: Array, index: Index) -> Array:
        offset = self.offset[index] if self.offset.ndim == 2 else self.offset
        log_rate: Array = coef @ self.design.T + offset
        return np.asarray(log_rate.clip(-_LOG_MAX, _LOG_MAX))

    def rates(self, coef: Array, index: Index) -> Array:
        """Return expected counts (n, n_bins) for coefficients (n, p) of the toys `index`."""
        return np.exp(self._log_rates(coef, index))

    def evaluate(
        self, coef: Array, counts: Array, used: Array | None, index: Index
    ) -> tuple[Array, Array, Array]:
        """Return log-likelihood, gradient and (observed = expected) information of each toy."""
        p = self.n_parameters
        log_rate = self._log_rates(coef, index)
        rate = np.exp(log_rate)
        terms = half_deviance(counts, log_rate, rate)
        residual = counts - rate
        if used is not None:
            terms, residual, rate = terms * used, residual * used, rate * used
        # one matrix product for all toys instead of a sum over bins for each
        products = (self.design[:, :, None] * self.design[:, None, :]).reshape(-1, p * p)
        return (
            terms.sum(axis=1),
            residual @ self.design,
            (rate @ products).reshape(-1, p, p),
        )

    def sum_gradient(self, coef: Array, bins: NDArray[np.bool_]) -> Array:
        """Return the derivatives (n_toys, p) of the summed rates of some bins."""
        rate = self.rates(coef, np.arange(len(coef)))
        return np.asarray(rate[:, bins] @ self.design[bins])

    def slopes(self, coef: Array) -> Array:
        """Return the derivatives (n, n_bins, p) of the rates (models without per-toy offsets)."""
        return np.asarray(self.rates(coef, np.arange(len(coef)))[..., None] * self.design)


@dataclass(frozen=True)
class Integrated(_Columns):
    """rate_i = sum_k exp(log_weight_ik + sum_j nodes_ikj coef_j): a quadrature over each bin.

    Attributes
    ----------
    design : ndarray of shape (n_bins, n_parameters)
        Columns at the bins' centres (for the start value).
    nodes : ndarray of shape (n_bins, n_nodes, n_parameters)
    log_weight : ndarray of shape (n_bins, n_nodes)
        Logarithm of quadrature weight times bin width.
    """

    nodes: Array
    log_weight: Array

    @property
    def log_exposure(self) -> Array:
        """Offset of the log rates, of shape (n_bins,) (for start values)."""
        return np.asarray(np.log(np.exp(self.log_weight).sum(axis=1)))

    def transformed(self, matrix: Array) -> Integrated:
        """Return the model of coefficients a where the present ones are `matrix` @ a."""
        return replace(self, design=self.design @ matrix, nodes=self.nodes @ matrix)

    def on_bins(self, bins: NDArray[np.bool_]) -> Integrated:
        """Return the model of some bins only."""
        return Integrated(self.design[bins], self.nodes[bins], self.log_weight[bins])

    def _node_rates(self, coef: Array) -> Array:
        n_bins, n_nodes, p = self.nodes.shape
        log_rate = coef @ self.nodes.reshape(-1, p).T + self.log_weight.reshape(-1)
        return np.exp(np.clip(log_rate, -_LOG_MAX, _LOG_MAX)).reshape(-1, n_bins, n_nodes)

    def rates(self, coef: Array, index: Index) -> Array:  # noqa: ARG002
        """Return expected counts (n, n_bins) for coefficients (n, p) of the toys `index`."""
        return np.asarray(self._node_rates(coef).sum(axis=2))

    def _slopes(self, node_rates: Array) -> Array:
        return np.asarray(np.matmul(node_rates.transpose(1, 0, 2), self.nodes).transpose(1, 0, 2))

    def evaluate(
        self, coef: Array, counts: Array, used: Array | None, index: Index
    ) -> tuple[Array, Array, Array]:
        """Return log-likelihood, gradient and expected information of each toy."""
        del index
        node_rates = self._node_rates(coef)
        rate = node_rates.sum(axis=2)
        slopes = self._slopes(node_rates)
        terms = half_deviance(counts, np.log(rate), rate)
        pull, precision = counts / rate - 1.0, 1.0 / rate
        if used is not None:
            terms, pull, precision = terms * used, pull * used, precision * used
        scaled = (slopes * precision[..., None]).transpose(0, 2, 1)
        return (
            terms.sum(axis=1),
            np.einsum("ti,tip->tp", pull, slopes),
            np.matmul(scaled, slopes),
        )

    def sum_gradient(self, coef: Array, bins: NDArray[np.bool_]) -> Array:
        """Return the derivatives (n_toys, p) of the summed rates of some bins."""
        return np.asarray(self._slopes(self._node_rates(coef))[:, bins].sum(axis=1))

    def slopes(self, coef: Array) -> Array:
        """Return the derivatives (n, n_bins, p) of the rates."""
        return self._slopes(self._node_rates(coef))
