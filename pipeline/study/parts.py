"""The parts of study.json, and whether they are of what the run is now."""

import hashlib
from pathlib import Path
from typing import Any

from pipeline.config.schema import Config
from pipeline.frame import artifacts
from pipeline.frame.files import hash_of
from pipeline.frame.record import load_record
from pipeline.frame.run import Run
from pipeline.frame.stage import key_of

PARTS = {"study": "noise", "noise": "seeds"}  # and the key of `study` in a config that is not its


def made_from(config: Config, run: Run, part: str) -> str:
    """Return a hash of what a part is made from: the run's cross-validation, and what it is told.

    Raises:
        ArtifactError: there is no cross-validation.
    """
    values = config.model_dump(mode="json")
    told = [(key, value) for key, value in values["study"].items() if key != PARTS[part]]
    keys = [(path.stem, hash_of(path)) for path in config.evaluate.key_files]
    checked = keys[0][1] if len(keys) == 1 else keys or None
    key = key_of(load_record(run.stage("crossval")))
    parts = (key, told, values["find_issues"], checked)
    return f"sha256:{hashlib.sha256(repr(parts).encode()).hexdigest()}"


def save_part(
    config: Config, run: Run, part: str, found: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Write what a part found, and study.json; return what `join_parts` does."""
    path, belongs = part_path(run, part), made_from(config, run, part)
    artifacts.save_json(path, found | {"made_from": belongs})
    whole, others = join_parts(config, run)
    artifacts.save_json(run.study / "study.json", whole)
    return whole, others


def part_path(run: Run, part: str) -> Path:
    return run.study / f"{part}_part.json"


def join_parts(config: Config, run: Run) -> tuple[dict[str, Any], list[str]]:
    """Return study.json from the parts that are of this run, and the names of those that are not.

    Raises:
        ArtifactError: a part cannot be read.
    """
    whole: dict[str, Any] = {"seeds": [], "arms": {}, "differences": [], "noise": []}
    whole["made_from"], others = {}, []
    for part in PARTS:
        if not part_path(run, part).exists():
            continue
        found = artifacts.load_json(part_path(run, part))
        belongs = found.pop("made_from", None)
        if belongs == made_from(config, run, part):
            whole |= found
            whole["made_from"][part] = belongs
        else:
            others.append(part)
    return whole, others


def tell_others(others: list[str]) -> list[str]:
    """Return a line for each part that is left out."""
    return [
        f"the figures of `make {part}` are of another run or config and left out; make them again"
        for part in others
    ]
