"""A config small enough to run the six stages in seconds, and how to run them in this process."""

import dataclasses
import functools
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from pipeline.config.load import Loaded, load_config
from pipeline.frame.record import hashes, save_record
from pipeline.frame.run import Run
from pipeline.frame.stage import Context, RunState, execute, stages
from tests.guard import PATIENCE

STAGES = stages()
ROOT = Path(__file__).parent.parent
TINY = Path("configs/sample.yaml")
SETTINGS = (
    "dataset.num_train=200",
    "dataset.num_test=80",
    "vectorize.max_tokens=500",
    "vectorize.sequence_length=60",
    "model.learning_rate=0.05",
    "model.epochs=4",
    "crossval.all.folds=2",
    "crossval.train.folds=2",
    "evaluate.bootstrap_samples=200",
    "compute.workers=1",
)


def load_tiny(*overrides: str) -> Loaded:
    return load_config(TINY, [*SETTINGS, *overrides])


def run_work(name: str, work: Callable[[Context], None], loaded: Loaded, run: Run) -> None:
    """Run stage `name` with other work than its own."""

    @functools.wraps(work)
    def named(context: Context) -> None:
        work(context)

    named.__name__ = name
    execute(dataclasses.replace(STAGES[name], work=named), loaded, run)


def run_stage(name: str, loaded: Loaded, results: Path) -> None:
    execute(STAGES[name], loaded, Run(results / loaded.run))


def run_stages(loaded: Loaded, results: Path, upto: str = "evaluate") -> None:
    for name in list(STAGES)[: list(STAGES).index(upto) + 1]:
        run_stage(name, loaded, results)


def below(name: str) -> set[str]:
    """Return a stage and all that read what it wrote."""
    stale = {name}
    for other, stage in STAGES.items():
        if stale & set(stage.reads):
            stale.add(other)
    return stale


def command(
    module: str,
    *arguments: str | Path,
    cwd: Path = ROOT,
    env: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.CompletedProcess[str]:
    """Run `python -m pipeline.<module>` and return what it printed."""
    return subprocess.run(
        [sys.executable, "-m", f"pipeline.{module}", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | dict(env),
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )


def imported_in(stderr: str) -> set[str]:
    """Return the modules a process imported that was run with PYTHONPROFILEIMPORTTIME=1."""
    return {line.rsplit("|", 1)[-1].strip() for line in stderr.splitlines()}


def unmeasured() -> dict[str, str]:
    """Return the environment of a process that gets killed, and may leave half a coverage file."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}


def sets(*overrides: str) -> list[str]:
    return [argument for override in overrides for argument in ("--set", override)]


def save_records(run: Run, loaded: Loaded | None = None, **measured: object) -> None:
    """Write the record of every stage of a run made by hand, each made from those above it.

    loaded: the config it is of; else that of the sample corpus.
    """
    state = RunState((loaded or load_config(TINY)).config, run)
    for name in STAGES:
        folder = run.stage(name)
        folder.mkdir(parents=True, exist_ok=True)
        made = measured | state.made_from(name) | {"outputs": hashes(folder)}
        save_record(folder, made)
