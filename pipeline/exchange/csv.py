"""CSV for spreadsheets: one line per issue, or one per decision; no cell is run as a formula."""

import csv
import io
from pathlib import Path

from pipeline.corrections.decision import Decision, Source, text_sha256
from pipeline.corrections.merge import read_bytes
from pipeline.corrections.queue import Item, Queue
from pipeline.exchange.decisions import binding, bound, from_label, opinion
from pipeline.exchange.formats import Format
from pipeline.frame.errors import DataError
from pipeline.frame.files import atomic_write

COLUMNS = (
    *("rank", "id", "split", "given_label", "suggested_label", "self_confidence"),
    *("decision", "label", "reviewer", "note", "time", "text", "text_sha256", "dataset"),
)
NEEDED = ("id", "given_label", "text_sha256", "dataset", "label")
DELIMITERS = ",;\t"  # a spreadsheet writes the one of its country's settings
# Spreadsheets run a cell that begins so (OWASP, CSV injection); the quote makes it a text, and
# a quote of the value's own gets one too, so that taking one away always gives the value back.
FORMULA_STARTS = tuple("=+-@\t\r\n\0'＝＋－＠")


def safe(value: str) -> str:
    return f"'{value}" if value.startswith(FORMULA_STARTS) else value


def unsafe(cell: str) -> str:
    return cell[1:] if cell.startswith("'") else cell


def export(queue: Queue, folder: Path) -> list[Path]:
    """Write decisions.csv (UTF-8 with a byte order mark, as spreadsheets want it)."""
    path = folder / "decisions.csv"
    with atomic_write(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(COLUMNS)
        for item in queue.items:
            decisions = list(queue.decisions(item).values())
            for decision in decisions or (None,):
                cells = _cells(queue, item, decision)
                writer.writerow([safe(cells.get(column, "")) for column in COLUMNS])
        text.flush()
        text.detach()
    return [path]


def _cells(queue: Queue, item: Item, decision: Decision | None) -> dict[str, str]:
    names = queue.source.class_names
    cells = binding(queue, item) | {
        "rank": "" if item.rank is None else str(item.rank),
        "split": item.split,
        "suggested_label": item.suggested or "",
        "text": item.text,
    }
    if item.pred_probs is not None:
        cells["self_confidence"] = repr(float(item.pred_probs[names.index(item.given)]))
    if decision is not None:
        cells |= {key: value or "" for key, value in opinion(decision).items()}
    return cells


def read(path: Path, source: Source, *, reviewer: str) -> list[Decision]:
    """Return the decisions in a CSV; lines without decision and label are open issues.

    The header says what delimits the fields. Columns that are not NEEDED may be missing.

    Args:
        reviewer: the name for lines without one.

    Raises:
        DataError: naming file and line.
    """
    csv.field_size_limit(2**31 - 1)
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: is not UTF-8; save it as CSV UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text), strict=True)
    found = []
    line = 1
    try:
        header = next(reader, [])
        if missing := [column for column in NEEDED if column not in header]:
            raise DataError(f"{path}:1: lacks the column(s) {', '.join(missing)}")
        for values in reader:
            line, where = reader.line_num, f"{path}:{line + 1}"
            if len(values) != len(header):
                raise DataError(f"{where}: has {len(values)} fields, not {len(header)}")
            cells = {k: unsafe(v) for k, v in zip(header, values, strict=True)}
            if cells.get("decision") or cells["label"]:
                found.append(_decision(cells, source, reviewer=reviewer, where=where))
    except csv.Error as error:
        raise DataError(f"{path}:{line + 1}: {error}") from None
    return found


def delimiter_of(text: str) -> str:
    """Return the delimiter with which the first line names most of our columns."""

    def num_known(delimiter: str) -> int:
        try:
            header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        except csv.Error:
            return 0
        return len({*header} & {*COLUMNS})

    return max(DELIMITERS, key=num_known)


def _decision(cells: dict[str, str], source: Source, *, reviewer: str, where: str) -> Decision:
    bindings = {key: cells[key] for key in ("id", "given_label", "text_sha256", "dataset")}
    if "text" in cells and text_sha256(cells["text"]) != cells["text_sha256"]:
        raise DataError(f"{where}: the text was edited; nothing is imported")
    label = cells["label"] or None
    decision = cells.get("decision") or from_label(cells["label"], cells["given_label"])[0]
    if decision == "keep":
        label = label or cells["given_label"]
    said = {
        "decision": decision,
        "label": label,
        "reviewer": cells.get("reviewer") or reviewer,
        "note": cells.get("note", ""),
        "time": cells.get("time") or None,
    }
    return bound(bindings, said, source, where=where)


FORMAT = Format("issues and decisions for a spreadsheet", export, read)
