"""Log loss, accuracy and calibration error on numbers that can be checked by hand."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from pipeline.issues.scores import calibration_error, score_calibration, score_classes, scores
from pipeline.models.calibration import log_loss as log_loss_of


def test_calibration_error_on_literals() -> None:
    pred_probs = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]])
    labels = np.array([0, 1, 0, 1])
    # Bin of 0.9: accuracy 0.5, gap 0.4, half of all. Bin of 0.6: accuracy 1, gap 0.4, the rest.
    assert calibration_error(pred_probs, labels, bins=10) == pytest.approx(0.4)
    # One bin for all: accuracy 0.75, mean confidence 0.75.
    assert calibration_error(pred_probs, labels, bins=1) == pytest.approx(0.0)
    # 0.62 right and 0.68 wrong share the bin from 0.6 to 0.7; 0.68 and 0.72 do not share one.
    near = np.array([[0.62, 0.38], [0.68, 0.32]])
    assert calibration_error(near, np.array([0, 1]), bins=10) == pytest.approx((0.68 - 0.38) / 2)
    apart = np.array([[0.72, 0.28], [0.68, 0.32]])
    assert calibration_error(apart, np.array([0, 1]), bins=10) == pytest.approx((0.68 + 0.28) / 2)
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
    sure = scores(np.array([[1 - 1e-6, 1e-6]]), np.array([1]))
    assert sure["log_loss"] == pytest.approx(-np.log(1e-6))
    assert np.isfinite(scores(np.array([[1.0, 0.0]]), np.array([1]))["log_loss"])
    certain = scores(np.array([[1.0, 0.0]]), np.array([0]))["log_loss"]
    assert f"{certain:.4f}" == f"{log_loss_of(np.log([[1.0]]), np.array([0])):.4f}" == "0.0000"


def test_each_class_is_scored_and_none_outweighs_another() -> None:
    labels = np.array([0] * 8 + [1] * 2)
    predicted = np.array([0] * 8 + [0, 1])
    found = score_classes(labels, predicted, ["many", "few", "none"])
    assert found["by_class"]["few"] == {
        "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "examples": 2,
    }  # fmt: skip
    many = 2 * (8 / 9) / (1 + 8 / 9)
    assert found["macro_f1"] == pytest.approx((many + 2 / 3) / 2)
    assert found["by_class"]["none"]["recall"] is None


def test_calibration_is_told_before_and_after() -> None:
    rng = np.random.default_rng(0)
    honest = rng.uniform(0.5, 1, 4000)
    labels = (rng.random(4000) > honest).astype(int)
    sure = honest**3 / (honest**3 + (1 - honest) ** 3)
    probs = np.stack([sure, 1 - sure], axis=1)
    found = score_calibration(probs, labels, 3.0, bins=15)
    assert found["after"]["ece"] < 0.03 < 0.1 < found["before"]["ece"]
    assert found["after"]["log_loss"] < found["before"]["log_loss"]
    assert score_calibration(probs, labels, None, bins=15)["after"] is None
