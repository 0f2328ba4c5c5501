"""Every mistake in the sections on data and models is one line with its place and a remedy."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.load import load_config
from pipeline.frame.errors import ConfigError
from tests.commands import refusal
from tests.guard import PATIENCE

CSV = {
    "source": "csv", "path": "reviews.csv", "columns": None, "delimiter": ",", "encoding": "utf-8",
    "text_columns": ["text"], "label_column": "label", "id_column": None, "classes": None,
    "split": {"by": "drawn", "test_fraction": 0.2},
}  # fmt: skip
FOLDER = {
    "source": "folder", "path": "reviews", "split": {"by": "name", "train": "a", "test": "b"},
    "classes": None, "encoding": "utf-8", "strip": False, "order": "name",
}  # fmt: skip
COUNTS = {"kind": "counts", "lowercase": True, "token_pattern": "w", "max_ngram": 1, "min_df": 1,
          "max_features": None}  # fmt: skip
TOKENS = {"kind": "tokens", "max_tokens": 100, "sequence_length": 10}
CNN = {"name": "cnn", "embedding_dim": 8, "filters": 8, "kernel_size": 3, "dropout": 0.1,
       "learning_rate": 0.1, "epochs": 1, "batch_size": 8}  # fmt: skip
CUSTOM = {"name": "custom", "function": "a.b:c", "options": {}, "epochs": 1, "batch_size": 8}


def csv(**keys: Any) -> dict[str, Any]:
    return {"dataset": CSV | keys}


def without(section: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in section.items() if name != key}


# what is wrong: (sections in place of those of configs/ag_news.yaml, what the line must say)
CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no source": ({"dataset": without(CSV, "source")}, ["dataset.source", "is missing"]),
    "unknown source": (csv(source="excel"), ["dataset.source", "'csv'", "'tfds'", "excel"]),
    "two sources": (csv(name="ag_news_subset"), ["dataset.name", "unknown key"]),
    "no path": ({"dataset": without(CSV, "path")}, ["dataset.path", "is missing"]),
    "empty path": (csv(path=""), ["dataset.path", "must not be empty"]),
    "path with NUL": (csv(path="a\0b"), ["dataset.path", "must match"]),
    "path a number": (csv(path=7), ["dataset.path", "must be a text", "7"]),
    "no text column": (csv(text_columns=[]), ["dataset.text_columns", "at least 1"]),
    "text columns a text": (csv(text_columns="text"), ["dataset.text_columns", "must be a list"]),
    "text column twice": (csv(text_columns=["a", "a"]), ["dataset.text_columns", "twice"]),
    "label is the text": (csv(label_column="text"), ["dataset.text_columns", "'text'"]),
    "id is the text": (csv(id_column="text"), ["dataset.text_columns", "'text'"]),
    "label column null": (csv(label_column=None), ["dataset.label_column", "must be a text"]),
    "misspelt key": (csv(label_colum="x"),
                     ["dataset.label_colum", "did you mean label_column"]),
    "delimiter": (csv(delimiter="/"), ["dataset.delimiter", "must be", '"/"']),
    "encoding": (csv(encoding="utf8"), ["dataset.encoding", "'utf-8'", "utf8"]),
    "one column": (csv(columns=["a"]), ["dataset.columns", "at least 2"]),
    "column twice": (csv(columns=["a", "a"]), ["dataset.columns", "twice"]),
    "one class": (csv(classes=["a"]), ["dataset.classes", "at least 2"]),
    "class twice": (csv(classes=["a", "a"]), ["dataset.classes", "twice"]),
    "classes numbers": (csv(classes=[1, 2]), ["dataset.classes", "quotes"]),
    "classes a text": (csv(classes="a, b"), ["dataset.classes", "list"]),
    "class name empty": (csv(classes={"1": "", "2": "b"}), ["dataset.classes", "names"]),
    "no split": ({"dataset": without(CSV, "split")}, ["dataset.split", "is missing"]),
    "split by nothing": (csv(split={}), ["dataset.split.by", "is missing"]),
    "split unknown": (csv(split={"by": "luck"}), ["dataset.split.by", "'drawn'", "luck"]),
    "split by name in a table": (csv(split={"by": "name", "train": "a", "test": "b"}),
                                 ["dataset.split.by", "'column'"]),
    "whole test": (csv(split={"by": "drawn", "test_fraction": 1.0}),
                   ["dataset.split.test_fraction", "less than 1"]),
    "no test": (csv(split={"by": "drawn", "test_fraction": 0.0}),
                ["dataset.split.test_fraction", "greater than 0"]),
    "percent": (csv(split={"by": "drawn", "test_fraction": 20}),
                ["dataset.split.test_fraction", "less than 1", "20"]),
    "no test file": (csv(split={"by": "file"}), ["dataset.split.test_path", "is missing"]),
    "key of another split": (csv(split={"by": "file", "test_path": "a", "test_fraction": 0.1}),
                             ["dataset.split.test_fraction", "unknown key"]),
    "same names": (csv(split={"by": "column", "column": "s", "train": "a", "test": "a"}),
                   ["dataset.split.test", "differ"]),
    "split column is the text": (
        csv(split={"by": "column", "column": "text", "train": "a", "test": "b"}),
        ["dataset.text_columns", "'text'"]),
    "strip not a boolean": ({"dataset": FOLDER | {"strip": "yes"}},
                         ["dataset.strip", "true or false"]),
    "order": ({"dataset": FOLDER | {"order": "size"}}, ["dataset.order", "'tfds'", "size"]),
    "folder with a column": ({"dataset": FOLDER | {"label_column": "x"}},
                             ["dataset.label_column", "unknown key"]),
    "tfds name": ({"dataset": {"source": "tfds", "name": "../x", "text_keys": ["a"],
                               "label_key": "b", "train_split": "c", "test_split": "d"}},
                  ["dataset.name", "must match", "../x"]),
    "kind": ({"vectorize": TOKENS | {"kind": "words"}}, ["vectorize.kind", "'counts'", "words"]),
    "kind of another model": ({"vectorize": TOKENS}, ["vectorize.kind", "must be counts"]),
    "counts for a network": ({"model": CNN}, ["vectorize.kind", "must be tokens", "cnn"]),
    "key of another kind": ({"vectorize": COUNTS | {"max_tokens": 9}},
                            ["vectorize.max_tokens", "unknown key"]),
    "no tokens": ({"vectorize": TOKENS | {"max_tokens": 2}, "model": CNN},
                  ["vectorize.max_tokens", "at least 3"]),
    "no words": ({"vectorize": COUNTS | {"min_df": 0}}, ["vectorize.min_df", "at least 1"]),
    "long ngrams": ({"vectorize": COUNTS | {"max_ngram": 9}}, ["vectorize.max_ngram", "at most 5"]),
    "pattern that is none": ({"vectorize": COUNTS | {"token_pattern": "(a"}},
                             ["vectorize.token_pattern", "regular expression"]),
    "pattern with two groups": ({"vectorize": COUNTS | {"token_pattern": "(a)(b)"}},
                                ["vectorize.token_pattern", "group"]),
    "unknown model": ({"model": {"name": "bert"}}, ["model.name", "'fasttext'", "bert"]),
    "key of another model": ({"model": {"name": "multinomial_nb", "alpha": 1.0, "C": 1.0}},
                             ["model.C", "unknown key"]),
    "alpha zero": ({"model": {"name": "multinomial_nb", "alpha": 0.0}},
                   ["model.alpha", "greater than 0"]),
    "alpha a text": ({"model": {"name": "multinomial_nb", "alpha": "1"}},
                     ["model.alpha", "must be a number"]),
    "no epochs": ({"vectorize": TOKENS, "model": CNN | {"epochs": 0}},
                  ["model.epochs", "at least 1"]),
    "epochs true": ({"vectorize": TOKENS, "model": CNN | {"epochs": True}},
                    ["model.epochs", "whole number"]),
    "dropout": ({"vectorize": TOKENS, "model": CNN | {"dropout": 1.5}},
                ["model.dropout", "less than 1", "1.5"]),
    "function without a module": ({"model": CUSTOM | {"function": "make"}},
                                  ["model.function", "must match", "make"]),
    "function a path": ({"model": CUSTOM | {"function": "../a.py:make"}},
                        ["model.function", "must match"]),
    "options a list": ({"model": CUSTOM | {"options": [1]}}, ["model.options"]),
    "filter": ({"find_issues": {"filter_by": "best", "return_indices_ranked_by": "self_confidence",
                                "frac_noise": 1.0, "min_examples_per_class": 1,
                                "neighbors": False, "batch_size": None}},
               ["find_issues.filter_by", "prune_by_noise_rate", "best"]),
    "batched filter": ({"find_issues": {"filter_by": "both", "batch_size": 1000, "neighbors": False,
                                        "return_indices_ranked_by": "self_confidence",
                                        "frac_noise": 1.0, "min_examples_per_class": 1}},
                       ["find_issues.batch_size", "null", "low_self_confidence"]),
    "group_duplicates": ({"crossval": {"group_duplicates": 1, "all": {"folds": 2, "shuffle": True},
                                       "train": {"folds": 2, "shuffle": True}}},
                         ["crossval.group_duplicates", "true or false"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_config(
    case: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sections, says = CASES[case]
    results = tmp_path / "results"
    sets = [part for given in as_sets(sections) for part in ("--set", given)]
    arguments = ["--config", "configs/ag_news.yaml", "--results", str(results), *sets]
    text = refusal(monkeypatch, capsys, 2, *arguments)
    assert not results.exists()
    for words in says:
        assert words in text


def as_sets(sections: dict[str, Any]) -> list[str]:
    return [f"{name}={json.dumps(section)}" for name, section in sections.items()]


@pytest.mark.parametrize("case", ["unknown source", "whole test", "kind of another model"])
def test_command_line(case: str, tmp_path: Path) -> None:
    """The stage as a user runs it: exit code 2, one line on stderr, no results."""
    sets = [part for given in as_sets(CASES[case][0]) for part in ("--set", given)]
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.prepare", "--config", "configs/ag_news.yaml",
         "--results", str(tmp_path / "results"), *sets],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "results").exists()


def test_several_problems_are_told_together() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(Path("configs/ag_news.yaml"), as_sets(csv(path="", encoding="x", split={})))
    assert len(caught.value.problems) == 3


def test_enough_cases() -> None:
    assert len(CASES) >= 40
