"""What a file of labelled texts looks like: its columns, labels and splits, guessed."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.data.columns import (
    ID_NAMES,
    LABEL_NAMES,
    SPLIT_NAMES,
    TEXT_NAMES,
    Columns,
    column_names,
    columns_of_csv,
    columns_of_jsonl,
    columns_of_parquet,
)
from pipeline.data.labels import most_derived
from pipeline.frame.errors import ConfigError, DataError
from pipeline.frame.messages import short, shown

ID_NAME = re.compile(r"id|.*[_ -]id")
TEST_NAMES = ("test", "testing", "validation", "valid", "dev", "eval")
FEW_WORDS, SOME_WORDS = 3.0, 5.0  # on average, in a column of texts
FEWEST_A_CLASS = 5  # rows on average: with fewer, a column of names is hardly one of classes


@dataclass
class Guess:
    """A `dataset` section, and in words why it is so.

    other_labels: columns that could be the label as well -> how many different values they have.
    nested: columns that are not read, because their values are lists or objects.
    """

    section: dict[str, Any]
    reasons: dict[str, str] = field(default_factory=dict)
    other_labels: dict[str, int] = field(default_factory=dict)
    nested: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Chosen:
    """Columns that the user names; what is None or empty is guessed."""

    text: Sequence[str] = ()
    label: str | None = None
    id: str | None = None
    split: str | None = None

    def options(self) -> list[tuple[str, str]]:
        """Return (option, column) of each column."""
        single = [("--label", self.label), ("--id", self.id), ("--split", self.split)]
        named = [(option, column) for option, column in single if column is not None]
        return [("--text", column) for column in self.text] + named

    def columns(self) -> list[str]:
        return [column for _, column in self.options()]


NOTHING = Chosen()


def guess_dataset(path: Path, chosen: Chosen = NOTHING) -> Guess:
    """Return the `dataset` section that fits `path` best, with the columns `chosen`.

    Raises:
        ConfigError: a chosen column is not there, or two parts have the same.
        DataError: nothing there, or no column looks like a label beside a text.
    """
    if path.is_dir():
        return guess_folder(path, chosen)
    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".jsonl", ".ndjson", ".json")):
        columns, nested = columns_of_jsonl(path)
        return _guess_columns(path, {"source": "jsonl"}, columns, nested, chosen)
    if name.endswith((".parquet", ".pq")):
        columns, nested = columns_of_parquet(path)
        return _guess_columns(path, {"source": "parquet"}, columns, nested, chosen)
    section, columns = columns_of_csv(path)
    return _guess_columns(path, section, columns, [], chosen)


def _guess_columns(
    path: Path, section: dict[str, Any], columns: Columns, nested: list[str], chosen: Chosen
) -> Guess:
    check_chosen(path, columns, nested, chosen)
    split, why = guess_split(path, columns, chosen)
    taken = [*chosen.columns(), split.get("column")]
    free = {name: values for name, values in columns.items() if name not in taken}
    labels = [chosen.label] if chosen.label is not None else guess_labels(free)
    texts = list(chosen.text) or guess_texts(free, taken=labels[0] if labels else None)
    if not labels or not texts:
        raise DataError(
            f"{short(path)}: no column looks like a label beside a text (columns: "
            f"{', '.join(shown(name, 16) for name in list(columns)[:4])}); name them with --text "
            "and --label"
        )
    label = labels[0]
    id_column = chosen.id or guess_id(free, taken=[label, *texts])
    guess = Guess({"source": section["source"], "path": str(path), **section}, nested=nested)
    guess.section |= {
        "text_columns": texts,
        "label_column": label,
        "id_column": id_column,
        "classes": None,
        "split": split,
    }
    found = sorted(set(columns[label]))
    if are_many_classes(found, len(columns[label])):
        guess.section["classes"] = found
    others = [name for name in labels[1:] if name not in (*texts, id_column)]
    guess.other_labels = {name: len(set(columns[name])) for name in others}
    guess.reasons = {
        "label_column": f"{len(found)} different: {', '.join(map(shown, found[:6]))}",
        "split": why,
        "columns": "of: " + ", ".join(shown(name, 30) for name in list(columns)[:10]),
    }
    return guess


def are_many_classes(found: Sequence[str], count: int) -> bool:
    """Return whether so many different labels are names of classes that a config must declare."""
    names = not any(re.fullmatch(r"-?[0-9.]+", label) for label in found)
    return names and len(found) > most_derived(count) and count >= FEWEST_A_CLASS * len(found)


def check_chosen(path: Path, columns: Columns, nested: list[str], chosen: Chosen) -> None:
    """Stop on a column that is not there, or that is named for two parts.

    Raises:
        ConfigError: naming the option.
    """
    for option, column in chosen.options():
        if chosen.columns().count(column) > 1:
            raise ConfigError(f"{option} {shown(column)}: is named twice; name another column")
        if column in nested:
            raise ConfigError(f"{option} {shown(column)}: holds nested values; name another column")
        if column not in columns:
            known = {name.strip().lower(): name for name in columns}
            close = difflib.get_close_matches(column.strip().lower(), known, n=1, cutoff=0.5)
            hint = f"did you mean {shown(known[close[0]], 30)}?" if close else "name one of these"
            have = ", ".join(shown(name, 20) for name in list(columns)[:3])
            more = f" and {len(columns) - 3} more" if len(columns) > 3 else ""
            raise ConfigError(
                f"{option} {shown(column, 20)}: {short(path)} has no such column, it has {have}"
                f"{more}; {hint}"
            )


def guess_labels(columns: Columns) -> list[str]:
    """Return the columns that could be the label, the likeliest first.

    Usual names come first, the others by how few different values they have.
    """
    counts = {name: len(set(values)) for name, values in columns.items()}
    candidates = [
        name
        for name, values in columns.items()
        if 1 < counts[name] <= max(10, len(values) ** 0.5) and counts[name] < len(values)
    ]
    usual = [name for known in LABEL_NAMES for name in candidates if name.strip().lower() == known]
    unlikely = {*SPLIT_NAMES, *ID_NAMES}
    others = [name for name in candidates if name.strip().lower() not in unlikely]
    others = [name for name in others if name not in usual]
    return usual + sorted(others, key=lambda name: counts[name])


def guess_texts(columns: Columns, *, taken: str | None) -> list[str]:
    """Return the columns with usual names, else those with some words, else the longest."""
    words = {
        name: sum(len(value.split()) for value in values) / max(len(values), 1)
        for name, values in columns.items()
        if name != taken
    }
    usual = [
        name for name in words if name.strip().lower() in TEXT_NAMES and words[name] >= FEW_WORDS
    ]
    if usual:
        return usual
    if wordy := [name for name in words if words[name] >= SOME_WORDS]:
        return wordy
    longest = max(words, key=lambda name: words[name], default=None)
    return [longest] if longest is not None and words[longest] > 1 else []


def guess_id(columns: Columns, *, taken: list[str]) -> str | None:
    """Return the column that is named like an id and never repeats, usual names first."""
    named = {name: name.strip().lower() for name in columns if name not in taken}
    usual = [name for name in named if named[name] in ID_NAMES]
    for name in [*usual, *(name for name in named if ID_NAME.fullmatch(named[name]))]:
        values = columns[name]
        if len(set(values)) == len(values) and all(value.strip() for value in values):
            return name
    return None


def guess_split(path: Path, columns: Columns, chosen: Chosen) -> tuple[dict[str, Any], str]:
    """Return the `split` section and why: a column, a second file, or a drawn test split.

    Raises:
        ConfigError: the chosen column does not say train or test.
    """
    free = [name for name in columns if name not in chosen.columns()]
    for name in free if chosen.split is None else [chosen.split]:
        found = {value.strip().lower(): value for value in columns[name]}
        tests = [found[test] for test in TEST_NAMES if test in found]
        if len(found) == 2 and "train" in found and tests:
            section = {"by": "column", "column": name, "train": found["train"], "test": tests[0]}
            return section, f"column {shown(name)} says {shown('train')} or {shown(tests[0])}"
        if chosen.split is not None:
            says = ", ".join(shown(value, 20) for value in list(found.values())[:4])
            raise ConfigError(
                f"--split {shown(name)}: says {says}; a split column says train and one other of "
                f"{', '.join(TEST_NAMES)}"
            )
    for test in TEST_NAMES:
        other = path.with_name(re.sub("train(ing)?", test, path.name))
        if other != path and other.is_file():
            return {"by": "file", "test_path": str(other)}, f"{shown(other.name)} lies beside it"
    return {"by": "drawn", "test_fraction": 0.2}, "no column or second file says it"


def guess_folder(path: Path, chosen: Chosen) -> Guess:
    """Return the section for a folder: saved by Hugging Face `datasets`, or split/class/*.txt."""
    saved = [path / "dataset_dict.json", path / "state.json", *path.glob("**/*.parquet")]
    for option, column in chosen.options():
        if option == "--split" or not any(file.is_file() for file in saved):
            raise ConfigError(
                f"{option} {shown(column)}: {short(path)} is a folder, which has no column for "
                "that; leave the option out"
            )
    if any(file.is_file() for file in saved):
        return _guess_saved(path, chosen)
    folders = {p.name.lower(): p.name for p in path.iterdir() if p.is_dir()}
    tests = [folders[name] for name in TEST_NAMES if name in folders]
    split: dict[str, Any] = {"by": "drawn", "test_fraction": 0.2}
    if "train" in folders and tests:
        split = {"by": "name", "train": folders["train"], "test": tests[0]}
    return Guess(
        {
            "source": "folder",
            "path": str(path),
            "split": split,
            "classes": None,
            "encoding": "utf-8",
            "strip": False,
            "order": "name",
        },
        {"split": f"it has the folders {', '.join(sorted(folders.values())[:6])}"},
    )


def _guess_saved(path: Path, chosen: Chosen) -> Guess:
    from pipeline.data.huggingface import read_split, saved_splits

    splits = saved_splits(path)
    first = "train" if "train" in splits else next(iter(splits))
    names, nested = column_names(_schema(splits[first][0]))
    columns = read_split(path, splits, first, names).columns
    guess = _guess_columns(path, {"source": "huggingface"}, columns, nested, chosen)
    tests = [name for name in TEST_NAMES if name in splits]
    guess.section["split"] = {"by": "drawn", "test_fraction": 0.2}
    if "train" in splits and tests:
        guess.section["split"] = {"by": "name", "train": "train", "test": tests[0]}
    guess.reasons["split"] = f"it has the splits {', '.join(map(shown, splits))}"
    return guess


def _schema(file: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if file.suffix == ".parquet":
        return pq.read_schema(file)
    with pa.memory_map(str(file)) as source:
        return pa.ipc.open_stream(source).schema
