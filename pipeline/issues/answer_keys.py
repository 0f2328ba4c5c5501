"""Answer keys: what people said of labels they were shown, read from CSV files."""

import hashlib
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.prepared import Labels, load_class_names
from pipeline.data.records import Records, read_csv
from pipeline.frame import artifacts
from pipeline.frame.errors import DataError
from pipeline.frame.messages import short, shown, some
from pipeline.frame.run import Run

MOST_VOTES = 9  # digits of a count
AHEAD = "other > given votes"


class Verified(NamedTuple):
    """What people said of some test labels. positions: (m,) places among the rows of scope test.

    given: (m,) votes for the given label, or their share. guessed: (m,) votes for the other label
    that has most. other: (m,) that label. votes: (m,) all votes. both, neither: (m,) votes for
    both labels, and for none. in_train: rows of the key that are no test rows. is_share: only the
    share of votes for the given label is known.
    """

    positions: np.ndarray
    given: np.ndarray
    guessed: np.ndarray
    other: np.ndarray
    votes: np.ndarray
    both: np.ndarray
    neither: np.ndarray
    in_train: int = 0
    is_share: bool = False

    @property
    def is_doubted(self) -> np.ndarray:
        """Return (m,) whether the given label has no majority, that is more than half."""
        return np.asarray(2 * self.given <= self.votes)

    @property
    def is_flipped(self) -> np.ndarray:
        """Return (m,) whether another label has a majority."""
        return np.asarray(2 * self.guessed > self.votes)

    def confirmed(self) -> dict[str, np.ndarray]:
        """Return, for each definition of a label error, whether people confirm it: (m,).

        They are named after the votes of a row where all rows have as many. Definitions that come
        to the same, as with one vote a row, are one.
        """
        same = len(np.unique(self.votes)) == 1 and not self.is_share
        need = int(self.votes[0]) // 2 + 1 if same else 0
        doubted = f"given < {need} votes" if same else "given <= half the votes"
        if self.is_share:
            return {doubted: self.is_doubted}
        flipped = f"other >= {need} votes" if same else "other > half the votes"
        if same and need == 1 and (self.is_doubted == self.is_flipped).all():
            return {"another label": self.is_flipped}
        return {
            doubted: self.is_doubted,
            flipped: self.is_flipped,
            AHEAD: np.asarray(self.guessed > self.given),
        }

    def categories(self) -> dict[str, np.ndarray]:
        """Return (m,) whether the given label, another, both or neither has a majority, or none."""
        found = {"given": ~self.is_doubted}
        if not self.is_share:
            found["other"] = self.is_flipped
            found |= {
                n: 2 * v > self.votes for n, v in (("both", self.both), ("neither", self.neither))
            }
        return found | {"no majority": ~np.any([*found.values()], axis=0)}

    @property
    def against(self) -> np.ndarray:
        """Return (m,) the share of votes that are not for the given label."""
        return np.asarray((self.votes - self.given) / self.votes)


class Row(NamedTuple):
    """What one line says: votes by class index, for both or neither, and how many in all."""

    votes: Mapping[int, float]
    both: int = 0
    neither: int = 0

    @property
    def total(self) -> float:
        return sum(self.votes.values()) + self.both + self.neither


class Refused(Exception):
    """What is wrong with a line."""


# --- what people said, in one of four ways ----------------------------------------------------


def _two_labels(record: dict[str, str], names: list[str], given: int) -> Row:
    other = _class_of(record, "guessed_label", names)
    if other == given:
        raise Refused(f"guessed_label {shown(names[other])} is the given label")
    votes = {given: _count(record, "votes_given"), other: _count(record, "votes_guessed")}
    return Row(votes, *(_count(record, f"votes_{n}") for n in ("both", "neither")))


def _each_class(record: dict[str, str], names: list[str], given: int) -> Row:
    votes = {k: _count(record, f"votes_{name}") for k, name in enumerate(names)}
    extra = [n for n in ("both", "neither") if n not in names]
    return Row(votes, **{n: _count(record, f"votes_{n}") for n in extra})


def _one_answer(record: dict[str, str], names: list[str], given: int) -> Row:
    return Row({_class_of(record, "true_label", names): 1})


