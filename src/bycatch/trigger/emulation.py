"""What the hardware computes, in integers: the student network bit by bit.

Each layer multiplies integers, adds the bias at the products' precision, and rounds and saturates
once, to the format of the activations. hls4ml does the same where its accumulator is wide enough,
which `bycatch.trigger.hls4ml_project` asks for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError
from bycatch.learn.members import check_members
from bycatch.trigger.fixed_point import FixedPoint
from bycatch.trigger.student import Student


@dataclass(frozen=True)
class FixedNetwork:
    """A dense network of integers.

    Attributes
    ----------
    shift, scale : ndarray of shape (n_features,)
        What is subtracted from, and then divides, the inputs, before they are quantised.
    weights : tuple of ndarray of shape (n_in, n_out)
        In steps of the weights' format.
    biases : tuple of ndarray of shape (n_out,)
        In the same steps.
    inputs, weight_format, activations, output : FixedPoint
    """

    shift: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: tuple[NDArray[np.int64], ...]
    biases: tuple[NDArray[np.int64], ...]
    inputs: FixedPoint
    weight_format: FixedPoint
    activations: FixedPoint
    output: FixedPoint

    def standardised(self, X: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the quantised inputs of the first layer, as the hardware is given them.

        Raises
        ------
        DataError
            Where the features are others.
        """
        X = np.asarray(X, dtype=np.float64)
        if X.ndim != 2 or X.shape[1] != len(self.shift):
            raise DataError(
                f"The network takes rows of {len(self.shift)} features, but was given the shape "
                f"{X.shape}."
            )
        return self.inputs.quantise((X - self.shift) / self.scale)

    def run(self, X: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the output of each row, of shape (n_rows,), exactly as the hardware has it."""
        h = self.inputs.steps(self.standardised(X))
        form = self.inputs
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            # Integers times powers of two: exact in double precision, up to 53 bits.
            sums = (h @ weight) * (form.step * self.weight_format.step)
            sums = sums + bias * self.weight_format.step
            form = self.output if layer == last else self.activations
            h = form.steps(sums)
            if layer < last:
                h = np.maximum(h, 0)
        return np.asarray(h[:, 0] * self.output.step, dtype=np.float64)

    @property
    def bits(self) -> int:
        """Bits of all weights and biases."""
        numbers = sum(weight.size for weight in (*self.weights, *self.biases))
        return numbers * self.weight_format.width

    @property
    def bit_operations(self) -> int:
        """Products of the bits of weights and activations, summed over all multiplications."""
        total = 0
        for layer, weight in enumerate(self.weights):
            width = (self.activations if layer else self.inputs).width
            total += int(np.count_nonzero(weight)) * width * self.weight_format.width
        return total


def fixed_network(student: Student, member: int | None = None) -> FixedNetwork:
    """Return a trained student as integers.

    Parameters
    ----------
    student : Student
    member : int, optional
        The best one by default.

    Raises
    ------
    DataError
        Where the student is not trained, or has no such member.
    """
    student._fitted_shape()  # noqa: SLF001 - says whether it is trained
    (chosen,) = check_members([student.best_member if member is None else member], student.members)
    forms = student.formats()
    arrays = {name: value[chosen].double().numpy() for name, value in student.parameters_.items()}
    layers = range(len(student.hidden) + 1)
    return FixedNetwork(
        shift=arrays["shift"][0],
        scale=arrays["scale"][0],
        weights=tuple(forms["weights"].steps(arrays[f"weight{layer}"]) for layer in layers),
        biases=tuple(forms["weights"].steps(arrays[f"bias{layer}"][0]) for layer in layers),
        inputs=forms["inputs"],
        weight_format=forms["weights"],
        activations=forms["activations"],
        output=forms["output"],
    )
