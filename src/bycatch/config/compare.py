"""The YAML file of a comparison of scores, and what the command line gives instead of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bycatch.config.files import read_configuration
from bycatch.config.messages import validated
from bycatch.config.plan import Loaded
from bycatch.errors import ConfigError, InputError
from bycatch.evaluate.comparison_plan import ComparePlan


@dataclass(frozen=True)
class LoadedComparison(Loaded[ComparePlan]):
    """A comparison, ready to be made."""

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Files that the comparison reads."""
        paths = (Path(item.path) for item in self.plan.inputs)
        return tuple(path / "scores.parquet" if path.is_dir() else path for path in paths)


def load_comparison(paths: Sequence[str], output: Path | None = None) -> LoadedComparison:
    """Read, check and resolve what is to be compared.

    Parameters
    ----------
    paths : sequence of str
        One YAML file, or run folders and tables.
    output : Path, optional
        Run folder instead of the file's own.

    Raises
    ------
    InputError
        Where a file or folder is missing.
    ConfigError
        Where a key or a value makes no sense.
    """
    yamls = [path for path in paths if Path(path).suffix in {".yaml", ".yml"}]
    if yamls and len(paths) > 1:
        raise ConfigError(
            f"{yamls[0]} says what to compare, so nothing else can be given beside it; name the "
            "other inputs in that file."
        )
    if not yamls:
        content: Mapping[str, Any] = {"inputs": [{"path": str(path)} for path in paths]}
        return build_comparison(content, base=Path(), source="the command line", output=output)
    path = Path(yamls[0])
    content = read_configuration(path)
    return build_comparison(
        content, base=path.parent, source=str(path), output=output, name=path.stem
    )


def build_comparison(
    content: Mapping[str, Any],
    *,
    base: Path,
    source: str,
    output: Path | None = None,
    name: str = "compare",
) -> LoadedComparison:
    """Check and resolve a configuration that is already a mapping; see `load_comparison`."""
    plan = validated(ComparePlan, content, source)
    base = base.resolve()
    for index, item in enumerate(plan.inputs):
        path = base / item.path
        if not path.exists():
            raise InputError(
                f"{source}: 'inputs[{index}].path' is {item.path}, which does not exist; give the "
                "folder of a run of `bycatch score`, or a CSV table."
            )
        if path.is_dir() and not (path / "scores.parquet").is_file():
            raise InputError(
                f"{source}: 'inputs[{index}].path' is {item.path}, a folder without "
                "scores.parquet; give that of a finished run of `bycatch score`."
            )
        if not path.is_dir() and (item.scores is not None or item.channel):
            key = "scores" if item.scores is not None else "channel"
            raise ConfigError(
                f"{source}: 'inputs[{index}].{key}' is for the folder of a run, but {item.path} is "
                "a table; remove the key."
            )
    folder = output if output is not None else base / (plan.output or f"runs/{name}")
    inputs = tuple(item.replace(path=str(base / item.path)) for item in plan.inputs)
    plan = plan.replace(inputs=inputs, output=None)
    return LoadedComparison(plan, plan.model_dump(mode="json", exclude={"output"}), folder)
