"""Which classes are taken for which: the listed issues by pair, and an order of the classes."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

MOST_EXAMPLES = 3


@dataclass
class Pair:
    """Listed issues given one class that look like another. examples: (id, text) of the first."""

    given: str
    suggested: str
    count: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)


def find_pairs(issues: Iterable[dict[str, str]]) -> list[Pair]:
    """Return the pairs of the listed issues, in rank order, the most frequent first.

    An issue that looks like its own label (some filters list such) is in no pair.
    """
    pairs: dict[tuple[str, str], Pair] = {}
    for issue in issues:
        key = issue["given_label"], issue["suggested_label"]
        if key[0] == key[1]:
            continue
        pair = pairs.setdefault(key, Pair(*key))
        pair.count += 1
        if len(pair.examples) < MOST_EXAMPLES:
            pair.examples.append((issue["id"], issue["text"]))
    return sorted(pairs.values(), key=lambda pair: (-pair.count, pair.given, pair.suggested))


def order_classes(counts: np.ndarray) -> np.ndarray:
    """Return an order in which classes that are confused with each other lie together.

    Args:
        counts: (classes, classes) of given and predicted class.

    Average linkage of the shares confused either way, leaves in the order that keeps neighbors
    closest (Bar-Joseph et al. 2001).
    """
    k = len(counts)
    if k < 3:
        return np.arange(k)
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    both = shares + shares.T
    distance = 1 / (both + 0.01)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    return np.asarray(leaves_list(tree))
