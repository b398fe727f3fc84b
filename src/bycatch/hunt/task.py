"""From the options of `bycatch hunt` to a checked task: which histogram, which plan."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bycatch.errors import ConfigError
from bycatch.hunt.histogram import Histogram
from bycatch.hunt.inputs import load_histogram
from bycatch.hunt.plan import HuntPlan, parse_widths
from bycatch.statistics.fits.background import SQRT_S

__all__ = ["HuntTask", "read_options"]

_INPUT = ("column", "window", "bins", "where", "weight", "luminosity", "unit_scale")
_FLAGS = {"window": "--range", "masks": "--mask"}
_DEFAULTS = {"background": "auto", "order": "auto", "toys": 10_000, "seed": 1}


@dataclass(frozen=True)
class HuntTask:
    """A hunt, ready to run.

    Attributes
    ----------
    path : str
        Input, as given.
    options : mapping
        Options, as given.
    plan : HuntPlan
    """

    path: str
    options: Mapping[str, Any]
    plan: HuntPlan

    def load(self) -> Histogram:
        """Read or make the histogram."""
        return load_histogram(self.path, **{name: self.options.get(name) for name in _INPUT})

    @property
    def settings(self) -> dict[str, Any]:
        """What determines the result, as plain values."""
        chosen = {name: value for name, value in self.options.items() if value not in (None, ())}
        return {"hunt": {"path": str(Path(self.path).absolute()), **_plain(chosen)}}

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Files whose replacement makes it another run."""
        from bycatch.events.paths import resolve_paths  # noqa: PLC0415

        names = resolve_paths(self.path) if self.options.get("column") else (self.path,)
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
        for name, value in self.options.items():
            if value in (None, (), False) or value == _DEFAULTS.get(name):
                continue
            flag = _FLAGS.get(name, f"--{name.replace('_', '-')}")
            for item in value if name == "masks" else [value]:
                parts = item if isinstance(item, tuple) else () if item is True else (item,)
                words += [flag, *(_number(part) for part in parts)]
        return shlex.join(words)


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value


def read_options(path: str, options: Mapping[str, Any]) -> HuntTask:
    """Turn the command line's options into a task.

    Parameters
    ----------
    path : str
    options : mapping
        As click gives them: ``column``, ``window``, ``bins``, ``where``, ``weight``,
        ``luminosity``, ``unit_scale``, ``background``, ``order``, ``sqrt_s``, ``widths``,
        ``toys``, ``masks``, ``deficit``, ``veto``, ``normalise``, ``seed``.

    Returns
    -------
    HuntTask

    Raises
    ------
    ConfigError
        If a value makes no sense.
    """
    order = str(options["order"])
    if order != "auto" and not order.isdecimal():
        message = f"--order must be a number of parameters or 'auto', not {order!r}."
        raise ConfigError(message)
    veto = options.get("veto")
    if veto is not None and not 0 < veto < 1:
        message = f"--veto is a p-value between 0 and 1 (1e-3 in the paper), not {veto:g}."
        raise ConfigError(message)
    widths = options.get("widths")
    plan = HuntPlan(
        family=options["background"],
        order="auto" if order == "auto" else int(order),
        widths=None if widths is None else parse_widths(widths),
        mask=tuple((float(low), float(high)) for low, high in options["masks"]),
        toys=options["toys"],
        seed=options["seed"],
        mode="deficit" if options["deficit"] else "excess",
        normalise=options["normalise"],
        veto=veto,
        sqrt_s=options.get("sqrt_s") or SQRT_S,
    )
    return HuntTask(path, dict(options), plan)
