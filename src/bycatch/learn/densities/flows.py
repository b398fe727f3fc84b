"""Normalising flows: densities that a chain of invertible maps makes out of a normal one.

What to use when
----------------
``maf``
    Autoregressive affine maps, as in the papers on ANODE and CATHODE. The likelihood takes one
    pass, a sample one pass per feature: the choice where many events are evaluated and features
    are smooth.
``spline``
    The same with rational-quadratic splines, twice as slow a step: for features with gaps, steps
    and several maxima, which affine maps cannot make.
``coupling``
    The same splines between two halves of the features: a sample takes two passes, whatever the
    number of features, where ``spline`` takes one per feature.

On 31,146 sideband events of the LHC Olympics with 4 features, 80 % of them for training, the mean
held-out -log p of the scaled features is 5.317 for ``maf``, 5.334 for ``spline`` and 5.337 for
``coupling``, each after some 20 s on one core with the defaults (``matching``: 5.311). One pass
over all of these events takes 0.1 to 0.4 s (``matching``: 7 s).

By that measure `bycatch.learn.densities.matching` is the best, but not by what counts for a
template: samples of ``spline`` are harder to tell from the window's background events
(`benchmarks/RESULTS.md`). `matching` can be blind to one window per head; a flow has one head: see
`FlowEnsemble`.

The flows are those of zuko. Its splines act on [-5, 5] and are the identity outside, where a scaled
feature is then described by a normal tail; value and gradient are finite there.

References
----------
.. [1] Papamakarios et al., "Masked autoregressive flow for density estimation", arXiv:1705.07057.
.. [2] Durkan et al., "Neural spline flows", arXiv:1906.04032.
.. [3] Nachman and Shih, "Anomaly detection with density estimation", arXiv:2001.04990.
.. [4] Hallin et al., "Classifying anomalies through outer density estimation", arXiv:2109.00546.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, cast

import numpy as np
import torch
import zuko
from torch import Tensor
from torch.func import functional_call, vmap

from bycatch.errors import ConfigError
from bycatch.learn.densities.base import NeuralDensity
from bycatch.learn.members import check_option
from bycatch.learn.trainer import Batch

__all__ = [
    "AutoregressiveSplineEnsemble",
    "CouplingSplineEnsemble",
    "FlowEnsemble",
    "MafEnsemble",
]


class FlowEnsemble(NeuralDensity):
    """What the flows share: zuko's module, evaluated for all members at once.

    The networks have SiLU activations, which make the density smooth and fit better than rectified
    linear units (measured on the sidebands named above: 5.315 against 5.321 nats for ``maf``).

    The conditions enter every layer of the networks that give a transform its parameters. So there
    is no part of a flow that could be kept from the events of one window, and a flow takes one head
    only; for several windows train one flow each, or use the density ``matching``.

    Signed weights enter the likelihood as they are. Where they sum to less than nothing in some
    place, -log p has no lower bound there; the held-out likelihood decides which state is kept.
    """

    validation_rows = 10_000

    def __init__(
        self,
        members: int,
        *,
        transforms: int,
        hidden: Sequence[int],
        steps: int,
        rounds: int,
        batch_size: int,
        learning_rate: float,
        weight_decay: float,
        dtype: Literal["float32", "float64"],
        device: str,
    ) -> None:
        super().__init__(
            members,
            steps=steps,
            rounds=rounds,
            batch_size=batch_size,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            dtype=dtype,
            device=device,
        )
        check_option("transforms", transforms, 1)
        for units in hidden:
            check_option("hidden", units, 1)
        self.transforms = transforms
        self.hidden = tuple(hidden)
        self._module: tuple[tuple[int, int], _Flow] | None = None

    @abstractmethod
    def _build(self, **common: Any) -> zuko.flows.MAF:
        """Return one flow; `common` are the arguments that all flows take."""

    def _check_heads(self, n_heads: int, n_conditions: int) -> None:  # noqa: ARG002
        if n_heads > 1:
            message = (
                f"The density '{self.kind}' cannot have {n_heads} heads: the condition enters "
                "every layer of a flow, so no part of it can be blind to one window. Use the "
                "density 'matching', or one density per window (shared: false)."
            )
            raise ConfigError(message)

    def _flow(self) -> _Flow:
        """Return the module; its weights mean nothing, they are given with every call."""
        sizes = (self._sizes["n_features"], self._sizes["n_conditions"])
        if self._module is None or self._module[0] != sizes:
            # Building draws weights from torch's global stream: put that back as it was.
            with torch.random.fork_rng(devices=[]):
                flow = self._build(
                    features=sizes[0],
                    context=sizes[1],
                    transforms=self.transforms,
                    hidden_features=self.hidden,
                    activation=torch.nn.SiLU,
                )
            module = _Flow(flow).requires_grad_(False).to(getattr(torch, self.dtype))
            self._module = (sizes, module)
        return self._module[1].to(self.device)

    def _initial(self, rngs: Sequence[np.random.Generator]) -> dict[str, Tensor]:
        """Return weights and biases uniform in +-1/sqrt(n_in), as torch's linear layer has them."""
        module = self._flow()
        result = {}
        for name, value in module.named_parameters():
            owner = module.get_submodule(name.rpartition(".")[0])
            if isinstance(owner, torch.nn.ParameterList):  # one feature, no condition: no network
                drawn = [rng.standard_normal(tuple(value.shape)) for rng in rngs]
            else:
                bound = cast("Tensor", owner.weight).shape[1] ** -0.5
                drawn = [rng.uniform(-bound, bound, tuple(value.shape)) for rng in rngs]
            result[name] = torch.from_numpy(np.stack(drawn)).to(value.dtype)
        return result

    def _model(self, seeds: Sequence[int]) -> _Likelihood:  # noqa: ARG002
        return _Likelihood(self._flow())

    def _log_prob(self, parameters: Mapping[str, Tensor], z: Tensor, c: Tensor, h: int) -> Tensor:  # noqa: ARG002
        return log_prob(self._flow(), parameters, z, c)

    def _sample(
        self,
        parameters: Mapping[str, Tensor],
        c: Tensor,
        generator: torch.Generator,
        h: int,  # noqa: ARG002
    ) -> Tensor:
        shape = (c.shape[1], self._sizes["n_features"])
        noise = torch.randn(shape, generator=generator, dtype=c.dtype).to(c.device)
        alone = {name: value[0] for name, value in parameters.items()}
        return _call(self._flow(), alone, noise, c[0], inverse=True)


