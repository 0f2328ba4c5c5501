"""`python -m tests.faults.matrix SCRATCH FAULT EVERY KIND [over]`: stages, struck at their steps.

One JSON line for each point: a stage, the step at which it was struck, and what was wrong after
the same command had been given again ([]: nothing). The pipeline is imported once; each run is a
fork of this process, which takes a tenth of a second instead of three.

EVERY: 1 strikes at every step, 7 at every seventh. KIND: see KINDS. over: the stage's folder holds
the finished files of another experiment when it starts.
"""

import importlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.config.load import load_config
from pipeline.frame.cli import run_command
from pipeline.frame.code import code_of, source_of
from pipeline.frame.lock import locked
from pipeline.frame.record import RECORD
from pipeline.frame.run import Run
from pipeline.frame.stage import execute
from pipeline.frame.tensorflow import import_tensorflow
from pipeline.study.__main__ import study
from tests.faults.failpoints import Fault, Steps, leftovers
from tests.tiny import STAGES, TINY

COUNTS = (
    'vectorize={kind: counts, lowercase: true, token_pattern: "\\\\w+", max_ngram: 1, min_df: 1, '
    "max_features: null}"
)
SETTINGS = (
    "dataset.num_train=120",
    "dataset.num_test=60",
    COUNTS,
    "model={name: multinomial_nb, alpha: 1.0}",
    "crossval.all.folds=3",
    "crossval.train.folds=2",
    "evaluate.bootstrap_samples=200",
    "compute.workers=1",
)
TENSORFLOW = (
    "dataset.num_train=120",
    "dataset.num_test=60",
    "vectorize.max_tokens=300",
    "vectorize.sequence_length=30",
    "model.learning_rate=0.05",
    "model.epochs=2",
    "crossval.all.folds=2",
    "crossval.train.folds=2",
    "evaluate.bootstrap_samples=200",
    "compute.workers=1",
)
STUDY = (
    *SETTINGS,
    *("study.seeds=[1,2]", "study.noise.rates=[0,0.3]", "study.noise.kinds=[uniform]"),
    *("study.noise.seeds=[1]", "study.arms=[baseline,prune,random_prune,weight]"),
)
# What is struck, and the settings: of the six stages, or of `make study` and `make noise`.
KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "counts": (tuple(STAGES), SETTINGS),
    "tensorflow": (tuple(STAGES), TENSORFLOW),
    "study": (("study",), STUDY),
    "noise": (("noise",), STUDY),
}
STUDY_READS = ("prepare", "vectorize", "crossval")
OTHER = ("seed=7", "crossval.all.folds=4", "find_issues.filter_by=both", "evaluate.top_rows=3")
MEASURED = {"wall_seconds", "cpu_seconds", "peak_memory_bytes", "machine", "workers", "sha256"} | {
    "examples_per_second"
}
MODULES = (
    *(f"pipeline.{name}" for name in STAGES),
    *("pipeline.report.page", "cleanlab.filter", "cleanlab.classification", "cleanlab.rank"),
    *("cleanlab.count", "sklearn.naive_bayes", "sklearn.model_selection", "scipy.stats"),
    "pipeline.models.counts",
)


def run_in_fork(
    name: str, results: Path, settings: tuple[str, ...], *, fault: Fault = "kill", at: int = 0
) -> tuple[int, str, list[str]]:
    """Return how the stage ended (the signal's number negative), its stderr, and its steps."""
    steps_file, stderr = results.parent / "steps.json", results.parent / "stderr.txt"
    steps_file.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        _become_stage(name, results, settings, Steps(fault, at), steps_file, stderr)
    _, status = os.waitpid(child, 0)
    names = json.loads(steps_file.read_text()) if steps_file.exists() else []
    return os.waitstatus_to_exitcode(status), stderr.read_text(), names


