"""The verbs as Python calls: the keys of a YAML file as arguments, and `run`.

    >>> import bycatch
    >>> bycatch.Hunt(path="spectrum.csv", toys=1000).run()  # doctest: +SKIP

Arguments are validated like the file's keys, with the same messages, when the object is made; paths
resolve against the working directory. Names are capitalised since ``bycatch.search`` is a package,
which would replace a function of that name when its first module is imported.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, cast

from bycatch.tasks import Job, Run, Runnable, run_verb


class _Face:
    """A verb with its configuration; a verb names who builds its plan, works and draws its page.

    Parameters
    ----------
    **keys
        As in the verb's YAML file.

    Attributes
    ----------
    plan : object
        What it is going to do.
    resolved : mapping
        All settings, the defaults included.

    Raises
    ------
    BycatchError
        As for the file.
    """

    _builds: ClassVar[str]
    _works: ClassVar[str]
    _draws: ClassVar[str]

    def __init__(self, **keys: Any) -> None:
        keys = _texts(keys)
        self._output = keys.get("output")
        self.plan, self._job = self._build(keys)
        self.resolved = self._job.resolved

    def run(self, output: Path | str | None = None, *, workers: int = 1, quiet: bool = True) -> Any:
        """Run the verb, or continue it where its run folder was begun.

        Parameters
        ----------
        output : Path or str, optional
            Run folder, which gets result.json and the report; the key `output` by default. Without
            either, the run works in a temporary folder and no report is drawn.
        workers : int
            Processes; the result does not depend on it.
        quiet : bool
            Show no progress.

        Returns
        -------
        object
            The result of the verb.
        """
        output = output if output is not None else self._output
        job = self._job
        if output is not None:
            found = Job(job.resolved, job.inputs, job.text, Path(output))
            return run_verb(found, self._work, self._page, workers=workers, quiet=quiet)[0]
        with tempfile.TemporaryDirectory(prefix="bycatch-") as folder:
            found = Job(job.resolved, job.inputs, job.text, Path(folder) / "run")
            with Run.open(found, workers, quiet=quiet) as run:
                return self._work(run)

    def _build(self, keys: dict[str, Any]) -> tuple[Any, Runnable]:
        loaded = _part(self._builds)(keys, base=Path(), source=f"bycatch.{type(self).__name__}")
        return loaded.plan, loaded

    def _work(self, run: Run) -> Any:
        return _part(self._works)(self.plan, self.resolved, run)

    def _page(self, result: Any, folder: Path) -> Path:
        return cast("Path", _part(self._draws)(result, folder))


def _part(place: str) -> Callable[..., Any]:
    """Return ``module:function``; rooms load when they are needed, not before."""
    module, _, name = place.partition(":")
    return cast("Callable[..., Any]", getattr(import_module(module), name))


def _texts(value: Any) -> Any:
    """Write paths as texts, which is all that a YAML file knows, wherever they stand."""
    if isinstance(value, Mapping):
        return {key: _texts(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_texts(item) for item in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else value


class Search(_Face):
    """A search for a resonance, as `bycatch search`."""

    _builds = "bycatch.config.load:build_search"
    _works = "bycatch.search.run:run_search"
    _draws = "bycatch.report:write_report"


class Score(_Face):
    """Scores without labels, as `bycatch score`."""

    _builds = "bycatch.config.score:build_scores"
    _works = "bycatch.anomaly.run:run_scores"
    _draws = "bycatch.report.score:write_score_report"


class Trigger(_Face):
    """A score that shall become a trigger, as `bycatch trigger`."""

    _builds = "bycatch.config.trigger:build_trigger"
    _works = "bycatch.trigger.run:run_trigger"
    _draws = "bycatch.report.trigger:write_trigger"


class Hunt(_Face):
    """A bump hunt, as `bycatch hunt`."""

    def _build(self, keys: dict[str, Any]) -> tuple[Any, Runnable]:
        from bycatch.config.hunt import build_hunt  # noqa: PLC0415

        return build_hunt(keys, base=Path(), source="bycatch.Hunt")

    def run(self, output: Path | str | None = None, *, workers: int = 1, quiet: bool = True) -> Any:
        """Run the hunt; see `Search.run`."""
        # Read before a run folder is made: the sentence about a missing file is in the reader.
        self._histogram = self.plan.load()
        return super().run(output, workers=workers, quiet=quiet)

    def _work(self, run: Run) -> Any:
        from bycatch.hunt.hunt import hunt  # noqa: PLC0415

        return run.write_result(hunt(self._histogram, self.plan.plan, run.progress))

    def _page(self, result: Any, folder: Path) -> Path:
        from bycatch.report.hunt import write_hunt  # noqa: PLC0415

        return write_hunt(result, folder, self.plan.command)


class Compare(_Face):
    """A comparison of scores, as `bycatch compare`."""

    _builds = "bycatch.config.compare:build_comparison"
    _works = "bycatch.evaluate.comparison_plan:run_comparison"
    _draws = "bycatch.report.score_comparison:write_comparison"
