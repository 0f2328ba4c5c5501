"""The form of a CSV file of which nothing is known yet: encoding, delimiter, quoting, header."""

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from pipeline.data.files import DECODED, UTF16_MARKS, check_encoding, open_bytes, open_text
from pipeline.data.records import FIELD_LIMIT, QUOTING, Quoting
from pipeline.frame.errors import DataError
from pipeline.frame.messages import short

DELIMITERS = (",", ";", "\t", "|")
SAMPLED = 5000  # lines that tell the delimiter
LOOKED_AT = 1 << 20  # bytes of lines that are not ASCII, which tell the encoding
KNOWN_VALUES = 1000  # of a column; above, it is not one of classes
UTF8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
HIGH = re.compile(rb"[\x80-\xff]+")
# What Western European text hardly holds: three characters in a row that are not ASCII, a symbol
# inside a word, a capital after a small letter. Text of other encodings is full of them.
ODD = re.compile(
    r"[^\x00-\x7f]{3,}|(?<=[^\W\d_])(?:[^\w\s\x00-\x7f\u2019\xb4\xb7\xad\u2013\u2014\u2026]|[\xb9\xb2\xb3"
    r"\xbc-\xbe])(?=[^\W\d_])|(?<=[a-z])[\xc0-\xd6\xd8-\xde\u0160\u0152\u017d\u0178]"
)
MOST_ODD = 0.1  # of what is not ASCII
MIXED = 0.02  # of what is not ASCII and could be UTF-8, in a file that is not UTF-8


class UnknownEncoding(DataError):
    """A file is neither UTF-8 nor UTF-16, nor plainly of Western Europe."""


@dataclass(frozen=True)
class Form:
    """How a CSV file is to be read, and why, where that was not plain."""

    encoding: str
    delimiter: str
    quoting: Quoting
    reasons: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def records(self, path: Path) -> Iterator[Iterator[list[str]]]:
        """Yield the records of a file as csv.reader reads them when it is not strict."""
        csv.field_size_limit(FIELD_LIMIT)
        with open_text(path, self.encoding) as lines:
            yield _reader(lines, self.delimiter, self.quoting)


def guess_form(path: Path, *, encoding: str | None = None) -> Form:
    """Return how a CSV file is to be read; its encoding is guessed unless it is given.

    Raises:
        UnknownEncoding: see guess_encoding. DataError: it cannot be read.
    """
    reasons = {}
    words: list[str] = []
    if encoding is None:
        encoding, words = guess_encoding(path)
    if words:
        reasons["encoding"] = f"not UTF-8; read so it says {', '.join(words)}"
    with open_text(path, encoding) as lines:
        delimiter = guess_delimiter(list(islice(lines, SAMPLED)))
    quoting, why = guess_quoting(path, encoding, delimiter)
    if why:
        reasons["quoting"] = why
    return Form(encoding, delimiter, quoting, reasons)


# --- encoding -----------------------------------------------------------------------------


def guess_encoding(path: Path) -> tuple[str, list[str]]:
    """Return utf-8, utf-16 or cp1252, and of cp1252 some words that are not ASCII.

    Raises:
        UnknownEncoding: naming the first byte that is not UTF-8, in a file that is mixed or of
            another encoding. DataError: it cannot be read, or is not text.
    """
    with open_bytes(path) as file:
        start = file.read(DECODED)
    evens, odds = start[0::2].count(0), start[1::2].count(0)
    if start[:2] in UTF16_MARKS or odds > len(start) // 6 > 6 * evens:
        return "utf-16", []
    if evens > len(start) // 6:
        raise DataError(
            f"{short(path)}: is UTF-16 without a byte order mark, or no text; save it as UTF-8"
        )
    try:
        check_encoding(path, "utf-8")
    except DataError as error:
        words = words_of_cp1252(path)
        if not words:
            raise UnknownEncoding(str(error)) from None
        return "cp1252", words
    return "utf-8", []


def words_of_cp1252(path: Path) -> list[str]:
    """Return some words that are not ASCII if a file that is not UTF-8 is plainly cp1252."""
    data = b""
    with open_bytes(path) as file:
        for line in file:
            if not line.isascii():
                data += line
            if len(data) > LOOKED_AT:
                break
    could_be_utf8, others = len(UTF8.findall(data)), len(HIGH.findall(UTF8.sub(b" ", data)))
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return []
    high = sum(not character.isascii() for character in text)
    odd = sum(len(found) for found in ODD.findall(text))
    if could_be_utf8 > MIXED * (could_be_utf8 + others) or odd > MOST_ODD * high:
        return []
    words = re.findall(r"\w*[^\x00-\x7f]\w*", text)
    return list(dict.fromkeys(word[:20] for word in words))[:5]


