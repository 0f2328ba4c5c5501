"""The dataset with its reviewed labels as files that programs read back exactly."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cleanlab.classification import CleanLearning
from sklearn.dummy import DummyClassifier

from pipeline.corrections.load import load_queue
from pipeline.corrections.queue import Queue
from pipeline.exchange import cleanlab, dataset, spacy
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
    tables, lines, _ = dataset.export(queue, folder)
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


def test_croissant_describes_the_file(queue, tmp_path):
    tables, _, card = dataset.export(queue, tmp_path / "out")
    said = json.loads(card.read_text(encoding="utf-8"))
    (file,) = said["distribution"]
    assert file["sha256"] == hashlib.sha256(tables.read_bytes()).hexdigest()
    with (card.parent / file["contentUrl"]).open(encoding="utf-8", newline="") as table:
        columns = next(csv.reader(table))
    fields = said["recordSet"][0]["field"]
    assert [field["source"]["extract"]["column"] for field in fields] == columns
    used = {key for each in fields for key in (*each, *each["source"]) if not key.startswith("@")}
    assert used - {"name", "description"} <= set(said["@context"])


def test_spacy_gets_one_class_of_all(queue, tmp_path):
    decide(queue, "train/0", "relabel", "pos")
    decide(queue, "train/2", "drop", None)
    lines = {}
    for path in spacy.export(queue, tmp_path / "out"):
        for line in map(json.loads, path.read_bytes().splitlines()):
            lines[line["meta"]["id"]] = line
            assert line["meta"]["id"].startswith(path.stem)
    assert [*lines] == [id_ for id_ in queue.source.given if id_ != "train/2"]
    assert {id_: line["text"] for id_, line in lines.items()}.items() <= queue.source.texts.items()
    assert lines["train/0"]["cats"] == {"neg": 0.0, "pos": 1.0}
    assert lines["train/4"]["cats"] == {"neg": 1.0, "pos": 0.0}


def test_cleanlab_takes_its_table_back(queue, tmp_path):
    (path,) = cleanlab.export(queue, tmp_path / "out")
    frame = pd.read_csv(path, index_col="id", keep_default_na=False)
    listed = [item.id for item in queue.items if item.rank]
    assert frame.index[frame["is_label_issue"]].tolist() == sorted(listed, key=[*frame.index].index)
    assert [*frame.index] == [*queue.source.given]
    assert frame["given_label"].tolist() == [*queue.source.given.values()]
    assert (frame["label_quality"] < 0.5).all()
    assert (frame["predicted_label"] != frame["given_label"]).all()
    numbers = {name: n for n, name in enumerate(queue.source.class_names)}
    issues = frame.reset_index(drop=True).replace(
        {"given_label": numbers, "predicted_label": numbers}
    )
    labels = issues["given_label"].to_numpy(int)
    learner = CleanLearning(DummyClassifier(), verbose=False)
    few = issues.assign(is_label_issue=issues.index < 10)
    learner.fit(np.zeros((80, 1)), labels, label_issues=few)
    assert len(learner.label_issues_df) == 80


def test_it_cannot_be_imported(tmp_path):
    with pytest.raises(ConfigError, match="holds no decisions to import"):
        import_(tmp_path / "dataset.csv", tmp_path / "x.yaml", "dataset")