def _share(record: dict[str, str], names: list[str], given: int) -> Row:
    try:
        share = float(record["share_given"])
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise Refused(f"share_given {shown(record['share_given'])} is not a number from 0 to 1")
    return Row({given: share})


def _class_of(record: dict[str, str], column: str, names: list[str]) -> int:
    if record[column] not in names:
        raise Refused(f"{column} {shown(record[column])} is not a class")
    return names.index(record[column])


def _count(record: dict[str, str], column: str) -> int:
    value = record.get(column, "0")
    if not (value.isascii() and value.isdecimal() and len(value) <= MOST_VOTES):
        raise Refused(f"{column} {shown(value)} is not a count of votes")
    return int(value)


WAYS = {
    "guessed_label": _two_labels,
    "votes_<class>": _each_class,
    "true_label": _one_answer,
    "share_given": _share,
}


def _way_of(path: Path, columns: Sequence[str], names: list[str]) -> str:
    """Return in which of the ways a file says what people said.

    Raises:
        DataError: in none of them, or in several.
    """
    ways = [way for way in WAYS if way in columns]
    by_class = [f"votes_{name}" for name in names if f"votes_{name}" in columns]
    if by_class and "guessed_label" not in ways:
        ways.append("votes_<class>")
    if len(ways) != 1:
        found = f"says it twice ({some(ways)}); keep one" if ways else "does not say what they said"
        needed = "guessed_label with votes_given and votes_guessed, or votes_<class>, or "
        raise DataError(f"{short(path)}:1: {found}: {needed}true_label, or share_given")
    if ways == ["votes_<class>"]:
        known = {*by_class, "votes_both", "votes_neither"}
        for column in columns:
            if column.startswith("votes_") and column not in known:
                raise DataError(f"{short(path)}:1: {shown(column)}: there is no such class")
    return ways[0]


# --- a file -----------------------------------------------------------------------------------


def load_verified(
    path: Path,
    run: Run,
    labels: Labels,
    *,
    before: np.ndarray | None = None,
    left_out: Collection[str] = (),
) -> Verified:
    """Return what people said in `path` of the test rows; docs/study.md has the columns.

    Args:
        labels: that are scored. before: (n,) those that people were shown, where corrections
            changed some since. left_out: ids that corrections took out.

    Raises:
        DataError: an id, text, label or vote does not match the data; naming the line.
    """
    names = load_class_names(run)
    records, way = _read(path, names)
    rows = _find_rows(records, run, left_out)
    chosen = np.array([row for row in rows if row >= 0], np.int64)
    texts = artifacts.load_table(run.examples, ["text"]).column("text").take(pa.array(chosen))
    shown_labels = labels.given if before is None else before
    check = partial(_check, names=names, given=shown_labels)
    said: list[Row] = []
    for place, row, record in _lines(records, rows):
        try:
            check(record, row, texts[len(said)].as_py())
            line = WAYS[way](record, names, int(shown_labels[row]))
            if not line.total and way != "share_given":
                raise Refused("has no votes; leave the line out")
        except Refused as problem:
            raise DataError(f"{place}: {problem}") from None
        said.append(line)
    is_test = ~labels.is_train[chosen]
    found = [line for line, own in zip(said, is_test, strict=True) if own]
    if not found:
        raise DataError(f"{short(path)}: has no row of the test split, which alone is scored")
    positions = np.searchsorted(labels.rows("test"), chosen[is_test])
    return _count_for(
        found,
        positions,
        labels.given[chosen[is_test]],
        in_train=len(said) - len(found),
        is_share=way == "share_given",
    )


def _count_for(
    said: list[Row], positions: np.ndarray, labels: np.ndarray, *, in_train: int, is_share: bool
) -> Verified:
    """Return the votes for these labels and against them."""
    given, guessed, other = [], [], []
    for line, label in zip(said, labels.tolist(), strict=True):
        rest = {k: count for k, count in line.votes.items() if k != label}
        most = max(rest, key=lambda k: rest[k], default=label)
        given.append(line.votes.get(label, 0))
        guessed.append(rest.get(most, 0))
        other.append(most)
    whole = np.int64
    return Verified(
        positions,
        np.array(given, np.float64 if is_share else whole),
        np.array(guessed, whole),
        np.array(other, whole),
        votes=np.array([1 if is_share else line.total for line in said], whole),
        both=np.array([line.both for line in said], whole),
        neither=np.array([line.neither for line in said], whole),
        in_train=in_train,
        is_share=is_share,
    )


