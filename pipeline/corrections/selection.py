"""Ways through the list: what a view shows, and in which order. All of it in arrays."""

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

SHOWS = ("all", "open", "decided", "disagree", "audit", "new", "gone")
SORTS = ("rank", "probability", "pair", "like")
KINDS = ("", "plain", "mixed")
MOST_VALUES = 200
MIXED = 0.2  # the two most probable classes are nearer than that


@dataclass(frozen=True)
class View:
    """What a person asks to see.

    show: open: not decided by them; decided: by anybody; new, gone: since the list was ranked
    again. query: in text or id. given, suggested: class names. low, high: percent that the given
    label has. kind: mixed: no class is clearly the most probable. like: the id that `sort` "like"
    compares with. metadata: (column, value).
    blind: nothing of the model until one has decided.
    """

    show: str = "all"
    query: str = ""
    given: str = ""
    suggested: str = ""
    split: str = ""
    low: float | None = None
    high: float | None = None
    kind: str = ""
    sort: str = "rank"
    like: str = ""
    metadata: tuple[tuple[str, str], ...] = ()
    blind: bool = False

    @property
    def asks_the_model(self) -> bool:
        """Return whether it filters by what the model says."""
        bounds = self.low is not None or self.high is not None
        return bool(self.suggested or self.kind or bounds)

    @property
    def is_filtered(self) -> bool:
        """Return whether it shows less than a tab does."""
        return replace(self, show="all", sort="rank", like="", blind=False) != View()

    @property
    def unfiltered(self) -> "View":
        return View(show=self.show, sort=self.sort, like=self.like, blind=self.blind)


@dataclass(frozen=True)
class Columns:
    """What is known of the items, (n,) each. Class indices; -1 for none.

    confidence: of the given label; nan without a prediction. margin: between the two most
    probable classes. rank: place in the list, a large number for one that is not an issue.
    metadata: {column: (n,) values}.
    """

    given: np.ndarray
    suggested: np.ndarray
    split: np.ndarray
    confidence: np.ndarray
    margin: np.ndarray
    rank: np.ndarray
    metadata: dict[str, np.ndarray]

    @cached_property
    def frequent_metadata(self) -> dict[str, list[str]]:
        """Return {column: its values, the most frequent first}, as many as one can choose from."""
        return {
            name: [v for v, _ in Counter(filter(None, values)).most_common(MOST_VALUES)]
            for name, values in self.metadata.items()
        }

    @property
    def is_mixed(self) -> np.ndarray:
        return np.asarray(self.margin < MIXED)


def columns_of(items: list[Any], class_index: dict[str, int]) -> Columns:
    """Return the columns of items."""
    probs = [item.pred_probs for item in items]
    own = [
        np.nan if p is None else p[class_index[i.given]] for p, i in zip(probs, items, strict=True)
    ]
    return Columns(
        given=np.array([class_index[item.given] for item in items], np.int32),
        suggested=np.array(
            [class_index[item.suggested] if item.suggested else -1 for item in items], np.int32
        ),
        split=np.array([item.split for item in items]),
        confidence=np.array(own, np.float64),
        margin=np.array([np.nan if p is None else margin_of(p) for p in probs], np.float64),
        rank=np.array([item.rank or len(items) + 1 for item in items], np.int64),
        metadata={
            name: np.array([item.metadata.get(name, "") for item in items], object)
            for name in dict.fromkeys(name for item in items for name in item.metadata)
        },
    )


def margin_of(probs: np.ndarray) -> float:
    """Return how far the most probable class is above the second."""
    second, first = np.partition(probs, -2)[-2:]
    return float(first - second)


def filtered(columns: Columns, view: View, class_index: dict[str, int]) -> np.ndarray:
    """Return (n,) which items the filters let through; of show and query nothing is asked."""
    kept = np.ones(len(columns.given), bool)
    if view.given:
        kept &= columns.given == class_index.get(view.given, -2)
    if view.suggested:
        kept &= columns.suggested == class_index.get(view.suggested, -2)
    if view.split:
        kept &= columns.split == view.split
    if view.low is not None:
        kept &= columns.confidence >= view.low / 100
    if view.high is not None:
        kept &= columns.confidence <= view.high / 100
    for column, value in view.metadata:
        kept &= columns.metadata[column] == value if column in columns.metadata else False
    if view.kind:
        kept &= columns.is_mixed == (view.kind == "mixed")
    return kept


def order_of(columns: Columns, sort: str, likeness: np.ndarray | None = None) -> np.ndarray:
    """Return (n,) the places in the order of a sort; likeness: (n,) to what one looks at."""
    first = np.arange(len(columns.given))
    if sort == "probability":
        return np.asarray(np.lexsort((first, np.nan_to_num(columns.confidence, nan=2.0))))
    if sort == "pair":
        pairs = columns.given.astype(np.int64) * (columns.suggested.max(initial=0) + 2)
        pairs += columns.suggested
        _, inverse, counts = np.unique(pairs, return_inverse=True, return_counts=True)
        return np.asarray(np.lexsort((first, pairs, -counts[inverse])))
    if sort == "like" and likeness is not None:
        return np.asarray(np.lexsort((first, -likeness)))
    return first


def pair_counts(columns: Columns, kept: np.ndarray) -> list[tuple[int, int, int]]:
    """Return (given, suggested, how many) of the items kept, the most frequent pair first."""
    has = kept & (columns.suggested >= 0) & (columns.suggested != columns.given)
    width = int(columns.suggested.max(initial=0)) + 1
    counts = np.bincount(columns.given[has].astype(np.int64) * width + columns.suggested[has])
    found = np.flatnonzero(counts)
    found = found[np.argsort(-counts[found], kind="stable")]
    return [(int(pair) // width, int(pair) % width, int(counts[pair])) for pair in found]
