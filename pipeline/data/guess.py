"""What a file of labelled texts looks like: its columns, labels and splits, guessed."""

import difflib
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.data.columns import (
    ID_NAMES,
    LABEL_NAMES,
    NO_ENCODING,
    SEVERAL_NAMES,
    SPLIT_COLUMNS,
    SURE_NAMES,
    TEXT_NAMES,
    WORDS_OF_ID,
    Column,
    Columns,
    columns_of,
    columns_of_arrow,
    names_of_texts,
)
from pipeline.data.guess_split import (
    DRAWN,
    Split,
    guess_split,
    is_unlabelled,
    split_of_column,
    train_and_test,
)
from pipeline.data.labels import FOUND, ONE_LABEL, find_several, most_derived
from pipeline.frame.errors import ConfigError
from pipeline.frame.messages import short, shown

ID_NAME = re.compile(r"id|.*[_ -]id")
FEW_WORDS, SOME_WORDS = 3.0, 5.0  # on average, in a column of texts
FEWEST_A_CLASS = 5  # rows on average: with fewer, a column of names is hardly one of classes
MOST_LISTED = 30  # labels, for a person to choose classes from
TO_DECIDE = "DECIDE"  # a column that could not be told


@dataclass
class Guess:
    """A `dataset` section, and in words why it is so.

    other_labels: columns that could be the label as well -> how many different values they have.
    nested: columns that cannot be read, because their values are lists or objects. unread: columns,
    splits and files beside it that are not read. decide: key -> what a person has to decide there.
    labels: the different ones of the label column, when they are few enough to be listed.
    """

    section: dict[str, Any]
    reasons: dict[str, str] = field(default_factory=dict)
    other_labels: dict[str, int] = field(default_factory=dict)
    nested: list[str] = field(default_factory=list)
    unread: dict[str, list[str]] = field(default_factory=dict)
    decide: dict[str, str] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Chosen:
    """Columns and classes that the user names; what is None or empty is guessed."""

    text: Sequence[str] = ()
    label: str | None = None
    id: str | None = None
    split: str | None = None
    classes: Sequence[str] = ()

    def options(self) -> list[tuple[str, str]]:
        """Return (option, column) of each column."""
        single = [("--label", self.label), ("--id", self.id), ("--split", self.split)]
        named = [(option, column) for option, column in single if column is not None]
        return [("--text", column) for column in self.text] + named

    def columns(self) -> list[str]:
        return [column for _, column in self.options()]

    def classes_value(self) -> list[str] | str | None:
        """Return what a config says of the classes."""
        return FOUND if [*self.classes] == [FOUND] else [*self.classes] or None


NOTHING = Chosen()


def guess_dataset(path: Path, chosen: Chosen = NOTHING) -> Guess:
    """Return the `dataset` section that fits `path` best, with the columns `chosen`.

    Raises:
        ConfigError: a chosen column is not there, or two parts have the same.
        DataError: nothing there that can be read.
    """
    if path.is_dir():
        return guess_folder(path, chosen)
    section, columns, reasons = columns_of(path)
    unread = reasons.pop(NO_ENCODING, "")

    def split_of(guess: Guess) -> Split:
        return guess_split(
            path, columns, guess.section, named=chosen.columns(), chosen=chosen.split
        )

    guess = _guess_columns(path, section, columns, chosen, split_of)
    guess.reasons |= reasons
    if unread:
        guess.decide = {"encoding": unread}
    return guess


def _guess_columns(
    path: Path,
    section: dict[str, Any],
    columns: Columns,
    chosen: Chosen,
    split_of: Callable[[Guess], Split],
) -> Guess:
    nested = [name for name, column in columns.items() if column.nested]
    columns = {name: column for name, column in columns.items() if not column.nested}
    check_chosen(path, columns, nested, chosen)
    found = list(columns)
    splits = {} if chosen.split else {n: c for n, c in columns.items() if split_of_column(c)}
    taken = {*chosen.columns(), *splits}
    free = {name: c for name, c in columns.items() if name not in taken and name.strip()}
    labels = [chosen.label] if chosen.label is not None else guess_labels(free)
    texts = list(chosen.text) or guess_texts(free, taken=labels[0] if labels else None)
    guess = Guess({"source": section["source"], "path": str(path), **section}, nested=nested)
    if not labels or not texts:
        what = "no column looks like a label beside a text"
        lists = [name for name in nested if name.strip().lower() in SEVERAL_NAMES]
        if several := [*lists, *(n for n in free if n not in texts and is_several(free[n]))]:
            what = f"{shown(several[0])} holds several labels a text; {ONE_LABEL}"
        guess.decide["text_columns" if labels else "label_column"] = what
    label, texts = labels[0] if labels else TO_DECIDE, texts or [TO_DECIDE]
    id_column = chosen.id or guess_id(free, taken=[label, *texts])
    guess.section |= {
        "text_columns": texts,
        "label_column": label,
        "id_column": id_column,
        "metadata_columns": [],
        "classes": chosen.classes_value(),
        "unlabelled": "refuse",
        "min_class_size": 1,
    }
    split = split_of(guess)
    guess.section["split"] = split.section
    guess.unread = dict(split.unread)
    read = {*texts, label, id_column, split.section.get("column")}
    if unread := [name for name in found if name not in read]:
        guess.unread["columns"] = unread
    guess.reasons = {"split": split.why} | _of_columns(found)
    if label in columns:
        _look_at_label(guess, columns[label])
    others = [name for name in labels[1:] if name not in (*texts, id_column)]
    guess.other_labels = {name: columns[name].different for name in others}
    return guess


