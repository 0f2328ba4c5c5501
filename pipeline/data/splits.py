"""Which examples are train and which are test."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from pipeline.frame.errors import DataError
from pipeline.frame.messages import more_rows, shown

TRAIN_NAMES = ("train", "training")
TEST_NAMES = ("test", "testing", "validation", "valid", "val", "dev", "eval", "evaluation")
SPLIT_NAMES = (*TRAIN_NAMES, *TEST_NAMES)


def draw_test_split(labels: np.ndarray, *, test_fraction: float, seed: int) -> list[str]:
    """Return "train" or "test" for each label: round(test_fraction * size) of every class in test.

    The same labels, fraction and seed give the same split.
    """
    rng = np.random.default_rng(seed)
    is_test = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        chosen = rng.permutation(rows)[: round(test_fraction * len(rows))]
        is_test[chosen] = True
    return ["test" if drawn else "train" for drawn in is_test.tolist()]


def name_splits(
    values: Sequence[str], *, train: str, test: str, place: Callable[[int], str], column: str
) -> list[str]:
    """Return "train" or "test" for each value of the split column.

    Raises:
        DataError: a value that is neither.
    """
    names = {train: "train", test: "test"}
    if other := [position for position, value in enumerate(values) if value not in names]:
        first, more = other[0], more_rows(len(other) - 1)
        raise DataError(
            f"{place(first)}: column {shown(column)}: split {shown(values[first])} is neither "
            f"{shown(train)} nor {shown(test)}{more}; correct it, or name it in "
            "dataset.split.left_out"
        )
    return [names[value] for value in values]


def check_splits(splits: list[str], name: str) -> None:
    """Stop on an empty split.

    Raises:
        DataError: naming it.
    """
    for split in ("train", "test"):
        if split not in splits:
            raise DataError(f"{name}: has no {split} examples; correct dataset.split")


def splits_beside(path: Path) -> list[Path]:
    """Return the files in the same folder, of the same kind, that are named as splits are."""
    try:
        files = sorted(path.absolute().parent.iterdir())
    except OSError:  # a folder that one may enter and not list
        return []
    same = [f for f in files if f.name != path.name and _kind(f) == _kind(path) and f.is_file()]
    return [file for file in same if _words(file) & {*SPLIT_NAMES}]


def _kind(path: Path) -> list[str]:
    return [suffix.lower() for suffix in path.suffixes[-2:] if suffix.lower() != ".gz"][-1:]


def _words(path: Path) -> set[str]:
    return set(re.split(r"[^a-z]+", path.name.lower()))
