"""Every file under results/<run>/: its name, its load and save, atomic writes and hashes.

The formats are a contract and are described in results/README.md.
"""

import contextlib
import csv
import hashlib
import io
import itertools
import json
import os
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import ArtifactError, ResourceError

RECORD = "stage.json"
TEMPORARY = ".tmp-"
SCOPES = ("all", "train", "test")
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
)
DATA_ISSUE_COLUMNS = ("issue", "group", "row", "id", "split", "given_label", "score", "text")
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Run:
    """The results folder of one run."""

    folder: Path

    def stage(self, name: str) -> Path:
        return self.folder / name

    @property
    def examples(self) -> Path:
        return self.folder / "prepare" / "examples.parquet"

    @property
    def dataset(self) -> Path:
        return self.folder / "prepare" / "dataset.json"

    @property
    def truth(self) -> Path:
        return self.folder / "prepare" / "truth.parquet"

    @property
    def text_groups(self) -> Path:
        return self.folder / "prepare" / "text_groups.npy"

    @property
    def corrections(self) -> Path:
        return self.folder / "prepare" / "corrections.parquet"

    def tokens(self, scope: str) -> Path:
        return self.folder / "vectorize" / f"{scope}.npy"

    def inputs(self, scope: str, kind: str) -> Path:
        """What the classifier gets: token ids, sparse counts or texts."""
        suffix = {"tokens": "npy", "counts": "npz", "texts": "parquet"}[kind]
        return self.folder / "vectorize" / f"{scope}.{suffix}"

    def vocabulary(self, scope: str) -> Path:
        return self.folder / "vectorize" / f"vocabulary_{scope}.json"

    def fold(self, scope: str, fold: int) -> Path:
        return self.folder / "crossval" / scope / f"fold_{fold:02d}.npz"

    def pred_probs(self, scope: str) -> Path:
        return self.folder / "crossval" / f"pred_probs_{scope}.npy"

    @property
    def document_vectors(self) -> Path:
        return self.folder / "crossval" / "document_vectors.npy"

    @property
    def crossval_metrics(self) -> Path:
        return self.folder / "crossval" / "metrics.json"

    def issues(self, scope: str) -> Path:
        return self.folder / "find_issues" / f"issues_{scope}.csv"

    @property
    def health(self) -> Path:
        return self.folder / "find_issues" / "health.json"

    @property
    def data_issues(self) -> Path:
        return self.folder / "find_issues" / "data_issues.csv"

    def linear_model(self, name: str) -> Path:
        return self.folder / "cleanlearn" / f"{name}.npz"

    def keras_model(self, name: str) -> Path:
        return self.folder / "cleanlearn" / f"{name}.keras"

    @property
    def test_pred_probs(self) -> Path:
        return self.folder / "cleanlearn" / "test_pred_probs.npz"

    @property
    def cleanlearn_metrics(self) -> Path:
        return self.folder / "cleanlearn" / "metrics.json"

    @property
    def metrics(self) -> Path:
        return self.folder / "evaluate" / "metrics.json"

    @property
    def study(self) -> Path:
        return self.folder / "study"

    @property
    def metrics_before(self) -> Path:
        return self.folder / "before_corrections.json"

    @property
    def report(self) -> Path:
        return self.folder / "evaluate" / "report.html"


# --- writing and reading -------------------------------------------------------------------


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file that becomes `path` only when all of it is on disk.

    Raises:
        ResourceError: no space left, or the folder cannot be written.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f"{TEMPORARY}{path.name}-", delete=False
        ) as file:
            temporary = Path(file.name)
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        _remove(temporary)
        raise ResourceError(f"{path}: cannot be written: {error.strerror or error}") from error
    except BaseException:
        _remove(temporary)
        raise


def _remove(path: Path | None) -> None:
    if path is not None:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make a rename or a new file in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep_temporary(folder: Path) -> None:
    """Remove what a killed run left half-written under `folder`."""
    for path in folder.rglob(f"{TEMPORARY}*"):
        path.unlink(missing_ok=True)


