"""Which examples of a file of labelled texts are train and which are test, guessed."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.data.columns import Column, Columns, columns_of, columns_of_arrow
from pipeline.data.labels import whole_number
from pipeline.data.splits import SPLIT_NAMES, TEST_NAMES, TRAIN_NAMES, splits_beside
from pipeline.frame.errors import ConfigError, DataError
from pipeline.frame.messages import shown

UNLABELLED_NAMES = ("unsupervised", "unsup", "unlabeled", "unlabelled", "predict", "submission")
DRAWN = {"by": "drawn", "test_fraction": 0.2}


@dataclass(frozen=True)
class Split:
    """A `split` section, why it is so, and the splits or files that it leaves out."""

    section: dict[str, Any]
    why: str
    unread: dict[str, list[str]] = field(default_factory=dict)


def split_of_column(column: Column, *, is_chosen: bool = False) -> dict[str, str]:
    """Return {"train": value, "test": value} of a column that says them, else nothing."""
    if column.many:
        return {}
    found = {value.strip().lower(): value for value in sorted(column.values)}
    pair = train_and_test(found)
    known = {*SPLIT_NAMES, *UNLABELLED_NAMES}
    if not pair or (not is_chosen and not known.issuperset(found)):
        return {}
    return {"train": found[pair[0]], "test": found[pair[1]]}


def train_and_test(names: Iterable[str]) -> tuple[str, str] | None:
    """Return the names of the two splits to be read, the test split before one for validation."""
    lower = {name.lower(): name for name in names}
    trains = [lower[name] for name in TRAIN_NAMES if name in lower]
    tests = [lower[name] for name in TEST_NAMES if name in lower]
    return (trains[0], tests[0]) if trains and tests else None


def guess_split(
    path: Path,
    columns: Columns,
    section: dict[str, Any],
    *,
    named: Collection[str],
    chosen: str | None,
) -> Split:
    """Return the split of a file: by a column, a second file, or drawn.

    Args:
        section: the columns that are read. named: those the user named. chosen: the column that
            the user says it is.

    Raises:
        ConfigError: the chosen column does not say train and test.
    """
    free = [name for name in columns if name not in named and name.strip()]
    for name in free if chosen is None else [chosen]:
        if pair := split_of_column(columns[name], is_chosen=chosen is not None):
            others = sorted(columns[name].values.keys() - {*pair.values()})
            made = {"by": "column", "column": name, **pair, "left_out": others}
            why = f"column {shown(name)} says {shown(pair['train'])} or {shown(pair['test'])}"
            return Split(made, why, {"splits": others} if others else {})
    if chosen is not None:
        says = ", ".join(shown(value, 20) for value in [*columns[chosen].values][:4])
        raise ConfigError(
            f"--split {shown(chosen)}: says {says}; a split column says train and one other "
            f"of {', '.join(TEST_NAMES)}"
        )
    return _split_by_file(path, section)


def _split_by_file(path: Path, section: dict[str, Any]) -> Split:
    """Return the split by a file beside `path` that is named as its test split, else drawn."""
    beside = {file.name: file.name for file in splits_beside(path)}
    lower = {name.lower(): name for name in beside}
    for test in TEST_NAMES:
        name = lower.get(re.sub("train(ing)?", test, path.name.lower()))
        if name is None:
            continue
        other = path.with_name(name)
        if not (lacks := _lacks(other, section)):
            made = {"by": "file", "test_path": str(other)}
            files = [said for file, said in beside.items() if file != name]
            return Split(made, f"{shown(name)} lies beside it", {"files": files} if files else {})
        beside[name] = f"{name} (it lacks {lacks})"
    unread = {"files": [*beside.values()]} if beside else {}
    return Split(dict(DRAWN), "no column or second file says it", unread)


def _lacks(path: Path, section: dict[str, Any]) -> str:
    """Return what is read and another file has not, "" for nothing."""
    try:
        _, columns, _ = columns_of(path)
    except DataError:
        return "what can be read"
    for name in (*section["text_columns"], section["label_column"], section["id_column"]):
        if name is not None and (name not in columns or not columns[name].count):
            return f"column {shown(name)}"
    found = {whole_number(value) for value in columns[section["label_column"]].values}
    return "labels" if found == {"-1"} else ""


def is_unlabelled(files: list[Path], label: str) -> bool:
    """Return whether the label column of a split is not there, null, or -1 in every row."""
    from pipeline.data.huggingface import batches_of, schema_of

    for file in files:
        if label not in (schema := schema_of(file)).names:
            continue
        column = columns_of_arrow(schema, batches_of(file, [label]), [label])[label]
        if {whole_number(value) for value in column.values} - {"-1"} or column.nested:
            return False
    return True
