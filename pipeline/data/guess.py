"""What a file of labelled texts looks like: its columns, labels and splits, guessed."""

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.data.files import UTF16_MARKS, decode, open_bytes, short, shown
from pipeline.errors import DataError

DELIMITERS = (",", ";", "\t", "|")
LABEL_NAMES = ("label", "labels", "class", "class_index", "category", "target", "sentiment", "y")
TEXT_NAMES = {"title", "headline", "subject", "text", "review", "description", "body", "content"}
TEXT_NAMES |= {"sentence", "comment", "message", "tweet", "document", "abstract", "question"}
ID_NAMES = ("id", "uid", "guid", "key", "row_id", "doc_id", "text_id", "review_id", "example_id")
SPLIT_NAMES = ("split", "set", "subset", "partition", "fold")
TEST_NAMES = ("test", "testing", "validation", "valid", "dev", "eval")
SAMPLED = 5000  # records that tell the delimiter
FEW_WORDS, SOME_WORDS = 3.0, 5.0  # on average, in a column of texts
Columns = dict[str, Sequence[str]]


@dataclass
class Guess:
    """A `dataset` section, and in words why it is so."""

    section: dict[str, Any]
    reasons: dict[str, str] = field(default_factory=dict)


def guess_dataset(path: Path) -> Guess:
    """Return the `dataset` section that fits `path` best.

    Raises:
        DataError: nothing there, or no column looks like a label beside a text.
    """
    if path.is_dir():
        return guess_folder(path)
    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".jsonl", ".ndjson", ".json")):
        return _guess_columns(path, {"source": "jsonl"}, _sample_jsonl(path))
    if name.endswith((".parquet", ".pq")):
        return _guess_columns(path, {"source": "parquet"}, _sample_parquet(path))
    section, columns = _sample_csv(path)
    return _guess_columns(path, section, columns)


# --- looking at records ---------------------------------------------------------------------


def _sample_csv(path: Path) -> tuple[dict[str, Any], Columns]:
    with open_bytes(path) as file:
        data = file.read()
    encoding = guess_encoding(data)
    text = decode(data, path, encoding).removeprefix("\ufeff")
    delimiter = guess_delimiter(text)
    records = _records(text, delimiter, len(text))
    if len(records) < 2 or len(records[0]) < 2:
        raise DataError(
            f"{short(path)}: neither comma, semicolon, tab nor | gives two columns; name a "
            "CSV, TSV, JSONL or Parquet file, or a folder"
        )
    header = has_header(records)
    names = records[0] if header else [f"column_{n + 1}" for n in range(len(records[0]))]
    rows = [row for row in records[header:] if len(row) == len(names)]
    section = {
        "source": "csv",
        "columns": None if header else names,
        "delimiter": delimiter,
        "encoding": encoding,
    }
    return section, {name: [row[place] for row in rows] for place, name in enumerate(names)}


def guess_encoding(data: bytes) -> str:
    """Return utf-8 if the bytes are that, utf-16 by its mark, else cp1252 or latin-1."""
    if data[:2] in UTF16_MARKS:
        return "utf-16"
    for encoding in ("utf-8", "cp1252"):
        try:
            data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"


def guess_delimiter(text: str) -> str:
    """Return the delimiter that gives most records the same number of columns, two or more."""

    def agreement(delimiter: str) -> tuple[float, int]:
        widths = [len(record) for record in _records(text, delimiter)]
        width = max(set(widths), key=widths.count, default=0)
        return (widths.count(width) / len(widths) if width > 1 else 0.0, width)

    return max(DELIMITERS, key=agreement)


def _records(text: str, delimiter: str, most: int = SAMPLED) -> list[list[str]]:
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    found: list[list[str]] = []
    for record in reader:
        if record:
            found.append(record)
        if len(found) > most:
            break
    return found


def has_header(records: list[list[str]]) -> bool:
    """Return whether the first record names columns: short, distinct, no number, no value."""
    first, rest = records[0], records[1:]
    if len(set(first)) < len(first) or any(not name.strip() for name in first):
        return False
    if any(re.fullmatch(r"-?\d+(\.\d+)?", name) for name in first):
        return False
    known = {*LABEL_NAMES, *TEXT_NAMES, *ID_NAMES, *SPLIT_NAMES}
    if any(name.strip().lower() in known for name in first):
        return True
    repeated = any(
        sum(row[place] == name for row in rest if len(row) > place) > 1
        for place, name in enumerate(first)
    )
    return not repeated and all(len(name) <= 40 for name in first)


def _sample_jsonl(path: Path) -> Columns:
    from pipeline.data.records import read_jsonl

    with open_bytes(path) as file:
        first = file.readline().removeprefix(b"\xef\xbb\xbf")
    try:
        record = json.loads(first)
        names = [name for name, value in record.items() if not isinstance(value, list | dict)]
    except (ValueError, AttributeError, RecursionError):
        names = []
    # A first line that is no object is told by the strict reader.
    return read_jsonl(path, names or ["text"]).columns


def _sample_parquet(path: Path) -> Columns:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from pipeline.data.records import read_parquet

    simple = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer)
    try:
        schema = pq.read_schema(path)
        names = [item.name for item in schema if any(kind(item.type) for kind in simple)]
    except (pa.ArrowException, OSError):
        names = []
    return read_parquet(path, names or ["text"]).columns


