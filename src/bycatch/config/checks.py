"""The second look at a configuration: keys that are each right but do not fit together."""

from __future__ import annotations

from pathlib import Path

from bycatch.config.schema import SearchConfig
from bycatch.errors import ColumnError, ConfigError, nearest

__all__ = ["check_background", "check_files", "check_values"]


def check_values(config: SearchConfig, source: str) -> None:
    """Check values against each other.

    Raises
    ------
    ConfigError
        For windows or sidebands outside of the fit range, doubled working points, a scan that
        runs backwards, or a feature that is the resonance itself.
    """
    _check_regions(config, source)
    if len(set(config.working_points)) != len(config.working_points):
        message = f"{source}: 'working_points' has a value twice: {list(config.working_points)}."
        raise ConfigError(message)
    resonance = config.resonance.replace(" ", "")
    for name, text in config.features.items():
        if text.replace(" ", "") == resonance:
            message = (
                f"{source}: the feature {name!r} is the resonance {config.resonance!r} itself; "
                "a classifier that sees it finds the window and nothing else: remove it."
            )
            raise ConfigError(message)


def _check_regions(config: SearchConfig, source: str) -> None:
    regions = config.regions
    low, high = regions.fit_range
    inside = f"the fit range [{low:g}, {high:g}]"
    scan = regions.scan
    if scan is not None:
        if scan.last < scan.first:
            message = (
                f"{source}: 'regions.scan.last' is {scan.last:g}, "
                f"but must not lie below 'first', {scan.first:g}."
            )
            raise ConfigError(message)
        windows: tuple[tuple[float, float], ...] = (
            (scan.first * (1 - scan.width / 2), scan.first * (1 + scan.width / 2)),
        )
    else:
        windows = regions.windows or ()
    for window in windows:
        if window[0] < low or window[1] > high:
            message = (
                f"{source}: the window [{window[0]:g}, {window[1]:g}] lies outside of {inside}; "
                "move the window or widen 'regions.fit_range'."
            )
            raise ConfigError(message)
        if (window[0], window[1]) == (low, high):
            message = (
                f"{source}: the window [{window[0]:g}, {window[1]:g}] leaves nothing of {inside} "
                "to fit the background in; widen 'regions.fit_range'."
            )
            raise ConfigError(message)
    if isinstance(regions.sidebands, tuple):
        for sideband in regions.sidebands:
            if sideband[0] < low or sideband[1] > high:
                message = (
                    f"{source}: the sideband [{sideband[0]:g}, {sideband[1]:g}] lies outside of "
                    f"{inside}; move it or widen 'regions.fit_range'."
                )
                raise ConfigError(message)
    if isinstance(regions.bins, float) and regions.bins * 4 > high - low:
        message = (
            f"{source}: 'regions.bins' is {regions.bins:g}, which gives fewer than 4 bins in "
            f"{inside}; give a smaller width."
        )
        raise ConfigError(message)


def check_background(config: SearchConfig, source: str) -> None:
    """Check family and order of the background against what exists.

    Raises
    ------
    ConfigError
        Where one does not exist; lists the nearest.
    """
    from bycatch.statistics.fits.background import FAMILIES  # noqa: PLC0415 - rooms load late

    family = config.background.family
    if family not in FAMILIES:
        message = (
            f"{source}: 'background.family' is {family!r}, which does not exist; "
            f"the nearest are {nearest(family, FAMILIES)}."
        )
        raise ConfigError(message)
    order = config.background.order
    orders = FAMILIES[family].orders
    if order != "auto" and order not in orders:
        message = (
            f"{source}: 'background.order' is {order}, but the family {family!r} has "
            f"{', '.join(map(str, orders))} parameters; choose one of them, or auto."
        )
        raise ConfigError(message)


def check_files(config: SearchConfig, base: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Check that files exist, and have the columns that the expressions name.

    Returns
    -------
    data, inject : tuple of str
        Files after globs were resolved.

    Raises
    ------
    InputError
        Where a file is missing or cannot be read.
    ExpressionError
        Where an expression cannot be parsed.
    ColumnError
        Where a column is missing; lists the nearest.
    """
    from bycatch.events import resolve_paths  # noqa: PLC0415 - loads the readers

    expressions = _expressions(config)
    names = {key: _parse(key, text) for key, text in expressions.items()}
    data = resolve_paths(list(config.data.path), base)
    shared = {key: need for key, need in names.items() if not key.startswith("data.")}
    _check_columns(data[0], shared | _chosen(names, "data.where", "data.weight"))
    if config.data.inject is None:
        return data, ()
    inject = resolve_paths(list(config.data.inject.path), base)
    _check_columns(inject[0], shared | _chosen(names, "data.inject.where", "data.weight"))
    return data, inject


def _expressions(config: SearchConfig) -> dict[str, str]:
    """Return every expression by its key."""
    inject = config.data.inject
    expressions = {
        "data.where": config.data.where,
        "data.weight": config.data.weight,
        "data.inject.where": inject.where if inject else None,
        "resonance": config.resonance,
        "truth": config.truth,
        **{f"features.{name}": text for name, text in config.features.items()},
    }
    return {key: text for key, text in expressions.items() if text is not None}


def _parse(key: str, text: str) -> frozenset[str]:
    """Return the columns that an expression needs."""
    from bycatch.errors import ExpressionError  # noqa: PLC0415
    from bycatch.events.expressions import parse  # noqa: PLC0415

    try:
        return parse(text).names
    except ExpressionError as error:
        message = f"{key!r}: {error}"
        raise ExpressionError(message) from error


def _chosen(names: dict[str, frozenset[str]], *keys: str) -> dict[str, frozenset[str]]:
    return {key: names[key] for key in keys if key in names}


def _check_columns(path: str, needs: dict[str, frozenset[str]]) -> None:
    from bycatch.events import column_names  # noqa: PLC0415 - loads the readers

    columns = column_names(path)
    existing = set(columns)
    for key, names in needs.items():
        for name in sorted(names - existing):
            message = (
                f"{path} has no column {name!r}, which {key!r} uses; "
                f"the nearest columns are {nearest(name, columns)}."
            )
            raise ColumnError(message)