class _Flow(torch.nn.Module):
    """A flow as a function of tensors only, so that its weights can be handed in."""

    def __init__(self, flow: zuko.flows.MAF) -> None:
        super().__init__()
        self.flow = flow

    def forward(self, z: Tensor, c: Tensor, inverse: bool = False) -> Tensor:
        """Return log p(z | c), of shape (n_rows,), or the events of the noise `z`."""
        density = self.flow(c if c.shape[-1] else None)
        return cast("Tensor", density.transform.inv(z) if inverse else density.log_prob(z))


def _call(
    module: _Flow, parameters: dict[str, Tensor], z: Tensor, c: Tensor, inverse: bool = False
) -> Tensor:
    """Evaluate the module with the weights of one member."""
    return cast("Tensor", functional_call(module, parameters, (z, c), {"inverse": inverse}))


def log_prob(module: _Flow, parameters: Mapping[str, Tensor], z: Tensor, c: Tensor) -> Tensor:
    """Return log p(z | c) of all members, of shape (n_members, n_rows).

    Parameters
    ----------
    module : Module
    parameters : mapping of str to Tensor of shape (n_members, ...)
    z : Tensor of shape (n_members, n_rows, n_features)
    c : Tensor of shape (n_members, n_rows, n_conditions)
    """
    if len(z) == 1:  # without the overhead of batching, which is a fifth of the time
        alone = {name: value.squeeze(0) for name, value in parameters.items()}
        return _call(module, alone, z[0], c[0])[None]
    batched = cast("Callable[..., Tensor]", vmap(partial(_call, module)))
    return batched(dict(parameters), z, c)


