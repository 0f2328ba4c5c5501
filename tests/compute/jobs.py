"""Work that a worker process can import."""

import os
import signal
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.compute.local import ReportEpoch


@dataclass(frozen=True)
class Job:
    number: int
    cost: int = 10
    epochs: int = 2
    shape: int | None = None

    @property
    def name(self) -> str:
        return f"job {self.number}"

    def stack_shape(self, exact: bool) -> int | None:
        return self.shape


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


def die_while_answering(jobs: Sequence[Job], report: ReportEpoch) -> list[None]:
    """Die with half of a result written, as where no memory is left for it."""
    frame = sys._getframe()
    while "result_queue" not in frame.f_locals:
        assert frame.f_back is not None
        frame = frame.f_back
    os.write(frame.f_locals["result_queue"]._writer.fileno(), struct.pack("!i", 1_000_000))
    return die(jobs, report)


def die_beside_the_deaf(jobs: Sequence[Job], report: ReportEpoch) -> list[None]:
    """The first job dies when the second, which no SIGTERM ends, is at work."""
    if jobs[0].number == 1:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        report(jobs[0].name, 1, 0.5)
        return sleep(jobs, report)
    time.sleep(1)
    return die(jobs, report)


def sleep(jobs: Sequence[Job], report: ReportEpoch) -> list[None]:
    time.sleep(60)
    return [None]
