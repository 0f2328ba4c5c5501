"""The frame each stage runs in: config slice, lock, timing, record; and what is out of date.

A stage is done if and only if its stage.json parses, was made from the same config slice,
code and inputs, and every file it lists still has the hash it had when it was written.
"""

import ast
import fcntl
import functools
import hashlib
import importlib.metadata
import os
import platform
import resource
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline import artifacts
from pipeline.artifacts import RECORD, Run, sha256_file
from pipeline.cli import RESULTS, ConfigOption, ResultsOption, SetOption, run_command
from pipeline.config import Loaded, changed_keys, load_config, stage_slice
from pipeline.data.sources import source_hashes
from pipeline.errors import ArtifactError, LockedError, PipelineError, ResourceError
from pipeline.progress import StageProgress
from pipeline.schema import Config
from pipeline.scratch import scratch_in

Record = dict[str, Any]


@dataclass(frozen=True)
class Stage:
    """What a stage depends on: sections of the config, and the stages whose files it reads."""

    sections: tuple[str, ...]
    reads: tuple[str, ...] = ()


STAGES = {
    "prepare": Stage(("seed", "dataset", "corrections")),
    "vectorize": Stage(("vectorize",), ("prepare",)),
    "crossval": Stage(("seed", "model", "crossval"), ("prepare", "vectorize")),
    "find_issues": Stage(("find_issues",), ("prepare", "vectorize", "crossval")),
    "cleanlearn": Stage(
        ("seed", "vectorize", "model", "find_issues", "cleanlearn"),
        ("prepare", "vectorize", "crossval", "find_issues"),
    ),
    "evaluate": Stage(
        ("seed", "evaluate", "tracking"),
        ("prepare", "vectorize", "crossval", "find_issues", "cleanlearn"),
    ),
}
# The frame decides when a stage runs, not what it computes.
FRAME = {
    "artifacts",
    "cli",
    "config",
    "config_file",
    "errors",
    "progress",
    "schema",
    "sections",
    "stage",
}
PAGE_FILES = {".html", ".css", ".js"}  # read by the modules beside them
LIBRARIES = ("tensorflow", "keras", "scikeras", "cleanlab", "scikit-learn", "numpy", "pandas")
# Whose versions decide the bits of a training; folds of others are not mixed in by a resume.
TRAINED_BY = ("python", "tensorflow", "keras", "scikit-learn", "numpy", "scipy")


@dataclass
class Context:
    """What a stage gets: the config, its run folder, a progress line, notes for its record."""

    loaded: Loaded
    run: Run
    progress: StageProgress
    key: str
    notes: Record = field(default_factory=dict)

    @property
    def config(self) -> Config:
        return self.loaded.config


def stage_main(name: str, run_stage: Callable[[Context], None]) -> None:
    """Run stage `name` as a command; `run_stage` does its work."""

    def command(
        config: ConfigOption, set_: SetOption = None, results: ResultsOption = RESULTS
    ) -> None:
        loaded = load_config(config, set_ or [])
        run = Run(results / loaded.run)
        with locked(run):
            execute(name, run_stage, loaded, run)

    command.__doc__ = run_stage.__doc__
    run_command(command)


def execute(name: str, run_stage: Callable[[Context], None], loaded: Loaded, run: Run) -> None:
    """Run one stage in `run` unless it is up to date.

    Raises:
        ArtifactError: a stage that this one reads is out of date or damaged.
    """
    checked = Checked(loaded.config, run)
    for upstream in STAGES[name].reads:
        if reason := checked.reason(upstream):
            raise ArtifactError(f"{upstream}: {reason}; run `make {upstream}` first")
    if not checked.reason(name):
        print(f"{name:<12} up to date")
        return
    folder = run.stage(name)
    folder.mkdir(parents=True, exist_ok=True)
    artifacts.sweep_temporary(folder)
    wall, cpu = time.perf_counter(), _cpu_seconds()
    with StageProgress(name) as progress, scratch_in(folder), replacing(folder):
        context = Context(loaded, run, progress, key=checked.key(name))
        run_stage(context)
        seconds = time.perf_counter() - wall
        record = checked.made_from(name) | {
            "outputs": hashes(folder),
            "versions": versions(),
            "machine": {"cores": os.cpu_count(), "platform": platform.platform()},
            "wall_seconds": round(seconds, 3),
            "cpu_seconds": round(_cpu_seconds() - cpu, 3),
            "peak_memory_bytes": peak_memory_bytes(),
            **context.notes,
        }
        save_record(folder, record)
        progress.say(f"done in {seconds:.1f} s")


