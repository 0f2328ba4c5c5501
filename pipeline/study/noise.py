"""Label noise put in on purpose, so that what is found can be scored."""

import numpy as np


def flip_labels(
    labels: np.ndarray,
    *,
    rate: float,
    kind: str,
    num_classes: int,
    pred_probs: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the labels with round(rate * n) of them changed to another class.

    Args:
        labels: (n,) class indices, not changed.
        kind: "uniform": any example alike, any other class alike. "class_dependent": class k in
            proportion to k + 1, and always to the next class. "instance_dependent": hard examples
            first, that is with chances in proportion to 1 - their probability of the label, and
            to the most probable other class.
        pred_probs: (n, num_classes) out-of-sample probabilities, which say what is hard.
    """
    n, wanted = len(labels), round(rate * len(labels))
    other = (labels + rng.integers(1, num_classes, n)) % num_classes
    chances = np.ones(n)
    if kind == "class_dependent":
        other = (labels + 1) % num_classes
        chances = labels + 1.0
    elif kind == "instance_dependent":
        rivals = np.where(np.eye(num_classes, dtype=bool)[labels], -1, pred_probs)
        other = rivals.argmax(axis=1)
        chances = np.clip(1 - pred_probs[np.arange(n), labels].astype(np.float64), 1e-6, None)
    flipped = rng.choice(n, size=wanted, replace=False, p=chances / chances.sum())
    noisy = labels.copy()
    noisy[flipped] = other[flipped]
    return noisy
