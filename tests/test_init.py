"""A config from a look at the data: what is guessed, and that the config is whole."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import load_config
from pipeline.data.guess import guess_dataset
from pipeline.data.sources import read_examples
from pipeline.errors import DataError
from tests.tiny import command

TEXTS = [f"this is text number {n} of the file" for n in range(20)]
LABELS = ["yes", "no"] * 10


def write(path: Path, rows: list[list[str]], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def table(*columns: tuple[str, list[Any]]) -> list[list[str]]:
    names = [name for name, _ in columns]
    rows = zip(*(values for _, values in columns), strict=True)
    return [names, *([str(value) for value in row] for row in rows)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_delimiter_and_encoding(delimiter: str, encoding: str, tmp_path: Path) -> None:
    texts = [f"{text}, café; ok" for text in TEXTS]
    rows = table(("message", texts), ("kind", LABELS))
    path = write(tmp_path / "odd name.csv", rows, delimiter, encoding)
    section = guess_dataset(path).section
    assert section["delimiter"] == delimiter
    assert section["encoding"] == encoding.removesuffix("-sig")
    assert (section["text_columns"], section["label_column"]) == (["message"], "kind")


COLUMNS: dict[str, tuple[list[tuple[str, list[Any]]], dict[str, Any]]] = {
    "usual names": (
        [("id", list(range(20))), ("label", LABELS), ("text", TEXTS), ("stars", [1, 2] * 10)],
        {"label_column": "label", "text_columns": ["text"], "id_column": "id"}),
    "title and text": (
        [("title", [t[:21] for t in TEXTS]), ("description", TEXTS), ("class_index", [1, 2] * 10)],
        {"label_column": "class_index", "text_columns": ["title", "description"]}),
    "unusual names": (
        [("when", list(range(20))), ("what", TEXTS), ("queue", LABELS)],
        {"label_column": "queue", "text_columns": ["what"], "id_column": None}),
    "ids that repeat": (
        [("id", [1, 2] * 10), ("label", LABELS), ("text", TEXTS)], {"id_column": None}),
    "a split column": (
        [("text", TEXTS), ("label", LABELS), ("split", ["train"] * 14 + ["test"] * 6)],
        {"split": {"by": "column", "column": "split", "train": "train", "test": "test"}}),
    "a split for validation": (
        [("text", TEXTS), ("label", LABELS), ("set", ["Train"] * 14 + ["Dev"] * 6)],
        {"split": {"by": "column", "column": "set", "train": "Train", "test": "Dev"}}),
    "no split": (
        [("text", TEXTS), ("label", LABELS)], {"split": {"by": "drawn", "test_fraction": 0.2}}),
}  # fmt: skip


@pytest.mark.parametrize("case", COLUMNS)
def test_columns(case: str, tmp_path: Path) -> None:
    columns, expected = COLUMNS[case]
    section = guess_dataset(write(tmp_path / "data.csv", table(*columns))).section
    assert {key: section[key] for key in expected} == expected


def test_no_header(tmp_path: Path) -> None:
    rows = table(("text", TEXTS), ("label", LABELS))[1:]
    section = guess_dataset(write(tmp_path / "data.csv", rows)).section
    assert section["columns"] == ["column_1", "column_2"]
    assert section["label_column"] == "column_2"


def test_a_second_file_is_the_test_split(tmp_path: Path) -> None:
    rows = table(("text", TEXTS), ("label", LABELS))
    other = write(tmp_path / "news_test.csv", rows)
    section = guess_dataset(write(tmp_path / "news_train.csv", rows)).section
    assert section["split"] == {"by": "file", "test_path": str(other)}


def test_labels_sorted_in_the_file(tmp_path: Path) -> None:
    """A label column is told from all records, not from the first of them."""
    rows = table(("text", [f"{n} words are here" for n in range(9000)]),
                 ("label", ["a"] * 6000 + ["b"] * 3000))  # fmt: skip
    assert guess_dataset(write(tmp_path / "data.csv", rows)).section["label_column"] == "label"


def test_other_sources(tmp_path: Path) -> None:
    jsonl, parquet, folder = (tmp_path / name for name in ("a.jsonl", "a.parquet", "tree"))
    records = [{"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)]
    jsonl.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    pq.write_table(pa.table({"text": TEXTS, "label": LABELS}), parquet)
    for split in ("train", "test"):
        for number, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True)):
            (folder / split / label).mkdir(parents=True, exist_ok=True)
            (folder / split / label / f"{number}.txt").write_text(text, encoding="utf-8")
    for path, source in ((jsonl, "jsonl"), (parquet, "parquet"), (folder, "folder")):
        section = guess_dataset(path).section
        assert section["source"] == source
    assert section["split"] == {"by": "name", "train": "train", "test": "test"}


@pytest.mark.parametrize("content", ["just\nlines\n", "a,b\n1,2\n3,4\n5,6\n"])
def test_nothing_to_guess(content: str, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        guess_dataset(path)
    assert str(path)[-60:] in str(caught.value)
    assert len(str(caught.value)) <= 290


def test_command(tmp_path: Path) -> None:
    """The file it writes is complete, reads the data, and is not overwritten."""
    columns = [("comment", TEXTS), ("true: or # not", LABELS)]
    data = write(tmp_path / "my data.csv", table(*columns))
    output = tmp_path / "mine.yaml"
    done = command("init", data, "--output", output)
    assert done.returncode == 0, done.stderr
    assert "20: 16 train, 4 test" in done.stdout
    assert f"make all CONFIG={output}" in done.stdout
    loaded = load_config(output)
    assert loaded.run == "mine"
    assert read_examples(loaded.config.dataset, seed=loaded.config.seed).texts == TEXTS
    lines = output.read_text(encoding="utf-8").splitlines()
    assert all("#" in line for line in lines if line.startswith("  ") and line.endswith("null"))
    again = command("init", data, "--output", output)
    assert again.returncode == 2
    assert "exists already" in again.stderr
