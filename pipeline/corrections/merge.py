"""Decisions taken into a journal: all of them, or none."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.corrections.decision import Decision, instant
from pipeline.corrections.journal import Journal, as_single
from pipeline.frame.errors import DataError


@dataclass(frozen=True)
class Imported:
    """What an import did. added: written to the journal. known: there already, or older."""

    added: int
    known: int
    replaced: int


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
        journal.append([as_single(decision) for decision in new])
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
