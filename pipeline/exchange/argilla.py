"""Argilla 2: a dataset folder that its SDK reads, and the responses of its users back.

`rg.Dataset.from_disk(folder, workspace=...)` makes the dataset on a server; what
`dataset.records.to_json("records.json")` writes there is imported again.
"""

import json
from pathlib import Path
from typing import Any

from pipeline.corrections.decision import Decision, Source
from pipeline.corrections.merge import read_bytes
from pipeline.corrections.queue import Item, Queue
from pipeline.exchange.decisions import binding, bound, from_label, opinion, verdicts
from pipeline.exchange.formats import Format
from pipeline.frame import artifacts
from pipeline.frame.errors import DataError

RECORDS = "records.json"
SETTINGS, DATASET = Path(".argilla") / "settings.json", Path(".argilla") / "dataset.json"
KEYS = ("id", "given_label", "text_sha256", "dataset")
GUIDELINES = (
    "The labels that are most probably wrong, the first one first. Choose the right class; (drop) "
    "leaves the example out, (unsure) leaves it open."
)


def export(queue: Queue, folder: Path) -> list[Path]:
    """Write records.json, and settings.json and dataset.json in .argilla/."""
    files: dict[Path, Any] = {
        folder / RECORDS: [record(queue, item) for item in queue.items],
        folder / SETTINGS: settings(queue.source.class_names),
        folder / DATASET: {"name": queue.run, "guidelines": GUIDELINES},
    }
    for path, content in files.items():
        artifacts.save_json(path, content)
    return list(files)


def settings(class_names: list[str]) -> dict[str, Any]:
    """Return the fields, questions and metadata of the dataset, as Argilla's Settings hold them."""
    options = [{"value": name, "text": name} for name in [*class_names, *verdicts(class_names)]]
    text = {"type": "text", "use_markdown": False}
    return {
        "guidelines": GUIDELINES,
        "fields": [{"name": "text", "title": "Text", "required": True, "settings": text}],
        "questions": [
            {
                "name": "label",
                "title": "Label",
                "required": True,
                "settings": {"type": "label_selection", "options": options},
            },
            {"name": "note", "title": "Note", "required": False, "settings": text},
        ],
        "metadata": [
            _shown("given_label", "Labelled", "terms"),
            _shown("rank", "Rank", "integer"),
            _shown("self_confidence", "Probability of the label", "float"),
        ],
        "vectors": [],
        "allow_extra_metadata": True,
        "distribution": {"strategy": "overlap", "min_submitted": 1},
    }


def _shown(name: str, title: str, kind: str) -> dict[str, Any]:
    return {"name": name, "title": title, "settings": {"type": kind}}


def record(queue: Queue, item: Item) -> dict[str, Any]:
    """Return one record: the model's class as a suggestion, our decisions in metadata.decisions.

    Metadata are plain values, so the decisions are JSON in a text.
    """
    names, suggestions = queue.source.class_names, {}
    metadata: dict[str, Any] = binding(queue, item) | {"split": item.split}
    if item.rank is not None:
        metadata["rank"] = item.rank
    if item.pred_probs is not None:
        metadata["self_confidence"] = float(item.pred_probs[names.index(item.given)])
    if item.suggested is not None and item.pred_probs is not None:
        score = float(item.pred_probs[names.index(item.suggested)])
        suggestions["label"] = {"value": item.suggested, "score": score, "agent": queue.run}
    decisions = [opinion(decision) for decision in queue.decisions(item).values()]
    metadata["decisions"] = json.dumps(decisions, ensure_ascii=False)
    return {
        "id": item.id,
        "fields": {"text": item.text},
        "metadata": metadata,
        "suggestions": suggestions,
        "responses": {},
        "vectors": {},
    }


def read(path: Path, source: Source, *, reviewer: str) -> list[Decision]:
    """Return the decisions in records.json: those we wrote, and the responses of Argilla's users.

    A user is named after Argilla's id of the account.

    Args:
        reviewer: the name for responses without a user.

    Raises:
        DataError: naming file and record.
    """
    try:
        records = json.loads(read_bytes(path))
        if not isinstance(records, list):
            raise ValueError
    except (ValueError, RecursionError):
        raise DataError(f"{path}: is not records.json of Argilla (a list of records)") from None
    found: list[Decision] = []
    for number, values in enumerate(records, start=1):
        where = f"{path}: record {number}"
        try:
            metadata = values["metadata"]
            bindings = {key: metadata[key] for key in KEYS}
            said = json.loads(metadata["decisions"])
            said += _responses(values, bindings["given_label"], source.class_names, reviewer)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise DataError(f"{where}: is not a record of ours; nothing is imported") from None
        found += [bound(bindings, each, source, where=where) for each in said]
    return found


def _responses(
    values: dict[str, Any], given: str, class_names: list[str], reviewer: str
) -> list[dict[str, Any]]:
    """Return what each user of Argilla chose, as a decision."""
    responses = values.get("responses") or {}
    notes = {each.get("user_id"): each["value"] for each in responses.get("note") or []}
    said = []
    for each in responses.get("label") or []:
        verdict = verdicts(class_names).get(each["value"])
        decision = (verdict, None) if verdict else from_label(each["value"], given)
        user = each.get("user_id")
        said.append(
            {
                "decision": decision[0],
                "label": decision[1],
                "reviewer": f"Argilla user {user}" if user else reviewer,
                "note": notes.get(user) or "",
                "time": None,
            }
        )
    return said


FORMAT = Format("a dataset folder for Argilla 2", export, read)
