"""What a change of the page asks for, checked and written to the journal."""

from typing import Any

from pipeline.corrections.journal import as_lot
from pipeline.corrections.queue import Queue
from pipeline.frame.errors import DataError

LOT = 200  # decided together, on one screen


def decide(queue: Queue, values: dict[str, Any]) -> str:
    """Write one decision; return its id."""
    decision = queue.source.decide(
        text_of(values["id"]),
        text_of(values["decision"]),
        values["label"],
        reviewer=values["reviewer"],
        note=text_of(values["note"]).strip(),
        how=None if values["how"] is None else text_of(values["how"]),
    )
    if decision.decision == "undo" or decision.id not in queue.places:
        raise DataError("no such example or decision")
    queue.journal.append([decision], seen=[version_of(values["seen"])])
    return decision.id


def decide_lot(queue: Queue, values: dict[str, Any]) -> list[str]:
    """Decide on many; "suggested" takes that of each as it was shown, "keep" its label."""
    seen, kind, suggested = values["seen"], text_of(values["decision"]), values["suggested"]
    if (
        not isinstance(suggested, dict)
        or not isinstance(seen, dict)
        or not 0 < len(seen) <= LOT
        or kind == "undo"
    ):
        raise ValueError("not what this page sends")
    made = []
    for id_ in seen:
        item = queue.item(id_)
        if item is None:
            raise DataError("no such example")
        label = {"keep": item.given, "suggested": suggested.get(id_)}.get(kind, values["label"])
        decision = "relabel" if kind == "suggested" else kind
        if decision == "relabel" and label == item.given:
            decision = "keep"
        made.append(
            queue.source.decide(
                id_,
                decision,
                label,
                reviewer=values["reviewer"],
                note=text_of(values["note"]).strip(),
            )
        )
    queue.journal.append(as_lot(made), seen=[version_of(seen[d.id]) for d in made])
    return [decision.id for decision in made]


def undo(queue: Queue, values: dict[str, Any]) -> list[str]:
    """Take back the last decision or lot; return its ids."""
    ids = queue.undo(values["reviewer"])
    if not ids:
        raise DataError("There is nothing to undo.")
    return ids


def text_of(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def version_of(value: Any) -> int:
    if type(value) is not int:
        raise ValueError("not a number")
    return value
