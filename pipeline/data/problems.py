"""What else is wrong with a dataset: copies, empty texts, near duplicates and outliers."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np


class Problem(NamedTuple):
    """Examples with one kind of problem.

    rows: (m,) row numbers. groups: (m,) numbers shared by examples that belong together.
    scores: (m,) from 0 (surely a problem) to 1, or empty.
    """

    rows: np.ndarray
    groups: np.ndarray
    scores: np.ndarray


NO_SCORES = np.empty(0)
PIECE = 65536  # texts at a time
# Rules and default thresholds of cleanlab's Datalab, which itself needs Hugging Face `datasets`.
NEIGHBORS = 10
NEAR_DUPLICATE_THRESHOLD = 0.13  # of the median distance to the nearest neighbor
OUTLIER_THRESHOLD = 0.37037


def find_copies(groups: np.ndarray, labels: np.ndarray, is_train: np.ndarray) -> dict[str, Problem]:
    """Return exact copies, copies with different labels, and texts in both train and test.

    Args:
        groups: (n,) equal numbers for equal texts. labels: (n,) class indices. is_train: (n,).
    """
    sizes = np.bincount(groups)
    conflicting = varies(groups, labels)
    shared = varies(groups, is_train)
    return {
        "exact_duplicate": _members(groups, sizes > 1),
        "conflicting_labels": _members(groups, conflicting),
        "train_and_test": _members(groups, shared),
    }


def varies(groups: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return for each group whether its members differ in `values`, whole numbers from 0."""
    # One number for each pair: rows of a matrix take NumPy twenty times as long to sort.
    base = int(values.max()) + 1
    pairs = np.unique(groups.astype(np.int64) * base + values)
    return np.bincount(pairs // base, minlength=int(groups.max()) + 1) > 1


def _members(groups: np.ndarray, chosen: np.ndarray) -> Problem:
    rows = np.flatnonzero(chosen[groups])
    rows = rows[np.argsort(groups[rows], kind="stable")]
    return Problem(rows, groups[rows], NO_SCORES)


def find_unreadable(texts: Iterable[str], inputs: Any) -> dict[str, Problem]:
    """Return texts that are empty, and others of which the classifier knows no word.

    Args:
        inputs: what the vectorize stage made of them: token ids, counts or texts.
    """
    empty = np.array([not text.strip() for text in texts])
    unknown = ~empty & ~_has_words(inputs)
    return {
        "empty_text": Problem(np.flatnonzero(empty), np.flatnonzero(empty), NO_SCORES),
        "no_known_word": Problem(np.flatnonzero(unknown), np.flatnonzero(unknown), NO_SCORES),
    }


def _has_words(inputs: Any) -> np.ndarray:
    if hasattr(inputs, "getnnz"):
        return np.asarray(inputs.getnnz(axis=1) > 0)
    if inputs.dtype == object:
        return np.ones(len(inputs), bool)
    pieces = range(0, len(inputs), PIECE)  # 0 is padding, 1 an unknown word
    has = [(np.asarray(inputs[first : first + PIECE]) > 1).any(axis=1) for first in pieces]
    return np.concatenate(has)


def find_by_neighbors(vectors: np.ndarray) -> dict[str, Problem]:
    """Return near duplicates and outliers among document vectors.

    Args:
        vectors: (n, dim) of a network. Distances are cosine distances, as Datalab takes for
            more than three dimensions.
    """
    from sklearn.neighbors import NearestNeighbors

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    search = NearestNeighbors(n_neighbors=min(NEIGHBORS, len(units) - 1), algorithm="brute")
    distances, neighbors = search.fit(units).kneighbors()
    distances = distances**2 / 2  # of unit vectors: the cosine distance
    return {
        "near_duplicate": _near_duplicates(distances, neighbors),
        "outlier": _outliers(distances),
    }


def _near_duplicates(distances: np.ndarray, neighbors: np.ndarray) -> Problem:
    """Return sets of texts nearer to each other than a fraction of the median distance.

    Score: 1 - exp(-distance to the nearest / median of it).
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    nearest = distances[:, 0]
    median = max(float(np.median(nearest)), float(np.finfo(np.float32).eps))
    row, column = np.nonzero(distances < NEAR_DUPLICATE_THRESHOLD * median)
    size = len(distances)
    pairs = coo_matrix((np.ones(len(row)), (row, neighbors[row, column])), shape=(size, size))
    _, groups = connected_components(pairs, directed=False)
    problem = _members(groups, np.bincount(groups) > 1)
    return problem._replace(scores=1 - np.exp(-nearest[problem.rows] / median))


def _outliers(distances: np.ndarray) -> Problem:
    """Return texts far from their neighbors, by the interquartile range of the mean distances.

    Score: exp(-mean distance / median of it), as cleanlab.outlier gives it.
    """
    mean = distances.mean(axis=1)
    low, high = np.percentile(mean, [25, 75])
    rows = np.flatnonzero(mean > high + (1 / OUTLIER_THRESHOLD - 1) * (high - low))
    rows = rows[np.argsort(-mean[rows], kind="stable")]
    median = max(float(np.median(mean)), float(np.finfo(np.float32).eps))
    return Problem(rows, rows, np.exp(-mean[rows] / median))
