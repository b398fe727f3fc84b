"""What a bump hunt is going to do, and what it found: plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bycatch import __version__
from bycatch.errors import ConfigError
from bycatch.hunt.histogram import Histogram
from bycatch.hunt.statistic import Mode, Scan
from bycatch.statistics.fits.background import SQRT_S
from bycatch.statistics.significance.global_p import GlobalP
from bycatch.tasks.result import Result, document

Array = NDArray[np.float64]


@dataclass(frozen=True)
class HuntPlan:
    """What a hunt is going to do.

    Attributes
    ----------
    family : str
        Name in `bycatch.statistics.fits.background.FAMILIES`, or ``"auto"``
        (`bycatch.hunt.smooth.choose_family`).
    order : int or "auto"
        Number of background parameters, or chosen by likelihood ratio in data and toys alike.
    widths : tuple of int or None
        Window widths in bins; None: 2 to an eighth of the bins (at least 2 to 5).
    mask : tuple of (float, float)
        Ranges that are neither fitted nor scanned; the background is interpolated.
    toys : int
        Pseudo-data sets of the global p-value.
    seed : int
    mode : {"excess", "deficit"}
    normalise : bool
        Scale the background of each window to the data outside of it.
    veto : float or None
        Ignore windows of which a sideband deviates with a p below it.
    mask_level : float
        p below which a found window is masked and the background fitted again; 0: never.
    sqrt_s : float
        Collision energy in the unit of the edges.
    n_windows : int
        How many further windows to list.
    """

    family: str = "auto"
    order: int | Literal["auto"] = "auto"
    widths: tuple[int, ...] | None = None
    mask: tuple[tuple[float, float], ...] = ()
    toys: int = 10_000
    seed: int = 1
    mode: Mode = "excess"
    normalise: bool = False
    veto: float | None = None
    mask_level: float = 1e-3
    sqrt_s: float = SQRT_S
    n_windows: int = 5


@dataclass(frozen=True)
class FoundWindow:
    """A window that sticks out.

    Attributes
    ----------
    window : tuple of float
        In units of the axis.
    n_window : float
        Events seen (effective ones for weighted histograms).
    background, background_error : float
        Events expected from the bins outside of the window, and the standard error of that.
    local_p, local_z : float
        Profile likelihood ratio with the background's parameters profiled.
    bumphunter_t : float
        -log of BumpHunter's p, the background taken as known.
    global_p : float
        (S + 1) / (N + 1) of the toys with at least this t anywhere.
    """

    window: tuple[float, float]
    n_window: float
    background: float
    background_error: float
    local_p: float
    local_z: float
    bumphunter_t: float
    global_p: float


@dataclass(frozen=True)
class HuntFit:
    """The background fit of the data.

    Attributes
    ----------
    family : str
    order : int
        Number of parameters.
    coefficients : tuple of float
        Of the columns of `bycatch.statistics.fits.background.FAMILIES`; the first one is the
        logarithm of the normalisation, per mean bin width.
    goodness_p : float
        Fraction of toys with a worse fit, (S + 1) / (N + 1).
    range : tuple of float
    masked : tuple of (float, float)
        What the fit left out: the user's masks and the found windows.
    status : str
        ``ok``, or what was wrong and what it means.
    """

    family: str
    order: int
    coefficients: tuple[float, ...]
    goodness_p: float
    range: tuple[float, float]
    masked: tuple[tuple[float, float], ...]
    status: str


@dataclass(frozen=True, eq=False, repr=False)
class HuntResult(Result):
    """A finished hunt.

    Attributes
    ----------
    histogram : Histogram
    plan : HuntPlan
    windows : tuple of FoundWindow
        The best one, then others that overlap none before them.
    global_p : GlobalP
    fit : HuntFit
    rate, rate_error : ndarray of shape (n_bins,)
        Background and its standard error, in events.
    scan : Scan
        Every window of the data.
    toys : ndarray of shape (n_toys,)
        t of each toy.
    """

    citations: ClassVar = ("bycatch", "bumphunter", "asymptotics", "clopper-pearson")

    histogram: Histogram
    plan: HuntPlan
    windows: tuple[FoundWindow, ...]
    global_p: GlobalP
    fit: HuntFit
    rate: Array
    rate_error: Array
    scan: Scan
    toys: Array

    @property
    def best(self) -> FoundWindow:
        """The window with the smallest p."""
        return self.windows[0]

    def to_json(self) -> dict[str, Any]:
        """Return everything but the scan and the toys as JSON-compatible values."""
        histogram = self.histogram
        return document(
            version=__version__,
            plan=self.plan,
            histogram={
                "source": histogram.source,
                "label": histogram.label,
                "n_bins": histogram.n_bins,
                "n_events": float(histogram.counts.sum()),
                "scale": histogram.scale,
                "notes": histogram.notes,
            },
            best=self.best,
            further=self.windows[1:],
            global_p=self.global_p.p,
            global_p_interval=self.global_p.interval,
            global_z=self.global_p.z,
            n_toys=self.global_p.n_toys,
            n_windows=len(self.scan.windows),
            fit=self.fit,
            spectrum={
                "edges": histogram.edges,
                "counts": histogram.counts,
                "fit": self.rate,
                "fit_error": self.rate_error,
            },
            citations=["bumphunter"],  # its own paper alone, as it always stood here
        )


def parse_widths(text: str) -> tuple[int, ...]:
    """Read window widths as people write them.

    Parameters
    ----------
    text : str
        ``2-8`` (or ``2:8``), ``2,3,5`` or a mixture, in bins.

    Returns
    -------
    tuple of int
        Rising, each once.

    Raises
    ------
    ConfigError
        If it is neither.

    Examples
    --------
    >>> parse_widths("2-4,8")
    (2, 3, 4, 8)
    """
    widths: set[int] = set()
    for part in text.split(","):
        low, dash, high = part.strip().replace(":", "-").partition("-")
        if not low.isdecimal() or (dash and not high.isdecimal()):
            raise ConfigError(f"Widths are written like 2-8 or 2,3,5 (in bins), not {text!r}.")
        widths.update(range(int(low), int(high or low) + 1))
    if not widths or min(widths) < 1:
        raise ConfigError(
            f"Widths must be at least 1 bin and ranges must rise, but they are {text!r}."
        )
    return tuple(sorted(widths))
