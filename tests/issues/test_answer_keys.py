"""Votes of people against our issues, on numbers that can be counted by hand."""

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.prepared import load_class_names, load_labels
from pipeline.frame import artifacts
from pipeline.frame.errors import DataError
from pipeline.frame.run import Run
from pipeline.issues import answer_keys
from pipeline.issues.answer_keys import (
    COLUMNS,
    Verified,
    apply_votes,
    average_precision,
    load_verified,
    score_issues,
)

# given votes, other votes: kept, flipped, nobody has a majority, other ahead without a majority
VOTES = Verified(
    positions=np.array([0, 2, 4, 6]),
    given=np.array([5, 1, 2, 0]),
    guessed=np.array([0, 4, 2, 2]),
    other=np.array([1, 1, 0, 0]),
)


def test_majority_flips_are_applied_and_rows_without_a_majority_left_out() -> None:
    given = np.array([0, 0, 0, 1, 1, 1, 1])
    corrected, counts = apply_votes(given, VOTES)
    assert corrected.tolist() == [0, 0, 1, 1, 1, 1, 1]
    assert counts.tolist() == [True, True, True, True, False, True, False]
    assert given.tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_three_votes_of_five_are_a_majority() -> None:
    three = Verified(np.array([0, 1]), np.array([2, 3]), np.array([3, 2]), np.array([1, 1]))
    corrected, counts = apply_votes(np.array([0, 0]), three)
    assert (corrected.tolist(), counts.tolist()) == ([1, 0], [True, True])
    assert three.confirmed()["other >= 3 votes"].tolist() == [True, False]
    assert three.confirmed()["given < 3 votes"].tolist() == [True, False]


def test_the_three_definitions_count_differently() -> None:
    confirmed = {name: hits.tolist() for name, hits in VOTES.confirmed().items()}
    assert confirmed == {
        "given < 3 votes": [False, True, True, True],
        "other >= 3 votes": [False, True, False, False],
        "other > given votes": [False, True, False, True],
    }


def test_issues_are_scored_among_the_judged_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_keys, "RANKS", (1, 2, 3, 10))
    confidence = np.array([0.9, 0.5, 0.1, 0.5, 0.4, 0.5, 0.2])
    found = score_issues(np.array([2, 3, 6, 0]), confidence, VOTES, samples=200, seed=1)
    assert (found["issues"], found["shown"], found["unjudged"]) == (4, 3, 1)
    flips = found["definitions"]["other >= 3 votes"]
    assert flips["confirmed"] == 1
    assert flips["precision_at"] == {"1": 1.0, "2": 0.5, "3": 1 / 3}
    assert flips["auroc"] == 1.0
    assert flips["base_rate"] == 0.25
    # Of the issues 2, 3, 6, 0 people were not shown 3: it may be right or wrong.
    assert flips["precision_band"] == {"1": [1.0, 1.0], "2": [0.5, 1.0], "3": [1 / 3, 2 / 3]}
    assert flips["average_precision"]["value"] == 1.0
    low, high = flips["average_precision"]["ci95"]
    assert 0 < low <= high <= 1


def test_average_precision_of_a_ranking_that_knows_nothing_is_the_base_rate() -> None:
    rng = np.random.default_rng(0)
    is_wrong = rng.random(2000) < 0.3
    found = average_precision(is_wrong, rng.random(2000), samples=100, seed=1)
    assert found is not None
    low, high = found["ci95"]
    assert low < 0.3 < high < low + 0.1
    assert average_precision(np.zeros(9, bool), rng.random(9), samples=9, seed=1) is None


def write(path: Path, run: Run, **changes: str) -> Path:
    labels, names = load_labels(run), load_class_names(run)
    row = int(labels.rows("test")[3])
    example = artifacts.load_table(run.examples).take([row]).to_pylist()[0]
    values = {
        "test_index": example["id"].removeprefix("test/"),
        "given_label": names[example["label"]],
        "guessed_label": names[1 - example["label"]],
        "votes_given": "1",
        "votes_guessed": "4",
        "text_sha256": hashlib.sha256(example["text"].encode()).hexdigest(),
    } | changes
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerow([values[column] for column in COLUMNS])
    return path


def test_votes_are_matched_to_the_test_rows(tiny_run: Run, tmp_path: Path) -> None:
    votes = load_verified(write(tmp_path / "votes.csv", tiny_run), tiny_run)
    assert (votes.positions.tolist(), votes.given.tolist(), votes.guessed.tolist()) == (
        [3],
        [1],
        [4],
    )


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"test_index": "99999"}, "not a row of the test split"),
        ({"text_sha256": "0" * 64}, "another dataset"),
        ({"given_label": "nonsense"}, "given_label"),
        ({"guessed_label": "nonsense"}, "is not a class"),
        ({"votes_given": "-1"}, "votes_given"),
    ],
)
def test_votes_of_another_dataset_are_refused(
    tiny_run: Run, tmp_path: Path, change: dict[str, str], word: str
) -> None:
    path = write(tmp_path / "votes.csv", tiny_run, **change)
    with pytest.raises(DataError, match=word) as caught:
        load_verified(path, tiny_run)
    assert "votes.csv:2:" in str(caught.value)
    assert "\n" not in str(caught.value)
