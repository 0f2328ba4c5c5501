"""Records of CSV, JSONL and Parquet files as the texts they hold, each with its place.

Read exactly: nothing is trimmed, converted or dropped, and what cannot be read exactly stops
the run with the file, the line, the column and the value.
"""

import csv
import difflib
import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.data.files import decode, open_bytes, open_text, short, shown
from pipeline.errors import DataError
from pipeline.scratch import StoredTexts

FIELD_LIMIT = 2**31 - 1
BATCH = 8192  # rows of a table at a time


@dataclass(frozen=True)
class Records:
    """Columns of a file: for each column that was asked for, its values as written.

    place: record number (from 0) -> "reviews.csv:17".
    """

    path: Path
    columns: dict[str, Sequence[str]]
    place: Callable[[int], str]
    class_names: dict[str, list[str]]  # of integer columns whose file names their classes

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))


class Written(str):
    """A number of a JSON file, as it is written there."""


# --- CSV ------------------------------------------------------------------------------------


def read_csv(
    path: Path, wanted: list[str], *, columns: list[str] | None, delimiter: str, encoding: str
) -> Records:
    """Return the columns `wanted` of a CSV file, as csv.reader(strict=True) understands it.

    Args:
        columns: the names of the columns; None: the first record holds them. A first record
            equal to `columns` is a header as well, so files with and without one may be mixed.

    Raises:
        DataError: unbalanced quotes, a record with more or fewer fields than there are columns,
            columns missing or named twice, no records, another encoding.
    """
    with open_text(path, encoding) as text:
        numbered = _csv_records(path, text, delimiter)
        line, first = next(numbered, (1, []))
        if not first:
            raise DataError(f"{short(path)}:{line}: the first line is blank; delete it")
        names = columns or first
        _check_columns(path, line, names, wanted, delimiter, first)
        indices = [names.index(name) for name in wanted]
        lines = array("q")
        values = [StoredTexts() for _ in wanted]
        if columns is not None and first != columns:
            numbered = _put_back((line, first), numbered)
        for line, fields in numbered:
            if len(fields) != len(names):
                raise DataError(_field_count(path, line, len(lines), fields, names, delimiter))
            lines.append(line)
            for index, column in zip(indices, values, strict=True):
                column.append(fields[index])
    if not lines:
        raise DataError(f"{short(path)}: has a header and no records; name another file")
    return Records(
        path, dict(zip(wanted, values, strict=True)), lambda i: f"{short(path)}:{lines[i]}", {}
    )


def _put_back(
    first: tuple[int, list[str]], rest: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, list[str]]]:
    yield first
    yield from rest


def _csv_records(
    path: Path, text: Iterable[str], delimiter: str
) -> Iterator[tuple[int, list[str]]]:
    """Yield (line where it begins, fields) of each record; blank lines may only end a file."""
    csv.field_size_limit(FIELD_LIMIT)
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    blank, line = 0, 1
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{short(path)}:{line}: {error} in the record that begins here; close the quote, "
                "and write a quote inside quotes twice"
            ) from None
        if not fields:
            blank = blank or line
            continue
        if blank:
            raise DataError(f"{short(path)}:{blank}: is blank, and records follow; delete the line")
        yield line, fields


def _field_count(
    path: Path, line: int, record: int, fields: list[str], names: list[str], delimiter: str
) -> str:
    kind = (
        f"extra, first {shown(fields[len(names)], 20)}"
        if len(fields) > len(names)
        else (f"column {shown(names[len(fields)], 20)} is missing")
    )
    return (
        f"{short(path)}:{line}: record {record} has {len(fields)} fields and there are "
        f"{len(names)} columns ({kind}); put quotes around a text with {shown(delimiter)} in it"
    )


def _check_columns(
    path: Path, line: int, names: list[str], wanted: list[str], delimiter: str, first: list[str]
) -> None:
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(
            f"{short(path)}:{line}: column {shown(twice)} occurs twice; rename one of them"
        )
    for name in wanted:
        if name not in names:
            hint = _column_hint(name, names, delimiter)
            raise DataError(
                f"{short(path)}:{line}: has no column {shown(name)}, it has {_listed(names)}{hint}"
            )


def _listed(names: list[str]) -> str:
    text = ", ".join(shown(name, 20) for name in names[:4])
    return text + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _column_hint(name: str, names: list[str], delimiter: str) -> str:
    for other in (",", ";", "\t", "|"):
        if len(names) == 1 and other != delimiter and other in names[0]:
            return f"; set dataset.delimiter: {json.dumps(other)}"
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean {shown(close[0])}?" if close else "; correct the columns in dataset"


# --- JSON lines -----------------------------------------------------------------------------


def read_jsonl(path: Path, wanted: list[str]) -> Records:
    """Return the values `wanted` of one JSON object per line; numbers as they are written.

    Raises:
        DataError: a JSON array, a line that is no object, a key missing or twice, a value that
            is null, a list or an object, or half of a surrogate pair.
    """
    columns = {name: StoredTexts() for name in wanted}
    number = 0
    with open_bytes(path) as file:
        for number, line in _json_lines(path, file):
            record = _json_record(path, number, decode(line, path, "utf-8", line=number))
            for name, values in columns.items():
                values.append(_json_value(path, number, name, record))
    if not number:
        raise DataError(f"{short(path)}: has no records; name another file")
    return Records(path, {**columns}, lambda i: f"{short(path)}:{i + 1}", {})


