"""Whether a check passes: the share of wrong labels, and what is new since a baseline."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.data.prepared import load_class_names, load_labels
from pipeline.frame import artifacts
from pipeline.frame.errors import ArtifactError, ConfigError, DataError
from pipeline.frame.messages import short
from pipeline.frame.run import Run

BASELINE_FORMAT = 1


class Outcome(StrEnum):
    PASS = "passed"
    FAIL = "failed"
    UNKNOWN = "cannot tell"


class Part(NamedTuple):
    """One question of a check, its answer, and why in words."""

    asked: str
    outcome: Outcome
    why: str


class Found(NamedTuple):
    """One issue. key: of its text and given label. is_new: since the baseline."""

    key: str
    id: str
    given: str
    suggested: str
    confidence: float
    text: str
    is_new: bool


@dataclass(frozen=True)
class Verdict:
    """The parts of a check, and the issues of the file, the most probable first."""

    parts: list[Part]
    issues: list[Found]

    @property
    def failed(self) -> list[Part]:
        return [part for part in self.parts if part.outcome is Outcome.FAIL]

    @property
    def outcome(self) -> Outcome:
        if self.failed:
            return Outcome.FAIL
        unknown = any(part.outcome is Outcome.UNKNOWN for part in self.parts)
        return Outcome.UNKNOWN if unknown else Outcome.PASS

    def fails(self, issue: Found) -> bool:
        """Return whether an issue is among those for which the check failed."""
        asked = {part.asked for part in self.failed}
        return LIMIT in asked or (NEW in asked and issue.is_new)


LIMIT, NEW = "share of wrong labels", "new issues since the baseline"


def percentage(text: str) -> float:
    """Return the share that "2%" or "0.02" says.

    Raises:
        ConfigError: it is not one.
    """
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise ConfigError(f"--max-wrong {text}: write a share, as in 2% or 0.02")
    return share


def judge_share(metrics: dict[str, Any], limit: float) -> Part:
    """Return whether too many labels are wrong, as far as the 95% range of their share tells.

    It fails when the lower end is above the limit, and passes when the upper end is not.
    """
    if not metrics["fitness"]["is_fit"]:
        why = "; ".join(reason["why"] for reason in metrics["fitness"]["reasons"])
        return Part(LIMIT, Outcome.UNKNOWN, f"the finder is not fit to judge these labels: {why}")
    count = metrics["dataset"]["num_examples"]
    low, high = (end / count for end in metrics["issues"]["all"]["estimated_errors"]["range95"])
    about = f"{low:.1%} to {high:.1%} of the labels are wrong"
    if low > limit:
        return Part(LIMIT, Outcome.FAIL, f"{about}; the limit is {limit:.1%}")
    if high <= limit:
        return Part(LIMIT, Outcome.PASS, f"{about}; the limit is {limit:.1%}")
    return Part(LIMIT, Outcome.UNKNOWN, f"{about}, and the limit of {limit:.1%} is in between")


def judge_new(issues: Sequence[Found]) -> Part:
    """Return whether a row that is new, or has another label than before, looks wrong."""
    new = [issue for issue in issues if issue.is_new]
    if not new:
        return Part(NEW, Outcome.PASS, "no row that is new or was changed looks wrong")
    ids = ", ".join(issue.id for issue in new[:3]) + (", …" if len(new) > 3 else "")
    return Part(NEW, Outcome.FAIL, f"{len(new)} new or changed rows look wrong: {ids}")


def key_of(text: str, label: str) -> str:
    """Return what a row is known by whatever its place: a hash of its text and label."""
    return hashlib.sha256(f"{label}\0{text}".encode()).hexdigest()[:16]


def find_issues(run: Run, known: set[str] | None) -> list[Found]:
    """Return the issues of scope all.

    Args:
        known: keys of the rows of a baseline; None without one.
    """
    found = []
    for issue in artifacts.read_issues(run.issues("all")):
        key = key_of(issue["text"], issue["given_label"])
        found.append(
            Found(
                key,
                issue["id"],
                issue["given_label"],
                issue["suggested_label"],
                float(issue["self_confidence"]),
                issue["text"],
                known is not None and key not in known,
            )
        )
    return found


def save_baseline(path: Path, run: Run, issues: Sequence[Found]) -> None:
    """Write the rows there are and the issues among them, one a line, for a later --against."""
    names, given = load_class_names(run), load_labels(run).given
    texts = artifacts.iterate_texts(run.examples)
    rows = sorted({key_of(t, names[label]) for t, label in zip(texts, given, strict=True)})
    listed = [{"key": i.key, "given": i.given, "suggested": i.suggested} for i in issues]
    artifacts.save_json(path, {"format": BASELINE_FORMAT, "issues": listed, "rows": rows})


def load_baseline(path: Path) -> set[str]:
    """Return the keys of the rows of a baseline.

    Raises:
        DataError: it is missing, or none of ours.
    """
    if not path.is_file():
        raise DataError(f"{short(path)}: no such baseline; write it with --baseline {short(path)}")
    try:
        baseline = artifacts.load_json(path)
        if baseline["format"] != BASELINE_FORMAT:
            raise KeyError
        return set(map(str, baseline["rows"]))
    except (ArtifactError, KeyError, TypeError):
        raise DataError(
            f"{short(path)}: is not a baseline of this version; write it again with --baseline"
        ) from None
