"""Every kind of file under results/: its load and its save.

The formats are a contract and are described in results/README.md.
"""

import contextlib
import csv
import io
import itertools
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.frame.errors import ArtifactError
from pipeline.frame.files import atomic_write, reading

ROW_GROUP = 8192  # examples: what is read and written at a time
EXAMPLES_SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("id", pa.string()),
        ("split", pa.string()),
        ("label", pa.int32()),
        ("text", pa.string()),
    ]
)
ISSUE_COLUMNS = (
    "rank",
    "row",
    "id",
    "split",
    "given_label",
    "suggested_label",
    "self_confidence",
    "normalized_margin",
    "text",
    "probability_wrong",
)
DATA_ISSUE_COLUMNS = ("issue", "group", "row", "id", "split", "given_label", "score", "text")
Arrays = dict[str, np.ndarray]


def json_bytes(value: Any) -> bytes:
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode()


def save_json(path: Path, value: Any) -> None:
    data = json_bytes(value)
    with atomic_write(path) as file:
        file.write(data)


def load_json(path: Path) -> Any:
    with reading(path):
        return json.loads(path.read_text(encoding="utf-8"))


def save_array(path: Path, array: np.ndarray) -> None:
    with atomic_write(path) as file:
        np.save(file, array, allow_pickle=False)


def load_array(path: Path, *, mapped: bool = False) -> np.ndarray:
    """Return the array in `path`; `mapped` leaves it on disk until it is read."""
    with reading(path):
        array: np.ndarray = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
        return array


def save_arrays(path: Path, arrays: Arrays) -> None:
    """Write a zip of .npy members with fixed time stamps: same arrays, same bytes."""
    with atomic_write(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def load_arrays(path: Path, *, without: tuple[str, ...] = ()) -> Arrays:
    # Opened here: NumPy leaves a damaged file open. Checksums come before headers are believed.
    with reading(path), path.open("rb") as file:
        with zipfile.ZipFile(file) as archive:
            if broken := archive.testzip():
                raise zipfile.BadZipFile(broken)
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files if name not in without}


def save_table(path: Path, table: pa.Table) -> None:
    with atomic_write(path) as file:
        pq.write_table(table, file, compression="zstd")


@contextlib.contextmanager
def table_writer(path: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """Yield a writer of record batches, each a row group; `path` appears when all are written."""
    with (
        atomic_write(path) as file,
        pq.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        yield writer


def table_batches(path: Path, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a table in order, ROW_GROUP of them at a time; None: every column."""
    with reading(path), pq.ParquetFile(path) as file:
        yield from file.iter_batches(ROW_GROUP, columns=columns)


def iterate_texts(path: Path) -> Iterator[str]:
    """Yield the column `text` of a table."""
    for batch in table_batches(path, ["text"]):
        yield from batch.column("text").to_pylist()


def load_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    with reading(path):
        return pq.read_table(path, columns=columns)


def save_issues(
    path: Path, rows: Iterator[tuple[Any, ...]], columns: tuple[str, ...] = ISSUE_COLUMNS
) -> None:
    """Write issues as CSV with every field quoted; a text comes back exactly as it was."""
    with atomic_write(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
        text.flush()
        text.detach()


def load_issues(path: Path, limit: int | None = None) -> list[dict[str, str]]:
    """Return the first `limit` issues in `path` in rank order, all values as text."""
    return list(itertools.islice(read_issues(path), limit))


def load_issue_rows(path: Path) -> np.ndarray:
    """Return the row numbers of the issues in `path`, in rank order."""
    return np.fromiter((int(issue["row"]) for issue in read_issues(path)), np.int64)


def read_issues(path: Path) -> Iterator[dict[str, str]]:
    """Yield the issues in `path` one by one, all values as text."""
    csv.field_size_limit(2**31 - 1)
    with reading(path), path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, strict=True)
        if tuple(next(reader, ())) != ISSUE_COLUMNS:
            raise ArtifactError(f"{path}: has other columns than {', '.join(ISSUE_COLUMNS)}")
        for values in reader:
            yield dict(zip(ISSUE_COLUMNS, values, strict=True))
