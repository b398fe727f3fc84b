"""Which smooth family describes a background: a block of a plan."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, PrivateAttr, WithJsonSchema

from bycatch.fields import Block, Text
from bycatch.statistics.background import Background


def _order(value: Any) -> Any:
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise ValueError("a number of parameters, or auto")


Order = Annotated[
    int | Literal["auto"],
    BeforeValidator(_order),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"const": "auto"}]}),
]


class BackgroundPlan(Block):
    """The smooth spectrum under a peak."""

    family: Text = Field("dijet", description="Family of functions: dijet, cms, exppoly ...")
    order: Order = Field(
        "auto", description="Number of parameters; auto chooses with the window masked."
    )
    # No key: a search sets it to what the unselected spectrum asks for.
    _min_order: int = PrivateAttr(0)

    @property
    def min_order(self) -> int:
        """Lowest order that "auto" may choose, see `bycatch.statistics.significance.inclusive`."""
        return self._min_order

    def at_least(self, order: int) -> Self:
        """Return it with another lowest order for "auto"."""
        found = self.model_copy()
        found._min_order = order  # noqa: SLF001 - its own
        return found

    def on(self, edges: NDArray[np.float64]) -> Background:
        """Return the background of a binning, as every look of a search fits it.

        Not integrated over the bins: a null spectrum that toys are drawn from is then exactly in
        the family that is fitted to them.
        """
        return Background(
            self.family, edges, integrate=False, order=self.order, min_order=self.min_order
        )
