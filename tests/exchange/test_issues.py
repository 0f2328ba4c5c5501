"""The lists of find_issues handed over with what the decisions say of their probabilities."""

import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.corrections.load import load_queue
from pipeline.corrections.precision import FEWEST
from pipeline.corrections.queue import Queue
from pipeline.exchange.issues import DECISIONS, MORE, PLANTED, export
from pipeline.frame import artifacts
from pipeline.frame.run import Run
from tests.tiny import load_tiny


def exported(queue: Queue, folder: Path) -> tuple[list[dict[str, str]], dict[str, list]]:
    lists, scores = export(queue, folder)
    with lists.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file)), pq.read_table(scores).to_pydict()


def decide(queue: Queue, count: int) -> None:
    """Say that the more suspicious half of the first issues is wrong, and the other right."""
    for place, item in enumerate(queue.items[:count]):
        kind = ("relabel", item.suggested) if place < count / 2 else ("keep", item.given)
        queue.journal.append([queue.source.decide(item.id, *kind, reviewer="Ann")])


def test_without_enough_decisions_planted_errors_say_it(run_copy: Run, tmp_path: Path) -> None:
    queue = load_queue(load_tiny(f"corrections={tmp_path / 'journal.jsonl'}"), run_copy)
    decide(queue, FEWEST - 1)
    issues, scores = exported(queue, tmp_path)
    written = list(artifacts.read_issues(run_copy.issues("all")))
    assert [{k: i[k] for k in artifacts.ISSUE_COLUMNS} for i in issues] == written
    assert {tuple(issue[name] for name in MORE) for issue in issues} == {("", "", PLANTED)}
    before = artifacts.load_table(run_copy.scores).to_pydict()
    assert {name: scores[name] for name in before} == before
    assert set(scores[MORE[2]]) == {PLANTED} and set(scores[MORE[0]]) == {None}


def test_decisions_say_how_probable_an_error_is(run_copy: Run, tmp_path: Path) -> None:
    queue = load_queue(load_tiny(f"corrections={tmp_path / 'journal.jsonl'}"), run_copy)
    decide(queue, 20)
    issues, scores = exported(queue, tmp_path)
    assert {issue[MORE[2]] for issue in issues} == set(scores[MORE[2]]) == {DECISIONS}
    order = np.argsort(scores["self_confidence"])
    value, low, high = (np.array(scores[n])[order] for n in ("probability_wrong", *MORE[:2]))
    assert ((low <= value) & (value <= high)).all()
    assert (low >= 0).all() and (high <= 1).all()
    assert value[0] > value[len(value) // 2]
    by_id = dict(zip(scores["id"], scores["probability_wrong"], strict=True))
    of_issues = [float(issue["probability_wrong"]) for issue in issues]
    assert of_issues == pytest.approx([by_id[issue["id"]] for issue in issues], rel=1e-6)


def test_a_part_has_its_list_alone(run_copy: Run, tmp_path: Path) -> None:
    queue = load_queue(load_tiny(f"corrections={tmp_path / 'journal.jsonl'}"), run_copy, "test")
    assert [path.name for path in export(queue, tmp_path)] == ["issues_test.csv"]
