"""Answer keys: what files say, and what follows from it on numbers that can be counted by hand."""

import csv
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.data.prepared import load_class_names, load_labels
from pipeline.frame import artifacts
from pipeline.frame.errors import DataError
from pipeline.frame.run import Run
from pipeline.issues.answer_keys import Verified, apply_votes, load_verified

MTURK = ["test_index", "given_label", "guessed_label", "votes_given", "votes_guessed"]


def voted(positions: list[int], given: list[int], guessed: list[int], **more: Any) -> Verified:
    """Return a key of two classes; those who said neither are what is missing to five votes."""
    votes = more.get("votes", [5] * len(given))
    rest = np.array(votes) - given - guessed
    columns = (np.array(values) for values in (positions, given, guessed, more["other"], votes))
    return Verified(*columns, both=rest, neither=0 * rest)


# kept, flipped, nobody has a majority, other ahead without a majority
VOTES = voted([0, 2, 4, 6], [5, 1, 2, 0], [0, 4, 2, 2], other=[1, 1, 0, 0])


def test_majority_flips_are_applied_and_rows_without_a_majority_left_out() -> None:
    given = np.array([0, 0, 0, 1, 1, 1, 1])
    corrected, counts = apply_votes(given, VOTES)
    assert corrected.tolist() == [0, 0, 1, 1, 1, 1, 1]
    assert counts.tolist() == [True, True, True, True, False, True, False]
    assert given.tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_three_votes_of_five_are_a_majority() -> None:
    three = voted([0, 1], [2, 3], [3, 2], other=[1, 1])
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


@pytest.mark.parametrize(
    ("votes", "given", "guessed", "names"),
    [
        (5, 3, 2, ["given < 3 votes", "other >= 3 votes", "other > given votes"]),
        (4, 3, 1, ["given < 3 votes", "other >= 3 votes", "other > given votes"]),
        (4, 2, 2, ["given < 3 votes", "other >= 3 votes", "other > given votes"]),
        (3, 1, 2, ["given < 2 votes", "other >= 2 votes", "other > given votes"]),
        (1, 0, 1, ["another label"]),
    ],
)
def test_a_majority_is_more_than_half_of_the_votes_of_the_row(
    votes: int, given: int, guessed: int, names: list[str]
) -> None:
    key = voted([0], [given], [guessed], other=[1], votes=[votes])
    assert list(key.confirmed()) == names
    assert key.is_doubted.tolist() == [given <= votes / 2]
    assert key.is_flipped.tolist() == [guessed > votes / 2]
    corrected, counts = apply_votes(np.array([0]), key)
    assert counts.tolist() == [max(given, guessed) > votes / 2]
    assert corrected.tolist() == [int(guessed > votes / 2)]


def test_rows_with_different_numbers_of_votes_have_a_majority_each() -> None:
    key = voted([0, 1, 2], [2, 1, 1], [1, 2, 3], other=[1, 1, 1], votes=[3, 5, 4])
    assert {name: hits.tolist() for name, hits in key.confirmed().items()} == {
        "given <= half the votes": [False, True, True],
        "other > half the votes": [False, False, True],
        "other > given votes": [False, True, True],
    }


def test_each_label_is_in_one_category() -> None:
    both, neither = np.array([1, 0, 3, 0, 0]), np.array([0, 0, 0, 3, 1])
    given, guessed = np.array([4, 2, 1, 1, 2]), np.array([0, 3, 1, 1, 2])
    five = np.full(5, 5)
    key = Verified(np.arange(5), given, guessed, np.ones(5, int), five, both, neither)
    found = {name: of.tolist().index(True) for name, of in key.categories().items()}
    assert found == {"given": 0, "other": 1, "both": 2, "neither": 3, "no majority": 4}
    assert np.sum([*key.categories().values()], axis=0).tolist() == [1] * 5
    assert key.against.tolist() == [0.2, 0.6, 0.8, 0.8, 0.6]


# --- files ---------------------------------------------------------------------------------


