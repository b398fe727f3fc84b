"""A student as an hls4ml project: C++ for an FPGA, with the same numbers as our emulation.

What to use when: a `Student` has been judged good enough in Python. The project's C++ can be
compiled here and compared bit by bit (`compare`); synthesis needs the vendor's tools, which are not
part of bycatch, so no resources or latencies on the chip are stated.

References
----------
.. [1] J. Duarte et al., "Fast inference of deep neural networks in FPGAs for particle physics",
   arXiv:1804.06913.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bycatch.errors import FitError
from bycatch.trigger.emulation import FixedNetwork
from bycatch.trigger.extras import optional
from bycatch.trigger.fixed_point import FixedPoint


@dataclass(frozen=True)
class Agreement:
    """Whether compiled C++ and our emulation give the same numbers.

    Attributes
    ----------
    n_events : int
    different : int
        Events whose output differs in any bit.
    largest : float
        Largest difference.
    """

    n_events: int
    different: int
    largest: float


class Project:
    """An hls4ml project of one student.

    Attributes
    ----------
    network : FixedNetwork
    folder : Path
    model : hls4ml ModelGraph
    """

    def __init__(self, network: FixedNetwork, folder: Path, model: Any) -> None:
        self.network = network
        self.folder = folder
        self.model = model
        self._compiled = False

    def run(self, X: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return what the compiled C++ says about each row.

        Raises
        ------
        FitError
            Where no compiler is there, or it fails.
        """
        if not self._compiled:
            try:
                with _quiet():
                    self.model.compile()
            except Exception as error:
                raise FitError(
                    f"The project in {self.folder} cannot be compiled ({error}); it needs g++."
                ) from error
            self._compiled = True
        given = np.ascontiguousarray(self.network.standardised(X), dtype=np.float32)
        return np.asarray(self.model.predict(given), dtype=np.float64).reshape(len(given))

    def compare(self, X: NDArray[np.floating]) -> Agreement:
        """Compare the compiled C++ with our emulation."""
        difference = np.abs(self.run(X) - self.network.run(X))
        return Agreement(
            len(difference), int(np.count_nonzero(difference)), float(difference.max(initial=0.0))
        )


def write_project(
    network: FixedNetwork,
    folder: Path | str,
    *,
    name: str = "student",
    backend: str = "Vivado",
    part: str = "xcvu9p-flga2104-2-e",
    clock: float = 5.0,
    reuse: int = 1,
) -> Project:
    """Write the project.

    Parameters
    ----------
    network : FixedNetwork
    folder : Path or str
    name : str
        Of the top function.
    backend, part : str
        As hls4ml knows them.
    clock : float
        Period in ns.
    reuse : int
        Multiplications per multiplier.

    Returns
    -------
    Project

    Raises
    ------
    InputError
        Where hls4ml is not installed.
    """
    hls4ml = optional("hls4ml")
    module = _module(network)
    with _quiet():
        config = hls4ml.utils.config_from_pytorch_model(
            module,
            (len(network.shift),),
            granularity="name",
            default_precision=str(network.activations),
            default_reuse_factor=reuse,
            backend=backend,
        )
        _set_precisions(config["LayerName"], network)
        model = hls4ml.converters.convert_from_pytorch_model(
            module,
            output_dir=str(folder),
            project_name=name,
            backend=backend,
            part=part,
            clock_period=clock,
            io_type="io_parallel",
            hls_config=config,
        )
        model.write()
    return Project(network, Path(folder), model)


def _module(network: FixedNetwork) -> torch.nn.Sequential:
    layers: list[torch.nn.Module] = []
    step = network.weight_format.step
    with torch.random.fork_rng(devices=[]):
        for weight, bias in zip(network.weights, network.biases, strict=True):
            layer = torch.nn.Linear(*weight.shape)
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(weight.T * step))
                layer.bias.copy_(torch.from_numpy(bias * step))
            layers += [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1]).eval()


def _set_precisions(layers: dict[str, dict[str, Any]], network: FixedNetwork) -> None:
    """Name the format of every wire; the accumulator holds all sums exactly."""
    names = list(layers)
    dense = [name for name in names if "weight" in layers[name]["Precision"]]
    form: FixedPoint = network.inputs
    layers[names[0]]["Precision"]["result"] = str(network.inputs)
    for name in names[1:]:
        precision = layers[name]["Precision"]
        if name in dense:
            weight = network.weights[dense.index(name)]
            fraction = form.width - form.integer
            fraction += network.weight_format.width - network.weight_format.integer
            integer = form.integer + network.weight_format.integer
            integer += int(np.ceil(np.log2(len(weight) + 1))) + 1
            precision["weight"] = precision["bias"] = str(network.weight_format)
            precision["accum"] = f"fixed<{integer + fraction},{integer}>"
            form = network.output if name == dense[-1] else network.activations
        precision["result"] = str(form)


@contextlib.contextmanager
def _quiet() -> Any:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