@contextmanager
def without_leftovers(folder: Path) -> Iterator[None]:
    """Remove what is half-written under `folder` when this block fails: a full disk needs room."""
    try:
        yield
    except BaseException:
        artifacts.sweep_temporary(folder)
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


def start_afresh(folder: Path) -> None:
    """Empty a folder of files that no longer belong to anything."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


# --- what is out of date -------------------------------------------------------------------


class Checked:
    """The state of a run's stages against a config; every file is hashed at most once."""

    def __init__(self, config: Config, run: Run) -> None:
        self.config = config
        self.run = run
        self._reasons: dict[str, str] = {}

    def reason(self, name: str) -> str:
        """Return why stage `name` must run, or "" when it is up to date."""
        if name not in self._reasons:
            self._reasons[name] = self._find_reason(name)
        return self._reasons[name]

    def _find_reason(self, name: str) -> str:
        for upstream in STAGES[name].reads:
            if self.reason(upstream):
                return f"{upstream} runs again"
        folder = self.run.stage(name)
        if not (folder / RECORD).exists():
            return "has not been run"
        try:
            record = load_record(folder)
        except ArtifactError:
            return f"{folder / RECORD} is damaged"
        new = self.made_from(name)
        if changes := changed_keys(record["config"], new["config"]):
            return ", ".join(changes[:3]) + (", …" if len(changes) > 3 else "")
        if record["code"] != new["code"]:
            return "its code changed"
        if record["inputs"] != new["inputs"]:
            return "its inputs changed"
        return damage(folder, record["outputs"])

    def made_from(self, name: str) -> Record:
        """Return what the outputs of stage `name` are a function of."""
        inputs = external_inputs(self.config, name)
        for upstream in STAGES[name].reads:
            record = artifacts.load_json(self.run.stage(upstream) / RECORD)
            inputs |= {f"{upstream}/{file}": sha for file, sha in record["outputs"].items()}
        return {
            "stage": name,
            "config": stage_slice(self.config, STAGES[name].sections),
            "code": code_version(name),
            "inputs": inputs,
        }

    def key(self, name: str) -> str:
        """Return a hash of all that the outputs of stage `name` depend on, versions included."""
        made_from = self.made_from(name) | {"versions": versions(TRAINED_BY)}
        text = repr(sorted(made_from.items(), key=lambda item: item[0]))
        return hashlib.sha256(text.encode()).hexdigest()


def check_made_from(run: Run, name: str) -> None:
    """Stop unless stage `name` was made from the files that the stages above it have now.

    Only records are compared: whoever shows files of several stages asks this first.

    Raises:
        ArtifactError: naming the stage to run again.
    """
    inputs = load_record(run.stage(name))["inputs"]
    for upstream in STAGES[name].reads:
        outputs = load_record(run.stage(upstream))["outputs"]
        now = {f"{upstream}/{file}": sha for file, sha in outputs.items()}
        if now != {file: sha for file, sha in inputs.items() if file.startswith(f"{upstream}/")}:
            raise ArtifactError(
                f"{run.stage(name)}: was made from another {upstream}; run `make {name}` first"
            )


def external_inputs(config: Config, name: str) -> dict[str, str]:
    """Return {path: hash} of the files outside results/ that stage `name` reads."""
    named = {"prepare": config.corrections, "evaluate": config.evaluate.verified_labels}
    hashed = source_hashes(config.dataset) if name == "prepare" else {}
    if (path := named.get(name)) is not None:
        hashed[path] = sha256_file(Path(path)) if Path(path).is_file() else "missing"
    return hashed


