"""SIGKILL at any moment, again and again: no finished training is lost, the bytes are the same."""

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline.config.load import load_config
from pipeline.frame.run import Run
from tests.faults.failpoints import leftovers
from tests.faults.matrix import TENSORFLOW, files_of, folds_of
from tests.guard import PATIENCE
from tests.imdb import needs_imdb
from tests.tiny import ROOT, TINY, run_stages, sets, unmeasured

IMDB = Path("configs/imdb.yaml")
SLOWER = ("model.epochs=40", "compute.workers=2")
SEEDS = ("study.seeds=[1,2,3]", "cleanlearn.max_pruned_fraction=1.0")


def start(module: str, arguments: list[str | Path], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as stderr:
        return subprocess.Popen(
            [sys.executable, "-m", f"pipeline.{module}", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            cwd=ROOT,
            env=unmeasured(),
        )


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill this process alone, as the kernel does; its workers must end with it."""
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=PATIENCE)
    for child in alive:
        child.kill()
    assert alive == []


def kill_often(
    module: str, arguments: list[str | Path], folder: Path, *, kills: int, rng: random.Random
) -> None:
    """Kill a command `kills` times, each time it goes on where it was; at its end, begin anew.

    Checked: what was finished is not touched again, and each end has the bytes of a run that
    nothing happened to.
    """
    log = folder.parent / "stderr.txt"
    started = time.monotonic()
    assert start(module, arguments, log).wait() == 0, log.read_text()
    whole = time.monotonic() - started
    expected, all_folds = files_of(folder), len(folds_of(folder))
    shutil.rmtree(folder)
    killed, ends, kept = 0, 0, []
    while killed < kills or not ends:
        finished = folds_of(folder)
        process = start(module, arguments, log)
        try:
            code = process.wait(rng.uniform(0, whole) if killed < kills else None)
        except subprocess.TimeoutExpired:
            kill(process)
            killed += 1
            kept.append(len(finished))
            print(f"kill {killed}: {len(finished)} of {all_folds} trainings were finished before")
        else:
            assert code == 0, log.read_text()
        now = folds_of(folder)
        assert {path: now.get(path) for path in finished} == finished
        if process.returncode == 0:
            ends += 1
            assert files_of(folder) == expected
            assert leftovers(folder) == []
            shutil.rmtree(folder)
    print(
        f"{module}: {killed} kills within {whole:.0f} s, {ends} ends with the same bytes; "
        f"{sum(kept)} trainings were there before a kill, of {all_folds} in a run: none lost"
    )


def test_a_worker_killed_for_memory_costs_what_it_was_training(tmp_path: Path) -> None:
    """One line says what to lower; the same command trains only what is missing."""
    settings, results = (*TENSORFLOW, *SLOWER), tmp_path / "results"
    run_stages(load_config(TINY, settings), results, upto="vectorize")
    folder, log = Run(results / TINY.stem).stage("crossval"), tmp_path / "stderr.txt"
    arguments = arguments_for(TINY, results, settings)
    process = start("crossval", arguments, log)
    while not folds_of(folder) and process.poll() is None:
        time.sleep(0.01)
    workers = psutil.Process(process.pid).children(recursive=True)
    max(workers, key=lambda worker: worker.cpu_times().user).kill()
    assert process.wait(PATIENCE) == 7
    words = "error: a worker process was killed, probably for memory; finished folds are kept. Run"
    said = log.read_text()
    assert said == f"{words} again with compute.workers=1 or a smaller model.batch_size\n"
    finished = folds_of(folder)
    assert finished
    assert start("crossval", arguments, log).wait() == 0, log.read_text()
    now = folds_of(folder)
    assert len(now) == 5
    assert {path: now[path] for path in finished} == finished
    assert leftovers(folder) == []


def arguments_for(config: Path, results: Path, settings: tuple[str, ...]) -> list[str | Path]:
    return ["--config", config, "--results", results, *sets(*settings)]


def test_a_crossval_killed_at_random_loses_no_fold(tmp_path: Path, long: bool) -> None:
    settings, results = (*TENSORFLOW, *SLOWER), tmp_path / "results"
    run_stages(load_config(TINY, settings), results, upto="vectorize")
    kill_often(
        "crossval",
        arguments_for(TINY, results, settings),
        Run(results / TINY.stem).stage("crossval"),
        kills=20 if long else 2,
        rng=random.Random(2),
    )


@pytest.mark.skipif(os.environ.get("FAULTS") != "all", reason="make test-faults")
def test_a_study_killed_at_random_loses_no_training(tmp_path: Path) -> None:
    settings, results = (*TENSORFLOW, *SLOWER, *SEEDS), tmp_path / "results"
    run_stages(load_config(TINY, settings), results, upto="crossval")
    kill_often(
        "study",
        arguments_for(TINY, results, settings),
        Run(results / TINY.stem).study,
        kills=20,
        rng=random.Random(1),
    )


@needs_imdb
@pytest.mark.skipif(os.environ.get("FAULTS") != "all", reason="make test-faults")
def test_the_crossval_of_imdb_killed_at_random_loses_no_fold(tmp_path: Path) -> None:
    results = tmp_path / "results"
    run_stages(load_config(IMDB), results, upto="vectorize")
    kill_often(
        "crossval",
        arguments_for(IMDB, results, ()),
        Run(results / IMDB.stem).stage("crossval"),
        kills=50,
        rng=random.Random(3),
    )
