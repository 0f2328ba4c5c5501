"""Work that a worker process can import."""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.compute.local import Told


@dataclass(frozen=True)
class Job:
    number: int
    cost: int = 10
    epochs: int = 2

    together: int | None = None

    @property
    def name(self) -> str:
        return f"job {self.number}"


def work(jobs: Sequence[Job], told: Told) -> list[tuple[int, int]]:
    for job in jobs:
        for epoch in range(job.epochs):
            told(job.name, epoch + 1, 0.5)
    time.sleep(0.3)
    return [(job.number**2, os.getpid()) for job in jobs]


def fail(jobs: Sequence[Job], told: Told) -> list[None]:
    raise ValueError(f"job {jobs[0].number} failed")


def die(jobs: Sequence[Job], told: Told) -> list[None]:
    os.kill(os.getpid(), signal.SIGKILL)
    return []


def sleep(jobs: Sequence[Job], told: Told) -> list[None]:
    time.sleep(60)
    return [None]
