"""Many processes that start at once in one results folder: one works, the others leave at once."""

import subprocess
import sys
from pathlib import Path

from tests.faults.failpoints import leftovers
from tests.guard import PATIENCE
from tests.tiny import ROOT, unmeasured

# All wait for one moment, then want the lock; who has it holds it until the others are gone.
START = """
import sys, time
from pathlib import Path
from pipeline.frame.cli import run_command
from pipeline.frame.lock import locked
from pipeline.frame.run import Run
def work() -> None:
    folder, go, done = map(Path, sys.argv[1:4])
    sys.argv[1:] = []
    print("ready", flush=True)
    while not go.exists():
        time.sleep(0.001)
    try:
        with locked(Run(folder)):
            print("won", flush=True)
            while not done.exists():
                time.sleep(0.005)
    finally:
        print("left", flush=True)
argv = sys.argv
def command() -> None:
    sys.argv = argv
    work()
sys.argv = argv[:1]
run_command(command)
"""


def test_of_many_starts_one_wins(tmp_path: Path, long: bool) -> None:
    count = 50 if long else 10
    folder, go, done = tmp_path / "results" / "run", tmp_path / "go", tmp_path / "done"
    for _ in range(2):  # again after the first was killed with all that it held
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", START, folder, go, done],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                cwd=ROOT,
                env=unmeasured(),
            )
            for _ in range(count)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        go.touch()
        answers = [process.stdout.readline() for process in processes if process.stdout]
        winners = [p for p, answer in zip(processes, answers, strict=True) if answer == "won\n"]
        assert len(winners) == 1
        assert answers.count("left\n") == count - 1  # while the winner works
        winners[0].kill()
        for process in processes:
            _, stderr = process.communicate(timeout=PATIENCE)
            if process is not winners[0]:
                assert process.returncode == 5
                assert stderr.startswith(f"error: {folder}: in use by ")
                assert stderr.count("\n") == 1
        go.unlink()
    assert leftovers(folder) == []
