"""Whether a model is fit to judge labels, said before its list is read."""

from typing import Any, NamedTuple

import numpy as np

from pipeline.issues.scores import calibration_error

CALIBRATION = 0.2  # a larger calibration error is not a probability any more
UNKNOWN = 0.05  # share of texts without a known word
RISING = 0.01  # gain of training accuracy in the last tenth of the epochs
CHANCE = 0.05  # p of the test against the largest class
BINS = 15


class Fitness(NamedTuple):
    """reasons: (why it is not fit, what to do), none for a model that is fit."""

    reasons: list[tuple[str, str]]

    @property
    def is_fit(self) -> bool:
        return not self.reasons

    def as_json(self) -> dict[str, Any]:
        reasons = [{"why": why, "remedy": remedy} for why, remedy in self.reasons]
        return {"is_fit": self.is_fit, "reasons": reasons}


def judge_fitness(
    pred_probs: np.ndarray,
    labels: np.ndarray,
    *,
    unknown: float,
    curves: list[list[float]],
) -> Fitness:
    """Return whether out-of-sample probabilities can say which labels are wrong.

    Args:
        pred_probs: (n, classes). labels: (n,) class indices. unknown: share of texts without a
            known word. curves: training accuracy by epoch of each fold, for a model with epochs.
    """
    reasons = []
    right = int((pred_probs.argmax(axis=1) == labels).sum())
    largest = float(np.bincount(labels).max() / len(labels))
    if not better_than(right, len(labels), largest):
        reasons.append(
            (
                f"it is right about {right / len(labels):.1%} of the labels, no more than always "
                f"saying the largest class ({largest:.1%})",
                "see that the texts are read as words (finder.by=ensemble reads characters too), "
                "that labels belong to their texts, and add texts",
            )
        )
    error = calibration_error(pred_probs, labels, bins=BINS)
    if error > CALIBRATION:
        reasons.append(
            (f"its confidence is off by {error:.2f} (calibration error)", "use finder.by=ensemble")
        )
    if unknown > UNKNOWN:
        reasons.append(
            (
                f"{unknown:.0%} of the texts have no word that it knows",
                "raise vectorize.max_tokens, or use finder.by=ensemble, which reads characters",
            )
        )
    if rising := [curve for curve in curves if is_rising(curve)]:
        reasons.append(
            (
                f"its training accuracy is still rising ({rising[0][-1]:.2f} in the last epoch)",
                "raise model.epochs",
            )
        )
    return Fitness(reasons)


def better_than(right: int, count: int, chance: float) -> bool:
    """Return whether so many right answers are more than chance gives (exact binomial test)."""
    from scipy.stats import binomtest

    return bool(binomtest(right, count, chance, alternative="greater").pvalue < CHANCE)


def is_rising(curve: list[float]) -> bool:
    """Return whether training accuracy gained much in the last tenth of its epochs."""
    tenth = max(1, len(curve) // 10)
    return len(curve) > tenth and curve[-1] - curve[-1 - tenth] > RISING * tenth
