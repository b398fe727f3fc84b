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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bycatch.tasks import Job, Run, Runnable, run_verb


class _Face:
    """A verb with its configuration.

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
        raise NotImplementedError

    def _work(self, run: Run) -> Any:
        raise NotImplementedError

    def _page(self, result: Any, folder: Path) -> Path:
        raise NotImplementedError


def _texts(value: Any) -> Any:
    """Write paths as texts, which is all that a YAML file knows, wherever they stand."""
    if isinstance(value, Mapping):
        return {key: _texts(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_texts(item) for item in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else value


class Search(_Face):
    """A search for a resonance, as `bycatch search`."""

    def _build(self, keys: dict[str, Any]) -> tuple[Any, Runnable]:
        from bycatch.config.load import build_search  # noqa: PLC0415 - rooms load late

        loaded = build_search(keys, base=Path(), source="bycatch.Search")
        return loaded.plan, loaded

    def _work(self, run: Run) -> Any:
        from bycatch.search.run import run_search  # noqa: PLC0415

        return run_search(self.plan, self.resolved, run)

    def _page(self, result: Any, folder: Path) -> Path:
        from bycatch.report import write_report  # noqa: PLC0415

        return write_report(result, folder)


class Score(_Face):
    """Scores without labels, as `bycatch score`."""

    def _build(self, keys: dict[str, Any]) -> tuple[Any, Runnable]:
        from bycatch.config.score import build_scores  # noqa: PLC0415

        loaded = build_scores(keys, base=Path(), source="bycatch.Score")
        return loaded.plan, loaded

    def _work(self, run: Run) -> Any:
        from bycatch.anomaly.run import run_scores  # noqa: PLC0415

        return run_scores(self.plan, self.resolved, run)

    def _page(self, result: Any, folder: Path) -> Path:
        from bycatch.report.score import write_score_report  # noqa: PLC0415

        return write_score_report(result, folder)


class Trigger(_Face):
    """A score that shall become a trigger, as `bycatch trigger`."""

    def _build(self, keys: dict[str, Any]) -> tuple[Any, Runnable]:
        from bycatch.config.trigger import build_trigger  # noqa: PLC0415

        loaded = build_trigger(keys, base=Path(), source="bycatch.Trigger")
        return loaded.plan, loaded

    def _work(self, run: Run) -> Any:
        from bycatch.trigger.run import run_trigger  # noqa: PLC0415

        return run_trigger(self.plan, self.resolved, run)

    def _page(self, result: Any, folder: Path) -> Path:
        from bycatch.report.trigger import write_trigger  # noqa: PLC0415

        return write_trigger(result, folder)


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

    def _build(self, keys: dict[str, Any]) -> tuple[Any, Runnable]:
        from bycatch.config.compare import build_comparison  # noqa: PLC0415

        loaded = build_comparison(keys, Path(), "bycatch.Compare", None, "compare")
        return loaded.plan, loaded

    def _work(self, run: Run) -> Any:
        from bycatch.evaluate.comparison_plan import compare_inputs  # noqa: PLC0415

        return run.write_result(compare_inputs(self.plan))

    def _page(self, result: Any, folder: Path) -> Path:
        from bycatch.report.score_comparison import write_comparison  # noqa: PLC0415

        return write_comparison(result, folder)
