"""Jobs for Ray's workers, and a driver that runs them as a stage would.

python -m tests.compute.ray_jobs WORK FILE [HOST:PORT] prints [number, result] as they finish.
Every start of a job leaves a file beside FILE, so that a test can count them.
"""

import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from pipeline.compute.engine import make_engine
from pipeline.compute.local import ReportEpoch
from pipeline.compute.sections import Compute
from pipeline.frame.cli import run_command
from pipeline.frame.progress import StageProgress


@dataclass(frozen=True)
class FileJob:
    number: int
    file: Path
    cost: int = 10
    epochs: int = 1

    @property
    def name(self) -> str:
        return f"job {self.number}"

    def stack_shape(self, exact: bool) -> None:
        return None


def starts(folder: Path, number: int) -> list[int]:
    """Return the pids of the processes that began this job."""
    return [int(path.suffix[1:]) for path in folder.glob(f"job_{number}.*")]


def read(jobs: Sequence[FileJob], report: ReportEpoch) -> list[tuple[str, bool]]:
    """Return what is in the file, and whether its path means the same in any folder."""
    (job,) = jobs
    (job.file.parent / f"job_{job.number}.{os.getpid()}").touch()
    report(job.name, 1, 0.5)
    return [(job.file.read_text(), job.file.is_absolute())]


def die_once(jobs: Sequence[FileJob], report: ReportEpoch) -> list[tuple[str, bool]]:
    """Kill the worker at the first start of job 1."""
    results = read(jobs, report)
    if jobs[0].number == 1 and len(starts(jobs[0].file.parent, 1)) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return results


def die(jobs: Sequence[FileJob], report: ReportEpoch) -> list[tuple[str, bool]]:
    os.kill(os.getpid(), signal.SIGKILL)
    return []


def fail(jobs: Sequence[FileJob], report: ReportEpoch) -> list[tuple[str, bool]]:
    raise MemoryError


def wait_for_go(jobs: Sequence[FileJob], report: ReportEpoch) -> list[tuple[str, bool]]:
    """Let job 0 pass and the others wait for a file `go`."""
    results = read(jobs, report)
    while jobs[0].number and not (jobs[0].file.parent / "go").exists():
        time.sleep(0.05)
    return results


def drive(work: str, file: Path, address: Annotated[str, typer.Argument()] = "") -> None:
    """Run four jobs that are told of the file by a relative path."""
    compute = Compute(workers=2, device="cpu", engine="ray", address=address or None)
    from tests.compute import ray_jobs  # not __main__, so that workers find it

    relative = Path(os.path.relpath(file))
    jobs = [ray_jobs.FileJob(number, relative) for number in range(4)]
    with (
        StageProgress("test") as progress,
        make_engine(compute, progress, needs_tensorflow=False) as engine,
    ):
        for job, result in engine.run(getattr(ray_jobs, work), jobs):
            print(json.dumps([job.number, result]), flush=True)


if __name__ == "__main__":
    run_command(drive)
