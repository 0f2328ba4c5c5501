"""Argilla before 2, and Rubrix: text-classification records as JSON lines.

The records come in the order of Rubrix' `find_label_errors`: the most probable error first, its
place in `metadata.label_error_candidate`.
"""

import json
from pathlib import Path
from typing import Any

from pipeline.corrections.decision import Decision, Source
from pipeline.corrections.merge import read_bytes
from pipeline.corrections.queue import Item, Queue
from pipeline.corrections.votes import consensus
from pipeline.exchange.decisions import binding, bound, from_label, opinion
from pipeline.exchange.formats import Format
from pipeline.frame.errors import DataError
from pipeline.frame.files import atomic_write

STATUS = {"keep": "Validated", "relabel": "Validated", "drop": "Discarded"}
SEVERAL = "several reviewers"


def export(queue: Queue, folder: Path) -> list[Path]:
    """Write records.jsonl."""
    path = folder / "records.jsonl"
    with atomic_write(path) as file:
        for place, item in enumerate(queue.items):
            line = json.dumps(record(queue, item, place), ensure_ascii=False, allow_nan=False)
            file.write(line.encode() + b"\n")
    return [path]


def record(queue: Queue, item: Item, place: int) -> dict[str, Any]:
    """Return one record; annotation is the given label until the reviewers agree on another.

    A decision of one reviewer is the record's own annotation, agent and status; all decisions
    are in metadata.decisions, as JSON, because metadata are plain values.
    """
    names, decisions = queue.source.class_names, [*queue.decisions(item).values()]
    outcome = consensus(decisions)
    probs = [] if item.pred_probs is None else item.pred_probs.tolist()
    prediction = sorted(zip(names, probs, strict=bool(probs)), key=lambda pair: -pair[1])
    agent = decisions[0].reviewer if len(decisions) == 1 else SEVERAL if decisions else None
    return {
        "text": item.text,
        "prediction": [list(pair) for pair in prediction] or None,
        "prediction_agent": queue.run,
        "annotation": (outcome and outcome[1]) or item.given,
        "annotation_agent": agent,
        "status": STATUS[outcome[0]] if outcome else "Default",
        "id": item.id,
        "metadata": binding(queue, item)
        | {
            "label_error_candidate": place,
            "split": item.split,
            "decisions": json.dumps([opinion(d) for d in decisions], ensure_ascii=False),
        },
    }


def read(path: Path, source: Source, *, reviewer: str) -> list[Decision]:
    """Return the decisions in records.jsonl: those we wrote, and what Argilla's users changed.

    Args:
        reviewer: the name for annotations without an agent.

    Raises:
        DataError: naming file and line.
    """
    found: list[Decision] = []
    for number, line in enumerate(read_bytes(path).splitlines(), start=1):
        where = f"{path}:{number}"
        try:
            values = json.loads(line)
            metadata = values["metadata"]
            keys = ("id", "given_label", "text_sha256", "dataset")
            bindings = {key: metadata[key] for key in keys}
            said = {opinion["reviewer"]: opinion for opinion in json.loads(metadata["decisions"])}
            said |= _changed(values, bindings["given_label"], said, reviewer)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise DataError(f"{where}: is not a record of ours; nothing is imported") from None
        found += [bound(bindings, each, source, where=where) for each in said.values()]
    return found


def _changed(
    values: dict[str, Any], given: str, said: dict[str, Any], reviewer: str
) -> dict[str, dict[str, Any]]:
    """Return the record's own annotation as a decision, unless it is one we wrote."""
    agent = values["annotation_agent"] or reviewer
    if agent == SEVERAL or values["status"] not in ("Validated", "Discarded"):
        return {}
    decision: tuple[str, str | None] = ("drop", None)
    if values["status"] == "Validated":
        decision = from_label(values["annotation"], given)
    before = said.get(agent)
    if before and (before["decision"], before["label"]) == decision:
        return {}
    note = before["note"] if before else ""
    return {
        agent: dict(zip(("decision", "label"), decision, strict=True))
        | {
            "reviewer": agent,
            "note": note,
            "time": None,
        }
    }


FORMAT = Format("records for Argilla 1 and Rubrix", export, read)
