"""From a YAML file to a plan: everything that can be wrong is found before work begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bycatch.config.checks import check_background, check_files, check_values
from bycatch.config.files import Loaded, absolute, file_of, read_configuration
from bycatch.config.messages import validated
from bycatch.config.methods import check_methods, method_plan
from bycatch.config.schema import RegionsConfig, SearchConfig
from bycatch.errors import InputError
from bycatch.search.plan import DataPlan, InjectionPlan, RegionPlan, ScanPlan, SearchPlan
from bycatch.statistics.plan import BackgroundPlan

__all__ = ["LoadedSearch", "build_search", "load_search"]


@dataclass(frozen=True)
class LoadedSearch(Loaded):
    """A search, ready to run.

    Attributes
    ----------
    plan : SearchPlan
    resolved, output
        As in `bycatch.config.files.Loaded`.
    """

    plan: SearchPlan

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Files that the run reads, without the names of trees inside of them."""
        data, validation = self.plan.data, self.plan.validation
        names = data.path + (data.inject.path if data.inject else ())
        files = tuple(file_of(name) for name in names)
        return files if validation is None else (*files, Path(validation) / "result.json")


def load_search(path: Path | str, output: Path | str | None = None) -> LoadedSearch:
    """Read, check and resolve the configuration of a search.

    Parameters
    ----------
    path : Path or str
        YAML file; relative paths inside of it resolve against its folder.
    output : Path or str, optional
        Run folder instead of the file's own, relative to the working directory.

    Raises
    ------
    InputError
        Where the file, an input file or the validation folder is missing.
    ConfigError
        Where a key or a value makes no sense; names the key, what is there and what is expected.
    ExpressionError, ColumnError
        Where an expression cannot be parsed or names a column that the files do not have.
    """
    path = Path(path)
    content = read_configuration(path)
    return build_search(content, base=path.parent, source=str(path), output=output, name=path.stem)


def build_search(
    content: Mapping[str, Any],
    *,
    base: Path,
    source: str = "configuration",
    output: Path | str | None = None,
    name: str = "search",
) -> LoadedSearch:
    """Check and resolve a configuration that is already a mapping.

    Parameters
    ----------
    content : mapping
        As in the YAML file.
    base : Path
        Folder against which relative paths resolve.
    source : str
        How messages call the configuration.
    output : Path or str, optional
        Run folder instead of the configuration's own.
    name : str
        Name of the default run folder.

    Raises
    ------
    BycatchError
        As for `load_search`.
    """
    config = validated(SearchConfig, content, source)
    check_values(config, source)
    check_methods(config, source)
    check_background(config, source)
    base = base.resolve()
    data, inject = check_files(config, base)
    plan = _plan(config, data, inject, base, source)
    folder = Path(output) if output is not None else base / (config.output or f"runs/{name}")
    return LoadedSearch(_resolved(config, base), folder, plan)


def _plan(
    config: SearchConfig,
    data: tuple[str, ...],
    inject: tuple[str, ...],
    base: Path,
    source: str,
) -> SearchPlan:
    injection = config.data.inject
    return SearchPlan(
        data=DataPlan(
            path=data,
            where=config.data.where,
            weight=config.data.weight,
            inject=InjectionPlan(inject, injection.where, injection.count) if injection else None,
            nonfinite=config.nonfinite,
            fraction=config.data.fraction,
        ),
        resonance=config.resonance,
        features=tuple(config.features.items()),
        regions=_regions(config.regions),
        methods=tuple(method_plan(method) for method in config.methods),
        truth=config.truth,
        folds=config.folds,
        members=config.members,
        working_points=config.working_points,
        background=BackgroundPlan(config.background.family, config.background.order),
        toys=config.toys,
        seed=config.seed,
        validation=_validation(config, base, source),
    )


def _regions(regions: RegionsConfig) -> RegionPlan:
    if regions.scan is not None:
        scan = regions.scan
        windows: tuple[tuple[float, float], ...] | ScanPlan = ScanPlan(
            scan.first, scan.last, scan.width, scan.step
        )
    else:
        windows = regions.windows or ()
    return RegionPlan(regions.bins, regions.fit_range, windows, regions.sidebands)


def _validation(config: SearchConfig, base: Path, source: str) -> str | None:
    if config.validation is None:
        return None
    folder = Path(absolute(base, config.validation))
    if not (folder / "result.json").is_file():
        message = (
            f"{source}: 'validation' names the folder {folder}, which holds no finished "
            "validation (result.json); make it with `bycatch validate` or remove the key."
        )
        raise InputError(message)
    return str(folder)


def _resolved(config: SearchConfig, base: Path) -> dict[str, Any]:
    """Return the configuration with defaults and absolute paths, without the output folder."""
    resolved = config.model_dump(mode="json", exclude={"output"})
    resolved["data"]["path"] = [absolute(base, path) for path in config.data.path]
    if config.data.inject is not None:
        inject = config.data.inject.path
        resolved["data"]["inject"]["path"] = [absolute(base, path) for path in inject]
    if config.validation is not None:
        resolved["validation"] = absolute(base, config.validation)
    for method in resolved["methods"]:
        for absent in ("classifier", "name"):
            if method[absent] is None:
                del method[absent]
    for absent in ("windows", "scan"):
        if resolved["regions"][absent] is None:
            del resolved["regions"][absent]
    return resolved
