"""The YAML file of a comparison of scores, and what the command line gives instead of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from bycatch.config.files import Loaded
from bycatch.config.messages import parse_yaml, validated
from bycatch.errors import ConfigError, InputError
from bycatch.evaluate.improvement import EPS_B, Improvement
from bycatch.evaluate.score_comparison import Comparison, Summary, compare_scores
from bycatch.evaluate.score_tables import read_run, read_table

__all__ = ["CompareConfig", "CompareInput", "LoadedComparison", "load_comparison"]

_Fraction = Annotated[float, Field(gt=0.0, lt=1.0)]


class CompareInput(BaseModel):
    """One run or one table."""

    model_config = ConfigDict(extra="forbid", strict=True)

    path: str = Field(min_length=1, description="Folder of `bycatch score`, or CSV table.")
    name: str = Field(
        "",
        description="Put before the names of its scores; needed where two inputs name theirs "
        "alike.",
    )
    channel: str = Field("", description="Of a run: the best channel counts for each signal.")
    scores: list[str] | None = Field(
        None,
        description="Columns of a run; all of its scores where absent. What learned from labels "
        "stands beside them.",
    )


class CompareConfig(BaseModel):
    """A comparison of scores."""

    model_config = ConfigDict(extra="forbid", strict=True)

    inputs: list[CompareInput] = Field(min_length=1, description="What to compare.")
    eps_b: list[_Fraction] = Field(
        default=list(EPS_B),
        min_length=1,
        description="Background efficiencies at which runs are read; tables have their own.",
    )
    split: str = Field("test", description="Rows of runs that are used.")
    seed: int = Field(
        default=0,
        ge=0,
        description="Of the draws behind the errors of minimum, median and maximum.",
    )
    output: str | None = Field(None, description="Run folder; `runs/NAME` where absent.")


@dataclass(frozen=True)
class LoadedComparison(Loaded):
    """A comparison, ready to be made.

    Attributes
    ----------
    config : CompareConfig
        With absolute paths.
    resolved, output
        As in `bycatch.config.files.Loaded`.
    """

    config: CompareConfig

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Files that the comparison reads."""
        paths = (Path(item.path) for item in self.config.inputs)
        return tuple(path / "scores.parquet" if path.is_dir() else path for path in paths)

    def compare(self) -> Comparison:
        """Read the inputs and compare their scores.

        Raises
        ------
        InputError, ColumnError, DataError
            Where an input cannot serve.
        """
        cells: list[Improvement] = []
        published: list[Summary] = []
        references: list[Improvement] = []
        for item in self.config.inputs:
            if Path(item.path).is_dir():
                table = read_run(
                    item.path,
                    scores=item.scores,
                    eps_b=self.config.eps_b,
                    split=self.config.split,
                    name=item.name,
                    channel=item.channel,
                )
            else:
                table = read_table(item.path, name=item.name)
            cells.extend(table.improvements)
            published.extend(table.summaries)
            references.extend(table.references)
        return compare_scores(cells, published, references=references, seed=self.config.seed)


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
        message = (
            f"{yamls[0]} says what to compare, so nothing else can be given beside it; name the "
            "other inputs in that file."
        )
        raise ConfigError(message)
    if not yamls:
        content: Mapping[str, Any] = {"inputs": [{"path": str(path)} for path in paths]}
        return _resolved(content, Path(), "the command line", output, "compare")
    path = Path(yamls[0])
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text file"
        message = f"The configuration {path} cannot be read ({reason}); give a YAML file."
        raise InputError(message) from error
    return _resolved(parse_yaml(text, str(path)), path.parent, str(path), output, path.stem)


def _resolved(
    content: Mapping[str, Any], base: Path, source: str, output: Path | None, name: str
) -> LoadedComparison:
    config = validated(CompareConfig, content, source)
    base = base.resolve()
    for index, item in enumerate(config.inputs):
        path = base / item.path
        if not path.exists():
            message = (
                f"{source}: 'inputs[{index}].path' is {item.path}, which does not exist; give the "
                "folder of a run of `bycatch score`, or a CSV table."
            )
            raise InputError(message)
        if path.is_dir() and not (path / "scores.parquet").is_file():
            message = (
                f"{source}: 'inputs[{index}].path' is {item.path}, a folder without "
                "scores.parquet; give that of a finished run of `bycatch score`."
            )
            raise InputError(message)
        if not path.is_dir() and (item.scores is not None or item.channel):
            key = "scores" if item.scores is not None else "channel"
            message = (
                f"{source}: 'inputs[{index}].{key}' is for the folder of a run, but {item.path} is "
                "a table; remove the key."
            )
            raise ConfigError(message)
        item.path = str(path)
    folder = output if output is not None else base / (config.output or f"runs/{name}")
    resolved = config.model_dump(mode="json", exclude={"output"})
    return LoadedComparison(resolved, folder, config)