def _become_stage(
    name: str, results: Path, settings: tuple[str, ...], steps: Steps, file: Path, stderr: Path
) -> None:
    code = 99
    try:
        os.dup2(os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.chdir(results.parent)  # an error log must not be written into the checkout

        def command() -> None:
            steps.install()
            if name not in STAGES:
                study(CONFIG, list(settings), results, noise=name == "noise")
                return
            loaded = load_config(CONFIG, settings)
            run = Run(results / loaded.run)
            with locked(run):
                execute(STAGES[name], loaded, run)

        sys.argv = [name]
        run_command(command)
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        file.write_text(json.dumps(steps.names))
        os._exit(code)


def folder_of(results: Path, name: str) -> Path:
    return results / TINY.stem / (name if name in STAGES else "study")


def reads(name: str) -> tuple[str, ...]:
    return STAGES[name].reads if name in STAGES else STUDY_READS


CONFIG = TINY.absolute()


def files_of(folder: Path) -> dict[str, bytes]:
    """Return {relative path: content}; of stage.json what is not measured."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            if path.name == RECORD:
                record = {k: v for k, v in json.loads(data).items() if k not in MEASURED}
                data = json.dumps(record).encode()
            found[str(path.relative_to(folder))] = data
    return found


def folds_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Return {training: (inode, time of its last change)}; one done again has others."""
    found = sorted([*folder.rglob("fold_*.npz"), *folder.glob("trainings/*.npz")])
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def strike(
    name: str,
    settings: tuple[str, ...],
    good: Path,
    old: Path | None,
    scratch: Path,
    fault: Fault,
    at: int,
) -> list[str]:
    """Return what is wrong after stage `name` was struck at step `at` and started again."""
    results = scratch / "struck" / "results"
    shutil.rmtree(results.parent, ignore_errors=True)
    folder = folder_of(results, name)
    for upstream in reads(name):
        shutil.copytree(folder_of(good, upstream), folder_of(results, upstream))
    results.mkdir(parents=True, exist_ok=True)
    if old is not None:
        shutil.copytree(folder_of(old, name), folder)
    stale = folds_of(folder)
    code, stderr, _ = run_in_fork(name, results, settings, fault=fault, at=at)
    problems = []
    if code != (-9 if fault == "kill" else 7):
        problems.append(f"ended with {code}: {stderr[-300:]}")
    if fault == "full":
        if stderr.count("\n") != 1 or not stderr.startswith("error: "):
            problems.append(f"stderr: {stderr[-300:]}")
        problems += leftovers(results)
    finished = {path: mark for path, mark in folds_of(folder).items() if stale.get(path) != mark}
    code, stderr, _ = run_in_fork(name, results, settings)
    if code != 0:
        problems.append(f"then ended with {code}: {stderr[-300:]}")
    now = folds_of(folder)
    problems += [f"{path}: trained again" for path in finished if now.get(path) != finished[path]]
    problems += leftovers(results)
    expected, found = files_of(folder_of(good, name)), files_of(folder)
    if expected != found:
        different = {p for p in expected | found if expected.get(p) != found.get(p)}
        problems.append(f"differ: {sorted(different)}")
    return problems


def points(
    scratch: Path, fault: Fault, every: int, kind: str, *, over: bool
) -> Iterator[dict[str, Any]]:
    names, settings = KINDS[kind]
    good, old = scratch / "good" / "results", scratch / "old" / "results"
    good.mkdir(parents=True)
    old.mkdir(parents=True)
    if names[0] not in STAGES:
        for name in STUDY_READS:
            assert run_in_fork(name, good, settings)[0] == 0
    counted = 0
    for name in names:
        code, stderr, steps = run_in_fork(name, good, settings, fault=fault)
        assert code == 0, stderr
        if over:
            code, stderr, _ = run_in_fork(name, old, (*settings, *OTHER))
            assert code == 0, stderr
            # On top of other files there are more steps: the old ones are deleted.
            again = scratch / "again" / "results"
            shutil.copytree(good / TINY.stem, again / TINY.stem, dirs_exist_ok=True)
            shutil.rmtree(folder_of(again, name))
            shutil.copytree(folder_of(old, name), folder_of(again, name))
            code, stderr, steps = run_in_fork(name, again, settings, fault=fault)
            assert code == 0, stderr
        for at, step in enumerate(steps, start=1):
            counted += 1
            if counted % every == 0 or every == 1:
                wrong = strike(name, settings, good, old if over else None, scratch, fault, at)
                yield {"stage": name, "at": at, "step": step, "wrong": wrong}


def main(scratch: str, fault: Fault, every: str, kind: str, *over: str) -> None:
    if kind == "tensorflow":
        import_tensorflow()  # and nothing of it is started: that would not survive a fork
    for module in MODULES:
        importlib.import_module(module)
    config = load_config(CONFIG, KINDS[kind][1]).config
    for stage in STAGES.values():
        code_of(stage.roots(config))  # read once, not in every fork
        source_of(stage.roots(config))
    for point in points(Path(scratch).absolute(), fault, int(every), kind, over=bool(over)):
        print(json.dumps(point), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]
