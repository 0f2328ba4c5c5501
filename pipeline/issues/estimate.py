"""How many labels are wrong: two estimates with intervals, and the range that holds both.

Confident learning counts what the model confidently contradicts, its own mistakes included. The
scores say how many labels can at most be wrong if wrong labels fall at random. Where they are
far apart the data cannot tell, so what is stated is the range from the lower end of one to the
upper end of the other.
"""

from typing import Any, NamedTuple

import numpy as np

FEWEST_ROWS = 30  # of a class, below which nothing is said of its labels
SAMPLES = 1000
LEAST_SHARE = 0.7  # of random labels that the threshold of estimate_by_scores must lie above
MOST_THRESHOLDS = 100
MOST_RANDOM = 2_000_000  # random labels whose scores are looked at


class Counts(NamedTuple):
    """Estimated wrong labels. low, high: the ends of a 95% interval."""

    estimate: float
    low: float
    high: float

    def as_json(self) -> dict[str, Any]:
        return {"count": round(self.estimate), "ci95": [round(self.low), round(self.high)]}


def estimate_errors(
    labels: np.ndarray, pred_probs: np.ndarray, *, samples: int, seed: int, is_fit: bool = True
) -> dict[str, Any]:
    """Return how many labels are wrong, as metrics.json tells it.

    confident_learning, scores: {"count", "ci95"}. range95: [low, high] over both, None from a
    model that is not fit to judge.

    Args:
        labels: (n,) class indices. pred_probs: (n, classes), out of sample.
    """
    by_joint = estimate_by_confident_learning(labels, pred_probs, samples=samples, seed=seed)
    by_scores = estimate_by_scores(*label_scores(labels, pred_probs)).as_json()
    lows, highs = zip(by_joint["ci95"], by_scores["ci95"], strict=True)
    return {
        "confident_learning": by_joint,
        "scores": by_scores,
        "range95": [min(lows), max(highs)] if is_fit else None,
    }


def estimate_class_errors(
    labels: np.ndarray, pred_probs: np.ndarray, *, samples: int = SAMPLES, seed: int = 0
) -> list[list[int] | None]:
    """Return [low, high] wrong labels of each class by both estimates, 95%.

    None for a class with fewer than FEWEST_ROWS labels: chance decides what is seen of it.

    Args:
        labels: (n,) class indices. pred_probs: (n, classes), out of sample.
    """
    sizes = np.bincount(labels, minlength=pred_probs.shape[1])
    drawn = _wrong_by_class(_draw(confident_counts(labels, pred_probs), samples, seed))
    lows, highs = np.percentile(drawn, [2.5, 97.5], axis=0)
    ranges: list[list[int] | None] = []
    for k, size in enumerate(sizes.tolist()):
        if size < FEWEST_ROWS or size == len(labels):
            ranges.append(None)
            continue
        own = labels == k
        scores = pred_probs[:, k]
        found = estimate_by_scores(scores[own], _some(scores[~own]))
        low, high = min(lows[k], found.low), max(highs[k], found.high)
        ranges.append([int(np.floor(low)), min(int(np.ceil(high)), size)])
    return ranges


# --- confident learning ---------------------------------------------------------------------


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
    counts = confident_counts(labels, pred_probs)
    totals = _wrong_by_class(_draw(counts, samples, seed)).sum(axis=1)
    low, high = np.percentile(totals, [2.5, 97.5])
    return Counts(wrong_of(counts), low, high).as_json()


def confident_cells(labels: np.ndarray, pred_probs: np.ndarray) -> np.ndarray:
    """Return (n,) the class each example is confidently of; the number of classes for none."""
    k = pred_probs.shape[1]
    own = pred_probs[np.arange(len(labels)), labels]
    sizes = np.maximum(np.bincount(labels, minlength=k), 1)
    thresholds = np.bincount(labels, weights=own, minlength=k) / sizes
    above = np.where(pred_probs >= thresholds - 1e-6, pred_probs, -1.0)
    return np.asarray(np.where(above.max(axis=1) >= 0, above.argmax(axis=1), k))


