"""Where folds run: in this process or in several, with the same results."""

import os
import subprocess
import sys
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.compute import local
from pipeline.compute.local import Work, Workers, count_workers, in_starting_order
from pipeline.compute.sections import Compute
from pipeline.frame.errors import ResourceError
from pipeline.frame.progress import StageProgress
from pipeline.models.training import grouped
from tests.compute.jobs import Job, die, die_beside_the_deaf, die_while_answering, fail, work
from tests.guard import PATIENCE
from tests.tiny import unmeasured

JOBS = [Job(number) for number in range(5)]


def compute(workers: Any, device: str = "cpu") -> Compute:
    return Compute(workers=workers, device=device, engine="local", address=None)


TWO = compute(workers=2)


class KeptProgress(StageProgress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__("test")
        self.updates: list[tuple[float, float, str]] = []
        self.lines: list[str] = []

    def update(self, done: float, total: float, text: str = "") -> None:
        self.updates.append((done, total, text))

    def say(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(autouse=True)
def two_bearable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "free_memory", lambda: 10**12)
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)


def run(
    job: Any, jobs: list[Job], on: Compute, progress: KeptProgress, *, tensorflow: bool = False
) -> list[Any]:
    with Workers(on, progress, needs_tensorflow=tensorflow) as workers:
        return list(workers.run(job, jobs))


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_gives_its_result(workers: int) -> None:
    progress = KeptProgress()
    results = run(work, JOBS, compute(workers=workers), progress, tensorflow=workers == 2)
    assert {job.number: square for job, (square, _) in results} == {0: 0, 1: 1, 2: 4, 3: 9, 4: 16}
    pids = {pid for _, (_, pid) in results}
    assert (os.getpid() in pids) == (workers == 1)
    assert len(pids) <= workers
    assert progress.updates[-1][:2] == (50, 50)
    assert any("epoch 1, loss 0.500" in text for _, _, text in progress.updates)
    assert all(done <= total for done, total, _ in progress.updates)


def test_no_tasks_no_process() -> None:
    assert run(work, [], TWO, KeptProgress()) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_a_task_arrives_and_ends_the_others(workers: int) -> None:
    with pytest.raises(ValueError, match=r"job \d failed"):
        run(fail, JOBS, compute(workers=workers), KeptProgress())
    assert_no_workers()


@pytest.mark.parametrize("way", [die, die_while_answering, die_beside_the_deaf])
def test_a_killed_worker_is_told_as_what_it_probably_is(way: Work[Job, None]) -> None:
    with pytest.raises(ResourceError, match=r"killed, probably for memory.*compute.workers=1"):
        run(way, JOBS, TWO, KeptProgress())
    assert_no_workers()


def test_leaving_early_ends_the_workers() -> None:
    with Workers(TWO, KeptProgress(), needs_tensorflow=False) as workers:
        next(workers.run(work, JOBS))
    assert_no_workers()


