"""Commands in processes that start at once, since a server has imported what they need.

A process that is killed must be one of its own, and its imports would take most of its time.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

PRELOADED = (
    "bycatch.cli.score",
    "bycatch.cli.search",
    "bycatch.anomaly.run",
    "bycatch.search.run",
    "bycatch.search.evaluation",
    "bycatch.report.page",
    "bycatch.template.cwola",
    "bycatch.template.cathode",
    "bycatch.template.anode",
    "bycatch.learn.classifiers.trees",
    "bycatch.learn.densities.flows",
    "bycatch.learn.densities.matching",
    "lightgbm",
    "matplotlib.backends.backend_agg",
    "pyarrow.parquet",
)


def blank(figure: object, kind: str, dpi: int = 200) -> bytes:
    """Stand for a drawn figure: drawing takes longer than all that these commands calculate."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (1, 1)).save(buffer, kind)
    return buffer.getvalue()


def _work(output: Path, arguments: list[str]) -> None:
    import bycatch.report.html
    from bycatch.cli import main

    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{output}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    bycatch.report.html.figure_bytes = blank
    main(arguments)


def start(output: Path, *arguments: object) -> BaseProcess:
    """Start ``bycatch arguments``, which writes to ``output.out`` and ``output.err``."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(list(PRELOADED))
    process = server.Process(target=_work, args=(output, [str(x) for x in arguments]))
    process.start()
    return process


def finish(process: BaseProcess, output: Path) -> str:
    """Wait for the end of a command that succeeds in silence; return what it printed."""
    process.join(timeout=300)
    err = Path(f"{output}.err").read_text()
    assert process.exitcode == 0, err
    assert err == ""  # silent when not on a terminal
    return Path(f"{output}.out").read_text()


def kill_when(process: BaseProcess, condition: Callable[[], bool]) -> bool:
    """Kill -9 as soon as `condition` holds; return whether the process still worked then."""
    deadline = time.monotonic() + 120
    while process.is_alive() and not condition() and time.monotonic() < deadline:
        time.sleep(0.002)
    working = process.is_alive()
    process.kill()
    process.join()
    return working
