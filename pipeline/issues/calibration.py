"""The probability that a label is wrong, learned from labels whose truth is known."""

from typing import Any, NamedTuple

import numpy as np

FEWEST = 30  # known labels, below which nothing is calibrated
SAMPLES = 200


class WrongProbability(NamedTuple):
    """A fit that never rises with the score. scores, probabilities: (points,) ascending scores."""

    scores: np.ndarray
    probabilities: np.ndarray

    def of(self, scores: np.ndarray) -> np.ndarray:
        """Return (n,) the probability that a label with this score is wrong."""
        return np.asarray(np.interp(scores, self.scores, self.probabilities))


def fit_wrong_probability(scores: np.ndarray, is_wrong: np.ndarray) -> WrongProbability | None:
    """Return the monotone fit (isotonic regression) of known errors on the score.

    Args:
        scores: (m,) label quality, low for suspicious. is_wrong: (m,) what is known.

    None for fewer than FEWEST known labels, or where all are alike.
    """
    if len(scores) < FEWEST or is_wrong.all() or not is_wrong.any():
        return None
    from sklearn.isotonic import IsotonicRegression

    fit = IsotonicRegression(y_min=0, y_max=1, increasing=False, out_of_bounds="clip")
    fit.fit(scores, is_wrong.astype(float))
    return WrongProbability(fit.X_thresholds_, fit.y_thresholds_)


def estimate_by_calibration(
    scores: np.ndarray, known: np.ndarray, is_wrong: np.ndarray, *, seed: int
) -> dict[str, Any] | None:
    """Return {"count", "ci95"} of wrong labels: the sum of their calibrated probabilities.

    Args:
        scores: (n,) of every label. known: positions whose truth is known. is_wrong: (m,) of those.

    The interval is a bootstrap over the known labels.
    """
    fit = fit_wrong_probability(scores[known], is_wrong)
    if fit is None:
        return None
    rng = np.random.default_rng(seed)
    sums = []
    for _ in range(SAMPLES):
        drawn = rng.integers(0, len(known), len(known))
        again = fit_wrong_probability(scores[known[drawn]], is_wrong[drawn])
        if again is not None:
            sums.append(float(again.of(scores).sum()))
    low, high = np.percentile(sums, [2.5, 97.5])
    return {"count": round(float(fit.of(scores).sum())), "ci95": [round(low), round(high)]}