def _read(path: Path, names: list[str]) -> tuple[Records, str]:
    """Return the columns of a key that are used, and the way it says what people said."""
    columns = read_csv(path, [], columns=None, delimiter=",", encoding="utf-8").others
    way = _way_of(path, columns, names)
    used = ["given_label"]
    for choices in (("id", "test_index"), ("text_sha256", "text")):
        found = [name for name in choices if name in columns]
        if not found:
            raise DataError(f"{short(path)}:1: needs a column {choices[0]} or {choices[1]}")
        used.append(found[0])
    if way == "votes_<class>":
        used += [name for name in columns if name.startswith("votes_")]
    else:
        used.append(way)
    if way == "guessed_label":
        used += ["votes_given", "votes_guessed"]
        used += [name for name in ("votes_both", "votes_neither") if name in columns]
    return read_csv(path, used, columns=None, delimiter=",", encoding="utf-8"), way


def _find_rows(records: Records, run: Run, left_out: Collection[str]) -> list[int]:
    """Return the row of examples.parquet of each line, -1 for one that corrections took out.

    Raises:
        DataError: a line is of no row, or of one that had a line before.
    """
    key = "id" if "id" in records.columns else "test_index"
    prefix = "" if key == "id" else "test/"
    wanted = pa.array([f"{prefix}{value}" for value in records.columns[key]], pa.string())
    ids = artifacts.load_table(run.examples, ["id"]).column("id").cast(pa.string())
    found = pc.index_in(wanted, value_set=ids.combine_chunks()).to_pylist()
    seen: set[str] = set()
    for number, (id_, row) in enumerate(zip(wanted.to_pylist(), found, strict=True)):
        written = f"{records.place(number)}: {key} {shown(id_.removeprefix(prefix))}"
        if row is None and id_ not in left_out:
            what = "the test split" if prefix else "the dataset"
            raise DataError(f"{written} is not a row of {what}")
        if id_ in seen:
            raise DataError(f"{written} occurs twice; keep one")
        seen.add(id_)
    return [-1 if row is None else row for row in found]


def _lines(records: Records, rows: list[int]) -> Iterator[tuple[str, int, dict[str, str]]]:
    for number, row in enumerate(rows):
        if row >= 0:
            values = {column: values[number] for column, values in records.columns.items()}
            yield records.place(number), row, values


def _check(
    record: dict[str, str], row: int, text: str, *, names: list[str], given: np.ndarray
) -> None:
    """Stop unless a line is of this text and this label.

    Raises:
        Refused: saying what differs.
    """
    whose = record.get("id") or f"test/{record['test_index']}"
    hashed = hashlib.sha256(text.encode()).hexdigest()
    for column, value in (("text", text), ("text_sha256", hashed)):
        if column in record and record[column] != value:
            elsewhere = "the file belongs to another dataset or version"
            raise Refused(f"{column} is not that of {whose}; {elsewhere}")
    label = names[given[row]]
    if record["given_label"] != label:
        raise Refused(
            f"given_label {shown(record['given_label'])} is not that of {whose} ({shown(label)})"
        )


def apply_votes(labels: np.ndarray, verified: Verified) -> tuple[np.ndarray, np.ndarray]:
    """Return the test labels with majority flips applied, and which rows count.

    Args:
        labels: (n,) given labels of scope test.

    Returns:
        labels: (n,). counts: (n,) False where people were shown the row and no label has a
        majority, that is more than half of the votes.
    """
    corrected, counts = labels.copy(), np.ones(len(labels), bool)
    flipped = verified.is_flipped
    corrected[verified.positions[flipped]] = verified.other[flipped]
    counts[verified.positions[~flipped & verified.is_doubted]] = False
    return corrected, counts