def confident_counts(labels: np.ndarray, pred_probs: np.ndarray) -> np.ndarray:
    """Return (classes, 4): of each given class how many are confidently of a class before it, of
    it, of one after it, and of none.
    """
    k = pred_probs.shape[1]
    cells = confident_cells(labels, pred_probs)
    kinds = np.where(cells == k, 3, 1 + np.sign(cells - labels))
    return np.bincount(labels * 4 + kinds, minlength=4 * k).reshape(k, 4)


def wrong_of(counts: np.ndarray) -> float:
    """Return the wrong labels in (classes, 4) counts: see confident_counts."""
    return float(_wrong_by_class(counts[None]).sum())


def _draw(counts: np.ndarray, samples: int, seed: int) -> np.ndarray:
    """Return (samples, classes, 4) bootstrap counts."""
    total = int(counts.sum())
    drawn = np.random.default_rng(seed).multinomial(total, counts.ravel() / total, size=samples)
    return np.asarray(drawn.reshape(samples, *counts.shape))


def _wrong_by_class(counts: np.ndarray) -> np.ndarray:
    """Return (samples, classes) wrong labels in (samples, classes, 4) counts."""
    confident = counts[..., :3].sum(axis=-1)
    shares = 1 - counts[..., 1] / np.maximum(confident, 1)
    return np.asarray(np.where(confident > 0, shares, 0.0) * counts.sum(axis=-1))


# --- scores ---------------------------------------------------------------------------------


def label_scores(labels: np.ndarray, pred_probs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities of the given labels, and of other labels in their place.

    The second are what random wrong labels would score: an example was not learned by the model
    that judges it, so its prediction does not depend on the label it has.
    """
    n, k = pred_probs.shape
    rows = np.arange(n)
    steps = np.unique(np.linspace(1, k - 1, max(1, min(k - 1, MOST_RANDOM // n))).astype(int))
    others = [pred_probs[rows, (labels + step) % k] for step in steps]
    return pred_probs[rows, labels], np.concatenate(others)


def estimate_by_scores(given: np.ndarray, random: np.ndarray) -> Counts:
    """Return how many labels are wrong if wrong labels score like random ones.

    With F the share of the given and R that of the random labels that score at most t, F(t) is at
    least the share of wrong labels times R(t); so their number is at most n F(t) / R(t), and about
    that where right labels hardly score so low. Of the thresholds above which at most 1 -
    LEAST_SHARE of the random labels lie, the one with the lowest upper limit is taken (mixture
    proportion, Blanchard, Lee and Scott 2010; the choice as in Garg et al. 2021, algorithm 1).
    The interval is that of a binomial share (Clopper and Pearson 1934).

    Args:
        given: (n,) scores of the labels. random: (m,) scores of random labels.
    """
    from scipy.stats import beta

    shares = np.linspace(LEAST_SHARE, 1, MOST_THRESHOLDS)
    ordered = np.sort(random).astype(np.float64)
    places = np.ceil(shares * len(ordered)).astype(int) - 1
    thresholds = ordered[places]
    shares = np.searchsorted(ordered, thresholds, side="right") / len(ordered)
    n = len(given)
    below = np.searchsorted(np.sort(given).astype(np.float64), thresholds, side="right")
    above = n - below
    highs = np.where(above > 0, beta.ppf(0.975, below + 1, np.maximum(above, 1)), 1.0) / shares
    best = int(highs.argmin())
    count, share = int(below[best]), float(shares[best])
    low = float(beta.ppf(0.025, count, n - count + 1)) / share if count else 0.0
    return Counts(*(min(part, 1.0) * n for part in (count / n / share, low, float(highs[best]))))


def _some(values: np.ndarray, most: int = 20_000) -> np.ndarray:
    """Return at most so many of the values, evenly chosen."""
    return values if len(values) <= most else values[:: -(-len(values) // most)]
