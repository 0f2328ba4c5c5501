"""The columns of a file of which nothing is known yet, and the names that columns often have."""

import csv
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.data.files import UTF16_MARKS, decode, open_bytes
from pipeline.frame.errors import DataError
from pipeline.frame.messages import short

DELIMITERS = (",", ";", "\t", "|")
LABEL_NAMES = (
    *("label", "labels", "class", "class_index", "class_name", "category", "target"),
    *("sentiment", "intent", "topic", "emotion", "genre", "tag"),
    *("department", "queue", "type", "kind", "y"),  # names of other things, too
)
TEXT_NAMES = {"title", "headline", "subject", "text", "review", "description", "body", "content"}
TEXT_NAMES |= {"sentence", "comment", "message", "tweet", "document", "abstract", "question"}
ID_NAMES = ("id", "uid", "guid", "key", "row_id", "doc_id", "text_id", "review_id", "example_id")
SPLIT_NAMES = ("split", "set", "subset", "partition", "fold")
SAMPLED = 5000  # records that tell the delimiter
Columns = dict[str, Sequence[str]]


def columns_of_csv(path: Path) -> tuple[dict[str, Any], Columns]:
    """Return what a config says of the form of a CSV file, and its columns."""
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
    repeated = [
        name
        for place, name in enumerate(first)
        if sum(row[place] == name for row in rest if len(row) > place) > 1
    ]
    if any(name.strip().lower() in known and name not in repeated for name in first):
        return True
    return not repeated and all(len(name) <= 40 for name in first)


def columns_of_jsonl(path: Path) -> tuple[Columns, list[str]]:
    """Return the columns, and the names of those whose values are nested."""
    from pipeline.data.records import read_jsonl

    with open_bytes(path) as file:
        first = file.readline().removeprefix(b"\xef\xbb\xbf")
    try:
        record = json.loads(first)
        nested = [name for name, value in record.items() if isinstance(value, list | dict)]
        names = [name for name in record if name not in nested]
    except (ValueError, AttributeError, RecursionError):
        names, nested = [], []
    # A first line that is not an object is told by the strict reader.
    return read_jsonl(path, names or nested or ["text"]).columns, nested


def columns_of_parquet(path: Path) -> tuple[Columns, list[str]]:
    """Return the columns of texts and whole numbers, and the names of nested ones."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from pipeline.data.columnar import read_parquet

    try:
        names, nested = column_names(pq.read_schema(path))
    except (pa.ArrowException, OSError):
        names, nested = [], []
    return read_parquet(path, names or nested or ["text"]).columns, nested


def column_names(schema: Any) -> tuple[list[str], list[str]]:
    """Return the columns of texts and whole numbers, and those whose values are nested."""
    import pyarrow as pa

    simple = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer)
    names = [item.name for item in schema if any(kind(item.type) for kind in simple)]
    return names, [item.name for item in schema if pa.types.is_nested(item.type)]
