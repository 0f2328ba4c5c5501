"""Votes of people against our suspects, on numbers that can be counted by hand."""

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest

from pipeline import artifacts
from pipeline.artifacts import Run
from pipeline.errors import DataError
from pipeline.study import verified
from pipeline.study.verified import (
    COLUMNS,
    Verified,
    corrected_labels,
    load_verified,
    score_suspects,
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
    corrected, counts = corrected_labels(given, VOTES)
    assert corrected.tolist() == [0, 0, 1, 1, 1, 1, 1]
    assert counts.tolist() == [True, True, True, True, False, True, False]
    assert given.tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_the_three_definitions_count_differently() -> None:
    confirmed = {name: hits.tolist() for name, hits in VOTES.confirmed().items()}
    assert confirmed == {
        "given < 3 votes": [False, True, True, True],
        "other >= 3 votes": [False, True, False, False],
        "other > given votes": [False, True, False, True],
    }


def test_suspects_are_scored_among_the_judged_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verified, "RANKS", (1, 2, 3, 10))
    confidence = np.array([0.9, 0.5, 0.1, 0.5, 0.4, 0.5, 0.2])
    found = score_suspects(np.array([2, 3, 6, 0]), confidence, VOTES)
    assert (found["suspects"], found["shown"], found["unjudged"]) == (4, 3, 1)
    flips = found["definitions"]["other >= 3 votes"]
    assert flips["confirmed"] == 1
    assert flips["precision_at"] == {"1": 1.0, "2": 0.5, "3": 1 / 3}
    assert flips["auroc"] == 1.0


def write(path: Path, run: Run, **changes: str) -> Path:
    labels, names = artifacts.load_labels(run), artifacts.load_class_names(run)
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
        ({"test_index": "99999"}, "no row of the test split"),
        ({"text_sha256": "0" * 64}, "another dataset"),
        ({"given_label": "nonsense"}, "given_label"),
        ({"guessed_label": "nonsense"}, "is no class"),
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
