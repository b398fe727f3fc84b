"""Configuration files and the paths inside of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bycatch.config.messages import parse_yaml
from bycatch.errors import InputError, nearest


@dataclass(frozen=True)
class Loaded:
    """A configuration, ready to run; what each verb makes of it is added by its own class.

    Attributes
    ----------
    resolved : mapping
        The configuration with all defaults and absolute paths, JSON-compatible; without the
        output folder, which does not change a result. As YAML it is a configuration again.
    output : Path
        Run folder.
    """

    resolved: Mapping[str, Any]
    output: Path

    @property
    def text(self) -> str:
        """The resolved configuration as YAML."""
        return yaml.safe_dump(dict(self.resolved), sort_keys=False, allow_unicode=True)


def read_configuration(path: Path) -> Mapping[str, Any]:
    """Read a YAML file.

    Raises
    ------
    InputError
        Where it is missing or no text; lists the nearest files.
    ConfigError
        Where it is no YAML, or no mapping of keys to values.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        folder = path.parent
        names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        raise InputError(
            f"The configuration {path} cannot be read ({error.strerror}); "
            f"the nearest files in {folder} are {nearest(path.name, names)}."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"The configuration {path} is no text file; give a YAML file.") from error
    return parse_yaml(text, str(path))


def absolute(base: Path, path: str) -> str:
    """Return a path of a file as an absolute one."""
    return os.path.normpath(base / path)


def file_of(name: str) -> Path:
    """Drop the name of a tree: ``file.root:Events`` is in ``file.root``."""
    path = Path(name)
    return path if path.exists() else Path(name.rpartition(":")[0])
