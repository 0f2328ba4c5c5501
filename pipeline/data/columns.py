"""The columns of a file of which nothing is known yet, and the names that columns often have."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.data.columnar import class_names_of_schema, is_simple
from pipeline.data.files import open_bytes
from pipeline.data.form import SAMPLED, Form, UnknownEncoding, guess_form, has_header
from pipeline.data.records import Written
from pipeline.data.scripts import estimate_words
from pipeline.frame.errors import DataError
from pipeline.frame.messages import short

LABEL_NAMES = (
    *("label", "labels", "class", "class_index", "class_name", "category", "target"),
    *("sentiment", "intent", "topic", "emotion", "genre", "tag"),
    *("department", "queue", "type", "kind", "y"),  # names of other things, too
)
SEVERAL_NAMES = {*LABEL_NAMES, *(f"{name}s" for name in LABEL_NAMES), "categories", "classes"}
SURE_NAMES = LABEL_NAMES[:2]  # whatever is written there
TEXT_NAMES = {"title", "headline", "subject", "text", "review", "description", "body", "content"}
TEXT_NAMES |= {"sentence", "comment", "message", "tweet", "document", "abstract", "question"}
ID_NAMES = ("id", "uid", "guid", "key", "row_id", "doc_id", "text_id", "review_id", "example_id")
SPLIT_COLUMNS = ("split", "set", "subset", "partition", "fold")
KNOWN_NAMES = {*LABEL_NAMES, *TEXT_NAMES, *ID_NAMES, *SPLIT_COLUMNS}
MOST_VALUES = 20_000  # different ones that are kept of a column; a column of classes has fewer
CHUNK = 8192  # records at a time
WORDS_OF_ID = 3  # at most, on average
NO_ENCODING = "no encoding"


@dataclass
class Column:
    """What is known of the values of a column, which are not kept.

    values: the different ones in their order, until there are more than MOST_VALUES. words: of
    the first values. repeats: whether one occurs twice; not looked for in a column of texts.
    named: whether the file names the classes of its numbers.
    """

    count: int = 0
    missing: int = 0
    values: dict[str, None] = field(default_factory=dict)
    many: bool = False
    words: int = 0
    looked_at: int = 0
    repeats: bool = False
    nested: bool = False
    named: bool = False
    _hashes: set[int] | None = field(default_factory=set)

    def take(self, values: Sequence[str | None]) -> None:
        """Look at some more values; None is a missing one."""
        found = [value for value in values if value is not None]
        self.count += len(found)
        self.missing += len(values) - len(found)
        if room := SAMPLED - self.looked_at:
            self.words += sum(estimate_words(value) for value in found[:room])
            self.looked_at += len(found[:room])
        if self.many and (self._hashes is None or self.mean_words > WORDS_OF_ID):
            self._hashes = None
            return
        new = dict.fromkeys(found)
        if not self.many:
            self.values |= new
            self.many = len(self.values) > MOST_VALUES
        if self._hashes is not None:
            hashes = {hash(value) for value in new}
            self.repeats |= len(new) < len(found) or not self._hashes.isdisjoint(hashes)
            self._hashes = None if self.repeats else self._hashes | hashes

    @property
    def different(self) -> int:
        return len(self.values)

    @property
    def mean_words(self) -> float:
        return self.words / max(self.looked_at, 1)


Columns = dict[str, Column]


def columns_of(path: Path) -> tuple[dict[str, Any], Columns, dict[str, str]]:
    """Return what a config says of the form of a file, its columns, and reasons.

    Raises:
        DataError: it cannot be read.
    """
    from pipeline.data.huggingface import batches_of, schema_of

    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".jsonl", ".ndjson", ".json")):
        return {"source": "jsonl"}, columns_of_jsonl(path), {}
    if name.endswith((".parquet", ".pq")):
        schema = schema_of(path)
        batches = batches_of(path, names_of_texts(schema))
        return {"source": "parquet"}, columns_of_arrow(schema, batches), {}
    return columns_of_csv(path)


def names_of_texts(schema: Any) -> list[str]:
    """Return the columns of an Arrow schema whose values can be read as texts."""
    return [item.name for item in schema if is_simple(item.type)]


def columns_of_csv(path: Path) -> tuple[dict[str, Any], Columns, dict[str, str]]:
    """Return what a config says of the form of a CSV file, its columns, and reasons.

    Of a file in an encoding that is not known, the reason NO_ENCODING says where that is seen; its
    columns are told by what of it is ASCII.

    Raises:
        DataError: see guess_form; or there are no two columns.
    """
    try:
        form = guess_form(path)
    except UnknownEncoding as unread:
        form = guess_form(path, encoding="latin-1")  # which reads any bytes
        section, found, reasons = _columns_of_csv(path, form)
        return section | {"encoding": "utf-8"}, found, reasons | {NO_ENCODING: str(unread)}
    return _columns_of_csv(path, form)


def _columns_of_csv(path: Path, form: Form) -> tuple[dict[str, Any], Columns, dict[str, str]]:
    with form.records(path) as records:
        sample = [record for record in islice(records, SAMPLED) if record]
    if len(sample) < 2 or len(sample[0]) < 2:
        raise DataError(
            f"{short(path)}: neither comma, semicolon, tab nor | gives two columns; name a "
            "CSV, TSV, JSONL or Parquet file, or a folder"
        )
    header = has_header(sample, KNOWN_NAMES)
    names = sample[0] if header else [f"column_{n + 1}" for n in range(len(sample[0]))]
    columns = [Column() for _ in names]
    with form.records(path) as records:
        for chunk in _chunks(record for record in records if len(record) == len(names)):
            rows = chunk[1:] if header and not columns[0].count else chunk
            for column, values in zip(columns, zip(*rows, strict=True), strict=False):
                column.take(values)
    section = {
        "source": "csv",
        "columns": None if header else names,
        "delimiter": form.delimiter,
        "quoting": form.quoting,
        "encoding": form.encoding,
    }
    found: Columns = {}
    for name, column in zip(names, columns, strict=True):
        found.setdefault(name, column)  # two of one name: the reader refuses them if they differ
    return section, found, form.reasons


def _chunks(records: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(records)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


def columns_of_jsonl(path: Path) -> Columns:
    """Return the columns: all keys that any record has.

    Lines that are not objects are left to the strict reader.
    """
    columns: Columns = {}
    count = 0
    with open_bytes(path) as file:
        for chunk in _chunks(_objects(file)):
            for name in dict.fromkeys(name for record in chunk for name in record):
                if name not in columns:
                    columns[name] = Column(missing=count)
            count += len(chunk)
            for name, column in columns.items():
                values = [record.get(name) for record in chunk]
                column.nested |= any(isinstance(value, list | dict) for value in values)
                column.take([_json_text(value) for value in values])
    return columns


def _objects(file: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in file:
        try:
            record = json.loads(
                line.removeprefix(b"\xef\xbb\xbf"), parse_int=Written, parse_float=Written
            )
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            yield record


def _json_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else None


def columns_of_arrow(
    schema: Any, batches: Iterable[Any], names: Sequence[str] | None = None
) -> Columns:
    """Return the columns of Arrow record batches; those whose values are not texts are nested.

    Args:
        names: the columns to look at; None: all.
    """
    with_names = class_names_of_schema(schema)
    columns = {
        item.name: Column(nested=not is_simple(item.type), named=item.name in with_names)
        for item in schema
        if names is None or item.name in names
    }
    for batch in batches:
        for name, column in columns.items():
            if not column.nested:
                place = batch.schema.get_all_field_indices(name)[0]
                column.take(_arrow_texts(batch.column(place)))
    return columns


def _arrow_texts(values: Any) -> list[str | None]:
    import pyarrow as pa

    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    try:
        found = values.to_pylist()
    except UnicodeDecodeError:  # which the strict reader says
        return [""] * len(values)
    if pa.types.is_boolean(values.type):
        return [None if value is None else str(value).lower() for value in found]
    return [value if isinstance(value, str | None) else repr(value) for value in found]
