"""Where folds run: in this process or in several, with the same results."""

import os
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from pipeline.compute import local
from pipeline.compute.local import Workers, count_workers
from pipeline.config import Compute
from pipeline.errors import ResourceError
from pipeline.progress import StageProgress
from tests.compute.jobs import Job, die, fail, work

JOBS = [Job(number) for number in range(5)]
TWO = Compute(workers=2, device="cpu")


class Told(StageProgress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__("test")
        self.updates: list[tuple[float, float, str]] = []
        self.lines: list[str] = []

    def update(self, done: float, total: float, text: str = "") -> None:
        self.updates.append((done, total, text))

    def say(self, text: str) -> None:
        self.lines.append(text)


def results_of(
    work_: Callable[..., Any], jobs: list[Job], compute: Compute, told: Told
) -> list[Any]:
    with Workers(compute, told) as workers:
        return list(workers.run(work_, jobs))


@pytest.fixture(autouse=True)
def two_bearable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "WORKER_BYTES", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_gives_its_result(workers: int) -> None:
    told = Told()
    results = results_of(work, JOBS, Compute(workers=workers, device="cpu"), told)
    assert {job.number: square for job, (square, _) in results} == {0: 0, 1: 1, 2: 4, 3: 9, 4: 16}
    pids = {pid for _, (_, pid) in results}
    assert (os.getpid() in pids) == (workers == 1)
    assert len(pids) <= workers
    assert told.updates[-1][:2] == (50, 50)
    assert any("epoch 1, loss 0.500" in text for _, _, text in told.updates)
    assert all(done <= total for done, total, _ in told.updates)


def test_no_tasks_no_results() -> None:
    assert results_of(work, [], TWO, Told()) == []
    assert_no_workers()


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_a_task_arrives_and_ends_the_others(workers: int) -> None:
    with pytest.raises(ValueError, match=r"job \d failed"):
        results_of(fail, JOBS, Compute(workers=workers, device="cpu"), Told())
    assert_no_workers()


def test_a_killed_worker_is_told_as_what_it_probably_is() -> None:
    with pytest.raises(ResourceError, match=r"killed, probably for memory.*compute.workers=1"):
        results_of(die, JOBS, TWO, Told())
    assert_no_workers()


def test_leaving_early_ends_the_workers() -> None:
    with Workers(TWO, Told()) as workers:
        next(workers.run(work, JOBS))
    assert_no_workers()


def assert_no_workers() -> None:
    left = [p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline())]
    assert left == []


def test_more_workers_than_the_machine_bears_are_reduced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = Told()
    assert count_workers(Compute(workers=2, device="cpu"), told) == 2
    assert told.lines == []
    assert count_workers(Compute(workers=9, device="cpu"), told) == 2
    assert told.lines[0].startswith("compute.workers reduced from 9 to 2: this machine has 2 cores")
    assert count_workers(Compute(workers="auto", device="cpu"), told) == 2
    monkeypatch.setattr(local, "WORKER_BYTES", 10**18)
    assert count_workers(Compute(workers="auto", device="cpu"), told) == 1