def _json_lines(path: Path, file: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the number of each line and the line; blank lines may only end a file."""
    blank = 0
    for number, line in enumerate(file, start=1):
        content = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if not content.strip():
            blank = blank or number
            continue
        if blank:
            raise _blank(f"{short(path)}:{blank}")
        if number == 1 and content.lstrip().startswith(b"["):
            raise DataError(
                f"{short(path)}:1: is a JSON array, and one object per line is needed; "
                "jq -c '.[]' FILE > FILE.jsonl makes that of it"
            )
        yield number, content.removesuffix(b"\n")


def _blank(place: str) -> DataError:
    return DataError(f"{place}: is blank, and records follow; delete the line")


def _json_record(path: Path, number: int, line: str) -> dict[str, Any]:
    place = f"{short(path)}:{number}"
    if not line.strip():
        raise _blank(place)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        record = dict(pairs)
        if len(record) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(f"{place}: key {shown(twice)} occurs twice; rename one of them")
        return record

    def refuse(constant: str) -> Any:
        raise DataError(f"{place}: {constant} is not JSON; put quotes around it, or delete it")

    try:
        record = json.loads(
            line,
            object_pairs_hook=unique,
            parse_int=Written,
            parse_float=Written,
            parse_constant=refuse,
        )
    except json.JSONDecodeError as error:
        raise DataError(
            f"{place}: column {error.colno}: is not JSON ({error.msg} at "
            f"{shown(line[error.pos : error.pos + 20])}); one object per line is expected"
        ) from None
    except RecursionError:
        raise DataError(f"{place}: is nested too deeply; one flat object is expected") from None
    if not isinstance(record, dict):
        what = "a list" if isinstance(record, list) else shown(record)
        raise DataError(f"{place}: is {what}, not an object; write one object per line")
    return record


def _json_value(path: Path, number: int, name: str, record: dict[str, Any]) -> str:
    if name not in record:
        hint = _column_hint(name, list(record), "")
        have = _listed(list(record))
        raise DataError(f"{short(path)}:{number}: has no key {shown(name)}, it has {have}{hint}")
    value = record[name]
    place = f"{short(path)}:{number}: key {shown(name)}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        what = "null" if value is None else f"{type(value).__name__} {shown(value)}"
        raise DataError(f"{place}: is {what}, not a text; give every record one, or delete it")
    check_text(value, place)
    return str(value)


def check_text(value: str, place: str) -> None:
    """Stop on half of a surrogate pair, which no file can hold.

    Raises:
        DataError: naming the place.
    """
    try:
        value.encode()
    except UnicodeEncodeError as error:
        half = shown(value[error.start])
        raise DataError(f"{place}: holds half of a surrogate pair ({half}); delete it") from None


# --- Parquet and Arrow ----------------------------------------------------------------------


def read_parquet(path: Path, wanted: list[str]) -> Records:
    """Return the columns `wanted` of a Parquet file; numbers and booleans as text.

    Raises:
        DataError: damaged, columns missing, a null, or a type that is no text or number.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    _check_parquet(path)
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            _check_columns(path, 1, schema.names, wanted, "", schema.names)
            batches = file.iter_batches(batch_size=BATCH, columns=wanted)
            return records_of_batches(batches, schema, wanted, path)
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:80]
        raise DataError(f"{short(path)}: damaged Parquet ({reason}); fetch it again") from None


def _check_parquet(path: Path) -> None:
    from pipeline.data.files import check_file

    check_file(path)
    with path.open("rb") as file:
        start = file.read(4)
    if start != b"PAR1":
        raise DataError(
            f"{short(path)}: is not Parquet (it begins with {shown(start)}); "
            "set dataset.source to what it is"
        )


def records_of_batches(
    batches: Iterable[Any], schema: Any, wanted: list[str], path: Path
) -> Records:
    """Return the columns `wanted` of Arrow record batches as texts; see read_parquet."""
    columns = {name: StoredTexts() for name in wanted}
    row = 0
    for batch in batches:
        for name, values in columns.items():
            values.extend(_arrow_texts(batch.column(name), name, path, row))
        row += len(batch)
    if not row:
        raise DataError(f"{short(path)}: has no records; name another file")
    names = class_names_of_schema(schema)
    return Records(path, {**columns}, lambda i: f"{short(path)}: row {i}", names)


def _arrow_texts(column: Any, name: str, path: Path, first: int) -> list[str]:
    """Return the values of a piece of a column that begins at row `first`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.null_count:
        row = first + pc.index(column.is_null(), True).as_py()
        raise DataError(
            f"{short(path)}: row {row}, column {shown(name)}: is null; give every row a value, "
            "or delete the row"
        )
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_boolean)
    if not any(kind(column.type) for kind in (*kinds, pa.types.is_integer, pa.types.is_floating)):
        raise DataError(
            f"{short(path)}: column {shown(name)} holds {shown(str(column.type))}, not text or "
            "numbers; convert it, or name another column"
        )
    try:
        values = column.to_pylist()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{short(path)}: column {shown(name)}: {shown(error.object[:20])} is not UTF-8; "
            "write the file again"
        ) from None
    if pa.types.is_boolean(column.type):
        return ["true" if value else "false" for value in values]
    return [value if isinstance(value, str) else repr(value) for value in values]


def class_names_of_schema(schema: Any) -> dict[str, list[str]]:
    """Return {column: class names} that Hugging Face `datasets` wrote into a schema."""
    metadata = (schema.metadata or {}).get(b"huggingface")
    try:
        features = json.loads(metadata)["info"]["features"] if metadata else {}
    except (ValueError, KeyError, TypeError):
        return {}
    return {
        name: feature["names"]
        for name, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
    }
