"""The frame each stage runs in: what it depends on, what is out of date, timing, record.

A stage is done if and only if its stage.json parses, was made from the same config slice, code,
libraries and inputs, and every file it lists still has the hash it had when it was written.
"""

import fnmatch
import functools
import graphlib
import hashlib
import importlib
import os
import platform
import re
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.frame.code import Code, code_of, read_again, source_file, source_of
from pipeline.frame.errors import ArtifactError, DataError, PipelineError, ResourceError
from pipeline.frame.files import hash_of, sweep_temporary
from pipeline.frame.progress import StageProgress
from pipeline.frame.record import (
    RECORD,
    Record,
    changed_keys,
    damage,
    hashes,
    load_record,
    record_problem,
    save_record,
)
from pipeline.frame.run import Run
from pipeline.frame.scratch import scratch_in
from pipeline.frame.terminal import say
from pipeline.frame.versions import versions

TOP = Path(__file__).parent.parent  # where the files of the stages lie


def nothing(config: Any) -> list[str]:
    return []


def no_files(config: Any, run: Run) -> list[str]:
    return []


@dataclass(frozen=True)
class Stage:
    """What a stage says of itself, in its own file.

    does: one line. work: does it. sections: of the config, on which the result depends. reads:
    the stages whose files are opened. writes: patterns of the files it makes; apart: those that
    only the stages depend on which name them, as "stage/file", in opens. files: what else is
    opened, given config and run: files and folders outside results/. code: the code that the config
    chooses, as "module:function". tensorflow: whether it calls TensorFlow, given the config.
    imports: modules that take long to import, which its functions import where they need them.
    """

    does: str
    work: Callable[["Context"], None]
    sections: tuple[str, ...]
    writes: tuple[str, ...]
    reads: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()
    files: Callable[[Any, Run], list[str]] = no_files
    code: Callable[[Any], list[str]] = nothing
    tensorflow: Callable[[Any], bool] = lambda config: False
    imports: tuple[str, ...] = ("pyarrow.dataset",)  # for every table, pandas with it

    @property
    def name(self) -> str:
        return self.work.__name__

    def makes(self, file: str) -> bool:
        """Return whether it writes a file of this name, relative to its folder."""
        patterns = [one for pattern in self.writes for one in alternatives(pattern)]
        return any(fnmatch.fnmatchcase(file, pattern) for pattern in patterns)

    def inputs_from(self, upstream: str, outputs: dict[str, str]) -> dict[str, str]:
        """Return {"stage/file": hash} of the outputs of a stage on which this one depends."""
        return {
            f"{upstream}/{file}": sha
            for file, sha in outputs.items()
            if file not in stages()[upstream].apart or f"{upstream}/{file}" in self.opens
        }

    def roots(self, config: Any) -> list[str]:
        """Return where the code begins that decides the result."""
        return [f"pipeline.{self.name}:{self.name}", *self.code(config)]


def alternatives(pattern: str) -> list[str]:
    """Return the patterns that one with {this,that} stands for."""
    found = re.search(r"\{([^{}]*)\}", pattern)
    if found is None:
        return [pattern]
    before, after = pattern[: found.start()], pattern[found.end() :]
    return [one for each in found[1].split(",") for one in alternatives(before + each + after)]


@functools.cache
def stages() -> dict[str, Stage]:
    """Return every stage, each after those it reads: the modules beside this room with a STAGE."""
    found = {
        path.stem: importlib.import_module(f"pipeline.{path.stem}").STAGE
        for path in sorted(TOP.glob("*.py"))
        if "\nSTAGE = Stage(" in path.read_text(encoding="utf-8")
    }
    order = graphlib.TopologicalSorter({name: stage.reads for name, stage in found.items()})
    return {name: found[name] for name in order.static_order()}


@dataclass
class Context:
    """What a stage gets: the config, its run folder, a progress line, notes for its record."""

    loaded: Any
    run: Run
    progress: StageProgress
    key: str
    notes: Record = field(default_factory=dict)

    @property
    def config(self) -> Any:
        return self.loaded.config


def execute(stage: Stage, loaded: Any, run: Run) -> None:
    """Run one stage in `run` unless it is up to date.

    Raises:
        ArtifactError: a stage that this one reads is out of date or damaged.
    """
    name, state = stage.name, RunState(loaded.config, run)
    for upstream in stage.reads:
        if reason := state.reason(upstream):
            raise ArtifactError(f"{upstream}: {reason}; run `make {upstream}` first")
    if not state.reason(name):
        say(f"{name:<12} up to date")
        return
    folder = run.stage(name)
    folder.mkdir(parents=True, exist_ok=True)
    sweep_temporary(folder)
    sweep_others(folder, stage)
    wall, cpu = time.perf_counter(), _cpu_seconds()
    made_from = state.made_from(name)
    with StageProgress(name) as progress, scratch_in(folder), replacing(folder):
        context = Context(loaded, run, progress, key=key_of(made_from))
        for root in own_code(stage.roots(loaded.config)):
            progress.say(root)
        stage.work(context)
        read_again()
        try:
            made_from = unmoved(made_from, state.made_from(name, known=made_from))
        except PipelineError:
            start_afresh(folder)
            raise
        seconds = time.perf_counter() - wall
        record = made_from | {
            "config_file": os.path.relpath(loaded.path.resolve(), run.folder.resolve()),
            "outputs": hashes(folder),
            "machine": {
                "cores": os.cpu_count(),
                "platform": platform.platform(),
                "python": platform.python_version(),
            },
            "wall_seconds": round(seconds, 3),
            "cpu_seconds": round(_cpu_seconds() - cpu, 3),
            "peak_memory_bytes": peak_memory_bytes(),
            **context.notes,
        }
        save_record(folder, record)
        progress.say(f"done in {seconds:.1f} s")


