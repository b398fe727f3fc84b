"""What an exported score costs: numbers, operations, bits, time per event.

What to use when: before a score is proposed for a trigger. Sizes are counted from the graph, times
are measured with ONNX Runtime on this machine and compared with the bare matrix products of the
same shapes, which no program can beat by much.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bycatch.errors import InputError
from bycatch.learn.threads import one_torch_thread
from bycatch.trigger.extras import optional
from bycatch.trigger.onnx_export import OnnxScore

_WARM_UP = 5


@dataclass(frozen=True)
class Size:
    """Size of a graph.

    Attributes
    ----------
    parameters : int
        Numbers that it holds.
    multiplications : int
        Multiply-accumulate operations of matrix products and convolutions for one event.
    bits : int
        Of all numbers it holds, as they are stored.
    products : tuple of (int, int, int)
        (batch, n_in, n_out) of each matrix product for one event; convolutions are not among them.
    """

    parameters: int
    multiplications: int
    bits: int
    products: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Timing:
    """Times of many calls with one batch size.

    Attributes
    ----------
    batch : int
        Events per call.
    median, low, high : float
        Seconds per call: the median, and the 16 and 84 % quantiles.
    """

    batch: int
    median: float
    low: float
    high: float

    @property
    def events_per_second(self) -> float:
        """Throughput from the median."""
        return self.batch / self.median


def size_of(path: Path | str) -> Size:
    """Count what a graph holds and does for one event.

    Raises
    ------
    InputError
        Where the file is no graph, or a shape in it is unknown.
    """
    onnx = optional("onnx")
    try:
        model = onnx.load(str(path))
        graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    except Exception as error:
        raise InputError(f"{path} is no ONNX graph ({type(error).__name__}).") from error
    shapes = {entry.name: tuple(entry.dims) for entry in graph.initializer}
    for entry in (*graph.input, *graph.value_info, *graph.output):
        # The number of rows is open; here it is one.
        dims = entry.type.tensor_type.shape.dim
        shapes.setdefault(entry.name, tuple(d.dim_value or 1 for d in dims))
    arrays = [onnx.numpy_helper.to_array(entry) for entry in graph.initializer]
    floats = [array for array in arrays if array.dtype.kind == "f"]
    held = {entry.name for entry in graph.initializer}
    products = tuple(
        _product(node, shapes, held) for node in graph.node if node.op_type in _PRODUCTS
    )
    convolutions = sum(_convolution(node, shapes) for node in graph.node if "Conv" in node.op_type)
    return Size(
        parameters=sum(array.size for array in floats),
        multiplications=sum(b * i * o for b, i, o in products) + convolutions,
        bits=sum(8 * array.nbytes for array in floats),
        products=products,
    )


_PRODUCTS = ("MatMul", "Gemm")


def _product(
    node: Any, shapes: Mapping[str, tuple[int, ...]], held: Container[str]
) -> tuple[int, int, int]:
    left, right, out = (shapes[name] for name in (node.input[0], node.input[1], node.output[0]))
    inner = left[-1]
    if node.op_type == "Gemm" and any(a.name == "transA" and a.i for a in node.attribute):
        inner = left[0]
    if len(out) == 2 and node.input[0] in held:
        return out[1], inner, out[0]  # events are columns
    return int(np.prod(out[:-1])), inner, out[-1] if right else 1


def _convolution(node: Any, shapes: Mapping[str, tuple[int, ...]]) -> int:
    kernel = shapes[node.input[1]]
    # A transposed convolution multiplies each of its inputs with the kernel, the other its outputs.
    transposed = node.op_type == "ConvTranspose"
    pixels = shapes[node.input[0] if transposed else node.output[0]]
    return int(np.prod(pixels)) * int(np.prod(kernel[1:]))


def measure(
    graph: OnnxScore,
    X: NDArray[np.floating],
    mask: NDArray[np.bool_] | None = None,
    *,
    batch: int,
    seconds: float = 1.0,
) -> Timing:
    """Time calls of a graph.

    Parameters
    ----------
    graph : OnnxScore
    X, mask : ndarray
        At least `batch` rows; the first ones are used.
    batch : int
    seconds : float
        How long to measure.

    Returns
    -------
    Timing
    """
    given = {"x": np.ascontiguousarray(X[:batch], dtype=np.float32)}
    if mask is not None:
        given["mask"] = np.ascontiguousarray(mask[:batch])
    return _timed(lambda: graph.session.run(None, given), len(given["x"]), seconds)


def matmul_bound(
    products: Sequence[tuple[int, int, int]], batch: int, seconds: float = 1.0
) -> Timing:
    """Time the bare matrix products of a graph, in single precision on one thread.

    Parameters
    ----------
    products : sequence of (int, int, int)
        As in `Size`.
    batch : int
    seconds : float

    Returns
    -------
    Timing
    """
    pairs = []
    generator = torch.Generator().manual_seed(0)
    for rows, n_in, n_out in products:
        left = torch.rand((rows * batch, n_in), generator=generator)
        right = torch.rand((n_in, n_out), generator=generator)
        pairs.append((left, right, torch.empty((rows * batch, n_out))))

    def multiply() -> None:
        for left, right, out in pairs:
            torch.mm(left, right, out=out)

    with one_torch_thread(), torch.no_grad():
        return _timed(multiply, batch, seconds)


def _timed(call: Callable[[], object], batch: int, seconds: float) -> Timing:
    for _ in range(_WARM_UP):
        call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    low, median, high = np.quantile(times, (0.16, 0.5, 0.84))
    return Timing(batch, float(median), float(low), float(high))
