"""The YAML file of `bycatch hunt`: the options of the command line as keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bycatch.config.files import absolute, read_configuration
from bycatch.config.messages import validated
from bycatch.hunt.task import HuntTask
from bycatch.tasks import Job


def load_hunt(path: Path | str, output: Path | str | None = None) -> tuple[HuntTask, Job]:
    """Read and check what shall be hunted; paths in it resolve against its folder.

    Parameters
    ----------
    path : Path or str
    output : Path or str, optional
        Run folder instead of the file's own, relative to the working directory.

    Returns
    -------
    task : HuntTask
    job : Job
        Its settings, input files and run folder.

    Raises
    ------
    InputError, ConfigError
        Where the file, a key or a value is wrong.
    """
    path = Path(path)
    content = read_configuration(path)
    return build_hunt(content, base=path.parent, source=str(path), output=output, name=path.stem)


def build_hunt(
    content: Mapping[str, Any],
    *,
    base: Path,
    source: str = "configuration",
    output: Path | str | None = None,
    name: str = "hunt",
) -> tuple[HuntTask, Job]:
    """Check a configuration that is already a mapping; see `load_hunt`."""
    task = validated(HuntTask, content, source)
    base = base.resolve()
    folder = Path(output) if output is not None else base / (task.output or f"runs/{name}")
    task = task.replace(path=absolute(base, task.path), output=None)
    return task, Job(task.settings, task.inputs, task.text, folder)
