"""Log probabilities brought to honest confidence by one temperature (Guo et al. 2017).

SciPy is imported by what computes: commands that only read what this room declares start sooner.
"""

import numpy as np

LEAST = 1e-12  # of a probability, before its logarithm is taken


def fit_temperature(log_probs: np.ndarray, labels: np.ndarray) -> float:
    """Return T so that softmax(log_probs / T) has the least log loss against the given labels.

    What says nothing about the labels gets the largest T, 1000: all classes alike.

    Args:
        log_probs: (n, classes), out of sample. labels: (n,) class indices.
    """
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda logarithm: log_loss(at_temperature(log_probs, float(np.exp(logarithm))), labels),
        bounds=(np.log(0.05), np.log(1000)),
        method="bounded",
        options={"xatol": 1e-3},
    )
    return float(np.exp(found.x))


def at_temperature(log_probs: np.ndarray, temperature: float) -> np.ndarray:
    """Return softmax(log_probs / temperature), as log probabilities."""
    from scipy.special import log_softmax

    return np.asarray(log_softmax(log_probs / temperature, axis=1))


def log_loss(log_probs: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean of -log of the given labels' probabilities."""
    return float(0.0 - log_probs[np.arange(len(labels)), labels].mean())  # never -0.0


def calibrate(log_probs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the log probabilities at the temperature that fits the given labels best."""
    return at_temperature(log_probs, fit_temperature(log_probs, labels))
