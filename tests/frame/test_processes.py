"""A nursery imports once, forks for each work, and leaves nothing behind."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from pipeline.frame.processes import Nursery, nothing, run_forked
from tests.guard import PATIENCE
from tests.tiny import ROOT, unmeasured

SCRIPT = """
import os, sys
from pipeline.frame.processes import Nursery, run_forked

loaded = []

def load():
    loaded.append(os.getpid())
    print("loads", flush=True)

def first():
    print(*loaded, os.getppid(), flush=True)
    return 0

def second():
    first()
    return 3

def killed():
    os.kill(os.getpid(), 9)

with Nursery(load, {"first": first, "second": second, "killed": killed}) as nursery:
    print("begins", flush=True)
    print(*[nursery.run(name) for name in ("first", "second", "killed", "first")], flush=True)
    print(run_forked(lambda: len(loaded)), len(loaded), flush=True)
    nursery.run("wait") if sys.argv[1:] else None
"""


def test_it_loads_once_in_one_process_and_only_there() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, env=unmeasured(), capture_output=True, text=True,
        check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    begins, loads, *works, codes, elsewhere = done.stdout.splitlines()
    assert (begins, loads, codes, elsewhere) == ("begins", "loads", "0 3 -9 0", "0 0")
    assert len(set(works)) == 1  # the same loader, the parent of all
    loader, parent = works[0].split()
    assert loader == parent
    assert not psutil.pid_exists(int(loader))


def test_while_a_work_is_done_both_may_import_what_the_next_needs() -> None:
    loaded: list[str] = []  # of this process; the nursery has a copy

    def second() -> int:
        return len(loaded)

    with Nursery(nothing, {"first": int, "second": second}, loaded.append) as nursery:
        assert nursery.run("first", lambda: loaded.extend("abc")) == 0
        assert (nursery.run("second"), loaded) == (1, ["a", "b", "c"])


def test_nothing_is_started_that_nobody_asks_for() -> None:
    before = psutil.Process().children()  # helpers that other tests left running
    with Nursery(lambda: pytest.fail("loads"), {}):
        assert psutil.Process().children() == before


def test_a_nursery_that_cannot_load_is_an_exit_code(capfd: pytest.CaptureFixture[str]) -> None:
    with Nursery(lambda: os.kill(os.getpid(), signal.SIGKILL), {"work": int}) as nursery:
        assert nursery.run("work") == -signal.SIGKILL


def test_it_ends_with_whoever_started_it() -> None:
    script = SCRIPT.replace('nursery.run("wait")', "os.kill(os.getpid(), 9)")
    done = subprocess.run(
        [sys.executable, "-c", script, "wait"], cwd=ROOT, env=unmeasured(), capture_output=True,
        text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == -9
    loader = int(done.stdout.splitlines()[2].split()[0])
    if psutil.pid_exists(loader):
        psutil.wait_procs([psutil.Process(loader)], timeout=PATIENCE)
    assert not psutil.pid_exists(loader)


def test_a_fork_takes_its_exit_code_home() -> None:
    assert run_forked(lambda: 7) == 7
