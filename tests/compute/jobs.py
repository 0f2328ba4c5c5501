"""Work that a worker process can import."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    number: int
    cost: int = 10
    epochs: int = 2

    @property
    def name(self) -> str:
        return f"job {self.number}"


def work(job: Job, on_epoch: Callable[[int, float], None]) -> tuple[int, int]:
    for epoch in range(job.epochs):
        on_epoch(epoch + 1, 0.5)
    time.sleep(0.3)
    return job.number**2, os.getpid()


def fail(job: Job, on_epoch: Callable[[int, float], None]) -> None:
    raise ValueError(f"job {job.number} failed")


def die(job: Job, on_epoch: Callable[[int, float], None]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
