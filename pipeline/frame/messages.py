"""Values, paths, sizes and texts of strangers as a message or a page writes them."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
PICTURES = {code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\n\t"}
# What a terminal could obey besides: DEL and C1, turns of direction, line separators; and halves
# of a surrogate pair, which cannot be written at all.
OBEYED = [
    *range(0x7F, 0xA0),
    *(0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)),
    *(0x2028, 0x2029),
    *range(0xD800, 0xE000),
]
HARMLESS = PICTURES | dict.fromkeys(OBEYED, "\ufffd")


def for_terminal(text: str) -> str:
    """Return a text as a terminal may be told it: no character that it could obey.

    Control characters but tab and newline become their pictures, others U+FFFD.
    """
    return text.translate(HARMLESS)


def readable(text: str) -> str:
    """Return a text for the eye: line-break tags break the line, control characters are visible."""
    return LINE_BREAK.sub("\n", text).replace("\r\n", "\n").translate(PICTURES)


def printable(text: str) -> str:
    """Return a text of one line: in any language, what has no shape is escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shown(value: object, limit: int = 40) -> str:
    """Return `value` as one short literal, in the letters that it has."""
    text = printable(repr(value if not isinstance(value, str) else value[: limit + 1]))
    return text if len(text) <= limit + 2 else text[: limit - 1] + "..."


def shown_exactly(value: str, limit: int = 40) -> str:
    """Return `value` as one short ASCII literal: what looks like another can be told from it."""
    return shown(value, limit) if value.isascii() else ascii(value[:limit])


def as_json(value: object, limit: int = 80) -> str:
    """Return `value` as a config would write it, on one line."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    text = printable(text)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def short(path: Path | str) -> str:
    """Return a path for an error line: all of it, or its end when it is long."""
    text = printable(str(path))
    return text if len(text) <= 110 else "..." + text[-107:]


def some(names: Sequence[str], most: int = 6) -> str:
    """Return the first names of a list, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(shown, names[:most])) + more


def more_rows(count: int) -> str:
    """Return how many rows are like the one an error line names, " (and 3 more rows)", or ""."""
    return f" (and {count:,} more row{'s' if count > 1 else ''})" if count else ""
