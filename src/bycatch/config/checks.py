"""The second look at a configuration: keys that are each right but do not fit together."""

from __future__ import annotations

from bycatch.errors import ConfigError
from bycatch.search.plan import SearchPlan


def check_values(config: SearchPlan, source: str) -> None:
    """Check values against each other.

    Raises
    ------
    ConfigError
        For windows or sidebands outside of the fit range, doubled working points, a scan that
        runs backwards, or a feature that is the resonance itself.
    """
    _check_regions(config, source)
    if len(set(config.working_points)) != len(config.working_points):
        raise ConfigError(
            f"{source}: 'working_points' has a value twice: {list(config.working_points)}."
        )
    resonance = config.resonance.replace(" ", "")
    for name, text in config.features.items():
        if text.replace(" ", "") == resonance:
            raise ConfigError(
                f"{source}: the feature {name!r} is the resonance {config.resonance!r} itself; "
                "a classifier that sees it finds the window and nothing else: remove it."
            )


def _check_regions(config: SearchPlan, source: str) -> None:
    regions = config.regions
    low, high = regions.fit_range
    inside = f"the fit range [{low:g}, {high:g}]"
    scan = regions.scan
    if scan is not None:
        if scan.last < scan.first:
            raise ConfigError(
                f"{source}: 'regions.scan.last' is {scan.last:g}, "
                f"but must not lie below 'first', {scan.first:g}."
            )
        windows: tuple[tuple[float, float], ...] = (
            (scan.first * (1 - scan.width / 2), scan.first * (1 + scan.width / 2)),
        )
    else:
        windows = regions.windows or ()
    for window in windows:
        if window[0] < low or window[1] > high:
            raise ConfigError(
                f"{source}: the window [{window[0]:g}, {window[1]:g}] lies outside of {inside}; "
                "move the window or widen 'regions.fit_range'."
            )
        if (window[0], window[1]) == (low, high):
            raise ConfigError(
                f"{source}: the window [{window[0]:g}, {window[1]:g}] leaves nothing of {inside} "
                "to fit the background in; widen 'regions.fit_range'."
            )
    if isinstance(regions.sidebands, tuple):
        for sideband in regions.sidebands:
            if sideband[0] < low or sideband[1] > high:
                raise ConfigError(
                    f"{source}: the sideband [{sideband[0]:g}, {sideband[1]:g}] lies outside of "
                    f"{inside}; move it or widen 'regions.fit_range'."
                )
    if isinstance(regions.bins, float) and regions.bins * 4 > high - low:
        raise ConfigError(
            f"{source}: 'regions.bins' is {regions.bins:g}, which gives fewer than 4 bins in "
            f"{inside}; give a smaller width."
        )


def check_background(config: SearchPlan, source: str) -> None:
    """Check family and order of the background against what exists.

    Raises
    ------
    ConfigError
        Where one does not exist; lists the nearest.
    """
    from bycatch.statistics.fits.background import FAMILIES  # noqa: PLC0415 - rooms load late

    family = config.background.family
    orders = FAMILIES.checked("background.family", family, source).orders
    order = config.background.order
    if order != "auto" and order not in orders:
        raise ConfigError(
            f"{source}: 'background.order' is {order}, but the family {family!r} has "
            f"{', '.join(map(str, orders))} parameters; choose one of them, or auto."
        )
