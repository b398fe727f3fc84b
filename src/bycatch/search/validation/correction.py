"""The measured over-dispersion of a configuration, and how it is divided out.

Folds share training events, so counts selected by k-fold under the null spread more than Poisson
and a Poisson p is too small (arXiv:2512.13787). `bycatch validate` measures the spread per method
and working point with retrained pseudo-data, and the search applies it twice.

Local: with z the normal quantile of a look's p (z = r where counts are high),

    z' = (z - mean) / max(1, sd)

is standard normal under the null. The mean is used because a bias, for example of an order chosen
too low, is as real as the spread. A standard deviation below 1 is not: a correction never
sharpens.

Global: toys without training carry the same fits, hence the same bias and the same low-count
effects, but not the over-dispersion. So r is put on the toys' scale,

    r' = toy_mean + (r - r_mean) / max(1, r_sd / toy_sd).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ConfigError, FitError
from bycatch.tasks.result import Plain

EXPECTED_FOR_SHOWN = 20
"""Pseudo-experiments expected below p for a calibration to count as shown down to p."""
_CLOSE = 1e-9


@dataclass(frozen=True)
class CorrectionEntry:
    """Spread under the null for one method and working point.

    Attributes
    ----------
    method : str
    working_point : float
    mean, mean_error : float
        Mean of z and its standard error.
    sd, sd_error : float
        Standard deviation of z and its standard error (from the fourth moment).
    n : int
        Pseudo-experiments that were used.
    r_mean, r_sd : float
        Mean and standard deviation of r; those of z where counts are high.
    toy_mean, toy_sd : float
        The same of Poisson toys of the same spectra, fitted alike but without training.
    """

    method: str
    working_point: float
    mean: float
    mean_error: float
    sd: float
    sd_error: float
    n: int
    r_mean: float
    r_sd: float
    toy_mean: float
    toy_sd: float

    @property
    def dispersion(self) -> float:
        """The factor that is divided out of z, at least 1."""
        return max(1.0, self.sd)

    @property
    def excess_dispersion(self) -> float:
        """How much wider r is than in toys without training, at least 1."""
        return max(1.0, self.r_sd / self.toy_sd)


@dataclass(frozen=True)
class Correction(Plain):
    """Corrections of a configuration.

    Attributes
    ----------
    entries : tuple of CorrectionEntry
    calibrated_down_to : float
        Smallest p below which at least 20 of the pseudo-experiments are expected: 20 / n.
    """

    entries: tuple[CorrectionEntry, ...]
    calibrated_down_to: float

    def entry(self, method: str, working_point: float) -> CorrectionEntry:
        """Return what was measured for a method and working point.

        Raises
        ------
        ConfigError
            Where the validation did not cover it.
        """
        for entry in self.entries:
            if entry.method == method and abs(entry.working_point / working_point - 1) < _CLOSE:
                return entry
        covered = ", ".join(f"{entry.method} at {entry.working_point:g}" for entry in self.entries)
        raise ConfigError(
            f"The validation does not cover {method} at working point {working_point:g}, only "
            f"{covered or '(nothing)'}: run 'bycatch validate' on this configuration, or remove "
            "the key 'validation'."
        )

    def apply(
        self, r: float | NDArray[np.float64], method: str, working_point: float
    ) -> NDArray[np.float64]:
        """Return the corrected z of a local p-value.

        Parameters
        ----------
        r : float or ndarray
            Normal quantile of the local p: the signed root r itself where counts are high.
        method : str
        working_point : float

        Returns
        -------
        ndarray
            Of the shape of `r`; standard normal under the null.
        """
        entry = self.entry(method, working_point)
        return np.asarray((np.asarray(r, dtype=np.float64) - entry.mean) / entry.dispersion)

    def on_toy_scale(
        self, r: float | NDArray[np.float64], method: str, working_point: float
    ) -> NDArray[np.float64]:
        """Return r as it is to be compared with toys without training, for the global p.

        Parameters
        ----------
        r : float or ndarray
            Signed root of the profile likelihood ratio, never a quantile of a toy-calibrated p.
        method : str
        working_point : float

        Returns
        -------
        ndarray
            Of the shape of `r`; distributed as the look's r in toys under the null.
        """
        entry = self.entry(method, working_point)
        away = np.asarray(r, dtype=np.float64) - entry.r_mean
        return np.asarray(entry.toy_mean + away / entry.excess_dispersion)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave.

        Raises
        ------
        ConfigError
            Where a key is missing or is no number.
        """
        try:
            entries = tuple(
                CorrectionEntry(
                    method=str(entry["method"]),
                    working_point=float(entry["working_point"]),
                    mean=float(entry["mean"]),
                    mean_error=float(entry["mean_error"]),
                    sd=float(entry["sd"]),
                    sd_error=float(entry["sd_error"]),
                    n=int(entry["n"]),
                    r_mean=float(entry["r_mean"]),
                    r_sd=float(entry["r_sd"]),
                    toy_mean=float(entry["toy_mean"]),
                    toy_sd=float(entry["toy_sd"]),
                )
                for entry in document["entries"]
            )
            return cls(entries, float(document["calibrated_down_to"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f"The correction of the validation cannot be read ({error!r}); run "
                "'bycatch validate' again."
            ) from error


def measure(
    z: NDArray[np.float64],
    r: NDArray[np.float64],
    toys: NDArray[np.float64],
    methods: tuple[str, ...],
    working_points: tuple[float, ...],
) -> Correction:
    """Measure the correction on null pseudo-experiments.

    Windows are pooled: they share the classifier's settings and the number of events. The errors
    count experiments, not looks.

    Parameters
    ----------
    z, r : ndarray of shape (n_experiments, n_windows, n_methods, n_working_points)
        Normal quantiles of the local p, and signed roots; NaN where a fit failed.
    toys : ndarray of shape (2, n_windows, n_methods, n_working_points)
        Mean and standard deviation of r in toys without training.
    methods : tuple of str
    working_points : tuple of float

    Returns
    -------
    Correction

    Raises
    ------
    FitError
        Where fewer than 20 experiments gave a number for a method and working point.
    """
    entries = []
    for i, method in enumerate(methods):
        for j, working_point in enumerate(working_points):
            cell = (slice(None), slice(None), i, j)
            usable = np.isfinite(z[cell]).all(axis=1)
            n = int(np.count_nonzero(usable))
            if n < EXPECTED_FOR_SHOWN:
                raise FitError(
                    f"Only {n} of {z.shape[0]} pseudo-experiments have a fit for {method} at "
                    f"working point {working_point:g}, too few for a correction: widen the "
                    "window, loosen the working point or run more pseudo-experiments."
                )
            entries.append(
                _entry(z[cell][usable], r[cell][usable], toys[cell], method, working_point)
            )
    smallest = min(entry.n for entry in entries)
    return Correction(tuple(entries), EXPECTED_FOR_SHOWN / smallest)


def _entry(
    z: NDArray[np.float64],
    r: NDArray[np.float64],
    toys: NDArray[np.float64],
    method: str,
    working_point: float,
) -> CorrectionEntry:
    n = z.shape[0]
    mean = float(z.mean())
    squares = (z - mean) ** 2
    # n experiments, not looks: windows of one share their events
    sd = math.sqrt(float(squares.mean()) * n / (n - 1))
    toy_mean = float(toys[0].mean())
    toy_variance = float(np.mean(toys[1] ** 2 + (toys[0] - toy_mean) ** 2))
    # Windows of one experiment are correlated: errors from the spread between experiments.
    return CorrectionEntry(
        method=method,
        working_point=working_point,
        mean=mean,
        mean_error=float(np.std(z.mean(axis=1), ddof=1)) / math.sqrt(n),
        sd=sd,
        sd_error=float(np.std(squares.mean(axis=1), ddof=1)) / math.sqrt(n) / (2.0 * sd),
        n=n,
        r_mean=float(r.mean()),
        r_sd=float(r.std(ddof=1)),
        toy_mean=toy_mean,
        toy_sd=math.sqrt(toy_variance),
    )