def is_several(column: Column) -> bool:
    """Return whether the values of a column are several labels each."""
    return not column.many and find_several(column.values) is not None


def _of_columns(names: list[str]) -> dict[str, str]:
    listed = ", ".join(shown(name, 30) for name in names[:10])
    return {"columns": f"of: {listed}" + (f" and {len(names) - 10} more" if names[10:] else "")}


def _look_at_label(guess: Guess, column: Column) -> None:
    if column.missing or (column.named and "-1" in column.values):
        guess.section["unlabelled"] = "leave_out"
    found = sorted(column.values)
    if (
        guess.section["classes"] is None
        and are_many_classes(found, column.count)
        and not column.many
    ):
        guess.section["classes"] = FOUND
    guess.labels = found if len(found) <= MOST_LISTED else []
    count = f"more than {len(found)}" if column.many else str(len(found))
    guess.reasons["label_column"] = f"{count} different: {', '.join(map(shown, found[:6]))}"


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
            hint = "name another column"
            if option == "--label":
                hint = ONE_LABEL
            raise ConfigError(f"{option} {shown(column)}: holds nested values; {hint}")
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

    def could_be(name: str, most: float) -> bool:
        column = columns[name]
        return not column.many and 1 < column.different <= most and column.different < column.count

    few = [n for n in columns if could_be(n, max(10, columns[n].count ** 0.5))]
    fewest = {n: 2 if n.strip().lower() in SURE_NAMES else FEWEST_A_CLASS for n in columns}
    some = [n for n in columns if n in few or could_be(n, columns[n].count / fewest[n])]
    usual = [name for known in LABEL_NAMES for name in some if name.strip().lower() == known]
    unlikely = {*SPLIT_COLUMNS, *ID_NAMES}
    others = [name for name in few if name.strip().lower() not in unlikely and name not in usual]
    return usual + sorted(others, key=lambda name: columns[name].different)


def guess_texts(columns: Columns, *, taken: str | None) -> list[str]:
    """Return the columns with usual names, else those with some words, else the longest."""
    words = {name: c.mean_words for name, c in columns.items() if name != taken and c.count}
    usual = [
        name for name in words if name.strip().lower() in TEXT_NAMES and words[name] >= FEW_WORDS
    ]
    if whole := [name for name in usual if not columns[name].missing]:
        return whole
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
        column = columns[name]
        if column.mean_words > WORDS_OF_ID:
            continue
        if not column.repeats and not column.missing and "" not in column.values:
            return name
    return None


# --- folders ------------------------------------------------------------------------------


def guess_folder(path: Path, chosen: Chosen) -> Guess:
    """Return the section for a folder: saved by Hugging Face `datasets`, or split/class/*.txt.

    Raises:
        ConfigError: a chosen column. DataError: it holds neither, or is damaged.
    """
    from pipeline.data.folder import class_names_in
    from pipeline.data.huggingface import is_saved

    saved = is_saved(path)
    for option, column in chosen.options():
        if option == "--split" or not saved:
            raise ConfigError(
                f"{option} {shown(column)}: {short(path)} is a folder, which has no column for "
                "that; leave the option out"
            )
    if saved:
        return _guess_saved(path, chosen)
    if next(itertools.chain(path.glob("*/*.txt"), path.glob("*/*/*.txt")), None) is None:
        class_names_in(path)  # raises: there are none, and says what lies there
    folders = sorted(p.name for p in path.iterdir() if p.is_dir())
    split, unread = dict(DRAWN), list[str]()
    if pair := train_and_test(folders):
        split = {"by": "name", "train": pair[0], "test": pair[1]}
        unread = [name for name in folders if name not in pair]
    return Guess(
        {
            "source": "folder",
            "path": str(path),
            "split": split,
            "classes": chosen.classes_value(),
            "min_class_size": 1,
            "encoding": "utf-8",
            "strip": False,
            "order": "name",
        },
        {"split": f"it has the folders {', '.join(folders[:6])}"},
        unread={"folders": unread} if unread else {},
    )


def _guess_saved(path: Path, chosen: Chosen) -> Guess:
    from pipeline.data.huggingface import batches_of, saved_splits, schema_of

    splits = saved_splits(path)
    pair = train_and_test(splits)
    files = splits[pair[0] if pair else next(iter(splits))]
    schema = schema_of(files[0])
    names = names_of_texts(schema)
    batches = (batch for file in files for batch in batches_of(file, names))
    columns = columns_of_arrow(schema, batches)

    def split_of(guess: Guess) -> Split:
        label = guess.section["label_column"]
        bare = [name for name in splits if is_unlabelled(splits[name], label)]
        bare = bare if len(bare) < len(splits) else []
        labelled = [name for name in splits if name not in bare]
        said = f"it has the splits {', '.join(map(shown, splits))}"
        found = train_and_test(labelled)
        left = [name for name in splits if name not in (found or labelled)]
        unread = [f"{name} (it has no labels)" if name in bare else name for name in left]
        section: dict[str, Any] = {**DRAWN, "left_out": left}
        if found:
            section = {"by": "name", "train": found[0], "test": found[1]}
        return Split(section, said, {"splits": unread} if unread else {})

    return _guess_columns(path, {"source": "huggingface"}, columns, chosen, split_of)
