"""Runs that survive: the store of steps, where tasks run, and what is shown meanwhile.

What to use when: `RunFolder` to keep the steps of a run, `run_tasks` to compute many of them,
`open_progress` to show it, `Run` for all three at once and `run_verb` for the frame around them,
`atomic_file` for any other file that is written.
"""

from __future__ import annotations

from bycatch.tasks.executor import one_thread, run_tasks
from bycatch.tasks.files import atomic_file, atomic_write, file_signature
from bycatch.tasks.progress import Progress, SilentProgress, TerminalProgress, open_progress
from bycatch.tasks.result import Plain, Result, document, plain
from bycatch.tasks.run import Job, Run, Runnable, run_verb
from bycatch.tasks.store import RunFolder, Step, canonical_json, fingerprint

__all__ = [
    "Job",
    "Plain",
    "Progress",
    "Result",
    "Run",
    "RunFolder",
    "Runnable",
    "SilentProgress",
    "Step",
    "TerminalProgress",
    "atomic_file",
    "atomic_write",
    "canonical_json",
    "document",
    "file_signature",
    "fingerprint",
    "one_thread",
    "open_progress",
    "plain",
    "run_tasks",
    "run_verb",
]
