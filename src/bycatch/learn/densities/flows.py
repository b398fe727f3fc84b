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
from typing import Any, cast

import numpy as np
import torch
import zuko
from torch import Tensor
from torch.func import functional_call, vmap

from bycatch.errors import ConfigError
from bycatch.learn.densities.base import NeuralDensity
from bycatch.learn.neural import Noise
from bycatch.learn.options import learned, option


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

    transforms: int = option(
        default=3,
        least=1,
        says="Splines, or affine maps, in a row; the order of the features is turned round after "
        "each.",
    )
    hidden: Sequence[int] = option(
        default=(64, 64),
        least=1,
        says="Units of the hidden layers of each transform's network, with SiLU activations.",
    )
    batch_size = 512
    _module: tuple[tuple[int, ...], _Flow] | None = learned(default=None)

    @abstractmethod
    def _build(self, **common: Any) -> zuko.flows.MAF:
        """Return one flow; `common` are the arguments that all flows take."""

    def _check_heads(self, n_heads: int, n_conditions: int) -> None:  # noqa: ARG002
        if n_heads > 1:
            raise ConfigError(
                f"The density '{self.kind}' cannot have {n_heads} heads: the condition enters "
                "every layer of a flow, so no part of it can be blind to one window. Use the "
                "density 'matching', or one density per window (shared: false)."
            )

    def _flow(self) -> _Flow:
        """Return the module; its weights mean nothing, they are given with every call."""
        sizes = self.shape_[:2]
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

    def _initial(
        self,
        shape: tuple[int, ...],  # noqa: ARG002 - the module knows it
        rngs: Sequence[np.random.Generator],
    ) -> dict[str, Tensor]:
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

    def losses(
        self,
        parameters: Mapping[str, Tensor],
        columns: Mapping[str, Tensor],
        noise: Noise,  # noqa: ARG002
    ) -> Tensor:
        """Return -log p in nats, of shape (n_members, n_rows), in training as in validation."""
        found = log_prob(self._flow(), parameters, columns["z"], columns["c"])
        return -(found + columns["jacobian"])

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


class MafEnsemble(FlowEnsemble):
    """Masked autoregressive flows of affine maps, as in ANODE and CATHODE."""

    kind = "maf"
    citation = "maf"

    transforms = 6
    steps = 2000

    def _build(self, **common: Any) -> zuko.flows.MAF:
        return zuko.flows.MAF(**common)


class AutoregressiveSplineEnsemble(FlowEnsemble):
    """Neural spline flows, each feature conditional on those before it."""

    kind = "spline"
    citation = "neural-spline-flows"

    bins: int = option(default=8, least=2, says="Pieces of each spline.")
    steps = 1200

    def _build(self, **common: Any) -> zuko.flows.MAF:
        return zuko.flows.NSF(bins=self.bins, **common)


class CouplingSplineEnsemble(AutoregressiveSplineEnsemble):
    """Neural spline flows, one half of the features conditional on the other half."""

    kind = "coupling"

    transforms: int = option(
        default=3,
        least=1,
        says="Splines in a row; the halves change places after each. With fewer than three, two "
        "features of one half cannot depend on each other.",
    )

    def _build(self, **common: Any) -> zuko.flows.MAF:
        # Two passes make zuko's masks those of coupling; by default they are autoregressive.
        return zuko.flows.NSF(bins=self.bins, passes=2, **common)
