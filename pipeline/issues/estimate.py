"""How many labels are wrong: estimates with intervals, from two sides."""

from typing import Any

import numpy as np


def estimate_by_confident_learning(
    labels: np.ndarray, pred_probs: np.ndarray, *, samples: int, seed: int
) -> dict[str, Any]:
    """Return {"count", "ci95"} of wrong labels as confident learning estimates them.

    The off-diagonal of the confident joint, calibrated to the class counts (Northcutt et al.
    2021); the interval is a bootstrap over examples with the class thresholds as they are. It
    says how far chance moves the estimate, not how far the model is wrong.

    Args:
        labels: (n,) class indices. pred_probs: (n, classes), out of sample.
    """
    k = pred_probs.shape[1]
    cells = confident_cells(labels, pred_probs)
    counts = np.bincount(labels * (k + 1) + cells, minlength=k * (k + 1)).reshape(k, k + 1)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(labels), counts.ravel() / len(labels), size=samples)
    low, high = np.percentile([wrong_of(each.reshape(k, k + 1)) for each in drawn], [2.5, 97.5])
    return {"count": round(wrong_of(counts)), "ci95": [round(float(low)), round(float(high))]}


def confident_cells(labels: np.ndarray, pred_probs: np.ndarray) -> np.ndarray:
    """Return (n,) the class each example is confidently of; the number of classes for none."""
    k = pred_probs.shape[1]
    own = pred_probs[np.arange(len(labels)), labels]
    sizes = np.maximum(np.bincount(labels, minlength=k), 1)
    thresholds = np.bincount(labels, weights=own, minlength=k) / sizes
    above = np.where(pred_probs >= thresholds - 1e-6, pred_probs, -1.0)
    return np.asarray(np.where(above.max(axis=1) >= 0, above.argmax(axis=1), k))


def wrong_of(counts: np.ndarray) -> float:
    """Return the wrong labels in (classes, classes + 1) counts of given and confident class."""
    confident = counts[:, :-1]
    totals = confident.sum(axis=1)
    shares = np.where(totals > 0, 1 - np.diag(confident) / np.maximum(totals, 1), 0.0)
    return float((shares * counts.sum(axis=1)).sum())