def sha256_file(path: Path) -> str:
    """Return "sha256:<hex>" of the bytes of `path`."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


# Found by flipping bytes: NumPy parses a header as Python, zipfile knows encryption.
UNREADABLE = (
    OSError, ValueError, TypeError, EOFError, KeyError, SyntaxError, RuntimeError,
    tokenize.TokenError, zlib.error, zipfile.BadZipFile, pa.ArrowException, csv.Error,
)  # fmt: skip


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise ArtifactError(f"{path}: is missing; run `make {path.parent.name}`") from None
    except UNREADABLE:
        raise ArtifactError(
            f"{path}: cannot be read, it is damaged; delete it and run the same command again"
        ) from None


def json_bytes(value: Any) -> bytes:
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode()


def save_json(path: Path, value: Any) -> None:
    data = json_bytes(value)
    with atomic_write(path) as file:
        file.write(data)


def load_json(path: Path) -> Any:
    with _reading(path):
        return json.loads(path.read_text(encoding="utf-8"))


def save_array(path: Path, array: np.ndarray) -> None:
    with atomic_write(path) as file:
        np.save(file, array, allow_pickle=False)


def load_array(path: Path, *, mapped: bool = False) -> np.ndarray:
    """Return the array in `path`; `mapped` leaves it on disk until it is read."""
    with _reading(path):
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
    with _reading(path), path.open("rb") as file:
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


def table_batches(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a table in order, ROW_GROUP of them at a time."""
    with _reading(path), pq.ParquetFile(path) as file:
        yield from file.iter_batches(ROW_GROUP, columns=columns)


def iterate_texts(path: Path) -> Iterator[str]:
    """Yield the column `text` of a table."""
    for batch in table_batches(path, ["text"]):
        yield from batch.column("text").to_pylist()


def load_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    with _reading(path):
        return pq.read_table(path, columns=columns)


def column_bytes(path: Path, column: str) -> tuple[int, int]:
    """Return the size of a table's column, packed in the file and unpacked, without reading it."""
    with _reading(path), pq.ParquetFile(path) as file:
        place = file.schema_arrow.get_field_index(column)
        groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
        chunks = [group.column(place) for group in groups]
        packed = sum(chunk.total_compressed_size for chunk in chunks)
        return packed, sum(chunk.total_uncompressed_size for chunk in chunks)


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
    with _reading(path), path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, strict=True)
        if tuple(next(reader, ())) != ISSUE_COLUMNS:
            raise ArtifactError(f"{path}: has other columns than {', '.join(ISSUE_COLUMNS)}")
        for values in reader:
            yield dict(zip(ISSUE_COLUMNS, values, strict=True))


# --- what the stages share -----------------------------------------------------------------


@dataclass(frozen=True)
class Labels:
    """The labels of all examples, in row order.

    given: (n,) class indices. is_train: (n,) whether the example is in the training split.
    """

    given: np.ndarray
    is_train: np.ndarray

    def rows(self, scope: str) -> np.ndarray:
        """Return the row numbers of `scope`: all, train or test."""
        if scope == "all":
            return np.arange(len(self.given))
        return np.flatnonzero(self.is_train == (scope == "train"))

    def fitted(self, scope: str) -> np.ndarray:
        """Return the labels the models of `scope` are fitted on; those of test on train."""
        labels: np.ndarray = self.given[self.rows("train" if scope == "test" else scope)]
        return labels


def load_labels(run: Run) -> Labels:
    table = load_table(run.examples, ["split", "label"])
    is_train = pc.equal(table.column("split"), "train")
    return Labels(table.column("label").to_numpy(), is_train.to_numpy())


def load_class_names(run: Run) -> list[str]:
    names: list[str] = load_json(run.dataset)["class_names"]
    return names
