"""Jobs for Ray's workers, and a driver that runs them as a stage would.

python -m tests.compute.ray_jobs WORK FOLDER [HOST:PORT] prints [number, result] as they finish.
Every start of a job leaves a file in FOLDER, so that a test can count them.
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

from pipeline.cli import run_command
from pipeline.compute.engine import make_engine
from pipeline.compute.local import Told
from pipeline.progress import StageProgress
from pipeline.schema import Compute


@dataclass(frozen=True)
class FileJob:
    """file: travels to the node. folder: a text, and so stays what it is."""

    number: int
    folder: str
    file: Path
    cost: int = 10
    epochs: int = 1
    together: None = None

    @property
    def name(self) -> str:
        return f"job {self.number}"


def starts(folder: Path, number: int) -> list[int]:
    """Return the pids of the processes that began this job."""
    return [int(path.suffix[1:]) for path in folder.glob(f"job_{number}.*")]


def read(jobs: Sequence[FileJob], told: Told) -> list[tuple[str, bool]]:
    """Return what is in the file, and whether it was read where the driver has it."""
    (job,) = jobs
    folder = Path(job.folder)
    (folder / f"job_{job.number}.{os.getpid()}").touch()
    told(job.name, 1, 0.5)
    return [(job.file.read_text(), job.file.parent == folder)]


def die_once(jobs: Sequence[FileJob], told: Told) -> list[tuple[str, bool]]:
    """Kill the worker at the first start of job 1."""
    results = read(jobs, told)
    if jobs[0].number == 1 and len(starts(Path(jobs[0].folder), 1)) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return results


def die(jobs: Sequence[FileJob], told: Told) -> list[tuple[str, bool]]:
    os.kill(os.getpid(), signal.SIGKILL)
    return []


def fail(jobs: Sequence[FileJob], told: Told) -> list[tuple[str, bool]]:
    raise MemoryError


def wait_for_go(jobs: Sequence[FileJob], told: Told) -> list[tuple[str, bool]]:
    """Let job 0 pass and the others wait for a file `go`."""
    results = read(jobs, told)
    while jobs[0].number and not (Path(jobs[0].folder) / "go").exists():
        time.sleep(0.05)
    return results


def drive(work: str, folder: Path, address: Annotated[str, typer.Argument()] = "") -> None:
    """Run four jobs."""
    file = folder / "words.txt"
    file.write_text("some words")
    compute = Compute(workers=2, device="cpu", engine="ray", address=address or None)
    from tests.compute import ray_jobs  # not __main__, so that workers find it

    jobs = [ray_jobs.FileJob(number, str(folder), file) for number in range(4)]
    with (
        StageProgress("test") as progress,
        make_engine(compute, progress, needs_tensorflow=False) as engine,
    ):
        for job, result in engine.run(getattr(ray_jobs, work), jobs):
            print(json.dumps([job.number, result]), flush=True)


if __name__ == "__main__":
    run_command(drive)
