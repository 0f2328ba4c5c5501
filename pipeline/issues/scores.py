"""How good probabilities are: log loss, accuracy, calibration error, each class."""

from typing import Any

import numpy as np

from pipeline.models.calibration import LEAST, at_temperature


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
        "log_loss": float(log_loss) + 0.0,  # not -0.0, of nothing but certainties
        "accuracy": float((pred_probs.argmax(axis=1) == labels).mean()),
        "ece": calibration_error(pred_probs, labels, bins=bins),
    }


def score_calibration(
    pred_probs: np.ndarray, labels: np.ndarray, temperature: float | None, *, bins: int
) -> dict[str, Any]:
    """Return temperature, and log loss and calibration error before and after it.

    after: None where no temperature was fitted.
    """
    found: dict[str, Any] = {"temperature": temperature, "after": None}
    before = scores(pred_probs, labels, bins=bins)
    found["before"] = {key: before[key] for key in ("log_loss", "ece")}
    if temperature is not None:
        log_probs = np.log(np.maximum(pred_probs.astype(np.float64), LEAST))
        after = scores(np.exp(at_temperature(log_probs, temperature)), labels, bins=bins)
        found["after"] = {key: after[key] for key in ("log_loss", "ece")}
    return found


def score_classes(
    labels: np.ndarray, predicted: np.ndarray, class_names: list[str]
) -> dict[str, Any]:
    """Return macro_f1, and precision, recall, f1 and count of examples of each class.

    macro_f1: the mean over the classes that occur, each as important as any other. A class that is
    never predicted has a precision of 0; one that does not occur has None for all but precision.

    Args:
        labels, predicted: (n,) class indices.
    """
    from sklearn.metrics import precision_recall_fscore_support

    found = precision_recall_fscore_support(
        labels, predicted, labels=np.arange(len(class_names)), zero_division=0
    )
    by_class = {
        name: {
            "precision": float(precision),
            "recall": float(recall) if count else None,
            "f1": float(f1) if count else None,
            "examples": int(count),
        }
        for name, precision, recall, f1, count in zip(class_names, *found, strict=True)
    }
    occurring = [row["f1"] for row in by_class.values() if row["f1"] is not None]
    return {"macro_f1": float(np.mean(occurring)), "by_class": by_class}