def assert_no_workers() -> None:
    children = psutil.Process().children()
    assert [p for p in children if "resource_tracker" not in " ".join(p.cmdline())] == []


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_end_when_their_parent_is_killed(start: str) -> None:
    # Used, and not only imported, it has threads: a fork would not be safe.
    used = "import tensorflow as tf; tf.constant(1)" if start == "spawn" else "pass"
    script = f"""
import multiprocessing
from pipeline.compute.local import Workers
from pipeline.compute.sections import Compute
from pipeline.frame.progress import StageProgress
from tests.compute.jobs import Job, sleep

if __name__ == "__main__":
    {used}
    two = Compute(workers=2, device="cpu", engine="local", address=None)
    with Workers(two, StageProgress("test")) as workers:
        pids = [child.pid for child in multiprocessing.active_children()]
        print("{start}" in str(workers._pool._mp_context).lower(), *pids, flush=True)
        list(workers.run(sleep, [Job(1), Job(2)]))
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=unmeasured()) as parent:
        assert parent.stdout is not None
        as_asked, *pids = parent.stdout.readline().split()
        workers = [psutil.Process(int(pid)) for pid in pids]
        parent.kill()
    assert as_asked == "True"
    assert len(workers) == 2
    gone, _ = psutil.wait_procs(workers, timeout=PATIENCE)
    assert len(gone) == 2


def ends(jobs: list[Job], workers: int) -> int:
    """Return when the last job ends if whoever is free takes the next one."""
    free = [0] * workers
    for job in jobs:
        free[free.index(min(free))] += job.cost
    return max(free)


def test_the_folds_of_the_experiment_end_together() -> None:
    costs = [333_330] * 3 + [250_000] + [200_000] * 5
    jobs = [Job(number, cost=cost) for number, cost in enumerate(costs)]
    ordered = [job for (job,) in in_starting_order([[job] for job in jobs], 2)]
    assert sorted(ordered, key=lambda job: job.number) == jobs
    assert ends(ordered, 2) <= 1.01 * sum(costs) / 2 < ends(jobs, 2)


@given(st.lists(st.integers(1, 50), max_size=12), st.integers(1, 4))
def test_no_order_is_worse_than_longest_first(costs: list[int], workers: int) -> None:
    jobs = [Job(number, cost=cost) for number, cost in enumerate(costs)]
    ordered = [job for (job,) in in_starting_order([[job] for job in jobs], workers)]
    assert sorted(ordered, key=lambda job: job.number) == jobs
    longest_first = sorted(jobs, key=lambda job: -job.cost)
    assert ends(ordered, workers) <= ends(longest_first, workers)


def test_more_workers_than_the_machine_bears_are_reduced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    progress = KeptProgress()
    assert count_workers(compute(workers=2), progress, 1) == 2
    assert progress.lines == []
    assert count_workers(compute(workers=9), progress, 10**9) == 2
    assert progress.lines == [
        "compute.workers reduced from 9 to 2: this machine has 2 cores and 1000.0 GB of free "
        "memory, of which each takes 1.0 GB"
    ]
    assert count_workers(compute(workers="auto"), progress, 1) == 2
    assert count_workers(compute(workers="auto"), progress, 10**18) == 1


def test_only_tasks_that_can_be_one_training_are_grouped() -> None:
    jobs = [Job(0, shape=7), Job(1), Job(2, shape=8), Job(3, shape=7), Job(4)]
    numbers = [[job.number for job in group] for group in grouped(jobs, exact=False)]
    assert numbers == [[0, 3], [1], [2], [4]]


@pytest.mark.parametrize(
    "workers, sizes", [(1, [5, 5, 5, 5, 4]), (2, [5, 5, 5, 5, 4]), (8, [3] * 8)]
)
def test_a_group_is_no_larger_than_the_share_of_a_worker(workers: int, sizes: list[int]) -> None:
    jobs = [Job(number, shape=1) for number in range(24)]
    groups = grouped(jobs, exact=True, workers=workers)
    assert [len(group) for group in groups] == sizes
    assert [job.number for group in groups for job in group] == list(range(24))
    assert grouped([], exact=True, workers=workers) == []


def test_a_gpu_that_auto_cannot_use_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "choose_device", lambda asked: "cpu")
    monkeypatch.setattr(local, "has_nvidia", lambda: True)
    told = {}
    for asked in ("auto", "cpu"):
        progress = KeptProgress()
        Workers(compute(workers=1, device=asked), progress)
        told[asked] = progress.lines
    assert "TensorFlow cannot use the GPU" in told["auto"][0]
    assert told["cpu"] == []


def test_on_a_gpu_one_process_trains_the_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "choose_device", lambda asked: "gpu")
    seen = []

    def note(jobs: Any, report: Any) -> list[int]:
        seen.append(len(jobs))
        return [job.number for job in jobs]

    jobs = [Job(number, shape=number % 2) for number in range(5)]
    results = run(note, jobs, TWO, KeptProgress(), tensorflow=True)
    assert {job.number: result for job, result in results} == {n: n for n in range(5)}
    assert seen == [3, 2]
