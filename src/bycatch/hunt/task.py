"""What `bycatch hunt` is asked for: the keys of its YAML file, which are its options."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    PrivateAttr,
    WithJsonSchema,
    model_validator,
)

from bycatch.errors import ConfigError
from bycatch.fields import (
    INTERVAL_SCHEMA,
    Block,
    Expression,
    Interval,
    Positive,
    Share,
    Text,
    Whole,
    interval,
    is_number,
)
from bycatch.hunt.histogram import Histogram
from bycatch.hunt.inputs import load_histogram
from bycatch.hunt.plan import HuntPlan, parse_widths
from bycatch.statistics.plan import Order

_NAMES = {"range": "window", "mask": "masks"}
"""How run folders have always called two of the keys."""
_CHOSEN = HuntPlan()


def _mask(value: Any) -> Any:
    """Let one range stand for a list of one."""
    if not isinstance(value, (list, tuple)):
        raise ValueError("a list of intervals [[low, high], ...]")  # noqa: TRY004 - pydantic reads it
    one = len(value) == 2 and all(map(is_number, value))
    return tuple(interval(item) for item in ([value] if one else value))


def _widths(value: Any) -> Any:
    """Read widths as a text, a number or a list of numbers; keep them as a text."""
    parts = value if isinstance(value, (list, tuple)) else [value]
    text = ",".join(map(str, parts))
    try:
        parse_widths(text)
    except ConfigError:
        raise ValueError("window widths in bins, like 2-8 or [2, 3, 5]") from None
    return text


class HuntTask(Block):
    """A hunt for a bump in one spectrum: a column of events, or a histogram."""

    path: Text = Field(
        description="File of events (with `column`), CSV table of low, high, count, ROOT "
        "histogram (`file.root:name`) or UHI JSON."
    )
    column: Expression | None = Field(
        None, description="Column or expression to histogram; `path` then holds events."
    )
    range: Interval | None = Field(
        None, validation_alias=AliasChoices("range", "window"), description="Fit range."
    )
    bins: Annotated[Whole, Field(ge=3)] | None = Field(
        None, description="Bins of equal width for `column`; 100 where absent."
    )
    where: Expression | None = Field(None, description="Cut on events.")
    weight: Expression | None = Field(None, description="Weight of events.")
    luminosity: Positive | None = Field(
        None,
        description="For a CSV table of low, high, value, error: counts are value x width x "
        "luminosity.",
    )
    unit_scale: Positive | None = Field(
        None, description="Further factor where those units do not cancel."
    )
    background: Text = Field(
        _CHOSEN.family,
        description="dijet, cms, powerexp, ua2, exppoly, or auto: dijet if it falls steeply, else "
        "exppoly.",
    )
    order: Order = Field(_CHOSEN.order, description="Number of the background's parameters.")
    sqrt_s: Positive | None = Field(
        None, description="Collision energy in units of the axis; 13000 where absent."
    )
    widths: Annotated[Text, BeforeValidator(_widths)] | None = Field(
        None, description="Window widths in bins, like 2-8 or [2, 3, 5]; to 1/8 of the bins."
    )
    toys: Annotated[Whole, Field(ge=1)] = Field(_CHOSEN.toys, description="Pseudo-data sets.")
    mask: Annotated[
        tuple[tuple[float, float], ...],
        BeforeValidator(_mask),
        WithJsonSchema({"type": "array", "items": INTERVAL_SCHEMA}),
    ] = Field(
        (),
        validation_alias=AliasChoices("mask", "masks"),
        description="Range, or list of ranges, to leave out of fit and scan.",
    )
    deficit: bool = Field(_CHOSEN.mode == "deficit", description="Look for deficits.")
    veto: Share | None = Field(
        None, description="Skip windows of which a sideband has p below this."
    )
    normalise: bool = Field(
        _CHOSEN.normalise, description="Scale the background to the data outside."
    )
    seed: Annotated[Whole, Field(ge=0)] = Field(
        _CHOSEN.seed, description="Where all random numbers start."
    )
    output: Text | None = Field(None, description="Run folder; `runs/NAME` where absent.")
    # The order in which the command line gave its options, which config.yaml and the page repeat.
    _asked: tuple[str, ...] = PrivateAttr(())

    @model_validator(mode="before")
    @classmethod
    def _unwrap(cls, value: Any) -> Any:
        """Read the ``config.yaml`` of a run, which has all keys under ``hunt``."""
        inside = value.get("hunt") if isinstance(value, dict) and len(value) == 1 else None
        if not isinstance(inside, dict):
            return value
        order = str(inside.get("order", "auto"))  # a text there
        return {**inside, "order": int(order) if order.isdecimal() else order}

    @property
    def plan(self) -> HuntPlan:
        """How the histogram is hunted."""
        return HuntPlan(
            family=self.background,
            order=self.order,
            widths=None if self.widths is None else parse_widths(self.widths),
            mask=self.mask,
            toys=self.toys,
            seed=self.seed,
            mode="deficit" if self.deficit else "excess",
            normalise=self.normalise,
            veto=self.veto,
            sqrt_s=self.sqrt_s or _CHOSEN.sqrt_s,
        )

    def load(self) -> Histogram:
        """Read or make the histogram."""
        return load_histogram(
            self.path,
            column=self.column,
            window=self.range,
            bins=self.bins,
            where=self.where,
            weight=self.weight,
            luminosity=self.luminosity,
            unit_scale=self.unit_scale,
        )

    @property
    def _values(self) -> dict[str, Any]:
        """Every value that is there by its key, in the order in which they were given."""
        keys = dict.fromkeys((*self._asked, *type(self).model_fields))
        values = {key: getattr(self, key) for key in keys if key not in {"path", "output"}}
        values["order"] = str(self.order)
        return {key: value for key, value in values.items() if value not in (None, ())}

    @property
    def settings(self) -> dict[str, Any]:
        """What determines the result, as plain values."""
        chosen = {_NAMES.get(key, key): _plain(value) for key, value in self._values.items()}
        return {"hunt": {"path": str(Path(self.path).absolute()), **chosen}}

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Files whose replacement makes it another run."""
        from bycatch.events.paths import resolve_paths  # noqa: PLC0415

        names = resolve_paths(self.path) if self.column else (self.path,)
        found = []
        for name in names:
            stem = Path(name)
            while not stem.is_file() and ":" in stem.name:
                stem = Path(str(stem).rpartition(":")[0])
            found.append(stem)
        return tuple(found)

    @property
    def text(self) -> str:
        """The settings as YAML."""
        return yaml.safe_dump(self.settings, sort_keys=False)

    @property
    def command(self) -> str:
        """The command that repeats the hunt."""
        words = ["bycatch", "hunt", self.path]
        for key, value in self._values.items():
            if value is False or value == type(self).model_fields[key].default:
                continue
            for item in value if key == "mask" else [value]:
                parts = item if isinstance(item, tuple) else () if item is True else (item,)
                words += [f"--{key.replace('_', '-')}", *(_number(part) for part in parts)]
        return shlex.join(words)


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def read_options(path: str, options: Mapping[str, Any]) -> HuntTask:
    """Turn the command line's options into a task.

    Parameters
    ----------
    path : str
    options : mapping
        As click gives them: the keys of `HuntTask`, with ``window`` for the range and ``masks``
        for the masks; None where one was not given.

    Returns
    -------
    HuntTask

    Raises
    ------
    ConfigError
        If a value makes no sense.
    """
    keys = {old: new for new, old in _NAMES.items()}
    given = {keys.get(key, key): value for key, value in options.items()}
    asked = tuple(given)
    given = {key: value for key, value in given.items() if value is not None}
    order = str(given.get("order", "auto"))
    if order != "auto" and not order.isdecimal():
        raise ConfigError(f"--order must be a number of parameters or 'auto', not {order!r}.")
    veto = given.get("veto")
    if veto is not None and not 0 < veto < 1:
        raise ConfigError(f"--veto is a p-value between 0 and 1 (1e-3 in the paper), not {veto:g}.")
    if "widths" in given:
        parse_widths(given["widths"])
    if "order" in given:
        given["order"] = "auto" if order == "auto" else int(order)
    # click checked the types; what else can be wrong is told in the words of options when the
    # histogram is made
    task = HuntTask.model_construct(path=path, **given)
    task._asked = asked  # noqa: SLF001 - its own
    return task
