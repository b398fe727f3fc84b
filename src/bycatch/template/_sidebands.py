"""The background's density p(x | m), learned outside of one or several windows.

The resonance enters as log m, in which a falling spectrum is spread more evenly. One window: its
events are left out of the training. Several windows: one model with a head per window, whose
weights do not learn from the window's events (`bycatch.learn.densities.matching`), so that a scan
costs about one training. What the heads share is learned from all events: the scaling, and the
functions of x that a head combines. Neither knows m, so an excess in the window can reach its head
only as one more shape of x that the sidebands may use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from bycatch.errors import ConfigError, DataError
from bycatch.learn.base import DensityEnsemble, History
from bycatch.learn.callbacks import Callback
from bycatch.learn.checkpoint import Checkpoint, damaged_metadata, load_checkpoint, save_checkpoint
from bycatch.represent.scaling import LogitStandardise
from bycatch.tasks.random import child_seed, stream
from bycatch.template._common import interval, require_finite

Window = tuple[float, float]

SHARING = ("matching",)
"""Densities that can hold a blind head for each window of a scan."""

VALIDATION_SHARE = 0.15
"""Part of the events that judges the states of the training."""

POLYNOMIAL = 2
"""Degree in log m of a matching density, unless the option 'degree' says otherwise."""

_KIND = "sideband-density"


class SidebandDensity:
    """p(x | m) of the background, for each of several windows learned without its events.

    Made by `fit` or `load`.

    Parameters
    ----------
    windows : sequence of (float, float)
        In units of the resonance.
    span : (float, float)
        Range of the resonance that was learned from.
    density_name : str
        Key of `bycatch.learn.DENSITIES`.
    bounds : ndarray of shape (2, n_features)
        Lowest and highest value of each feature in the span, in the features' units.
    density : DensityEnsemble
        One member, or one for each fold of the events, with one head per window.
    """

    def __init__(
        self,
        windows: Sequence[Window],
        span: Window,
        density_name: str,
        bounds: NDArray[np.float64],
        density: DensityEnsemble,
    ) -> None:
        self.windows = tuple((float(low), float(high)) for low, high in windows)
        self.span = (float(span[0]), float(span[1]))
        self.density_name = density_name
        self.bounds = bounds
        self._density = density

    def __repr__(self) -> str:
        windows = ", ".join(interval(window) for window in self.windows)
        return f"SidebandDensity({self.density_name}, span {interval(self.span)}, {windows})"

    @property
    def members(self) -> int:
        """Number of members: 1, or the number of folds."""
        return len(self._density.histories_)

    @property
    def history(self) -> History:
        """Learning curve of the first member; losses in nats."""
        return self._density.histories_[0]

    @classmethod
    def fit(
        cls,
        mass: NDArray[np.float64],
        X: NDArray[np.float32],
        weight: NDArray[np.float64],
        windows: Sequence[Window],
        span: Window,
        *,
        density: str = "matching",
        options: Mapping[str, Any] | None = None,
        seed: int = 0,
        callbacks: Sequence[Callback] = (),
        hidden: Mapping[Window, Sequence[Window]] | None = None,
        fold: NDArray[np.integer] | None = None,
    ) -> SidebandDensity:
        """Learn the density of the events in `span`, for each window from those outside of it.

        The events of a single window give nothing but the ends of the support. Of several windows,
        see the module about what the heads share.

        Parameters
        ----------
        mass : ndarray of shape (n_events,)
            The resonant feature.
        X : ndarray of shape (n_events, n_features)
        weight : ndarray of shape (n_events,)
            Signed.
        windows : sequence of (float, float)
            A window that is listed twice is learned once.
        span : (float, float)
            Lower (inclusive) and upper (exclusive) end of the events to learn from.
        density : str
            Key of `bycatch.learn.DENSITIES`. Several windows need one of `SHARING`.
        options : mapping, optional
            Options of the density.
        seed : int
        callbacks : sequence of Callback
            Progress or logging.
        hidden : mapping, optional
            Window -> further intervals whose events it is not learned from.
        fold : ndarray of shape (n_events,), optional
            Fold of each event, from 0: one member per fold, which learns from the events of the
            others alone, so that it can evaluate its own. None: one member.

        Returns
        -------
        SidebandDensity

        Raises
        ------
        ConfigError
            For a span that is not positive, a window outside of it, no windows, or a density that
            does not exist or cannot hold several windows.
        DataError
            Where a window has no events on one side, a value is not finite, or the rows cannot
            serve.
        FitError
            Where the training diverges.
        """
        from bycatch.learn import make_density  # noqa: PLC0415 - torch is slow to import

        unique = _checked_windows(windows, span, density)
        require_finite(mass, X, weight)
        use = (mass >= span[0]) & (mass < span[1])
        mass, X, weight = mass[use], np.asarray(X[use], dtype=np.float32), weight[use]
        inside = np.stack([_within(mass, (w, *(hidden or {}).get(w, ()))) for w in unique])
        for window, within in zip(unique, inside, strict=True):
            _require_sides(mass[~within], window, span)
        fold = np.full(mass.size, -1) if fold is None else np.asarray(fold)[use]
        bounds = np.stack([X.min(axis=0), X.max(axis=0)]).astype(np.float64)
        blind = None
        if len(unique) > 1:
            blind = inside
        else:
            seen = ~inside[0]
            mass, X, weight, fold = mass[seen], X[seen], weight[seen], fold[seen]
        chosen = dict(options or {})
        if density in SHARING:
            chosen.setdefault("degree", POLYNOMIAL)
        validate = np.zeros(mass.size, dtype=bool)
        order = stream(seed, "sidebands", "validation").permutation(mass.size)
        validate[order[: round(VALIDATION_SHARE * mass.size)]] = True
        # A fold of -1 is nobody's: without folds the one member learns from all.
        others = fold != np.arange(max(int(fold.max()) + 1, 1))[:, None]
        model = make_density(density, len(others), **chosen)
        model.callbacks = tuple(callbacks)
        model.fit(
            X,
            np.log(mass),
            weight,
            train=others & ~validate,
            validate=others & validate,
            seed=child_seed(seed, "sidebands"),
            blind=blind,
            bounds=bounds,
        )
        return cls(unique, span, density, bounds, model)

    @property
    def scaling(self) -> LogitStandardise:
        """Scaling of the features, with `bounds`."""
        return self._density.scaling_

    def head(self, window: Window) -> int:
        """Return the position of a window.

        Raises
        ------
        DataError
            Where the density was not learned for that window.
        """
        wanted = (float(window[0]), float(window[1]))
        if wanted not in self.windows:
            covered = ", ".join(interval(known) for known in self.windows)
            raise DataError(
                f"The background density has no model that is blind to the window "
                f"{interval(window)}; it covers {covered}. Train it with this window."
            )
        return self.windows.index(wanted)

    def clip(self, X: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the features with each value moved to the nearest end of `bounds`."""
        low, high = self.bounds.astype(np.float32)
        return np.asarray(np.clip(np.asarray(X, dtype=np.float32), low, high))

    def sample(self, window: Window, mass: NDArray[np.float64], seed: int) -> NDArray[np.float32]:
        """Draw one background event at each mass, by the model that is blind to `window`.

        Members take turns.

        Parameters
        ----------
        window : (float, float)
        mass : ndarray of shape (n,)
            Inside of the span.
        seed : int

        Returns
        -------
        ndarray of shape (n, n_features)
        """
        condition, head = self._condition(mass), self.head(window)
        if self.members == 1:
            return self._density.sample(condition, seed, head=head)
        drawn = np.empty((condition.size, self.bounds.shape[1]), dtype=np.float32)
        for member in range(self.members):
            turn = slice(member, None, self.members)
            own = child_seed(seed, "member", member)
            drawn[turn] = self._density.sample(condition[turn], own, member, head)
        return drawn

    def log_prob(
        self,
        window: Window,
        X: NDArray[np.floating],
        mass: NDArray[np.float64],
        member: int = 0,
    ) -> NDArray[np.float64]:
        """Return log p(x | m) of events, by the model that is blind to `window`.

        Parameters
        ----------
        window : (float, float)
        X : ndarray of shape (n, n_features)
        mass : ndarray of shape (n,)
            Inside of the span.
        member : int

        Returns
        -------
        ndarray of shape (n,)
            In nats per unit of the features; -inf outside of the support.
        """
        head = self.head(window)
        return np.asarray(self._density.log_prob(X, self._condition(mass), [member], head)[0])

    def marginal(
        self,
        window: Window,
        X: NDArray[np.floating],
        masses: NDArray[np.float64],
        weights: NDArray[np.float64],
        member: int = 0,
    ) -> NDArray[np.float64]:
        """Return log sum_j w_j p(x | m_j) / sum_j w_j.

        Parameters
        ----------
        window : (float, float)
        X : ndarray of shape (n, n_features)
        masses, weights : ndarray of shape (n_masses,)
            Nodes and their weights, not negative.
        member : int

        Returns
        -------
        ndarray of shape (n,)
            In nats per unit of the features.
        """
        each = np.stack([self.log_prob(window, X, np.full(len(X), m), member) for m in masses])
        share = np.asarray(weights, dtype=np.float64) / np.sum(weights)
        # in logarithms: densities of many features under- and overflow
        return np.asarray(logsumexp(each, axis=0, b=share[:, None]))

    def _condition(self, mass: NDArray[np.float64]) -> NDArray[np.float64]:
        values = np.asarray(mass, dtype=np.float64)
        bad = ~((values >= self.span[0]) & (values <= self.span[1]))
        if bad.any():
            raise DataError(
                f"{int(bad.sum())} of {values.size} masses lie outside of {interval(self.span)}, "
                "where the density was learned: it cannot be extrapolated."
            )
        return np.asarray(np.log(values))

    def save(self, folder: Path) -> None:
        """Write the density to `folder` (safetensors and JSON; never pickle)."""
        folder = Path(folder)
        self._density.save(folder / "density")
        metadata = {
            "windows": [list(window) for window in self.windows],
            "span": list(self.span),
            "density": self.density_name,
        }
        save_checkpoint(folder, Checkpoint(_KIND, metadata, {"bounds": self.bounds}))

    @classmethod
    def load(cls, folder: Path) -> SidebandDensity:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            Where the folder is missing, damaged, or holds something else.
        """
        from bycatch.learn import load_density  # noqa: PLC0415 - torch is slow to import

        folder = Path(folder)
        checkpoint = load_checkpoint(folder, _KIND)
        with damaged_metadata(folder):
            content = checkpoint.metadata
            low, high = content["span"]
            span = float(low), float(high)
            name, bounds = str(content["density"]), checkpoint.arrays["bounds"]
            windows = _checked_windows(
                [(low, high) for low, high in content["windows"]], span, name
            )
            density = load_density(folder / "density")
            try:
                density.log_prob(bounds, np.log(span), head=len(windows) - 1)
            except DataError as error:
                raise ValueError(error) from error
        return cls(windows, span, name, bounds, density)


def _checked_windows(windows: Sequence[Window], span: Window, density: str) -> tuple[Window, ...]:
    if not 0.0 < span[0] < span[1]:
        raise ConfigError(
            f"A density of the sidebands is learned in log m, but the fit range is "
            f"{interval(span)}: it must ascend and begin above 0."
        )
    unique = tuple(dict.fromkeys((float(low), float(high)) for low, high in windows))
    if not unique:
        raise ConfigError("A density of the sidebands needs at least one window: list one.")
    for window in unique:
        if not span[0] <= window[0] < window[1] <= span[1]:
            raise ConfigError(
                f"The window {interval(window)} is not inside of {interval(span)}, where the "
                "density is learned: widen 'fit_range' or move the window."
            )
    if len(unique) > 1 and density not in SHARING:
        raise ConfigError(cannot_share(density))
    return unique


def cannot_share(density: str) -> str:
    """Return the sentence that says why a density cannot serve several windows."""
    return (
        f"The density {density!r} cannot be shared by several windows: the mass enters every layer "
        "of its networks, so that no part of it is blind to a window. Use 'density: "
        f"{SHARING[0]}', or 'shared: false' for one training per window."
    )


def _within(mass: NDArray[np.float64], intervals: Sequence[Window]) -> NDArray[np.bool_]:
    return np.asarray(np.any([(mass >= low) & (mass < high) for low, high in intervals], axis=0))


def _require_sides(outside: NDArray[np.float64], window: Window, span: Window) -> None:
    for side, count in (
        ("below", int(np.count_nonzero(outside < window[0]))),
        ("above", int(np.count_nonzero(outside >= window[1]))),
    ):
        if count == 0:
            raise DataError(
                f"There are no events {side} the window {interval(window)} in {interval(span)}, "
                "so its background would be extrapolated instead of interpolated: widen "
                "'fit_range' or move the window."
            )
