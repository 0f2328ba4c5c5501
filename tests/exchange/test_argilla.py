"""Argilla 2: the SDK reads the folder as it is, and what its users answered comes back."""

import json
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from pipeline.corrections.load import load_queue
from pipeline.corrections.queue import Queue
from pipeline.exchange import argilla
from pipeline.exchange.decisions import verdicts
from tests.review.site import load_tiny, make_examples, write_run

USER = "5a7a5e0e-0000-4000-8000-000000000001"


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    run = write_run(tmp_path / "results" / "tiny", make_examples(["a", "b", "c", "d"] * 10))
    return load_queue(load_tiny(tmp_path), run)


def test_a_response_is_a_decision(queue: Queue, tmp_path: Path) -> None:
    path, *_ = argilla.export(queue, tmp_path)
    records = json.loads(path.read_text(encoding="utf-8"))
    first, second, third, *_ = records
    given = first["metadata"]["given_label"]
    other = next(name for name in queue.source.class_names if name != given)
    drop = next(iter(verdicts(queue.source.class_names)))
    note = [{"value": "sure", "user_id": USER}]
    first["responses"] = {"label": [{"value": other, "user_id": USER}], "note": note}
    second["responses"] = {"label": [{"value": drop, "user_id": USER}]}
    third["responses"] = {"label": [{"value": third["metadata"]["given_label"]}], "note": []}
    path.write_text(json.dumps(records), encoding="utf-8")
    made = argilla.read(path, queue.source, reviewer="Ann")
    assert [(d.id, d.decision, d.label, d.reviewer, d.note) for d in made] == [
        (first["id"], "relabel", other, f"Argilla user {USER}", "sure"),
        (second["id"], "drop", None, f"Argilla user {USER}", ""),
        (third["id"], "keep", third["metadata"]["given_label"], "Ann", ""),
    ]


def test_records_come_in_the_order_of_suspicion(queue: Queue, tmp_path: Path) -> None:
    path, *_ = argilla.export(queue, tmp_path)
    records = json.loads(path.read_text(encoding="utf-8"))
    ranks = [each["metadata"]["rank"] for each in records if "rank" in each["metadata"]]
    assert ranks == sorted(ranks) != []


def test_the_sdk_reads_the_folder(
    queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own models, without a server."""
    rg = pytest.importorskip("argilla", minversion="2", reason="needs argilla")
    monkeypatch.setattr(rg.Argilla, "_get_default", classmethod(lambda cls: MagicMock()))
    records, settings, dataset = argilla.export(queue, tmp_path)
    read = rg.Settings.from_json(settings)
    read.validate()
    options = read.questions["label"].serialize()["settings"]["options"]
    names = queue.source.class_names
    assert [option["value"] for option in options][: len(names)] == names
    from argilla._models import DatasetModel
    from argilla.records._io import JsonIO

    assert DatasetModel(**json.loads(dataset.read_text(encoding="utf-8"))).name == queue.run
    found = JsonIO._records_from_json(records)
    assert [record.fields["text"] for record in found] == [item.text for item in queue.items]
    for record in found:
        assert record.api_model().metadata
    # What the SDK writes is what is imported.
    again = tmp_path / "again.json"
    JsonIO.to_json(found, again)
    decisions = queue.journal.standing.all()
    assert argilla.read(again, queue.source, reviewer="x") == decisions
