"""The measured over-dispersion of a configuration, and how it is divided out.

Folds share training events, so counts selected by k-fold under the null spread more than Poisson
and a Poisson p is too small (arXiv:2512.13787). `bycatch validate` measures the mean and the
standard deviation of r per method and working point with retrained pseudo-data; the search applies

    r' = (r - mean) / max(1, sd),

so that r' is standard normal under the null. The mean is used because a small offset at low counts
is as real as the spread. A standard deviation below 1 is not used: a correction never sharpens.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ConfigError, FitError

__all__ = ["Correction", "CorrectionEntry", "measure"]

EXPECTED_FOR_SHOWN = 20
"""Pseudo-experiments expected below p for a calibration to count as shown down to p."""
_CLOSE = 1e-9


@dataclass(frozen=True)
class CorrectionEntry:
    """Spread of r under the null for one method and working point.

    Attributes
    ----------
    method : str
    working_point : float
    mean, mean_error : float
        Mean of r and its standard error.
    sd, sd_error : float
        Standard deviation of r and its standard error (from the fourth moment).
    n : int
        Values of r that were used.
    """

    method: str
    working_point: float
    mean: float
    mean_error: float
    sd: float
    sd_error: float
    n: int

    @property
    def dispersion(self) -> float:
        """The factor that is divided out, at least 1."""
        return max(1.0, self.sd)


@dataclass(frozen=True)
class Correction:
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
        message = (
            f"The validation does not cover {method} at working point {working_point:g}, only "
            f"{covered or '(nothing)'}: run 'bycatch validate' on this configuration, or remove "
            "the key 'validation'."
        )
        raise ConfigError(message)

    def apply(
        self, r: float | NDArray[np.float64], method: str, working_point: float
    ) -> NDArray[np.float64]:
        """Return the corrected r.

        Parameters
        ----------
        r : float or ndarray
            Signed root of the profile likelihood ratio.
        method : str
        working_point : float

        Returns
        -------
        ndarray
            Of the shape of `r`; standard normal under the null.
        """
        entry = self.entry(method, working_point)
        return np.asarray((np.asarray(r, dtype=np.float64) - entry.mean) / entry.dispersion)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON-compatible values."""
        return {
            "calibrated_down_to": self.calibrated_down_to,
            "entries": [asdict(entry) for entry in self.entries],
        }

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
                )
                for entry in document["entries"]
            )
            return cls(entries, float(document["calibrated_down_to"]))
        except (KeyError, TypeError, ValueError) as error:
            message = (
                f"The correction of the validation cannot be read ({error!r}); run "
                "'bycatch validate' again."
            )
            raise ConfigError(message) from error


def measure(
    r: NDArray[np.float64], methods: tuple[str, ...], working_points: tuple[float, ...]
) -> Correction:
    """Measure the correction from r of null pseudo-experiments.

    Parameters
    ----------
    r : ndarray of shape (n_experiments, n_windows, n_methods, n_working_points)
        Signed roots; NaN where a fit failed. Windows are pooled: they share the classifier's
        settings and the number of events, and the error of the mean counts experiments, not looks.
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
    smallest = r.shape[0]
    for i, method in enumerate(methods):
        for j, working_point in enumerate(working_points):
            values = r[:, :, i, j]
            usable = np.isfinite(values).all(axis=1)
            values = values[usable]
            n = values.shape[0]
            if n < EXPECTED_FOR_SHOWN:
                message = (
                    f"Only {n} of {r.shape[0]} pseudo-experiments have a fit for {method} at "
                    f"working point {working_point:g}, too few for a correction: widen the "
                    "window, loosen the working point or run more pseudo-experiments."
                )
                raise FitError(message)
            smallest = min(smallest, n)
            entries.append(_entry(values, method, working_point))
    return Correction(tuple(entries), EXPECTED_FOR_SHOWN / smallest)


def _entry(values: NDArray[np.float64], method: str, working_point: float) -> CorrectionEntry:
    n = values.shape[0]
    mean = float(values.mean())
    squares = (values - mean) ** 2
    sd = math.sqrt(float(squares.mean()) * n / (n - 1))
    # Windows of one experiment are correlated: errors from the spread between experiments.
    mean_error = float(np.std(values.mean(axis=1), ddof=1)) / math.sqrt(n)
    sd_error = float(np.std(squares.mean(axis=1), ddof=1)) / math.sqrt(n) / (2.0 * sd)
    return CorrectionEntry(
        method=method,
        working_point=working_point,
        mean=mean,
        mean_error=mean_error,
        sd=sd,
        sd_error=sd_error,
        n=n,
    )
