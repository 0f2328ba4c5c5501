"""Every kind of bad data file ends in one line that says what, where and what to do."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.data.guess import guess_dataset
from pipeline.frame.errors import DataError
from tests.commands import refusal
from tests.data.sources import dataset
from tests.guard import PATIENCE
from tests.tiny import TINY

GOOD = b"text,label\na,x\nb,y\nc,x\nd,y\ne,x\nf,y\ng,x\nh,y\n"
BY_COLUMN = {"split": {"by": "column", "column": "split", "train": "train", "test": "test"}}
TO_100 = "".join(f"t{i},c{i}\n" for i in range(100)).encode()


def line(label: str, text: str = "t") -> bytes:
    return f"{text},{label}\n".encode()


def csv_with(*rows: bytes) -> bytes:
    """Return good records, then `rows`; these begin at line 10."""
    return GOOD + b"".join(rows)


# name: (bytes, keys of the config, what the line must say)
CSV: dict[str, tuple[bytes, dict[str, Any], list[str]]] = {
    "empty file": (b"", {}, ["is empty"]),
    "header only": (b"text,label\n", {}, ["no records"]),
    "first line blank": (b"\n" + GOOD, {}, [":1:", "blank"]),
    "blank line inside": (csv_with(b"\n", line("x")), {}, [":10:", "blank"]),
    "column missing": (GOOD, {"label_column": "lable"}, ["'lable'", "did you mean 'label'"]),
    "space in a header": (b"text, label\na,x\n", {}, ["no column 'label'", "' label'"]),
    "text column missing": (GOOD, {"text_columns": ["title", "text"]}, ["'title'"]),
    "wrong delimiter": (b"text;label\na;x\nb;y\n", {}, ["dataset.delimiter", '";"']),
    "tab for comma": (b"text\tlabel\na\tx\n", {}, ["dataset.delimiter", '"\\t"']),
    "duplicate column": (b"text,text,label\na,b,x\n", {}, [":1:", "'text' occurs twice"]),
    "blank label": (csv_with(line("")), {}, [":10:", "'label'", "''", "blank"]),
    "white label": (csv_with(line("  ")), {}, [":10:", "'label'", "'  '", "blank"]),
    "fraction": (csv_with(line("0.5")), {}, [":10:", "'0.5'", "fraction"]),
    "only fractions": (b"text,label\na,0.5\nb,1.5\n", {}, [":2:", "'0.5'", "fraction"]),
    "name among numbers": (b"text,label\na,0\nb,1\nc,pos\n", {}, [":4:", "'pos'"]),
    "no label marked by -1": (b"text,label\na,0\nb,1\nc,-1\n", {}, [":4:", "'-1'"]),
    "one class": (b"text,label\na,x\nb,x\n", {}, [":2:", "'x'", "2 classes"]),
    "ids as labels": (b"text,label\n" + TO_100, {}, ["100 different labels", "too many"]),
    "labels that differ by case": (csv_with(line("X")), {}, [":10:", "'X'", "'x'"]),
    "labels that differ by space": (csv_with(line("x ")), {}, [":10:", "'x '", "'x'"]),
    "label not declared": (GOOD, {"classes": ["x", "z"]}, [":3:", "'y'", "dataset.classes"]),
    "label not in the map": (GOOD, {"classes": {"x": "A", "z": "B"}}, [":3:", "'y'"]),
    "misspelt declared label": (csv_with(line("positve")), {"classes": ["x", "y", "positive"]},
                                [":10:", "'positve'", "did you mean 'positive'"]),
    "gap in numbers": (b"text,label\na,0\nb,2\n", {"classes": ["A", "B", "C"]},
                       [":3:", "0, 2", "3 names"]),
    "fewer names than numbers": (b"text,label\na,1\nb,2\nc,3\n", {"classes": ["A", "B"]},
                                 [":4:", "1, 2, 3"]),
    "unquoted comma": (csv_with(b"well, yes,x\n"), {}, [":10:", "3 fields", "2 columns"]),
    "missing field": (csv_with(b"alone\n"), {}, [":10:", "1 fields", "'label' is missing"]),
    "open quote": (csv_with(b'"never closed,x\nmore,y\n'), {}, [":10:", "quote"]),
    "text after a quote": (csv_with(b'"a" b,x\n'), {}, [":10:", "quote"]),
    "latin-1": (csv_with(b"caf\xe9,x\n"), {}, [":10:", "utf-8", "dataset.encoding"]),
    "utf-16": ("text,label\na,x\n".encode("utf-16"), {}, [":1:", "utf-16"]),
    "cut utf-16": ("text,label\na,x\n".encode("utf-16")[:-1], {"encoding": "utf-16"}, ["utf-16"]),
    "surrogates as utf-8": (csv_with(b"\xed\xa0\x80,x\n"), {}, [":10:", "utf-8"]),
    "cut character": (csv_with(b"a\xf0\x9f\x98,x\n"), {}, [":10:", "utf-8"]),
    "parquet": (b"PAR1....PAR1", {}, ["Parquet", "dataset.source"]),
    "spreadsheet": (b"PK\x03\x04....", {}, ["spreadsheet"]),
    "bzip2": (b"BZh91AY", {}, ["bzip2"]),
    "cut gzip": (gzip.compress(GOOD * 99)[:-20], {}, ["damaged gzip"]),
    "flipped gzip": (gzip.compress(GOOD)[:-6] + b"xxxxxx", {}, ["damaged gzip"]),
    "drawn test split empty": (b"text,label\na,x\nb,y\n", {}, ["no test examples"]),
    "split column missing": (GOOD, BY_COLUMN, ["'split'"]),
    "unknown split": (b"text,label,split\na,x,train\nb,y,dev\n", BY_COLUMN, [":3:", "'dev'"]),
    "blank split": (b"text,label,split\na,x,train\nb,y,\n", BY_COLUMN, [":3:", "''"]),
    "no test rows": (b"text,label,split\na,x,train\nb,y,train\n", BY_COLUMN, ["no test examples"]),
    "id twice": (b"text,label,n\na,x,7\nb,y,7\n", {"id_column": "n"}, [":3:", "'7'", ":2"]),
    "blank id": (b"text,label,n\na,x,7\nb,y,\n", {"id_column": "n"}, [":3:", "'n'", "blank"]),
    "columns declared short": (GOOD, {"columns": ["text", "label", "more"]},
                               [":1:", "2 fields", "3 columns"]),
    "control characters": (b"text,\x1b[2Jlabel\na,x\n", {}, ["'\\x1b[2Jlabel'"]),
    "long header": (b"a" * 5000 + b",label\nq,x\n", {}, ["no column 'text'", "..."]),
    "long label": (csv_with(line("0.5" + "0" * 9000)), {}, [":10:", "..."]),
    "json, not csv": (b'[{"text": "a", "label": "x"}]', {}, ["no column 'text'"]),
    "html error page": (b"<!doctype html>\n<p>404, sorry</p>\n", {}, [":1:", "no column 'text'"]),
}  # fmt: skip

JSONL: dict[str, tuple[bytes, dict[str, Any], list[str]]] = {
    "empty": (b"", {}, ["is empty"]),
    "white space only": (b"\n \n", {}, ["no records"]),
    "no json": (b'{"text": "a", "label": 1}\n{"text": "b", "label": \n', {}, [":2:", "not JSON"]),
    "cut": (b'{"text": "a", "label": 1}\n{"text": "b', {}, [":2:", "not JSON"]),
    "one array": (b'[{"text": "a", "label": 1}]\n', {}, [":1:", "a JSON array", "jq -c '.[]'"]),
    "an indented array": (b'[\n  {"text": "a", "label": 1}\n]\n', {}, [":1:", "a JSON array"]),
    "a list below": (b'{"text": "a", "label": 1}\n["b", 2]\n', {}, [":2:", "is a list"]),
    "a number": (b"7\n", {}, [":1:", "'7'", "not an object"]),
    "blank line inside": (b'{"text": "a", "label": 1}\n\n{"text": "b", "label": 2}\n', {},
                          [":2:", "blank"]),
    "key missing": (b'{"text": "a", "label": 1}\n{"txt": "b", "label": 2}\n', {},
                    [":2:", "'text'", "did you mean 'txt'"]),
    "key twice": (b'{"text": "a", "text": "b", "label": 1}\n', {}, [":1:", "'text'", "twice"]),
    "text null": (b'{"text": null, "label": 1}\n', {}, [":1:", "'text'", "null"]),
    "label null": (b'{"text": "a", "label": null}\n', {}, [":1:", "'label'", "null"]),
    "text a list": (b'{"text": ["a"], "label": 1}\n', {}, [":1:", "'text'", "list"]),
    "label an object": (b'{"text": "a", "label": {"k": 1}}\n', {}, [":1:", "'label'", "dict"]),
    "half a surrogate": (b'{"text": "\\ud800", "label": 1}\n', {}, [":1:", "surrogate"]),
    "NaN": (b'{"text": "a", "label": NaN}\n', {}, [":1:", "NaN"]),
    "latin-1": (b'{"text": "a", "label": 1}\n{"text": "\xe9", "label": 2}\n', {},
                [":2:", "is not utf-8; save it as UTF-8"]),
    "nested deeply": (b'{"text": ' + b"[" * 100_000, {}, [":1:", "nested"]),
}  # fmt: skip

TABLES: dict[str, tuple[Any, dict[str, Any], list[str]]] = {
    "null text": ({"text": ["a", None], "label": [0, 1]}, {}, ["row 1", "'text'", "null"]),
    "null label": ({"text": ["a", "b"], "label": [0, None]}, {}, ["row 1", "'label'", "null"]),
    "lists": ({"text": [["a"], ["b"]], "label": [0, 1]}, {}, ["'text'", "list"]),
    "bytes": ({"text": [b"a", b"b"], "label": [0, 1]}, {}, ["'text'", "binary"]),
    "no rows": ({"text": pa.array([], pa.string()), "label": pa.array([], pa.int64())}, {},
                ["no records"]),
    "column missing": ({"text": ["a"], "lable": [0]}, {}, ["'label'", "did you mean 'lable'"]),
    "fraction": ({"text": ["a", "b"], "label": [0.0, 0.5]}, {}, ["row 1", "'0.5'"]),
    "no label": ({"text": ["a", "b", "c"], "label": [0, 1, -1]}, {}, ["row 2", "'-1'"]),
}  # fmt: skip


@pytest.fixture
def error_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Any], str]:
    """A function that returns the one line the first stage ends with for a `dataset` section."""

    def run(section: Any) -> str:
        results = tmp_path_factory.mktemp("results")
        given = f"dataset={json.dumps(section.model_dump())}"
        arguments = ["--config", str(TINY), "--results", str(results), "--set", given]
        line = refusal(monkeypatch, capsys, 3, *arguments)
        assert [path.name for path in results.rglob("*") if path.is_file()] == [".lock"]
        return line

    return run


def check_line(text: str, path: Path, says: list[str]) -> None:
    assert str(path)[-60:] in text
    assert ";" in text or "delete" in text, f"no remedy in {text}"
    for words in says:
        assert words in text


@pytest.mark.parametrize("case", CSV)
def test_bad_csv(case: str, tmp_path: Path, error_line: Any) -> None:
    content, keys, says = CSV[case]
    path = tmp_path / "reviews.csv"
    path.write_bytes(content)
    check_line(error_line(dataset("csv", path, **keys)), path, says)


@pytest.mark.parametrize("case", JSONL)
def test_bad_jsonl(case: str, tmp_path: Path, error_line: Any) -> None:
    content, keys, says = JSONL[case]
    path = tmp_path / "reviews.jsonl"
    path.write_bytes(content)
    check_line(error_line(dataset("jsonl", path, **keys)), path, says)


@pytest.mark.parametrize("case", TABLES)
def test_bad_parquet(case: str, tmp_path: Path, error_line: Any) -> None:
    columns, keys, says = TABLES[case]
    path = tmp_path / "reviews.parquet"
    pq.write_table(pa.table(columns), path)
    check_line(error_line(dataset("parquet", path, **keys)), path, says)


@pytest.mark.parametrize("kept", [0, 1, 4, 100, -1])
def test_truncated_parquet(kept: int, tmp_path: Path, error_line: Any) -> None:
    path = tmp_path / "reviews.parquet"
    pq.write_table(pa.table({"text": ["a", "b"], "label": [0, 1]}), path)
    path.write_bytes(path.read_bytes()[:kept])
    check_line(error_line(dataset("parquet", path)), path, [])


def test_a_column_name_that_is_no_text(tmp_path: Path, error_line: Any) -> None:
    path = tmp_path / "reviews.parquet"
    table = pa.table({"text": ["a", "b"], "label": [0, 1], "remark": ["", ""]})
    pq.write_table(table, path, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"remark", b"re\xff\xffrk"))
    check_line(error_line(dataset("parquet", path)), path, ["damaged Parquet"])
    with pytest.raises(DataError, match="damaged"):
        guess_dataset(path)


@pytest.mark.parametrize("source", ["csv", "jsonl", "parquet"])
def test_no_file(source: str, tmp_path: Path, error_line: Any) -> None:
    (tmp_path / "reviews.data").touch()
    path = tmp_path / "review.data"
    check_line(error_line(dataset(source, path)), path, ["no such file", "reviews.data"])
    check_line(error_line(dataset(source, tmp_path)), tmp_path, ["is a folder"])


def test_a_name_that_promises_gzip(tmp_path: Path, error_line: Any) -> None:
    path = tmp_path / "reviews.csv.gz"
    path.write_bytes(GOOD)
    check_line(error_line(dataset("csv", path)), path, ["not gzip"])


def test_test_file_with_other_columns(tmp_path: Path, error_line: Any) -> None:
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    train.write_bytes(GOOD)
    test.write_bytes(b"txt,label\na,x\n")
    section = dataset("csv", train, split={"by": "file", "test_path": str(test)})
    check_line(error_line(section), test, ["'text'", "'txt'"])


def test_bad_label_in_the_test_file_is_placed_there(tmp_path: Path, error_line: Any) -> None:
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    train.write_bytes(GOOD)
    test.write_bytes(b"text,label\na,x\nb,\n")
    section = dataset("csv", train, split={"by": "file", "test_path": str(test)})
    check_line(error_line(section), test, ["test.csv:3:", "blank"])


MANY: dict[str, tuple[bytes, dict[str, Any], str]] = {
    "blank labels": (csv_with(line(""), line(" "), line("")), {}, "blank (and 2 more rows);"),
    "undeclared": (GOOD + line("z"), {"classes": ["x", "w"]}, "dataset.classes (and 4 more rows);"),
    "not in the map": (GOOD, {"classes": {"x": "A", "z": "B"}},
                       "dataset.classes (and 3 more rows);"),
    "fractions": (csv_with(line("0.5"), line("1.5")), {}, "fraction (and 1 more row);"),
    "names among numbers": (b"text,label\na,0\nb,1\nc,pos\nd,neg\n", {},
                            "others are (and 1 more row);"),
    "marked by -1": (b"text,label\na,0\nb,1\nc,-1\nd,-1\n", {}, "no label (and 1 more row);"),
    "unknown splits": (b"text,label,split\na,x,train\nb,y,dev\nc,y,eval\n", BY_COLUMN,
                       "nor 'test' (and 1 more row);"),
    "ids twice": (b"text,label,n\na,x,7\nb,y,7\nc,x,8\nd,x,8\n", {"id_column": "n"},
                  ":2 (and 1 more row);"),
    "blank ids": (b"text,label,n\na,x,\nb,y,\n", {"id_column": "n"}, "blank (and 1 more row);"),
}  # fmt: skip


@pytest.mark.parametrize("case", MANY)
def test_rows_with_the_same_fault_are_counted(case: str, tmp_path: Path, error_line: Any) -> None:
    content, keys, says = MANY[case]
    path = tmp_path / "reviews.csv"
    path.write_bytes(content)
    check_line(error_line(dataset("csv", path, **keys)), path, [says])


FOLDERS: dict[str, tuple[dict[str, bytes], dict[str, Any], list[str]]] = {
    "no folder": ({}, {}, ["is not a folder"]),
    "no class folders": ({"train/a.txt": b"a"}, {}, ["has 0 folders"]),
    "files that are data sets": (
        {"train/b.jsonl": b"{}", "train/a.csv.gz": b"a", "train/readme.md": b"a"}, {},
        ["has 0 folders", "it holds 'a.csv.gz', 'b.jsonl'; name one of them"]),
    "one class": ({"train/neg/a.txt": b"a"}, {}, ["has 1 folders", "2 classes"]),
    "no test": ({"train/neg/a.txt": b"a", "train/pos/a.txt": b"b"}, {}, ["test", "no such class"]),
    "class missing in test": (
        {"train/neg/a.txt": b"a", "train/pos/a.txt": b"b", "test/neg/a.txt": b"c"},
        {}, ["test/pos", "no such class"]),
    "not utf-8": (
        {f"{split}/{name}/a.txt": b"\xe9" for split in ("train", "test") for name in "np"},
        {}, ["train/n/a.txt:1", "utf-8"]),
}  # fmt: skip


@pytest.mark.parametrize("case", FOLDERS)
def test_bad_folder(case: str, tmp_path: Path, error_line: Any) -> None:
    files, keys, says = FOLDERS[case]
    root = tmp_path / "reviews"
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    check_line(error_line(dataset("folder", root, **keys)), Path("reviews"), says)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "holds neither"),
        ({"dataset_dict.json": b"{"}, "cannot be read"),
        ({"train.parquet": b"PAR1"}, "damaged"),
        ({"dataset_dict.json": b'{"splits": ["train"]}'}, "cannot be read"),
    ],
)
def test_bad_saved_folder(
    files: dict[str, bytes], says: str, tmp_path: Path, error_line: Any
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    check_line(error_line(dataset("huggingface", tmp_path)), Path(tmp_path.name), [says])


def test_saved_folder_without_the_split(tmp_path: Path, error_line: Any) -> None:
    pq.write_table(pa.table({"text": ["a", "b"], "label": [0, 1]}), tmp_path / "train.parquet")
    check_line(
        error_line(dataset("huggingface", tmp_path)), Path(tmp_path.name), ["no split 'test'"]
    )


@pytest.mark.parametrize("content", [csv_with(line("0.5")), csv_with(b"caf\xe9,x\n")])
def test_command_line(content: bytes, tmp_path: Path) -> None:
    """The stage as a user runs it: exit code 3, one line on stderr, nothing else."""
    path = tmp_path / "reviews.csv"
    path.write_bytes(content)
    section = json.dumps(dataset("csv", path).model_dump())
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.prepare", "--config", "configs/sample.yaml",
         "--results", str(tmp_path / "results"), "--set", f"dataset={section}"],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ")
    assert ":10:" in done.stderr


def test_enough_cases() -> None:
    assert len(CSV) + len(JSONL) + len(TABLES) + len(FOLDERS) >= 60