# --- deciding -------------------------------------------------------------------------------


def _guess_columns(path: Path, section: dict[str, Any], columns: Columns) -> Guess:
    label = guess_label(columns)
    texts = guess_texts(columns, taken=label)
    if label is None or not texts:
        raise DataError(
            f"{short(path)}: no column looks like a label beside a text (columns: "
            f"{', '.join(shown(name, 20) for name in list(columns)[:6])}); copy configs/imdb.yaml "
            "and write the dataset section yourself"
        )
    split, why = guess_split(path, columns, taken=[label, *texts])
    id_column = guess_id(columns, taken=[label, *texts])
    guess = Guess({"source": section["source"], "path": str(path), **section})
    guess.section |= {
        "text_columns": texts,
        "label_column": label,
        "id_column": id_column,
        "classes": None,
        "split": split,
    }
    found = sorted(set(columns[label]))
    guess.reasons = {
        "label_column": f"{len(found)} different: {', '.join(map(shown, found[:6]))}",
        "split": why,
        "columns": "of: " + ", ".join(shown(name, 30) for name in list(columns)[:10]),
    }
    return guess


def guess_label(columns: Columns) -> str | None:
    """Return the column with a usual name, else the one with the fewest different values."""
    candidates = {
        name: len(set(values))
        for name, values in columns.items()
        if 1 < len(set(values)) <= max(10, len(values) ** 0.5)
    }
    usual = [name for known in LABEL_NAMES for name in candidates if name.strip().lower() == known]
    unlikely = {*SPLIT_NAMES, *ID_NAMES}
    others = [name for name in candidates if name.strip().lower() not in unlikely]
    return usual[0] if usual else min(others, key=lambda name: candidates[name], default=None)


def guess_texts(columns: Columns, *, taken: str | None) -> list[str]:
    """Return the columns with usual names, else those with some words, else the longest."""
    words = {
        name: sum(len(value.split()) for value in values) / max(len(values), 1)
        for name, values in columns.items()
        if name != taken
    }
    usual = [
        name for name in words if name.strip().lower() in TEXT_NAMES and words[name] >= FEW_WORDS
    ]
    if usual:
        return usual
    if wordy := [name for name in words if words[name] >= SOME_WORDS]:
        return wordy
    longest = max(words, key=lambda name: words[name], default=None)
    return [longest] if longest is not None and words[longest] > 1 else []


def guess_id(columns: Columns, *, taken: list[str]) -> str | None:
    """Return the column that is named like an id and never repeats."""
    for name, values in columns.items():
        if name not in taken and name.strip().lower() in ID_NAMES:
            return name if len(set(values)) == len(values) and all(values) else None
    return None


def guess_split(path: Path, columns: Columns, *, taken: list[str]) -> tuple[dict[str, Any], str]:
    """Return the `split` section and why: a column, a second file, or a drawn test split."""
    for name, values in columns.items():
        found = {value.strip().lower(): value for value in values}
        tests = [found[test] for test in TEST_NAMES if test in found]
        if name not in taken and len(found) == 2 and "train" in found and tests:
            section = {"by": "column", "column": name, "train": found["train"], "test": tests[0]}
            return section, f"column {shown(name)} says {shown('train')} or {shown(tests[0])}"
    for test in TEST_NAMES:
        other = path.with_name(re.sub("train(ing)?", test, path.name))
        if other != path and other.is_file():
            return {"by": "file", "test_path": str(other)}, f"{shown(other.name)} lies beside it"
    return {"by": "drawn", "test_fraction": 0.2}, "no column or second file says it"


def guess_folder(path: Path) -> Guess:
    """Return the section for a folder: saved by Hugging Face `datasets`, or split/class/*.txt."""
    from pipeline.data.huggingface import read_split, saved_splits

    saved = [path / "dataset_dict.json", path / "state.json", *path.glob("**/*.parquet")]
    if any(file.is_file() for file in saved):
        splits = saved_splits(path)
        first = "train" if "train" in splits else next(iter(splits))
        names = _column_names(splits[first][0])
        guess = _guess_columns(
            path, {"source": "huggingface"}, read_split(path, splits, first, names).columns
        )
        tests = [name for name in TEST_NAMES if name in splits]
        if "train" in splits and tests:
            guess.section["split"] = {"by": "name", "train": "train", "test": tests[0]}
            guess.reasons["split"] = f"it has the splits {', '.join(splits)}"
        return guess
    folders = {p.name.lower(): p.name for p in path.iterdir() if p.is_dir()}
    tests = [folders[name] for name in TEST_NAMES if name in folders]
    split: dict[str, Any] = {"by": "drawn", "test_fraction": 0.2}
    if "train" in folders and tests:
        split = {"by": "name", "train": folders["train"], "test": tests[0]}
    return Guess(
        {
            "source": "folder",
            "path": str(path),
            "split": split,
            "classes": None,
            "encoding": "utf-8",
            "strip": False,
            "order": "name",
        },
        {"split": f"it has the folders {', '.join(sorted(folders.values())[:6])}"},
    )


def _column_names(file: Path) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if file.suffix == ".parquet":
        schema = pq.read_schema(file)
    else:
        with pa.memory_map(str(file)) as source:
            schema = pa.ipc.open_stream(source).schema
    simple = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer)
    return [item.name for item in schema if any(kind(item.type) for kind in simple)]
