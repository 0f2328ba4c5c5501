"""How good probabilities are: log loss, accuracy, calibration error."""

import numpy as np


def calibration_error(pred_probs: np.ndarray, labels: np.ndarray, *, bins: int) -> float:
    """Return the expected calibration error of the predicted class (Guo et al. 2017, eq. 3).

    The mean over equal-width confidence bins of |accuracy - confidence|, weighted by size.
    """
    confidence = pred_probs.max(axis=1).astype(np.float64)
    correct = pred_probs.argmax(axis=1) == labels
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(index, weights=correct - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(labels))


def scores(pred_probs: np.ndarray, labels: np.ndarray, *, bins: int = 15) -> dict[str, float]:
    """Return log loss (nats), accuracy and expected calibration error."""
    chosen = pred_probs[np.arange(len(labels)), labels].astype(np.float64)
    log_loss = -np.log(np.clip(chosen, np.finfo(np.float32).eps, 1)).mean()
    return {
        "log_loss": float(log_loss),
        "accuracy": float((pred_probs.argmax(axis=1) == labels).mean()),
        "ece": calibration_error(pred_probs, labels, bins=bins),
    }
