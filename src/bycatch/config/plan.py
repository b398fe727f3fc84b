"""From a YAML file to a plan, for every verb: read, check, find the files, look for the columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml

from bycatch.config.files import absolute, file_of, read_configuration
from bycatch.config.messages import validated
from bycatch.errors import ColumnError, ExpressionError, nearest
from bycatch.fields import Block, Columns, Files, FolderOf, walk

Plan = TypeVar("Plan", bound=Block)
Check = Callable[[Plan, str], None]
"""Looks at a plan as a whole; takes it and how messages call the configuration."""


@dataclass(frozen=True)
class Loaded(Generic[Plan]):
    """A configuration, ready to run.

    Attributes
    ----------
    plan : Block
        The plan, with absolute paths and with the files of globs.
    resolved : mapping
        The configuration with all defaults and absolute paths, JSON-compatible; without the
        output folder, which does not change a result. As YAML it is a configuration again.
    output : Path
        Run folder.
    """

    plan: Plan
    resolved: Mapping[str, Any]
    output: Path

    @property
    def text(self) -> str:
        """The resolved configuration as YAML."""
        return yaml.safe_dump(dict(self.resolved), sort_keys=False, allow_unicode=True)

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Files that the run reads, without the names of trees inside of them."""
        _, found = walk(self.plan)
        files = [file_of(name) for _, mark, names in found if mark == Files() for name in names]
        for _, mark, folder in found:
            if isinstance(mark, FolderOf):
                files += sorted(file for file in Path(folder).glob(mark.files) if file.is_file())
        return tuple(files)


def nothing_more(plan: Block, source: str) -> None:
    """Look at nothing: the check of a plan whose fields say all."""


@dataclass(frozen=True)
class Configuration(Generic[Plan]):
    """The YAML file of a verb.

    Attributes
    ----------
    model : type of Block
        What the file describes.
    name : str
        Of the default run folder of a configuration without a file.
    before, after : callable
        What fields cannot say of themselves: looked at before, and after files were found.
    """

    model: type[Plan]
    name: str
    before: Check[Plan] = nothing_more
    after: Check[Plan] = nothing_more

    def load(
        self, path: Path | str, output: Path | str | None = None, **overrides: Any
    ) -> Loaded[Plan]:
        """Read, check and resolve a file; paths inside of it resolve against its folder.

        Parameters
        ----------
        path : Path or str
            YAML file.
        output : Path or str, optional
            Run folder instead of the file's own, relative to the working directory.
        **overrides
            Keys that hold whatever the file says.

        Raises
        ------
        InputError
            Where the file, an input file or a folder is missing.
        ConfigError
            Where a key or a value makes no sense; names the key, what is there and what is
            expected.
        ExpressionError, ColumnError
            Where an expression cannot be parsed or names a column that the files do not have.
        """
        path = Path(path)
        content = {**read_configuration(path), **overrides}
        return self.build(
            content, base=path.parent, source=str(path), output=output, name=path.stem
        )

    def build(
        self,
        content: Mapping[str, Any],
        *,
        base: Path,
        source: str = "configuration",
        output: Path | str | None = None,
        name: str = "",
    ) -> Loaded[Plan]:
        """Check and resolve a configuration that is already a mapping; see `load`.

        Parameters
        ----------
        content : mapping
            As in the YAML file.
        base : Path
            Folder against which relative paths resolve.
        source : str
            How messages call the configuration.
        output : Path or str, optional
            As for `load`.
        name : str
            Name of the default run folder; the verb's own by default.
        """
        from bycatch.events import resolve_paths  # noqa: PLC0415 - loads the readers

        config = validated(self.model, content, source)
        base = base.resolve()
        self.before(config, source)

        def named(_: str, mark: object, value: Any) -> Any:
            if mark == Files():
                return tuple(absolute(base, path) for path in value)
            return absolute(base, value) if isinstance(mark, FolderOf) else value

        def found(_: str, mark: object, value: Any) -> Any:
            return resolve_paths(list(value), base) if mark == Files() else named(_, mark, value)

        # The run is named after the globs, not after the files that they match today: a file that
        # is replaced is seen by its signature, see `Loaded.inputs`.
        resolved = walk(config, named)[0].model_dump(mode="json", by_alias=True, exclude={"output"})
        plan, marked = walk(config.replace(output=None), found)  # where it runs changes no result
        check_columns(marked)
        self.after(plan, source)
        own = getattr(config, "output", None)
        folder = Path(output) if output is not None else base / (own or f"runs/{name or self.name}")
        return Loaded(plan, resolved, folder)


def check_columns(marked: list[tuple[str, object, Any]]) -> None:
    """Check that expressions can be parsed and that the files have the columns that they name.

    A cut (``where``) beside files is about these files; any other expression is about all.

    Raises
    ------
    ExpressionError, ColumnError
        Name the key; a missing column comes with the nearest that exist.
    """
    from bycatch.events import column_names  # noqa: PLC0415 - loads the readers
    from bycatch.events.expressions import parse  # noqa: PLC0415

    needs: dict[str, frozenset[str]] = {}
    for key, mark, text in marked:
        if mark == Columns():
            try:
                needs[key] = parse(text).names
            except ExpressionError as error:
                raise ExpressionError(f"{key!r}: {error}") from error
    files = {key.removesuffix("path"): value for key, mark, value in marked if mark == Files()}
    own = {place: f"{place}where" for place in files}
    for place, paths in files.items():
        columns = column_names(paths[0])
        for key, names in needs.items():
            if key in own.values() and key != own[place]:
                continue
            for name in sorted(names - set(columns)):
                raise ColumnError(
                    f"{paths[0]} has no column {name!r}, which {key!r} uses; "
                    f"the nearest columns are {nearest(name, columns)}."
                )
