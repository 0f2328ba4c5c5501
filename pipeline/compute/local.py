"""Runs independent trainings on this machine, one thread each, as many as fit side by side.

The result of a task depends on the task alone, so any number of workers gives the same bits.
"""

import functools
import multiprocessing
import os
import queue
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol, TypeVar

import psutil

from pipeline.compute.device import load_tensorflow
from pipeline.config import Compute
from pipeline.errors import ResourceError
from pipeline.progress import StageProgress

WORKER_BYTES = 1_500_000_000  # measured on IMDb: about 1.0 GB each


class Task(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def cost(self) -> int: ...
    @property
    def epochs(self) -> int: ...


T = TypeVar("T", bound=Task)
R = TypeVar("R")
OnEpoch = Callable[[int, float], None]
Work = Callable[[T, OnEpoch], R]


def run_tasks(
    work: Work[T, R],
    tasks: Sequence[T],
    compute: Compute,
    progress: StageProgress,
) -> Iterator[tuple[T, R]]:
    """Yield (task, its result) as they finish.

    Raises:
        ResourceError: a worker process was killed, which is what happens without memory.
    """
    workers = min(count_workers(compute, progress), len(tasks))
    meter = _Meter(tasks, progress)
    if workers <= 1:
        if tasks:
            load_tensorflow(compute.device)
        for task in tasks:
            yield task, work(task, functools.partial(meter.told, task.name))
            meter.finished(task)
        return
    yield from _run_in_processes(work, tasks, compute, workers, meter)


def count_workers(compute: Compute, progress: StageProgress) -> int:
    """Return how many trainings run side by side: what was asked for, or what the machine bears."""
    cores = len(os.sched_getaffinity(0))
    memory = psutil.virtual_memory().available
    bearable = max(1, min(cores, memory // WORKER_BYTES))
    if compute.workers == "auto":
        return bearable
    if compute.workers > bearable:
        progress.say(
            f"compute.workers reduced from {compute.workers} to {bearable}: this machine has "
            f"{cores} cores and {memory / 1e9:.1f} GB of free memory"
        )
    return min(compute.workers, bearable)


class _Meter:
    """Turns reports of single epochs into one progress line."""

    def __init__(self, tasks: Sequence[Task], progress: StageProgress) -> None:
        self.progress = progress
        self.total = sum(task.cost for task in tasks)
        self.cost = {task.name: task.cost for task in tasks}
        self.epochs = {task.name: task.epochs for task in tasks}
        self.done = dict.fromkeys(self.cost, 0.0)

    def told(self, name: str, epoch: int, loss: float) -> None:
        self.done[name] = self.cost[name] * epoch / self.epochs[name]
        text = f"{name}, epoch {epoch}, loss {loss:.3f}"
        self.progress.update(sum(self.done.values()), self.total, text)

    def finished(self, task: Task) -> None:
        self.done[task.name] = self.cost[task.name]
        self.progress.update(sum(self.done.values()), self.total, f"{task.name} finished")


def _run_in_processes(
    work: Work[T, R],
    tasks: Sequence[T],
    compute: Compute,
    workers: int,
    meter: _Meter,
) -> Iterator[tuple[T, R]]:
    context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    reports: Any = context.Queue()
    pool = ProcessPoolExecutor(workers, context, _start_worker, (compute.device, reports))
    try:
        futures = {pool.submit(_work_in_process, work, task): task for task in tasks}
        waiting = set(futures)
        while waiting:
            finished, waiting = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
            _pass_on(reports, meter)
            for future in finished:
                yield futures[future], future.result()
                meter.finished(futures[future])
    except BrokenProcessPool:
        raise ResourceError(
            "a worker process was killed, probably for memory; finished folds are kept. Run again "
            f"with compute.workers={max(1, workers - 1)} or a smaller model.batch_size"
        ) from None
    finally:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)
        reports.close()


def _pass_on(reports: Any, meter: _Meter) -> None:
    while True:
        try:
            meter.told(*reports.get_nowait())
        except queue.Empty:
            return


_reports: Any = None


def _start_worker(device: str, reports: Any) -> None:
    global _reports
    _reports = reports
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    load_tensorflow(device)


def _work_in_process(work: Work[T, R], task: T) -> R:
    return work(task, lambda epoch, loss: _reports.put((task.name, epoch, loss)))
