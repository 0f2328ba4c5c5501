"""What all formats share: the fields that bind a decision to an example, and taking them back."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import DataError
from pipeline.review.decision import Decision, Source, instant, now, validated
from pipeline.review.journal import Journal
from pipeline.review.queue import Item, Queue


@dataclass(frozen=True)
class Imported:
    """What an import did. added: written to the journal. known: there already, or older."""

    added: int
    known: int
    replaced: int


def binding(queue: Queue, item: Item) -> dict[str, str]:
    """Return what says which example of which dataset a record is about."""
    return {
        "id": item.id,
        "given_label": item.given,
        "text_sha256": queue.source.text_sha256(item.id),
        "dataset": queue.source.fingerprint,
    }


def opinion(decision: Decision) -> dict[str, Any]:
    """Return what a reviewer said, without what it is about."""
    return decision.model_dump(include={"time", "decision", "label", "reviewer", "note"})


def bound(
    bindings: dict[str, Any], said: dict[str, Any], source: Source, *, where: str
) -> Decision:
    """Return a checked decision from the fields of a record.

    Args:
        bindings: id, given_label, text_sha256, dataset. said: decision, label, reviewer, note,
            and time (None: now). where: file and place, for the message.

    Raises:
        DataError: the record is about another dataset or example, or says something impossible.
    """
    try:
        made = validated(bindings | said | {"time": said.get("time") or now()})
        problem = source.problem(made)
    except DataError as error:
        problem = str(error)
    if problem:
        raise DataError(f"{where}: {problem}; nothing is imported")
    return made


def from_label(label: str, given: str) -> tuple[str, str]:
    """Return the decision that choosing `label` means."""
    return ("keep" if label == given else "relabel"), label


def take_back(journal: Journal, decisions: Iterable[Decision]) -> Imported:
    """Append to the journal what it does not know yet, all in one write.

    Of two decisions of one reviewer about one example the later counts; a decision that is not
    later than the journal's own is left out.
    """
    latest: dict[tuple[str, str], Decision] = {}
    count = 0
    for decision in sorted(decisions, key=instant):
        latest[decision.id, decision.reviewer] = decision
        count += 1
    new = [decision for decision in latest.values() if not _is_known(journal, decision)]
    if new:
        journal.append(new)
    return Imported(added=len(new), known=len(latest) - len(new), replaced=count - len(latest))


def _is_known(journal: Journal, decision: Decision) -> bool:
    standing = journal.standing.of(decision.id).get(decision.reviewer)
    if standing and (standing.vote, standing.note) == (decision.vote, decision.note):
        return True
    last = journal.standing.times.get((decision.id, decision.reviewer))
    return last is not None and instant(decision) <= last


def read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
