"""Each stage, struck at its steps on disk: the same command goes on, to the same bytes."""

import collections
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.failpoints import leftovers
from tests.faults.matrix import SETTINGS, files_of
from tests.tiny import ROOT, TINY, command, sets, unmeasured

# Fault, kind of run, whether over other files; every how many steps in short (0: none), in long.
MATRIX = [
    ("kill", "counts", "fresh", 60, 1),
    ("kill", "counts", "over", 60, 1),
    ("full", "counts", "fresh", 60, 1),
    ("full", "counts", "over", 60, 1),
    ("kill", "tensorflow", "fresh", 100, 1),
    ("full", "tensorflow", "fresh", 100, 5),
    ("kill", "study", "fresh", 200, 1),
    ("full", "study", "fresh", 0, 5),
    ("kill", "noise", "fresh", 0, 5),
]


@pytest.mark.parametrize(("fault", "kind", "over", "short_every", "long_every"), MATRIX)
def test_a_struck_stage_goes_on_to_the_same_bytes(
    tmp_path: Path,
    long: bool,
    fault: str,
    kind: str,
    over: str,
    short_every: int,
    long_every: int,
) -> None:
    """Killed, or its disk full, at a write, rename, fsync, chmod, mkdir or unlink."""
    if not (every := long_every if long else short_every):
        pytest.skip("make test-faults")
    folder, over_files = tmp_path / "matrix", [over] if over == "over" else []
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.matrix", folder, fault, str(every), kind, *over_files],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=unmeasured(),
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    points = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(points) > (100 if long else 1)
    print(fault, kind, over, dict(collections.Counter(point["stage"] for point in points)))
    assert [point for point in points if point["wrong"]] == []


# --- by the kernel ---------------------------------------------------------------------------


def straced(rule: str, log: Path, arguments: list[str | Path]) -> subprocess.CompletedProcess[str]:
    """Run a stage under strace, which kills it, or fails a system call, as `rule` says."""
    return subprocess.run(
        ["strace", "-f", "-o", str(log), "-e", f"inject={rule}", sys.executable, "-m", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=unmeasured(),
        check=False,
    )


def can_strace() -> bool:
    if shutil.which("strace") is None:
        return False
    tried = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False)
    return tried.returncode == 0


@pytest.mark.skipif(not can_strace(), reason="strace is missing or may not trace processes")
@pytest.mark.parametrize(
    ("call", "fault", "code"), [("rename", "signal=SIGKILL", -9), ("fsync", "error=ENOSPC", 7)]
)
def test_a_stage_struck_by_the_kernel_goes_on(
    tmp_path: Path, long: bool, call: str, fault: str, code: int
) -> None:
    """The same with nothing replaced in the process: every rename and fsync of prepare."""
    arguments = ["--config", TINY, *sets(*SETTINGS)]
    assert command("prepare", *arguments, "--results", tmp_path / "good").returncode == 0
    good = files_of(tmp_path / "good" / TINY.stem / "prepare")
    points = range(1, 100) if long else (2,)
    for at in points:
        results = tmp_path / f"struck {at}"
        given = ["pipeline.prepare", *arguments, "--results", results]
        done = straced(f"{call}:{fault}:when={at}", tmp_path / "log", given)
        if at > 1 and done.returncode == 0:
            break
        assert done.returncode == code, done.stderr
        assert done.stderr.count("\n") == (code == 7)
        assert command("prepare", *given[1:]).returncode == 0
        assert files_of(results / TINY.stem / "prepare") == good
        assert leftovers(results) == []
