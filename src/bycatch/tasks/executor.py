"""Where tasks run: here, or in local processes with one thread each.

A task is a top-level function and its keyword arguments. Its result depends on nothing else, so
the number of workers changes how long a run takes and never what it finds. Arguments and results
go through pipes: share big arrays as files (`bycatch.tasks.RunFolder.save_npy`).
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from bycatch.errors import BycatchError, TaskError
from bycatch.tasks.progress import Progress, SilentProgress

Result = TypeVar("Result")

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def run_tasks(
    function: Callable[..., Result],
    tasks: Sequence[tuple[str, Mapping[str, Any]]],
    workers: int = 1,
    progress: Progress | None = None,
    on_result: Callable[[str, Result], None] | None = None,
) -> dict[str, Result]:
    """Run `function` once for each task.

    Parameters
    ----------
    function : callable
        Importable by name (a top-level function) where `workers` is larger than 1.
    tasks : sequence of (str, mapping)
        Name and keyword arguments of each task; names are unique.
    workers : int
        Number of processes; with 1 the tasks run in this one.
    progress : Progress, optional
        Advanced by one for each finished task.
    on_result : callable, optional
        Called in this process with (name, result) as soon as a task is done, in any order; for
        example to store the step.

    Returns
    -------
    dict
        Result of each task, in the order of `tasks`.

    Raises
    ------
    TaskError
        Where a worker process died, most often for lack of memory.
    Exception
        Whatever a task raised, as it was.
    """
    names = [name for name, _ in tasks]
    if len(set(names)) != len(names):
        raise ValueError("The names of tasks must be unique.")
    if workers < 1:
        raise ValueError(f"The number of workers must be at least 1, but it is {workers}.")
    progress = progress or SilentProgress()
    count = min(workers, len(tasks))
    source = _inline(function, tasks) if count <= 1 else _in_processes(function, tasks, count)
    results: dict[str, Result] = {}
    with contextlib.closing(source):
        for name, result in source:
            results[name] = result
            if on_result is not None:
                on_result(name, result)
            progress.advance()
    return {name: results[name] for name in names}


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Limit numerical libraries to one thread, those that are loaded inside included.

    Small fits run several times faster so, and sums do not depend on the machine's size.
    """
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - loads libraries' handles

    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _inline(
    function: Callable[..., Result], tasks: Sequence[tuple[str, Mapping[str, Any]]]
) -> Generator[tuple[str, Result], None, None]:
    for name, arguments in tasks:
        with one_thread():
            result = function(**arguments)
        yield name, result


@dataclass
class _Worker:
    """A process, the pipe to it and the name of the task that it works on."""

    process: BaseProcess
    pipe: Connection
    task: str | None = None


def _in_processes(
    function: Callable[..., Result], tasks: Sequence[tuple[str, Mapping[str, Any]]], count: int
) -> Generator[tuple[str, Result], None, None]:
    """Yield results as they come; every way out of here ends the processes."""
    workers: list[_Worker] = []
    waiting = iter(tasks)
    try:
        with one_thread():  # the processes inherit the environment
            workers.extend(_start(function) for _ in range(count))
        for worker in workers:
            _hand_out(worker, waiting)
        while busy := {worker.pipe: worker for worker in workers if worker.task is not None}:
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]  # only pipes were given
                name, result = _receive(worker)
                _hand_out(worker, waiting)
                yield name, result
    finally:
        for worker in workers:
            worker.pipe.close()
            worker.process.kill()
        for worker in workers:
            worker.process.join()


def _start(function: Callable[..., Any]) -> _Worker:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(there, function), daemon=True)
    process.start()
    there.close()  # so that the end of the process is the end of the pipe
    return _Worker(process, here)


def _hand_out(worker: _Worker, waiting: Iterator[tuple[str, Mapping[str, Any]]]) -> None:
    worker.task = None
    for name, arguments in waiting:
        worker.task = name
        try:
            worker.pipe.send(dict(arguments))
        except (BrokenPipeError, ConnectionResetError) as error:
            raise _death(worker) from error
        return


def _receive(worker: _Worker) -> tuple[str, Any]:
    name = str(worker.task)
    try:
        succeeded, value = worker.pipe.recv()
    except (EOFError, ConnectionResetError) as error:
        raise _death(worker) from error
    if not succeeded:
        raise value
    return name, value


def _death(worker: _Worker) -> TaskError:
    worker.process.join(timeout=5)
    code = worker.process.exitcode
    ending = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
    message = (
        f"The worker process of the task {worker.task!r} died ({ending}), most often because "
        "memory ran out; run the same command again with fewer --workers: it continues."
    )
    return TaskError(message)


def _work(pipe: Connection, function: Callable[..., Any]) -> None:
    """Do tasks until the pipe closes; the body of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends the workers
    end_with_parent()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            arguments = pipe.recv()
            answer: tuple[bool, Any]
            try:
                answer = (True, function(**arguments))
            except Exception as error:  # noqa: BLE001 - it is raised again in the parent
                answer = (False, _portable(error))
            pipe.send(answer)


def _portable(error: Exception) -> Exception:
    """Return `error` in a form that passes the pipe, with the worker's traceback as a note."""
    from multiprocessing.reduction import ForkingPickler  # noqa: PLC0415

    if isinstance(error, BycatchError):
        return error
    text = "".join(traceback.format_exception(error))
    error.add_note(f"In a worker process:\n{text}")
    try:
        ForkingPickler.loads(ForkingPickler.dumps(error))
    except Exception:  # noqa: BLE001 - any failure means that it cannot be sent
        return RuntimeError(text)
    return error


def end_with_parent() -> None:
    """Let this process end when its parent was killed, whatever it is computing."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_exit, args=(parent.sentinel,), daemon=True).start()


def _wait_and_exit(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