def save_record(folder: Path, record: Record) -> None:
    """Write a stage's record, sealed with its own hash."""
    artifacts.save_json(folder / RECORD, record | {"sha256": _seal(record)})


def load_record(folder: Path) -> Record:
    """Return a stage's record, which is byte for byte as it was written.

    Raises:
        ArtifactError: it is missing or damaged.
    """
    path = folder / RECORD
    record: Record = artifacts.load_json(path)
    as_written = isinstance(record, dict) and path.read_bytes() == artifacts.json_bytes(record)
    sealed = as_written and record.pop("sha256", None) == _seal(record)
    if not sealed or record["stage"] != folder.name:
        raise ArtifactError(f"{path}: is damaged; run `make {folder.name}`")
    return record


def _seal(record: Record) -> str:
    return hashlib.sha256(artifacts.json_bytes(record)).hexdigest()


def check_output(path: Path) -> None:
    """Stop unless `path` is as the stage in whose folder it lies wrote it.

    Raises:
        ArtifactError: naming the file and the stage to run again.
    """
    outputs = load_record(path.parent)["outputs"]
    reason = damage(path.parent, {path.name: outputs.get(path.name, "")})
    if reason:
        raise ArtifactError(f"{reason}; run `make {path.parent.name}`")


def hashes(folder: Path) -> dict[str, str]:
    """Return {relative path: hash} of a stage's outputs."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != RECORD)
    return {str(path.relative_to(folder)): sha256_file(path) for path in files}


def damage(folder: Path, outputs: dict[str, str]) -> str:
    """Return what is wrong with the files of a finished stage, or ""."""
    for name, sha in outputs.items():
        path = folder / name
        if not path.is_file():
            return f"{path} is missing"
        if sha256_file(path) != sha:
            return f"{path} is damaged (its hash differs from the one in {RECORD})"
    return ""


def code_version(name: str) -> str:
    """Return a hash of the stage's source and of every project module it imports."""
    root = Path(__file__).parent
    found: dict[str, bytes] = {}
    waiting = [f"pipeline.{name}"]
    while waiting:
        path = _module_path(root, waiting.pop())
        if path is None or str(path.relative_to(root)) in found or path.stem in FRAME:
            continue
        source = path.read_bytes()
        found[str(path.relative_to(root))] = source
        for asset in path.parent.iterdir():
            if asset.suffix in PAGE_FILES:
                found[str(asset.relative_to(root))] = asset.read_bytes()
        waiting += _imports(source)
    digest = hashlib.sha256()
    for relative in sorted(found):
        digest.update(relative.encode() + b"\0" + found[relative] + b"\0")
    return f"sha256:{digest.hexdigest()}"


def _module_path(root: Path, module: str) -> Path | None:
    path = root.joinpath(*module.split(".")[1:])
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@functools.cache  # the stages share most of their modules
def _imports(source: bytes) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipeline"):
            found.append(str(node.module))
            found += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name.startswith("pipeline")]
    return found


# --- one run at a time ---------------------------------------------------------------------


@contextmanager
def locked(run: Run) -> Iterator[None]:
    """Hold the lock of a results folder; the kernel gives it back if the process dies.

    Raises:
        LockedError: another process holds it.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    with (run.folder / ".lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise LockedError(f"{run.folder}: in use by {file.read() or 'another run'}") from None
        file.truncate(0)
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        file.write(f"process {os.getpid()} on {socket.gethostname()} since {since}")
        file.flush()
        yield


# --- what a record says about the machine --------------------------------------------------


def versions(names: tuple[str, ...] = ("python", *LIBRARIES)) -> dict[str, str]:
    return {
        name: platform.python_version() if name == "python" else importlib.metadata.version(name)
        for name in names
    }


def _cpu_seconds() -> float:
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usage)


def peak_memory_bytes() -> int:
    """Return the largest resident size of this process or of any finished child."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return 1024 * max(u.ru_maxrss for u in usage)
