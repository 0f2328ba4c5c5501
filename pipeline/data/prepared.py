"""The examples as `prepare` wrote them, as every later stage reads them."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.frame import artifacts
from pipeline.frame.artifacts import Arrays, load_json, load_table
from pipeline.frame.errors import ArtifactError
from pipeline.frame.run import Run
from pipeline.frame.scratch import StoredTexts


def dataset_stamp(run: Run, labels: np.ndarray) -> Arrays:
    """Return what a file of arrays says of the data it was made for, two hashes.

    dataset: the fingerprint of all ids, splits, class names and texts. labels: (n,) class
    indices, in order.
    """
    digest = hashlib.sha256(labels.astype(np.int64).tobytes())
    return {
        "dataset": np.array(artifacts.load_json(run.dataset)["fingerprint"]),
        "labels": np.array(f"sha256:{digest.hexdigest()}"),
    }


def check_stamp(arrays: Arrays, expected: Arrays, path: Path, stage: str) -> None:
    """Stop unless the arrays in `path` were made for the dataset and labels of `expected`.

    Raises:
        ArtifactError: naming what differs and the stage to run again.
    """
    for name, hashed in expected.items():
        if name not in arrays or str(arrays[name]) != str(hashed):
            what = {"dataset": "another dataset", "labels": "other labels"}[name]
            raise ArtifactError(
                f"{path}: was made for {what}; delete it and run `make {stage}` again"
            )


# --- what the stages share -----------------------------------------------------------------


@dataclass(frozen=True)
class Labels:
    """The labels of all examples, in row order.

    given: (n,) class indices. is_train: (n,) whether the example is in the training split.
    """

    given: np.ndarray
    is_train: np.ndarray

    def rows(self, scope: str) -> np.ndarray:
        """Return the row numbers of `scope`: all, train or test."""
        if scope == "all":
            return np.arange(len(self.given))
        return np.flatnonzero(self.is_train == (scope == "train"))

    def fitted(self, scope: str) -> np.ndarray:
        """Return the labels the models of `scope` are fitted on; those of test on train."""
        labels: np.ndarray = self.given[self.rows("train" if scope == "test" else scope)]
        return labels


def load_labels(run: Run) -> Labels:
    table = load_table(run.examples, ["split", "label"])
    is_train = pc.equal(table.column("split"), "train")
    return Labels(table.column("label").to_numpy(), is_train.to_numpy())


def load_class_names(run: Run) -> list[str]:
    names: list[str] = load_json(run.dataset)["class_names"]
    return names


def load_text_array(run: Run) -> pa.Array:
    """Return (n,) all texts, in row order."""
    column = load_table(run.examples, ["text"]).column("text")
    return column.cast(pa.large_string()).combine_chunks()


def text_groups(run: Run) -> np.ndarray:
    """Return (n,) numbers that are equal for examples with the same text."""
    return artifacts.load_array(run.text_groups)


class Example(NamedTuple):
    """What a list of examples says of one."""

    id: str
    split: str
    text: str


def load_examples(run: Run, rows: np.ndarray) -> Iterator[Example]:
    """Yield the examples at these rows of examples.parquet, in this order, any of them again.

    The file is read once, a row group at a time, and what was asked for kept as scratch.
    """
    wanted, place = np.unique(rows, return_inverse=True)
    kept = [StoredTexts() for _ in Example._fields]
    first = 0
    for batch in artifacts.table_batches(run.examples, [*Example._fields]):
        low, high = np.searchsorted(wanted, [first, first + len(batch)])
        chosen = batch.take(pa.array(wanted[low:high] - first))
        for column, texts in zip(chosen.columns, kept, strict=True):
            texts.extend(column.to_pylist())
        first += len(batch)
    ids, splits, texts = kept
    for number in place.tolist():
        yield Example(ids[number], splits[number], texts[number])
