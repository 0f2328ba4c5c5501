"""The examples of a dataset, as every source delivers them."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Examples:
    """A labelled text dataset in its own order.

    ids: stable names ("train/5204"). splits: "train" or "test" for each. labels: (n,) class
    indices. texts: exactly as in the source. truth: (n,) true class indices where errors were
    planted, else None.
    """

    name: str
    class_names: list[str]
    ids: list[str]
    splits: list[str]
    labels: np.ndarray
    texts: list[str]
    truth: np.ndarray | None = None
