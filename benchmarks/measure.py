"""Runs a command and says what it cost: wall and CPU seconds, memory of its processes."""

import os
import subprocess
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class Cost:
    """Whole-process cost of a command and of all it started.

    peak_process_bytes: the largest resident size of one process. peak_total_bytes: the largest
    sum over all its processes, of what forks share each its part, looked at once a second.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_process_bytes: int
    peak_total_bytes: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure(command: list[str], environment: dict[str, str]) -> tuple[Cost, str]:
    """Return the cost of `command` and what it printed.

    Raises:
        RuntimeError: it failed; the message holds the end of its output.
    """
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | environment
        )
        sampler = _MemorySampler(process.pid)
        sampler.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        sampler.join()
        output.seek(0)
        printed = output.read().decode(errors="replace")
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {status}:\n{printed[-2000:]}")
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(wall, cpu, usage.ru_maxrss * 1024, sampler.peak), printed


class _MemorySampler(threading.Thread):
    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.root = psutil.Process(pid)
        self.peak = 0
        self.told = 0.0

    def run(self) -> None:
        while True:
            try:
                tree = [self.root, *self.root.children(recursive=True)]
                if self.root.status() == psutil.STATUS_ZOMBIE:
                    return
            except psutil.NoSuchProcess:
                return
            # What is shared takes the kernel long to tell: once a second, where it can be more.
            soon = time.monotonic() < self.told + 1
            if not soon and sum(map(_resident, tree)) > 1.02 * self.peak:
                self.told = time.monotonic()
                self.peak = max(self.peak, sum(map(_part_of, tree)))
            time.sleep(SAMPLE_SECONDS)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _part_of(process: psutil.Process) -> int:
    """Return the proportional set size; the resident one where the kernel does not tell it."""
    try:
        memory = process.memory_full_info()
    except psutil.AccessDenied:
        return _resident(process)
    except psutil.NoSuchProcess:
        return 0
    return int(getattr(memory, "pss", memory.rss))


def python() -> str:
    """Return the interpreter of the project's environment."""
    return str(Path(".venv/bin/python"))
