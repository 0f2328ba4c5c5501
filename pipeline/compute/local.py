"""Runs independent trainings on this machine, one thread each, as many as fit side by side.

The result of a task depends on the task alone, so any number of workers gives the same bits.
"""

import contextlib
import heapq
import itertools
import multiprocessing
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_any
from typing import Any, Protocol, Self, TypeVar

from pipeline.compute.resources import free_memory
from pipeline.compute.sections import Compute
from pipeline.frame.errors import ResourceError
from pipeline.frame.progress import StageProgress
from pipeline.frame.tensorflow import (
    choose_device,
    has_nvidia,
    import_tensorflow,
    is_started,
    load_tensorflow,
)
from pipeline.models.training import grouped

WORKER_BYTES = 500_000_000  # of a process that only vectorizes


class Task(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def cost(self) -> int: ...
    @property
    def epochs(self) -> int: ...
    def stack_shape(self, exact: bool) -> Hashable | None: ...


T = TypeVar("T", bound=Task)
R = TypeVar("R")
ReportEpoch = Callable[[str, int, float], None]
Work = Callable[[Sequence[T], ReportEpoch], list[R]]


class Workers:
    """Processes that train, started at once so that TensorFlow is there when tasks are planned.

    With one worker, and on a GPU, everything runs in this process. A single small network cannot
    fill a GPU, and on a CPU starting its steps takes longest: tasks that can be one training are.
    """

    def __init__(
        self,
        compute: Compute,
        progress: StageProgress,
        *,
        needs_tensorflow: bool = True,
        worker_bytes: int = WORKER_BYTES,
    ) -> None:
        self.progress = progress
        self.needs_tensorflow = needs_tensorflow
        self.device = choose_device(compute.device) if needs_tensorflow else "cpu"
        if needs_tensorflow and compute.device == "auto" and self.device == "cpu" and has_nvidia():
            progress.say(
                "trains on the CPU: TensorFlow cannot use the GPU of this machine; see `make gpu`"
            )
        self.count = 1 if self.device == "gpu" else count_workers(compute, progress, worker_bytes)
        self._pool: ProcessPoolExecutor | None = None
        self._reports: Any = None

    def __enter__(self) -> Self:
        if self.count > 1:
            context = start_context(self.needs_tensorflow)
            self._reports = context.Queue()
            self._pool = ProcessPoolExecutor(
                self.count, context, _start_worker, (self.needs_tensorflow, self._reports)
            )
            for _ in range(self.count):
                self._pool.submit(int)
        elif self.needs_tensorflow:
            load_tensorflow(self.device)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._pool is None:
            return
        for process in self._processes():
            process.kill()  # one that hangs would not hear a SIGTERM
        with contextlib.suppress(AttributeError):  # else the pool waits for the rest of a result
            self._pool._result_queue._writer.close()  # type: ignore[attr-defined]
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._reports.close()

    def _processes(self) -> list[Any]:
        return list(((self._pool and self._pool._processes) or {}).values())

    def run(self, work: Work[T, R], tasks: Sequence[T]) -> Iterator[tuple[T, R]]:
        """Yield (task, its result) as they finish.

        Raises:
            ResourceError: a worker process was killed, which is what happens without memory.
        """
        meter = Meter(tasks, self.progress)
        groups = grouped(tasks, exact=self.device == "cpu", workers=self.count)
        groups = in_starting_order(groups, self.count)
        finished = (
            ((group, work(group, meter.report)) for group in groups)
            if self._pool is None
            else self._run_in_pool(self._pool, work, groups, meter)
        )
        for group, results in finished:
            for task, result in zip(group, results, strict=True):
                yield task, result
                meter.finished(task)

    def _run_in_pool(
        self,
        pool: ProcessPoolExecutor,
        work: Work[T, R],
        groups: Sequence[Sequence[T]],
        meter: "Meter",
    ) -> Iterator[tuple[Sequence[T], list[R]]]:
        try:
            futures = {pool.submit(_work_in_process, work, group): group for group in groups}
            waiting = set(futures)
            while waiting:
                finished, waiting = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
                _pass_on(self._reports, meter)
                for future in finished:
                    # Popped: all results together need not fit into memory.
                    yield futures.pop(future), future.result()
                if not finished and not all(process.is_alive() for process in self._processes()):
                    raise BrokenProcessPool
        except BrokenProcessPool:
            raise ResourceError(
                "a worker process was killed, probably for memory; finished folds are kept. Run "
                f"again with compute.workers={max(1, self.count - 1)} or a smaller model.batch_size"
            ) from None


def start_context(needs_tensorflow: bool) -> Any:
    """Return how worker processes are made: with TensorFlow imported once for all of them.

    A fork keeps what was imported, and is safe only while nothing has threads: TensorFlow when
    it was not used before. macOS' own libraries do not survive one.
    """
    unused = not is_started() and threading.active_count() == 1
    if needs_tensorflow and unused and sys.platform == "linux":
        import_tensorflow()
        return multiprocessing.get_context("fork")
    return multiprocessing.get_context("spawn")


def in_starting_order(groups: Sequence[list[T]], workers: int) -> list[list[T]]:
    """Return the groups in the order of a plan in which `workers` end at nearly the same time.

    Whoever is free takes the next one. Longest first, then groups of the worker that ends last
    are exchanged for shorter ones of others as long as that helps.
    """
    shares: list[list[list[T]]] = [[] for _ in range(workers)]
    totals = [(0, number) for number in range(workers)]  # a heap: who ends first
    for group in sorted(groups, key=lambda group: -cost_of(group)):
        total, number = totals[0]
        shares[number].append(group)
        heapq.heapreplace(totals, (total + cost_of(group), number))
    while exchange := _find_exchange(shares):
        last, other, i, j = exchange
        last[i], other[j] = other[j], last[i]
    starts = [
        (start, number, group)
        for number, share in enumerate(shares)
        for group, start in zip(
            share, itertools.accumulate(map(cost_of, share), initial=0), strict=False
        )
    ]
    return [group for _, _, group in sorted(starts, key=lambda start: start[:2])]


def cost_of(group: Sequence[Task]) -> int:
    return sum(task.cost for task in group)


Share = list[list[T]]


def _find_exchange(shares: list[Share[T]]) -> tuple[Share[T], Share[T], int, int] | None:
    """Return a group of the share that ends last and a shorter one, with which it ends earlier."""
    totals = [sum(map(cost_of, share)) for share in shares]
    end = max(totals)
    last = shares[totals.index(end)]
    longs = {cost_of(group): place for place, group in enumerate(last)}  # one of a cost will do
    for other, total in zip(shares, totals, strict=True):
        for short, j in {cost_of(group): place for place, group in enumerate(other)}.items():
            for long, i in longs.items():
                if 0 < long - short < end - total:
                    return last, other, i, j
    return None


def count_workers(compute: Compute, progress: StageProgress, worker_bytes: int) -> int:
    """Return how many tasks run side by side: what was asked for, or what the machine bears.

    Cores and memory are those that this process may use, in a container or batch job, too.
    """
    from joblib import cpu_count

    cores, memory = cpu_count(), free_memory()
    bearable: int = max(1, min(cores, memory // worker_bytes))
    if compute.workers == "auto":
        return bearable
    if compute.workers > bearable:
        progress.say(
            f"compute.workers reduced from {compute.workers} to {bearable}: this machine has "
            f"{cores} cores and {memory / 1e9:.1f} GB of free memory, of which each takes "
            f"{worker_bytes / 1e9:.1f} GB"
        )
    return min(compute.workers, bearable)


class Meter:
    """Turns reports of single epochs into one progress line."""

    def __init__(self, tasks: Sequence[Task], progress: StageProgress) -> None:
        self.progress = progress
        self.total = sum(task.cost for task in tasks)
        self.cost = {task.name: task.cost for task in tasks}
        self.epochs = {task.name: task.epochs for task in tasks}
        self.done = dict.fromkeys(self.cost, 0.0)

    def report(self, name: str, epoch: int, loss: float) -> None:
        self.done[name] = self.cost[name] * epoch / self.epochs[name]
        text = f"{name}, epoch {epoch}, loss {loss:.3f}"
        self.progress.update(sum(self.done.values()), self.total, text)

    def finished(self, task: Task) -> None:
        self.done[task.name] = self.cost[task.name]
        self.progress.update(sum(self.done.values()), self.total, f"{task.name} finished")


def _pass_on(reports: Any, meter: Meter) -> None:
    while True:
        try:
            meter.report(*reports.get_nowait())
        except queue.Empty:
            return


_reports: Any = None


def _start_worker(needs_tensorflow: bool, reports: Any) -> None:
    global _reports
    _reports = reports
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if needs_tensorflow:
        load_tensorflow()


def _end_with_parent() -> None:
    """End this process when its parent is gone, even after kill -9."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_any([parent.sentinel])
        os._exit(1)


def _work_in_process(work: Work[T, R], tasks: Sequence[T]) -> list[R]:
    return work(tasks, lambda name, epoch, loss: _reports.put((name, epoch, loss)))