def own_code(roots: list[str]) -> list[str]:
    """Return a line for each piece of code that is not of this package."""
    modules = [(root, root.partition(":")[0]) for root in roots]
    return [
        f"runs code that the config names: {root} in {source_file(module)}"
        for root, module in modules
        if not module.startswith("pipeline.")
    ]


def unmoved(before: Record, after: Record) -> Record:
    """Return what a result was made from, if it is what it was when the work began.

    A file that was not there before was fetched by the stage itself, and counts as it is now.

    Raises:
        DataError: a file changed while it was read. ArtifactError: the code changed.
    """
    again = "while this stage ran; its result is not kept, run the same command again"
    for path, sha in after["inputs"].items():
        if before["inputs"].get(path, "missing") not in (sha, "missing"):
            raise DataError(f"{path}: changed {again}")
    if gone := before["inputs"].keys() - after["inputs"].keys():
        raise DataError(f"{min(gone)}: went away {again}")
    if before["code"] != after["code"]:
        raise ArtifactError(f"{before['stage']}: its code changed {again}")
    return before | {"inputs": after["inputs"]}


@contextmanager
def without_leftovers(folder: Path) -> Iterator[None]:
    """Remove what is half-written under `folder` when this block fails: a full disk needs room."""
    try:
        yield
    except BaseException:
        sweep_temporary(folder)
        raise


@contextmanager
def replacing(folder: Path) -> Iterator[None]:
    """Take a stage's record away while its files are written anew.

    After an error of the user's before any was changed, a misspelt path say, it comes back.
    """
    try:
        before = load_record(folder)
    except ArtifactError:
        before = None
    (folder / RECORD).unlink(missing_ok=True)
    try:
        with without_leftovers(folder):
            yield
    except PipelineError:
        if before is not None and hashes(folder) == before["outputs"]:
            with suppress(ResourceError):
                save_record(folder, before)
        raise


def sweep_others(folder: Path, stage: Stage) -> None:
    """Remove what the stage wrote in an earlier version and writes no more."""
    for path in folder.rglob("*"):
        is_output = path.is_file() and path.name != RECORD
        if is_output and not stage.makes(path.relative_to(folder).as_posix()):
            path.unlink()


def start_afresh(folder: Path) -> None:
    """Empty a folder of files that no longer belong to anything."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


# --- what is out of date -------------------------------------------------------------------


class RunState:
    """The state of a run's stages against a config; every file is hashed at most once."""

    def __init__(self, config: Any, run: Run) -> None:
        self.config = config
        self.run = run
        self._reasons: dict[str, str] = {}

    def reason(self, name: str) -> str:
        """Return why stage `name` must run, or "" when it is up to date."""
        if name not in self._reasons:
            self._reasons[name] = self._find_reason(name)
        return self._reasons[name]

    def _find_reason(self, name: str) -> str:
        for upstream in stages()[name].reads:
            if self.reason(upstream):
                return f"{upstream} runs again"
        folder = self.run.stage(name)
        if not (folder / RECORD).exists():
            return "has not been run"
        if problem := record_problem(folder):
            return f"{folder / RECORD} {problem}"
        record = load_record(folder)
        new = self.made_from(name, known=record)
        if changes := changed_keys(record["config"], new["config"]):
            return some_of(changes)
        if record["code"] != new["code"]:
            return "its code changed"
        if changes := changed_keys(record["versions"], new["versions"]):
            return some_of(changes).replace('"', "")
        if record["inputs"] != new["inputs"]:
            return "its inputs changed"
        return damage(folder, record["outputs"])

    def made_from(self, name: str, known: Record | None = None) -> Record:
        """Return what the outputs of stage `name` are a function of, and `source`.

        Args:
            known: an earlier answer. While no source has changed since, nor has the code.
        """
        stage = stages()[name]
        inputs = {path: hash_of(Path(path)) for path in stage.files(self.config, self.run)}
        for upstream in stage.reads:
            outputs = load_record(self.run.stage(upstream))["outputs"]
            inputs |= stage.inputs_from(upstream, outputs)
        roots = stage.roots(self.config)
        source = source_of(roots)
        if known and (known.get("source"), known.get("roots")) == (source, roots):
            code = Code(known["code"], tuple(known["versions"]))
        else:
            code = code_of(roots)
        values = self.config.model_dump(mode="json")
        return {
            "stage": name,
            "config": {section: values[section] for section in stage.sections},
            "code": code.sha256,
            "versions": versions(code.libraries),
            "inputs": inputs,
            "roots": roots,
            "source": source,
        }

    def key(self, name: str) -> str:
        """Return a hash of all that the outputs of stage `name` depend on."""
        return key_of(self.made_from(name))


def some_of(changes: list[str]) -> str:
    return ", ".join(changes[:3]) + (", …" if len(changes) > 3 else "")


def key_of(made_from: Record) -> str:
    """Return a hash of all that decides a result."""
    decides = ("stage", "config", "code", "versions", "inputs")
    text = repr([(name, made_from[name]) for name in decides])
    return hashlib.sha256(text.encode()).hexdigest()


def _cpu_seconds() -> float:
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usage)


def peak_memory_bytes() -> int:
    """Return the largest resident size of this process or of any finished child."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return 1024 * max(u.ru_maxrss for u in usage)
