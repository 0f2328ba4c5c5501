"""Log loss, accuracy and calibration error on numbers that can be checked by hand."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from pipeline.issues.scores import calibration_error, scores


def test_calibration_error_on_literals() -> None:
    pred_probs = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]])
    labels = np.array([0, 1, 0, 1])
    # Bin of 0.9: accuracy 0.5, gap 0.4, half of all. Bin of 0.6: accuracy 1, gap 0.4, the rest.
    assert calibration_error(pred_probs, labels, bins=10) == pytest.approx(0.4)
    # One bin for all: accuracy 0.75, mean confidence 0.75.
    assert calibration_error(pred_probs, labels, bins=1) == pytest.approx(0.0)
    certain = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert calibration_error(certain, np.array([0, 1]), bins=15) == 0.0
    assert calibration_error(certain, np.array([1, 0]), bins=15) == 1.0


def test_scores_on_literals() -> None:
    pred_probs = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]], np.float32)
    labels = np.array([0, 1, 1])
    found = scores(pred_probs, labels)
    assert found["log_loss"] == pytest.approx(-np.log([0.9, 0.8, 0.5]).mean(), rel=1e-6)
    assert found["log_loss"] == pytest.approx(log_loss(labels, pred_probs), rel=1e-6)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert np.isfinite(scores(np.array([[1.0, 0.0]]), np.array([1]))["log_loss"])
