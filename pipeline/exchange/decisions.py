"""What all formats share: the fields that bind a decision to an example, and taking them back."""

from typing import Any

from pipeline.corrections.decision import Decision, Source, now, validated
from pipeline.corrections.queue import Item, Queue
from pipeline.frame.errors import DataError


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


def verdicts(class_names: list[str]) -> dict[str, str]:
    """Return {choice: decision} of the choices that are not a class."""

    def choice(decision: str) -> str:
        name = f"({decision})"
        while name in class_names:
            name = f"({name})"
        return name

    return {choice(decision): decision for decision in ("drop", "unsure")}
