"""Records of CSV and JSONL files as the texts they hold, each with its place.

Read exactly: nothing is trimmed, converted or dropped, and what cannot be read exactly stops
the run with the file, the line, the column and the value.
"""

import csv
import difflib
import json
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Any, Literal

from pipeline.data.files import decode, open_bytes, open_text
from pipeline.frame.errors import DataError
from pipeline.frame.messages import short, shown
from pipeline.frame.scratch import StoredTexts

FIELD_LIMIT = 2**31 - 1
Quoting = Literal["minimal", "none"]
QUOTING: dict[Quoting, Any] = {"minimal": csv.QUOTE_MINIMAL, "none": csv.QUOTE_NONE}


@dataclass(frozen=True)
class Records:
    """Columns of a file: for each column that was asked for, its values as written.

    place: record number (from 0) -> "reviews.csv:17". others: columns that were not asked for.
    """

    path: Path
    columns: dict[str, Sequence[str]]
    place: Callable[[int], str]
    class_names: dict[str, list[str]]  # of integer columns whose file names their classes
    others: Sequence[str] = ()
    kept: "array[int] | None" = None  # numbers of the records in the file, where some are left out

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    @property
    def numbers(self) -> Sequence[int]:
        return range(len(self)) if self.kept is None else self.kept

    def without(self, column: str, values: Collection[str]) -> "Records":
        """Return the records that have none of `values` in a column."""
        rows = array("q", (n for n, v in enumerate(self.columns[column]) if v not in values))
        chosen = bytearray(len(self))
        for row in rows:
            chosen[row] = 1
        columns = {
            name: StoredTexts(compress(texts, chosen)) for name, texts in self.columns.items()
        }
        return replace(
            self,
            columns={**columns},
            place=lambda i: self.place(rows[i]),
            kept=array("q", (self.numbers[row] for row in rows)),
        )


class Written(str):
    """A number of a JSON file, as it is written there."""


# --- CSV ------------------------------------------------------------------------------------


def read_csv(
    path: Path,
    wanted: list[str],
    *,
    columns: list[str] | None,
    delimiter: str,
    encoding: str,
    quoting: Quoting = "minimal",
) -> Records:
    """Return the columns `wanted` of a CSV file, as csv.reader(strict=True) understands it.

    Args:
        columns: the names of the columns; None: the first record holds them. A first record
            equal to `columns` is a header as well, so files with and without one may be mixed.
        quoting: minimal: quotes enclose fields; none: a quote is a character like others.

    Raises:
        DataError: unbalanced quotes, a record with more or fewer fields than there are columns,
            columns missing or there twice with other values, no records, another encoding.
    """
    with open_text(path, encoding) as text:
        numbered = _csv_records(path, text, delimiter, quoting)
        line, first = next(numbered, (1, []))
        if not first:
            raise DataError(f"{short(path)}:{line}: the first line is blank; delete it")
        names = columns or first
        check_columns(path, line, names, wanted, delimiter, first)
        indices = [names.index(name) for name in wanted]
        twice = [(i, n) for i in indices for n in range(i + 1, len(names)) if names[n] == names[i]]
        head, lines = line, array("q")
        values = [StoredTexts() for _ in wanted]
        if columns is not None and first != columns:
            numbered = _put_back((line, first), numbered)
        for line, fields in numbered:
            if len(fields) != len(names):
                raise DataError(_field_count(path, line, len(lines), fields, names, delimiter))
            lines.append(line)
            for index, other in twice:
                if fields[index] != fields[other]:
                    raise DataError(
                        f"{short(path)}:{head}: column {shown(names[index])} occurs twice, with "
                        f"other values in line {line}; rename one of them"
                    )
            for index, column in zip(indices, values, strict=True):
                column.append(fields[index])
    if not lines:
        raise DataError(f"{short(path)}: has a header and no records; name another file")
    others = [name for name in dict.fromkeys(names) if name not in wanted]
    found = dict(zip(wanted, values, strict=True))
    return Records(path, {**found}, lambda i: f"{short(path)}:{lines[i]}", {}, others)