class _Likelihood:
    """What the training loop sees: -log p, in training as in validation."""

    def __init__(self, module: _Flow) -> None:
        self._module = module

    def loss(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return the weighted sum of -log p, of shape (n_members,)."""
        columns = batch.columns
        found = log_prob(self._module, parameters, columns["z"], columns["c"])
        return -(batch.weight * (found + columns["jacobian"])).sum(dim=1)

    validation = loss


class MafEnsemble(FlowEnsemble):
    """Masked autoregressive flows of affine maps, as in ANODE and CATHODE.

    Parameters
    ----------
    members : int
    transforms : int
        Affine maps in a row; the order of the features is turned round after each.
    hidden : sequence of int
        Units of the hidden layers of each map's network, with SiLU activations.
    steps, rounds, batch_size, learning_rate, weight_decay, dtype, device
        See `bycatch.learn.densities.base.NeuralDensity`.
    """

    kind = "maf"
    citation = "maf"

    def __init__(
        self,
        members: int = 1,
        *,
        transforms: int = 6,
        hidden: Sequence[int] = (64, 64),
        steps: int = 2000,
        rounds: int = 10,
        batch_size: int = 512,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.0,
        dtype: Literal["float32", "float64"] = "float32",
        device: str = "cpu",
    ) -> None:
        super().__init__(
            members,
            transforms=transforms,
            hidden=hidden,
            steps=steps,
            rounds=rounds,
            batch_size=batch_size,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            dtype=dtype,
            device=device,
        )

    def _build(self, **common: Any) -> zuko.flows.MAF:
        return zuko.flows.MAF(**common)


class AutoregressiveSplineEnsemble(FlowEnsemble):
    """Neural spline flows, each feature conditional on those before it.

    Parameters
    ----------
    members : int
    transforms : int
        Splines in a row; the order of the features is turned round after each.
    hidden : sequence of int
        Units of the hidden layers of each spline's network, with SiLU activations.
    bins : int
        Pieces of each spline.
    steps, rounds, batch_size, learning_rate, weight_decay, dtype, device
        See `bycatch.learn.densities.base.NeuralDensity`.
    """

    kind = "spline"
    citation = "neural-spline-flows"

    def __init__(
        self,
        members: int = 1,
        *,
        transforms: int = 3,
        hidden: Sequence[int] = (64, 64),
        bins: int = 8,
        steps: int = 1200,
        rounds: int = 10,
        batch_size: int = 512,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.0,
        dtype: Literal["float32", "float64"] = "float32",
        device: str = "cpu",
    ) -> None:
        super().__init__(
            members,
            transforms=transforms,
            hidden=hidden,
            steps=steps,
            rounds=rounds,
            batch_size=batch_size,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            dtype=dtype,
            device=device,
        )
        check_option("bins", bins, 2)
        self.bins = bins

    def _build(self, **common: Any) -> zuko.flows.MAF:
        return zuko.flows.NSF(bins=self.bins, **common)


class CouplingSplineEnsemble(AutoregressiveSplineEnsemble):
    """Neural spline flows, one half of the features conditional on the other half.

    Parameters
    ----------
    members : int
    transforms : int
        Splines in a row; the halves change places after each. With fewer than three, two features
        of one half cannot depend on each other.
    hidden, bins
        See `AutoregressiveSplineEnsemble`.
    steps, rounds, batch_size, learning_rate, weight_decay, dtype, device
        See `bycatch.learn.densities.base.NeuralDensity`.
    """

    kind = "coupling"

    def __init__(
        self,
        members: int = 1,
        *,
        transforms: int = 3,
        hidden: Sequence[int] = (64, 64),
        bins: int = 8,
        steps: int = 1200,
        rounds: int = 10,
        batch_size: int = 512,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.0,
        dtype: Literal["float32", "float64"] = "float32",
        device: str = "cpu",
    ) -> None:
        super().__init__(
            members,
            transforms=transforms,
            hidden=hidden,
            bins=bins,
            steps=steps,
            rounds=rounds,
            batch_size=batch_size,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            dtype=dtype,
            device=device,
        )

    def _build(self, **common: Any) -> zuko.flows.MAF:
        # Two passes make zuko's masks those of coupling; by default they are autoregressive.
        return zuko.flows.NSF(bins=self.bins, passes=2, **common)
