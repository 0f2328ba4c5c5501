"""The dataset with its reviewed labels as files that programs read back exactly."""

import csv
import json
from pathlib import Path

import pytest

from pipeline.corrections.load import load_queue
from pipeline.corrections.queue import Queue
from pipeline.exchange import dataset
from pipeline.exchange.__main__ import import_
from pipeline.frame.errors import ConfigError
from tests.review.site import load_tiny, make_examples, write_run

NASTY = ["=1+1", "two\nlines", 'say "hi", twice', "'quoted", "\r", "é😀\u2028"]


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    texts = [f"{NASTY[i % len(NASTY)]} {i}" for i in range(80)]
    run = write_run(tmp_path / "results" / "tiny", make_examples(texts))
    return load_queue(load_tiny(tmp_path), run)


def decide(queue: Queue, id_: str, decision: str, label: str | None, who: str = "Ann") -> None:
    queue.journal.append([queue.source.decide(id_, decision, label, reviewer=who)])


def exported(queue: Queue, folder: Path) -> list[dict[str, str]]:
    """Return the lines of both files, which must be the same."""
    tables, lines = dataset.export(queue, folder)
    with tables.open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    assert rows == [json.loads(line) for line in lines.read_bytes().splitlines()]
    return rows


def test_labels_are_those_after_the_review(queue, tmp_path):
    decide(queue, "train/0", "relabel", "pos")
    decide(queue, "train/1", "keep", "pos")
    decide(queue, "train/2", "drop", None)
    decide(queue, "train/3", "unsure", None)
    decide(queue, "test/40", "relabel", "pos")
    decide(queue, "test/40", "keep", "neg", "Bob")  # no majority
    rows = {row["id"]: row for row in exported(queue, tmp_path / "out")}
    assert [*rows] == [id_ for id_ in queue.source.given if id_ != "train/2"]
    assert {id_: row["text"] for id_, row in rows.items()}.items() <= queue.source.texts.items()
    assert {id_: row["given_label"] for id_, row in rows.items()}.items() <= (
        queue.source.given.items()
    )
    decided = {id_: (row["label"], row["decision"]) for id_, row in rows.items() if row["decision"]}
    assert decided == {"train/0": ("pos", "relabel"), "train/1": ("pos", "keep")}
    assert all(
        row["label"] == row["given_label"] for row in rows.values() if row["id"] != "train/0"
    )
    assert {row["split"] for row in rows.values()} == {"train", "test"}


def test_it_cannot_be_imported(tmp_path):
    with pytest.raises(ConfigError, match="holds no decisions to import"):
        import_(tmp_path / "dataset.csv", tmp_path / "x.yaml", "dataset")
