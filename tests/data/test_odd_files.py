"""Odd but valid texts come back byte for byte, from the file to the list of issues."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data.examples import Examples
from pipeline.data.sources import read_examples
from pipeline.frame import artifacts
from pipeline.frame.artifacts import ISSUE_COLUMNS
from pipeline.frame.run import Run
from pipeline.issues.lists import issue_rows
from pipeline.prepare import save_examples
from tests.data.sources import dataset

ODD = {
    "emoji with joiners": "family 👨‍👩‍👧‍👦 and flag 🏴‍☠️",
    "right to left": "טקסט מימין לשמאל",
    "right to left override": "abc\u202edef\u202c",
    "combining": "e\u0301 is not \u00e9",
    "composed": "\u00e9 is not e\u0301",
    "newline": "first\nsecond",
    "newlines at the ends": "\n\nfirst\n",
    "carriage return": "first\rsecond",
    "CRLF": "first\r\nsecond\r\n",
    "quotes": 'she said "no", twice: ""',
    "only a quote": '"',
    "commas": ",,,",
    "backslashes": "\\n is not \\\n a line break \\",
    "NA": "NA",
    "null": "null",
    "None": "None",
    "nan": "nan",
    "zeros first": "007",
    "float": "1.0",
    "exponent": "1e5",
    "true": "true",
    "date": "2020-01-01",
    "formula": "=1+1",
    "U+2028": "a\u2028b\u2029c\u0085d",
    "vertical tab and form feed": "a\x0bb\x0cc",
    "NUL": "a\x00b\x00",
    "control characters": "a\x1b[2Jb\x07\x08",
    "byte order mark inside": "a\ufeffb",
    "no-break and zero-width space": "a\u00a0b\u200bc",
    "white space at the ends": "  \t a \t  ",
    "highest code point": "\U0010ffff\ufffe",
    "empty": "",
    "white space": "   ",
    "html": "<script>alert(1)</script><br />&amp;",
    "tab": "a\tb",
    "hash": "# not a comment",
    "delimiters": "a;b|c\td",
    "long word": "w" * 1_000_000,
    "10 MB": "good bad ugly \n" * 700_000,
}


def read_texts(section: Any) -> list[str]:
    return read_examples(section, seed=1).texts


def write_csv(path: Path, texts: list[str], **options: Any) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, **options)
        writer.writerow(["text", "label"])
        writer.writerows([text, "xy"[row % 2]] for row, text in enumerate(texts))


def eight(text: str) -> list[str]:
    return [text, *(f"other {n}" for n in range(7))]


@pytest.mark.parametrize("name", ODD)
def test_exact_from_csv_to_issues(name: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    write_csv(path, eight(ODD[name]), quoting=csv.QUOTE_ALL)
    examples = read_examples(dataset("csv", path), seed=1)
    assert examples.texts[0] == ODD[name]
    assert issue_texts(examples, Run(tmp_path / "run"))[0] == ODD[name]


def issue_texts(examples: Examples, run: Run) -> list[str]:
    """Write the examples as prepare does and all of them as issues; return the texts read back."""
    save_examples(run, examples)
    count = len(examples.texts)
    probs = np.full((count, 2), 0.5)
    everything = np.arange(count)
    names = examples.class_names
    rows = issue_rows(run, everything, examples.labels, probs, everything, names, None)
    artifacts.save_issues(run.issues("all"), rows)
    with run.issues("all").open(encoding="utf-8", newline="") as file:
        plain = list(csv.DictReader(file))
    assert tuple(plain[0]) == ISSUE_COLUMNS
    texts = [issue["text"] for issue in artifacts.load_issues(run.issues("all"))]
    assert [issue["text"] for issue in plain] == texts
    return texts


@pytest.mark.parametrize("name", [name for name in ODD if name != "10 MB"])
@pytest.mark.parametrize("source", ["jsonl", "parquet", "folder"])
def test_exact_from_other_sources(name: str, source: str, tmp_path: Path) -> None:
    texts = eight(ODD[name])
    path = tmp_path / f"odd.{source}"
    if source == "jsonl":
        lines = [json.dumps({"text": t, "label": n % 2}) for n, t in enumerate(texts)]
        path.write_text("\n".join(lines), encoding="utf-8")
    elif source == "parquet":
        pq.write_table(pa.table({"text": texts, "label": [0, 1] * 4}), path)
    else:
        for number, text in enumerate(texts):
            for split in ("train", "test"):
                file = path / split / "xy"[number % 2] / f"{number}.txt"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(text.encode())
    assert read_texts(dataset(source, path))[0] == ODD[name]


def test_json_as_written_without_escapes(tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    texts = eight(ODD["U+2028"])
    lines = [
        json.dumps({"text": t, "label": n % 2}, ensure_ascii=False) for n, t in enumerate(texts)
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert read_texts(dataset("jsonl", path)) == texts


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_byte_order_mark_and_gzip(mark: bytes, pack: Any, tmp_path: Path) -> None:
    rows = b"text,label\r\n" + b"".join(b"t%d,%d\r\n" % (n, n % 2) for n in range(8))
    lines = b"\n".join(b'{"text": "t%d", "label": %d}' % (n, n % 2) for n in range(8))
    for source, content in (("csv", rows), ("jsonl", lines)):
        path = tmp_path / f"odd.{source}"
        path.write_bytes(pack(mark + content))
        assert read_texts(dataset(source, path)) == [f"t{n}" for n in range(8)]


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "cp1252"])
def test_other_encodings(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    content = "text,label\n" + "".join(f"café {n},{n % 2}\n" for n in range(8))
    path.write_bytes(content.encode(encoding))
    assert read_texts(dataset("csv", path, encoding=encoding))[7] == "café 7"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(delimiter: str, end: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    texts = eight("a,b;c\td|e\nf")
    write_csv(path, texts, delimiter=delimiter, lineterminator=end)
    assert read_texts(dataset("csv", path, delimiter=delimiter)) == texts


def test_blank_lines_may_end_a_file(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    write_csv(path, eight("a"))
    path.write_bytes(path.read_bytes() + b"\n\r\n")
    assert len(read_texts(dataset("csv", path))) == 8


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=8, max_size=12))
def test_any_texts_come_back_from_csv(tmp_path_factory: Any, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("csv") / "any.csv"
    write_csv(path, texts)
    assert read_texts(dataset("csv", path)) == texts


def test_columns_are_joined_by_a_line_break(tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_text("1,T,D\n2,U,E\n1,V,\n2,,F\n", encoding="utf-8")
    names = ["label", "title", "text"]
    keys = {"columns": names, "text_columns": ["title", "text"]}
    split = {"by": "drawn", "test_fraction": 0.5}
    assert read_texts(dataset("csv", path, split=split, **keys)) == ["T\nD", "U\nE", "V\n", "\nF"]


def test_a_header_equal_to_the_declared_columns_is_no_example(tmp_path: Path) -> None:
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    train.write_text("label,text\nx,a\ny,b\n", encoding="utf-8")
    test.write_text("x,c\ny,d\n", encoding="utf-8")
    split = {"by": "file", "test_path": str(test)}
    examples = read_examples(dataset("csv", train, columns=["label", "text"], split=split), seed=1)
    assert examples.texts == ["a", "b", "c", "d"]
    assert examples.ids == ["train/0", "train/1", "test/0", "test/1"]
    assert examples.splits == ["train", "train", "test", "test"]


def test_numbers_of_a_json_file_stay_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "numbers.jsonl"
    numbers = ["1.50", "12345678901234567890123", "1e400", "-0.0"]
    lines = [f'{{"text": {number}, "label": {n % 2}}}' for n, number in enumerate(numbers)]
    path.write_text("\n".join(lines), encoding="utf-8")
    split = {"by": "drawn", "test_fraction": 0.5}
    assert read_texts(dataset("jsonl", path, split=split)) == numbers


LABELS = {
    "whole floats": (["10.0", "1.0", "2.0"], None, ["1.0", "2.0", "10.0"], [2, 0, 1]),
    "whole floats, declared": (["1.0", "2.0"], ["neg", "pos"], ["neg", "pos"], [0, 1]),
    "more than are derived": (
        [f"c{n}" for n in range(12)],
        "found",
        sorted(f"c{n}" for n in range(12)),
        [0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 2, 3],
    ),
    "from one": (["1", "2", "10"], None, ["1", "2", "10"], [0, 1, 2]),
    "a gap": (["0", "2", "0"], None, ["0", "2"], [0, 1, 0]),
    "names by code point": (["b", "B2", "a"], None, ["B2", "a", "b"], [2, 0, 1]),
    "names with zeros first": (["007", "x"], None, ["007", "x"], [0, 1]),
    "declared names": (["pos", "neg"], ["neg", "pos"], ["neg", "pos"], [1, 0]),
    "declared for numbers": (["1", "2"], ["neg", "pos"], ["neg", "pos"], [0, 1]),
    "a map": (["-1", "1"], {"-1": "neg", "1": "pos"}, ["neg", "pos"], [0, 1]),
    "a map of floats": (["1.0", "2.0"], {"1": "neg", "2": "pos"}, ["neg", "pos"], [0, 1]),
    "a map from floats": (["1.0", "2"], {"1.0": "neg", "2.0": "pos"}, ["neg", "pos"], [0, 1]),
    "a map of both": (["1.0", "1"], {"1": "whole", "1.0": "half"}, ["whole", "half"], [1, 0]),
    "true and false": (["true", "false"], None, ["false", "true"], [1, 0]),
    "declared, one is unused": (["a", "b"], ["a", "b", "c"], ["a", "b", "c"], [0, 1]),
}


@pytest.mark.parametrize("case", LABELS)
def test_labels(case: str, tmp_path: Path) -> None:
    from pipeline.data.labels import resolve_labels

    values, classes, names, indices = LABELS[case]
    found = resolve_labels(values, classes=classes, place=str, column="label")  # type: ignore[arg-type]
    assert found[0] == names
    assert found[1].tolist() == indices


TYPED = {
    "booleans": (pa.array([True, False, True, False]), ["false", "true"], [1, 0, 1, 0]),
    "whole floats": (pa.array([1.0, 0.0, 1.0, 0.0]), ["0.0", "1.0"], [1, 0, 1, 0]),
    "small integers": (pa.array([2, 1, 2, 1], pa.uint8()), ["1", "2"], [1, 0, 1, 0]),
    "a dictionary": (pa.array(["b", "a", "b", "a"]).dictionary_encode(), ["a", "b"], [1, 0, 1, 0]),
}


@pytest.mark.parametrize("case", TYPED)
@pytest.mark.parametrize("source", ["parquet", "jsonl"])
def test_labels_that_are_no_texts(case: str, source: str, tmp_path: Path) -> None:
    column, names, indices = TYPED[case]
    path = tmp_path / f"odd.{source}"
    table = pa.table({"text": ["a", "b", "c", "d"], "label": column})
    if source == "parquet":
        pq.write_table(table, path)
    else:
        path.write_text("\n".join(map(json.dumps, table.to_pylist())), encoding="utf-8")
    split = {"by": "drawn", "test_fraction": 0.5}
    examples = read_examples(dataset(source, path, split=split), seed=1)
    assert examples.class_names == names
    assert examples.labels.tolist() == indices


def test_enough_cases() -> None:
    assert len(ODD) >= 25
