"""Label Studio: tasks with the model's suggestion as prediction, decisions as annotations."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from pipeline.corrections.decision import Decision, Source
from pipeline.corrections.merge import read_bytes
from pipeline.corrections.queue import Item, Queue
from pipeline.exchange.decisions import binding, bound, from_label, opinion, verdicts
from pipeline.exchange.formats import Format
from pipeline.frame import artifacts
from pipeline.frame.errors import DataError
from pipeline.frame.files import atomic_write

KEYS = ("id", "given_label", "text_sha256", "dataset")
TASKS, LABEL_CONFIG = "tasks.json", "label_config.xml"


def export(queue: Queue, folder: Path) -> list[Path]:
    """Write tasks.json and the labelling interface that goes with it, label_config.xml."""
    tasks, config = folder / TASKS, folder / LABEL_CONFIG
    artifacts.save_json(tasks, [task(queue, item) for item in queue.items])
    with atomic_write(config) as file:
        file.write(label_config(queue.source.class_names).encode())
    return [tasks, config]


def label_config(class_names: list[str]) -> str:
    """Return the XML of the labelling interface: a class, or drop or unsure, and a note.

    One of them has to be chosen. Label Studio takes a dot after a variable for a part of its name.
    """
    names = [*class_names, *verdicts(class_names)]
    choices = "\n".join(f"    <Choice value={quoteattr(name)}/>" for name in names)
    return f"""<View>
  <Header value="Labelled: $given_label - the model suggests: $suggested_label"/>
  <Text name="text" value="$text"/>
  <Choices name="label" toName="text" choice="single-radio" showInline="true"
    required="true" requiredMessage="Choose a class, or (drop) or (unsure)">
{choices}
  </Choices>
  <TextArea name="note" toName="text" rows="2" maxSubmissions="1" placeholder="Note"/>
  <TextArea name="reviewer" toName="text" rows="1" maxSubmissions="1"
    placeholder="Reviewer, when it is not the account"/>
</View>
"""


def task(queue: Queue, item: Item) -> dict[str, Any]:
    """Return one task in the order of the issues; decisions are its annotations."""
    data = binding(queue, item) | {
        "text": item.text,
        "rank": item.rank,
        "suggested_label": item.suggested or item.given,
    }
    made: dict[str, Any] = {"data": data}
    if item.suggested is not None and item.pred_probs is not None:
        score = float(item.pred_probs[queue.source.class_names.index(item.suggested)])
        choice = _choice("label", item.suggested)
        made["predictions"] = [{"model_version": queue.run, "score": score, "result": [choice]}]
    names = queue.source.class_names
    made["annotations"] = [annotation(d, names) for d in queue.decisions(item).values()]
    return made


def annotation(decision: Decision, class_names: list[str]) -> dict[str, Any]:
    choices = {said: choice for choice, said in verdicts(class_names).items()}
    result = [_choice("label", decision.label or choices[decision.decision])]
    # Kept by Label Studio as it is: the time of a decision that nobody changed there.
    result[0]["meta"] = {"decision": opinion(decision)}
    result.append(_text("reviewer", decision.reviewer))
    if decision.note:
        result.append(_text("note", decision.note))
    return {"result": result}


def _choice(name: str, value: str) -> dict[str, Any]:
    return {
        "from_name": name,
        "to_name": "text",
        "type": "choices",
        "value": {"choices": [value]},
    }


def _text(name: str, value: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": "text", "type": "textarea", "value": {"text": [value]}}


def read(path: Path, source: Source, *, reviewer: str) -> list[Decision]:
    """Return the decisions in Label Studio's JSON export.

    Skipped tasks hold none, and neither do annotations without a choice: empty, or a note alone.

    Args:
        reviewer: the name for annotations without one and without an account.

    Raises:
        DataError: naming file and task.
    """
    try:
        tasks = json.loads(read_bytes(path))
        if not isinstance(tasks, list):
            raise ValueError
    except (ValueError, RecursionError):
        raise DataError(f"{path}: is not a JSON export of Label Studio (a list of tasks)") from None
    found = []
    for number, exported in enumerate(tasks, start=1):
        where = f"{path}: task {number}"
        try:
            data = exported["data"]
            bindings = {key: data[key] for key in KEYS}
            for made in exported.get("annotations") or []:
                said = _said(made, data["given_label"], source.class_names, reviewer)
                if said is not None:
                    found.append(bound(bindings, said, source, where=where))
        except (KeyError, TypeError, AttributeError, IndexError):
            raise DataError(f"{where}: lacks what our tasks hold; nothing is imported") from None
    return found


def _said(
    made: dict[str, Any], given: str, class_names: list[str], reviewer: str
) -> dict[str, Any] | None:
    """Return what an annotation says, None if it says nothing."""
    values: dict[str, str] = {}
    before: dict[str, Any] = {}
    for entry in made.get("result") or []:
        value = entry.get("value") or {}
        words = value.get("choices") or value.get("text") or []
        if entry.get("from_name") and words:
            values[entry["from_name"]] = words if isinstance(words, str) else "\n".join(words)
        before = before or (entry.get("meta") or {}).get("decision", {})
    label = values.get("label", "")
    verdict = values.get("decision") or verdicts(class_names).get(label)  # the former: once
    if made.get("was_cancelled") or not (verdict or label):
        return None
    decision: tuple[str, str | None] = (verdict, None) if verdict else from_label(label, given)
    said = {
        "decision": decision[0],
        "label": decision[1],
        "reviewer": values.get("reviewer") or _account(made) or reviewer,
        "note": values.get("note", ""),
    }
    is_unchanged = all(before.get(key) == value for key, value in said.items())
    return said | {"time": before["time"] if is_unchanged else _time(made)}


def _account(made: dict[str, Any]) -> str:
    who = made.get("completed_by")
    if isinstance(who, dict):
        return str(who.get("email") or who.get("id") or "")
    return f"Label Studio user {who}" if who else ""


def _time(made: dict[str, Any]) -> str | None:
    text = made.get("updated_at") or made.get("created_at")
    if not text:
        return None
    time = datetime.fromisoformat(text).astimezone(UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


FORMAT = Format("tasks for Label Studio", export, read)