# --- delimiter and quoting ----------------------------------------------------------------


def guess_delimiter(lines: list[str]) -> str:
    """Return the delimiter that gives most records the same number of columns, two or more."""

    def agreement(delimiter: str) -> tuple[float, int]:
        return max(_agreement(lines, delimiter, quoting) for quoting in QUOTING)

    return max(DELIMITERS, key=agreement)


def _agreement(lines: list[str], delimiter: str, quoting: Quoting) -> tuple[float, int]:
    widths = [len(record) for record in _reader(lines, delimiter, quoting) if record]
    width = max(set(widths), key=widths.count, default=0)
    return (widths.count(width) / len(widths) if width > 1 else 0.0, width)


def _reader(
    lines: Sequence[str] | Iterator[str], delimiter: str, quoting: Quoting, *, strict: bool = False
) -> Iterator[list[str]]:
    csv.field_size_limit(FIELD_LIMIT)
    return csv.reader(lines, delimiter=delimiter, quoting=QUOTING[quoting], strict=strict)


def guess_quoting(path: Path, encoding: str, delimiter: str) -> tuple[Quoting, str]:
    """Return whether quotes in a file enclose fields, and why not if they do not.

    They do not if every line has the same number of fields without them, and with them a quote is
    not closed, or records run over lines whose values are those of other lines.
    """
    with open_bytes(path) as file:
        if not any(b'"' in chunk for chunk in iter(lambda: file.read(DECODED), b"")):
            return "minimal", ""
    both = _Readings(delimiter)
    with open_text(path, encoding) as lines:
        both.take(lines)
    if not both.plain_fits or (both.quoted_fits and not both.joined_are_lines()):
        return "minimal", ""
    what = f"make {both.num_quoted:,} records of them" if both.quoted_fits else "not be closed"
    return "none", f"each of {both.num_plain:,} lines is a record; quotes would {what}"


class _Readings:
    """One file read in both ways, record by record."""

    def __init__(self, delimiter: str) -> None:
        self.delimiter = delimiter
        self.width = 0
        self.plain_fits = self.quoted_fits = True
        self.num_plain = self.num_quoted = 0
        self.known: list[set[str]] = []
        self.joined: list[list[str]] = []  # lines that quotes join, some of them

    def take(self, lines: Iterator[str]) -> None:
        """Read all lines."""
        held: list[str] = []

        def kept() -> Iterator[str]:
            for line in lines:
                held.append(line)
                yield line

        reader = _reader(kept(), self.delimiter, "minimal", strict=True)
        try:
            for record in reader:
                self._take(record, held)
                held.clear()
        except csv.Error:
            self.quoted_fits = False
            self._take_plain(held)
            self._take_plain(lines)

    def _take(self, record: list[str], lines: list[str]) -> None:
        if not record:
            return
        if not self.width:
            self.width, self.known = len(record), [set() for _ in record]
        self.quoted_fits &= len(record) == self.width
        self.num_quoted += 1
        if len(lines) == 1 and '"' not in lines[0]:
            self.num_plain += 1
            self.plain_fits &= len(record) == self.width
            for values, value in zip(self.known, record, strict=False):
                if len(values) <= KNOWN_VALUES:
                    values.add(value)
        else:
            self._take_plain(lines, joined=len(lines) > 1)

    def _take_plain(self, lines: Sequence[str] | Iterator[str], *, joined: bool = False) -> None:
        for record in _reader(lines, self.delimiter, "none"):
            if not record:
                continue
            self.num_plain += 1
            self.plain_fits &= not self.width or len(record) == self.width
            if joined and len(self.joined) < SAMPLED:
                self.joined.append(record)

    def joined_are_lines(self) -> bool:
        """Return whether lines that quotes join hold the classes that other lines hold."""
        most = max(10, self.num_plain**0.5)
        places = [place for place, values in enumerate(self.known) if 1 < len(values) <= most]
        return bool(self.joined and places) and all(
            record[place] in self.known[place] for record in self.joined for place in places
        )


# --- header -------------------------------------------------------------------------------


def has_header(records: list[list[str]], known: set[str]) -> bool:
    """Return whether the first record names columns: no value of its column, and no number.

    Args:
        known: names that columns often have, in small letters; one of them is enough.
    """
    first, rest = records[0], records[1:]
    named = [name for name in first if name.strip()]
    repeated = {
        name
        for place, name in enumerate(first)
        if name.strip() and sum(row[place] == name for row in rest if len(row) > place) > 1
    }
    if any(name.strip().lower() in known and name not in repeated for name in named):
        return True
    if any(re.fullmatch(r"-?\d+(\.\d+)?", name) for name in named):
        return False
    return bool(named) and not repeated
