"""The examples of a dataset, as every source delivers them."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from pipeline.frame.errors import DataError
from pipeline.frame.messages import shown
from pipeline.frame.scratch import each_encoded

SPLITS = ("train", "test")
HASH_BYTES = 16  # so that two texts with the same hash are not to be expected in any dataset


@dataclass(frozen=True)
class Examples:
    """A labelled text dataset in its own order.

    ids: stable names ("train/5204"). splits: "train" or "test" for each. labels: (n,) class
    indices. texts: exactly as in the source. truth: (n,) true class indices where errors were
    planted, else None. place: row -> "reviews.csv:17", of a file. metadata: {column: (n,) values},
    for people alone. Ids, texts and metadata may lie on disk: read them in order, or a few.
    not_read: what lies in the source and beside it and is not part of them, kind ("columns",
    "files", ...) -> names.
    """

    name: str
    class_names: list[str]
    ids: Sequence[str]
    splits: list[str]
    labels: np.ndarray
    texts: Sequence[str]
    truth: np.ndarray | None = None
    place: Callable[[int], str] | None = None
    metadata: dict[str, Sequence[str]] = field(default_factory=dict)
    not_read: dict[str, list[str]] = field(default_factory=dict)


def check_examples(examples: Examples) -> None:
    """Stop on a dataset no later stage can work with.

    Raises:
        DataError: an empty split, or one with examples of one class only.
    """
    splits = np.array(examples.splits)
    if len(np.unique(examples.labels)) < 2:
        raise DataError(f"{examples.name}: has examples of one class only; 2 are needed")
    for split in ("train", "test"):
        found = np.unique(examples.labels[splits == split])
        if len(found) == 0:
            raise DataError(f"{examples.name}: has no {split} examples; correct dataset.split")
        if len(found) == 1:
            count, name = (splits == split).sum(), shown(examples.class_names[found[0]])
            raise DataError(
                f"{examples.name}: all {count:,} {split} examples are {name}, and "
                "each split needs 2 classes; correct dataset.split, or add texts of the others"
            )


def leave_out(examples: Examples, rows: Sequence[int]) -> Examples:
    """Return the examples without `rows`; the others keep their ids and their order."""
    if not len(rows):
        return examples
    gone, place = set(rows), examples.place
    left = [row for row in range(len(examples.ids)) if row not in gone]
    return replace(
        examples,
        ids=[examples.ids[row] for row in left],
        splits=[examples.splits[row] for row in left],
        labels=examples.labels[left],
        texts=[examples.texts[row] for row in left],
        metadata={name: [v[row] for row in left] for name, v in examples.metadata.items()},
        truth=None if examples.truth is None else examples.truth[left],
        place=None if place is None else lambda row: place(left[row]),
    )


def leave_out_small_classes(examples: Examples, least: int) -> Examples:
    """Return the examples without the classes that have under `least` texts to train on.

    Their names are gone too, and in not_read; the others keep their order.
    """
    small = training_sizes(examples) < least
    if not small.any():
        return examples
    kept, labels, names = np.flatnonzero(~small), examples.labels, examples.class_names
    counts = np.bincount(labels, minlength=len(small))
    gone = [f"{names[k]} ({counts[k]:,})" for k in np.flatnonzero(small).tolist()]
    rest = leave_out(examples, np.flatnonzero(small[labels]).tolist())
    return replace(
        rest,
        class_names=[names[place] for place in kept.tolist()],
        labels=np.searchsorted(kept, rest.labels).astype(labels.dtype),
        not_read=examples.not_read | {"classes": gone},
    )


def training_sizes(examples: Examples) -> np.ndarray:
    """Return (classes,) how many texts of each there are to train on, copies counted once.

    The smaller of the numbers that the two cross-validations have: over all, and inside train.
    """
    train = np.array([split == "train" for split in examples.splits])
    groups, labels = group_texts(examples.texts), examples.labels
    num_classes = len(examples.class_names)
    everywhere = count_per_class(labels, num_classes=num_classes, groups=groups)
    inside = count_per_class(labels[train], num_classes=num_classes, groups=groups[train])
    sizes: np.ndarray = np.minimum(everywhere, inside)
    return sizes


def group_texts(texts: Iterable[str]) -> np.ndarray:
    """Return (n,) numbers that are equal for equal texts: 0, 1, 2, ... by first occurrence.

    What is compared is a hash of each text.
    """
    digests = bytearray()
    for text in each_encoded(texts):
        digests += hashlib.sha256(text).digest()[:HASH_BYTES]
    buffers = [None, pa.py_buffer(digests)]
    hashes = pa.Array.from_buffers(pa.binary(HASH_BYTES), len(digests) // HASH_BYTES, buffers)
    groups: np.ndarray = hashes.dictionary_encode().indices.to_numpy()
    return groups


def count_per_class(
    labels: np.ndarray, *, num_classes: int, groups: np.ndarray | None = None
) -> np.ndarray:
    """Return (num_classes,) how many examples each class has.

    Args:
        labels: (n,) class indices. groups: (n,) equal numbers for copies of a text, which then
            count once, for the class of the first of them.
    """
    leaders = slice(None) if groups is None else np.unique(groups, return_index=True)[1]
    return np.bincount(labels[leaders], minlength=num_classes)


def varies(groups: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return for each group whether its members differ in `values`, whole numbers from 0."""
    # One number for each pair: rows of a matrix take NumPy twenty times as long to sort.
    base = int(values.max()) + 1
    pairs = np.unique(groups.astype(np.int64) * base + values)
    return np.bincount(pairs // base, minlength=int(groups.max()) + 1) > 1


def count_blank(texts: Iterable[str]) -> int:
    """Return how many texts are nothing but white space."""
    count = 0
    for text in each_encoded(texts):
        if not text or not _is_visible(text[0]):
            count += not str(text, "utf-8").strip()
    return count


def _is_visible(byte: int) -> bool:
    """Return whether a text that begins with this byte is surely more than white space."""
    return ord(" ") < byte < 0x7F


def fingerprint(examples: Examples) -> str:
    """Return "sha256:…" of all ids, splits, class names and texts, in order."""
    digest = hashlib.sha256()
    names = [name.encode() for name in examples.class_names]
    named = [_measured(split.encode()) + _measured(name) for split in SPLITS for name in names]
    is_test, num_classes = np.array(examples.splits) == SPLITS[1], len(examples.class_names)
    middles = (named[place] for place in (is_test * num_classes + examples.labels).tolist())
    ids, texts = map(each_encoded, (examples.ids, examples.texts))
    for id_, middle, text in zip(ids, middles, texts, strict=True):
        digest.update(_measured(id_) + middle + _measured(text))
    return f"sha256:{digest.hexdigest()}"


def _measured(part: bytes) -> bytes:
    """Return a text with the number of its bytes before it, so that no two lists are alike."""
    return len(part).to_bytes(8, "little") + part
