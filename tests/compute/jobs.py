"""Work that a worker process can import."""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.compute.local import ReportEpoch


@dataclass(frozen=True)
class Job:
    number: int
    cost: int = 10
    epochs: int = 2
    stack_shape: int | None = None

    @property
    def name(self) -> str:
        return f"job {self.number}"


def work(jobs: Sequence[Job], report: ReportEpoch) -> list[tuple[int, int]]:
    for job in jobs:
        for epoch in range(job.epochs):
            report(job.name, epoch + 1, 0.5)
    time.sleep(0.3)
    return [(job.number**2, os.getpid()) for job in jobs]


def fail(jobs: Sequence[Job], report: ReportEpoch) -> list[None]:
    raise ValueError(f"job {jobs[0].number} failed")


def die(jobs: Sequence[Job], report: ReportEpoch) -> list[None]:
    os.kill(os.getpid(), signal.SIGKILL)
    return []


def sleep(jobs: Sequence[Job], report: ReportEpoch) -> list[None]:
    time.sleep(60)
    return [None]