def _put_back(
    first: tuple[int, list[str]], rest: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, list[str]]]:
    yield first
    yield from rest


def _csv_records(
    path: Path, text: Iterable[str], delimiter: str, quoting: Quoting
) -> Iterator[tuple[int, list[str]]]:
    """Yield (line where it begins, fields) of each record; blank lines may only end a file."""
    csv.field_size_limit(FIELD_LIMIT)
    reader = csv.reader(text, delimiter=delimiter, quoting=QUOTING[quoting], strict=True)
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
                "and write a quote inside quotes twice, or set dataset.quoting: none"
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


def check_columns(
    path: Path, line: int, names: list[str], wanted: list[str], delimiter: str, first: list[str]
) -> None:
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


def read_jsonl(path: Path, wanted: list[str], *, optional: Collection[str] = ()) -> Records:
    """Return the values `wanted` of one JSON object per line; numbers as they are written.

    Args:
        optional: keys that a record may lack, or that may be null: then their value is "".

    Raises:
        DataError: a JSON array, a line that is not an object, a key missing or twice, a value that
            is null, a list or an object, or half of a surrogate pair.
    """
    columns = {name: StoredTexts() for name in wanted}
    number, keys = 0, set[str]()
    with open_bytes(path) as file:
        for number, line in _json_lines(path, file):
            record = _json_record(
                path, number, decode(line, path, "utf-8", line=number, can_be_set=False)
            )
            keys.update(record)
            for name, values in columns.items():
                is_there = name not in optional or record.get(name) is not None
                values.append(_json_value(path, number, name, record) if is_there else "")
    if not number:
        raise DataError(f"{short(path)}: has no records; name another file")
    if unseen := set(optional) - keys:
        raise DataError(f"{short(path)}: no record has the key {shown(min(unseen))}; correct it")
    others = sorted(keys.difference(wanted))
    return Records(path, {**columns}, lambda i: f"{short(path)}:{i + 1}", {}, others)


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


class _NotExact(Exception):
    """What Python's decoder takes and we do not; the message lacks the place."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _NotExact(f"key {shown(twice)} occurs twice; rename one of them")
    return record


def _refuse(constant: str) -> Any:
    raise _NotExact(f"{constant} is not JSON; put quotes around it, or delete it")


DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=Written, parse_float=Written, parse_constant=_refuse
)


def _json_record(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        record = DECODER.decode(line)
    except _NotExact as problem:
        raise DataError(f"{short(path)}:{number}: {problem}") from None
    except json.JSONDecodeError as error:
        if not line.strip():
            raise _blank(f"{short(path)}:{number}") from None
        raise DataError(
            f"{short(path)}:{number}: column {error.colno}: is not JSON ({error.msg} at "
            f"{shown(line[error.pos : error.pos + 20])}); one object per line is expected"
        ) from None
    except RecursionError:
        raise DataError(
            f"{short(path)}:{number}: is nested too deeply; one flat object is expected"
        ) from None
    if not isinstance(record, dict):
        what = "a list" if isinstance(record, list) else shown(record)
        raise DataError(
            f"{short(path)}:{number}: is {what}, not an object; write one object per line"
        )
    return record


def _json_value(path: Path, number: int, name: str, record: dict[str, Any]) -> str:
    value = record.get(name)
    if isinstance(value, str) and is_text(value):
        return value
    if name not in record:
        hint = _column_hint(name, list(record), "").replace(
            "; correct", "; give every record one, or correct"
        )
        have = _listed(list(record))
        raise DataError(f"{short(path)}:{number}: has no key {shown(name)}, it has {have}{hint}")
    if isinstance(value, bool):
        return "true" if value else "false"
    place = f"{short(path)}:{number}: key {shown(name)}"
    if isinstance(value, str):
        half = shown(next(c for c in value if not is_text(c)))
        raise DataError(f"{place}: holds half of a surrogate pair ({half}); delete it")
    what = "null" if value is None else f"{type(value).__name__} {shown(value)}"
    raise DataError(f"{place}: is {what}, not a text; give every record one, or delete it")


def is_text(value: str) -> bool:
    """Return whether a file can hold it: without half of a surrogate pair."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