def example_of(run: Run, place: int = 3) -> dict[str, str]:
    """Return id, labels and text of a test example as a key has them."""
    names = load_class_names(run)
    row = int(load_labels(run).rows("test")[place])
    example = artifacts.load_table(run.examples).take([row]).to_pylist()[0]
    return {
        "id": example["id"],
        "test_index": example["id"].removeprefix("test/"),
        "given_label": names[example["label"]],
        "guessed_label": names[1 - example["label"]],
        "text": example["text"],
        "text_sha256": hashlib.sha256(example["text"].encode()).hexdigest(),
    }


def write(path: Path, *lines: dict[str, str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    return path


def mturk(run: Run, **changes: str) -> dict[str, str]:
    """Return a line as the published key of IMDb has it."""
    votes = {"votes_given": "1", "votes_guessed": "3", "votes_both": "1", "votes_neither": "0"}
    values = example_of(run) | votes | changes
    return {column: values[column] for column in (*MTURK, *[*votes][2:], "text_sha256")}


def load(path: Path, run: Run) -> Verified:
    return load_verified(path, run, load_labels(run))


def test_votes_are_matched_to_the_test_rows(tiny_run: Run, tmp_path: Path) -> None:
    key = load(write(tmp_path / "votes.csv", mturk(tiny_run)), tiny_run)
    given = load_labels(tiny_run).given[load_labels(tiny_run).rows("test")][3]
    found = [array.tolist() for array in key[:7]]
    assert found == [[3], [1], [3], [1 - given], [5], [1], [0]]


@pytest.mark.parametrize(
    ("said", "given", "guessed", "votes"),
    [
        ({"guessed_label": "OTHER", "votes_given": "2", "votes_guessed": "7"}, 2, 7, 9),
        ({"votes_GIVEN": "2", "votes_OTHER": "0", "votes_both": "4"}, 2, 0, 6),
        ({"votes_OTHER": "2"}, 0, 2, 2),
        ({"true_label": "OTHER"}, 0, 1, 1),
        ({"true_label": "GIVEN"}, 1, 0, 1),
        ({"share_given": "0.25"}, 0.25, 0, 1),
    ],
)
def test_people_may_say_it_in_four_ways(
    tiny_run: Run, tmp_path: Path, said: dict[str, str], given: float, guessed: int, votes: int
) -> None:
    example = example_of(tiny_run)
    names = {"GIVEN": example["given_label"], "OTHER": example["guessed_label"]}

    def named(text: str) -> str:
        for word, name in names.items():
            text = text.replace(word, name)
        return text

    line = {k: example[k] for k in ("id", "given_label", "text")}
    line |= {named(column): named(value) for column, value in said.items()}
    key = load(write(tmp_path / "key.csv", line), tiny_run)
    assert [key.given[0], key.guessed[0], key.votes[0]] == [given, guessed, votes]
    assert key.is_share == ("share_given" in said)


def test_a_share_says_nothing_of_other_labels(tiny_run: Run, tmp_path: Path) -> None:
    lines = [
        {k: example_of(tiny_run, place)[k] for k in ("id", "given_label", "text")}
        | {"share_given": share}
        for place, share in ((3, "0.5"), (4, "0.6"))
    ]
    key = load(write(tmp_path / "key.csv", *lines), tiny_run)
    assert {k: v.tolist() for k, v in key.confirmed().items()} == {
        "given <= half the votes": [True, False]
    }
    labels = np.zeros(80, int)
    corrected, counts = apply_votes(labels, key)
    assert (corrected == labels).all()
    assert np.flatnonzero(~counts).tolist() == [3]


def test_of_several_classes_the_other_is_the_one_with_most_votes(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = example_of(tiny_run)
    names = [*load_class_names(tiny_run), "third", "fourth"]
    monkeypatch.setattr("pipeline.issues.answer_keys.load_class_names", lambda run: names)
    line = {k: example[k] for k in ("id", "given_label", "text_sha256")}
    votes = dict.fromkeys((f"votes_{name}" for name in names), "1")
    key = load(write(tmp_path / "key.csv", line | votes | {"votes_third": "2"}), tiny_run)
    assert [key.given[0], key.guessed[0], key.other[0], key.votes[0]] == [1, 2, 2, 5]
    assert (key.is_doubted[0], key.is_flipped[0]) == (True, False)


def test_votes_follow_a_label_that_was_corrected_since(tiny_run: Run, tmp_path: Path) -> None:
    path = write(
        tmp_path / "key.csv", mturk(tiny_run), mturk(tiny_run, test_index="7777", given_label="x")
    )
    labels = load_labels(tiny_run)
    before, row = labels.given, labels.rows("test")[3]
    after = before.copy()
    after[row] = 1 - before[row]
    now = replace(labels, given=after)
    key = load_verified(path, tiny_run, now, before=before, left_out={"test/7777"})
    assert [key.given.tolist(), key.guessed.tolist()] == [[3], [1]]
    assert key.other.tolist() == [before[row]]


def test_rows_of_train_are_counted_and_not_scored(tiny_run: Run, tmp_path: Path) -> None:
    row = int(load_labels(tiny_run).rows("train")[0])
    example = artifacts.load_table(tiny_run.examples).take([row]).to_pylist()[0]
    names = load_class_names(tiny_run)
    train = {"id": example["id"], "given_label": names[example["label"]], "text": example["text"]}
    test = {k: example_of(tiny_run)[k] for k in train}
    both = [line | {"share_given": "1"} for line in (train, test)]
    key = load(write(tmp_path / "key.csv", *both), tiny_run)
    assert (key.positions.tolist(), key.in_train) == ([3], 1)
    with pytest.raises(DataError, match="has no row of the test split"):
        load(write(tmp_path / "key.csv", both[0]), tiny_run)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"test_index": "99999"}, "not a row of the test split"),
        ({"text_sha256": "0" * 64}, "another dataset"),
        ({"given_label": "nonsense"}, "given_label"),
        ({"guessed_label": "nonsense"}, "is not a class"),
        ({"votes_given": "-1"}, "votes_given"),
        ({"votes_given": "1.5"}, "votes_given"),
        ({"votes_both": "9" * 5000}, "votes_both"),
        ({"votes_given": "0", "votes_guessed": "0", "votes_both": "0"}, "has no votes"),
    ],
)
def test_votes_of_another_dataset_are_refused(
    tiny_run: Run, tmp_path: Path, change: dict[str, str], word: str
) -> None:
    path = write(tmp_path / "votes.csv", mturk(tiny_run, **change))
    with pytest.raises(DataError, match=word) as caught:
        load(path, tiny_run)
    assert "votes.csv:2:" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"guessed_label": None}, "does not say what they said: guessed_label with"),
        ({"true_label": "a"}, "says it twice"),
        ({"text_sha256": None}, "needs a column text_sha256 or text"),
        ({"test_index": None}, "needs a column id or test_index"),
        ({"given_label": None}, "has no column 'given_label'"),
        ({"guessed_label": None, "votes_CLASS": "1", "votes_purple": "1"}, "votes_given.*no such"),
    ],
)
def test_columns_that_are_no_key_are_refused(
    tiny_run: Run, tmp_path: Path, change: dict[str, Any], word: str
) -> None:
    line = {**mturk(tiny_run), **change}
    name = load_class_names(tiny_run)[0]
    line = {k.replace("CLASS", name): v for k, v in line.items() if v is not None}
    with pytest.raises(DataError, match=word) as caught:
        load(write(tmp_path / "votes.csv", line), tiny_run)
    assert "votes.csv:1:" in str(caught.value)


@pytest.mark.parametrize("share", ["-0.1", "1.01", "nan", "inf", "half", ""])
def test_a_share_is_a_number_from_0_to_1(tiny_run: Run, tmp_path: Path, share: str) -> None:
    line = {k: example_of(tiny_run)[k] for k in ("id", "given_label", "text")}
    path = write(tmp_path / "key.csv", line | {"share_given": share})
    with pytest.raises(DataError, match=r"key\.csv:2: share_given"):
        load(path, tiny_run)


def test_a_label_is_judged_once(tiny_run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "votes.csv", mturk(tiny_run), mturk(tiny_run))
    with pytest.raises(DataError, match=r"votes.csv:3: test_index '\d+' occurs twice; keep one"):
        load(path, tiny_run)


def test_the_guessed_label_is_another_one(tiny_run: Run, tmp_path: Path) -> None:
    given = example_of(tiny_run)["given_label"]
    path = write(tmp_path / "votes.csv", mturk(tiny_run, guessed_label=given))
    with pytest.raises(DataError, match="is the given label"):
        load(path, tiny_run)
