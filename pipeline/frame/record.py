"""What a stage writes of itself when it is done, and what its files are checked against."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.frame import artifacts
from pipeline.frame.errors import ArtifactError
from pipeline.frame.files import sha256_file
from pipeline.frame.messages import as_json

RECORD = "stage.json"
LAYOUT = 2  # of results/<run>/; records of earlier ones are not read
Record = dict[str, Any]


def save_record(folder: Path, record: Record) -> None:
    """Write a stage's record, sealed with its own hash."""
    made = record | {"layout": LAYOUT}
    artifacts.save_json(folder / RECORD, made | {"sha256": _seal(made)})


def load_record(folder: Path) -> Record:
    """Return a stage's record, which is byte for byte as it was written.

    Raises:
        ArtifactError: it is missing, damaged, or of an earlier version of this program.
    """
    if problem := record_problem(folder):
        raise ArtifactError(f"{folder / RECORD}: {problem}; run `make {folder.name}`")
    record: Record = artifacts.load_json(folder / RECORD)
    del record["sha256"]
    return record


def record_problem(folder: Path) -> str:
    """Return what is wrong with the record in `folder`, or ""."""
    path = folder / RECORD
    if not path.exists():
        return "is missing"
    try:
        record = artifacts.load_json(path)
    except ArtifactError:
        return "is damaged"
    as_written = isinstance(record, dict) and path.read_bytes() == artifacts.json_bytes(record)
    sealed = as_written and record.pop("sha256", None) == _seal(record)
    if not sealed or record.get("stage") != folder.name:
        return "is damaged"
    return "" if record.get("layout") == LAYOUT else "was made by an earlier version"


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


def damage(folder: Path, outputs: Mapping[str, str]) -> str:
    """Return what is wrong with the files of a finished stage, or ""."""
    for name, sha in outputs.items():
        path = folder / name
        if not path.is_file():
            return f"{path} is missing"
        if sha256_file(path) != sha:
            return f"{path} is damaged (its hash differs from the one in {RECORD})"
    return ""


def changed_keys(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return one line `key old -> new` for each leaf that differs between two mappings."""
    lines = []
    for key in dict.fromkeys([*old, *new]):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            lines += changed_keys(before, after, f"{prefix}{key}.")
        elif before != after:
            lines.append(f"{prefix}{key} {as_json(before)} -> {as_json(after)}")
    return lines
