"""Prepare: what dataset.json says about a dataset, and what is stopped."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.examples import (
    Examples,
    check_examples,
    count_blank,
    fingerprint,
    group_texts,
)
from pipeline.data.sources import read_examples
from pipeline.frame import artifacts
from pipeline.frame.errors import DataError
from pipeline.frame.run import Run
from pipeline.prepare import describe
from tests.data.sources import KEYS
from tests.tiny import load_tiny, run_stage


def make_examples(**changes: object) -> Examples:
    values = {
        "name": "toy",
        "class_names": ["neg", "pos"],
        "ids": ["train/0", "train/1", "test/0", "train/2", "test/1"],
        "splits": ["train", "train", "test", "train", "test"],
        "labels": np.array([0, 1, 1, 1, 0]),
        "texts": ["a", "b", "a", "a", " \n"],
    }
    return Examples(**(values | changes))


def described(examples: Examples) -> dict[str, object]:
    return describe(examples, group_texts(examples.texts))


def test_counts_copies_and_overlap() -> None:
    description = described(make_examples())
    fingerprint_ = description.pop("fingerprint")
    assert description == {
        "name": "toy",
        "class_names": ["neg", "pos"],
        "num_examples": 5,
        "num_classes": 2,
        "counts": {"train": {"neg": 1, "pos": 2}, "test": {"neg": 1, "pos": 1}},
        "empty_texts": 1,
        "extra_copies": 2,
        "texts_with_conflicting_labels": 1,
        "texts_in_train_and_test": 1,
        "test_fraction_in_train": 0.5,
    }
    assert fingerprint_.startswith("sha256:")
    json.dumps(description)


@pytest.mark.parametrize(
    "changes",
    [
        {"texts": ["a", "b", "a", "a", " "]},
        {"labels": np.array([0, 1, 1, 1, 1])},
        {"ids": ["train/0", "train/1", "test/0", "train/3", "test/1"]},
        {"splits": ["train", "train", "test", "test", "test"]},
        {"class_names": ["neg", "good"]},
        {"texts": ["ab", "", "a", "a", " \n"]},
    ],
)
def test_the_fingerprint_changes_with_everything(changes: dict[str, object]) -> None:
    assert fingerprint(make_examples(**changes)) != fingerprint(make_examples())


def test_blank_texts_are_counted() -> None:
    blank = ["", " ", "\n\t", "\u3000", "\u00a0 \u2003", "\x1f"]
    assert count_blank([*blank, "a", " a", "\u00e9", "\u200b", "\u3000x", "\x00"]) == len(blank)


def test_the_fingerprint_stays_what_it_was() -> None:
    found = fingerprint(make_examples())
    assert found == "sha256:186fd95c586d2681550bd9932211fe5e34aa9b9358a9b55fb35ba7860df3d9ec"
    many = make_examples(
        ids=[f"{n}" for n in range(700)],
        texts=["é" * n for n in range(700)],
        splits=["train"] * 400 + ["test"] * 300,
        labels=np.arange(700) % 2,
    )
    found = fingerprint(many)
    assert found == "sha256:b6bf4e475baee3cf28c5c3ed29d850d2032ac20142f18c722835b25487b3b025"


def test_the_fingerprint_is_the_data_alone() -> None:
    assert fingerprint(make_examples(name="other")) == fingerprint(make_examples())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": np.zeros(5, int)}, "toy: has examples of one class only"),
        ({"class_names": ["neg"], "labels": np.zeros(5, int)}, "one class only"),
        ({"splits": ["train"] * 5}, "toy: has no test examples"),
        ({"splits": ["test"] * 5}, "toy: has no train examples"),
    ],
)
def test_a_dataset_no_stage_can_use_is_stopped(changes: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        check_examples(make_examples(**changes))


def test_the_sample_corpus_as_examples() -> None:
    examples = read_examples(load_tiny().config.dataset, seed=123456)
    assert examples.ids[:2] == ["train/0", "train/1"]
    assert examples.ids[200] == "test/0"
    assert len(set(examples.ids)) == 280
    assert examples.truth is not None
    wrong = examples.labels != examples.truth
    assert wrong[:200].sum() == 16
    assert wrong[200:].sum() == 6
    again = read_examples(load_tiny().config.dataset, seed=123456)
    assert fingerprint(again) == fingerprint(examples)
    assert fingerprint(read_examples(load_tiny().config.dataset, seed=1)) != fingerprint(examples)


def test_what_is_written_is_what_was_read(tiny_run: Run) -> None:
    examples = read_examples(load_tiny().config.dataset, seed=123456)
    table = artifacts.load_table(tiny_run.examples)
    assert table.column("text").to_pylist() == list(examples.texts)
    assert table.column("id").to_pylist() == examples.ids
    assert table.column("split").to_pylist() == examples.splits
    np.testing.assert_array_equal(table.column("label").to_numpy(), examples.labels)
    truth = artifacts.load_table(tiny_run.truth)
    assert truth.column_names == ["id", "true_label"]
    np.testing.assert_array_equal(truth.column("true_label").to_numpy(), examples.truth)
    assert artifacts.load_json(tiny_run.dataset) == described(examples)


def test_a_test_set_that_was_trained_on_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As when test_path names the training file: no error, as short texts may well repeat."""
    path = tmp_path / "texts.csv"
    path.write_text("text,label\n" + "".join(f"text {i},{'ab'[i % 2]}\n" for i in range(40)))
    split = {"by": "file", "test_path": str(path)}
    section = KEYS["csv"] | {"source": "csv", "path": str(path), "split": split}
    run_stage("prepare", load_tiny(f"dataset={json.dumps(section)}"), tmp_path / "results")
    said = capsys.readouterr().out
    assert "80 examples, 2 classes ('a', 'b'), 40 extra copies, 40 texts in both" in said
    assert "warning: 100% of the test examples have a text that is also in train" in said


def test_small_classes_are_left_out_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "texts.csv"
    lines = [f"{name} number {n},{name}" for n in range(20) for name in ("no", "yes")]
    path.write_text("\n".join(["text,label", "alone,maybe", *lines, "again,perhaps", ""]))
    section = KEYS["csv"] | {"source": "csv", "path": str(path), "min_class_size": 2}
    run_stage("prepare", load_tiny(f"dataset={json.dumps(section)}"), tmp_path / "results")
    (folder,) = (tmp_path / "results").iterdir()
    description = artifacts.load_json(Run(folder).dataset)
    assert description["class_names"] == ["no", "yes"]
    assert description["num_examples"] == 40
    assert "not read: classes 'maybe (1)', 'perhaps (1)'" in capsys.readouterr().out
