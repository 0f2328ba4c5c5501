"""How many labels are wrong by confident learning: cleanlab's numbers, with an interval."""

import numpy as np
import pytest
from cleanlab.count import compute_confident_joint, num_label_issues

from pipeline.issues.estimate import confident_cells, estimate_by_confident_learning, wrong_of
from tests.issues.scopes import make_scope


def counts_of(labels: np.ndarray, cells: np.ndarray, k: int) -> np.ndarray:
    return np.bincount(labels * (k + 1) + cells, minlength=k * (k + 1)).reshape(k, k + 1)


def test_the_confident_joint_is_cleanlabs() -> None:
    labels, pred_probs, _ = make_scope()
    counts = counts_of(labels, confident_cells(labels, pred_probs), 3)
    expected = compute_confident_joint(labels, pred_probs.astype(np.float64), calibrate=False)
    assert counts[:, :3].tolist() == expected.tolist()
    assert counts.sum() == len(labels)


def test_the_count_is_cleanlabs_before_it_rounds_each_cell() -> None:
    labels, pred_probs, planted = make_scope()
    counts = counts_of(labels, confident_cells(labels, pred_probs), 3)
    expected = num_label_issues(
        labels, pred_probs.astype(np.float64), estimation_method="off_diagonal_calibrated"
    )
    assert wrong_of(counts) == pytest.approx(expected, abs=1)
    assert wrong_of(counts) == pytest.approx(len(planted), abs=5)


def test_cells_on_literals() -> None:
    labels = np.array([0, 0, 1, 1])
    pred_probs = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.8, 0.2]])
    # Thresholds: .7 of class 0, .5 of class 1. The second is of class 1 by .5, the last of 0.
    assert confident_cells(labels, pred_probs).tolist() == [0, 1, 1, 0]
    nobody = np.array([[0.9, 0.1], [0.69, 0.31], [0.2, 0.8], [0.2, 0.8]])
    assert confident_cells(labels, nobody).tolist() == [0, 2, 1, 1]


def test_wrong_labels_on_literals() -> None:
    assert wrong_of(np.array([[8, 2, 10], [0, 5, 0]])) == pytest.approx(4)  # 2 of 10 of 20
    assert wrong_of(np.array([[0, 0, 5], [1, 3, 1]])) == pytest.approx(1.25)  # 5 say nothing
    assert wrong_of(np.array([[5, 0, 0], [0, 5, 0]])) == 0


def test_the_interval_holds_the_count_and_shrinks_with_the_labels() -> None:
    labels, pred_probs, planted = make_scope(300)
    found = estimate_by_confident_learning(labels, pred_probs, samples=300, seed=1)
    again = estimate_by_confident_learning(labels, pred_probs, samples=300, seed=1)
    assert found == again
    low, high = found["ci95"]
    assert low < found["count"] < high
    assert low <= len(planted) <= high
    often = np.tile(labels, 9), np.tile(pred_probs, (9, 1))
    more = estimate_by_confident_learning(*often, samples=300, seed=1)
    width = (more["ci95"][1] - more["ci95"][0]) / 9
    assert width == pytest.approx((high - low) / 3, rel=0.35)


def test_labels_without_a_doubt_have_none_wrong() -> None:
    labels = np.tile([0, 1], 20)
    sure = np.where(np.eye(2)[labels] == 1, 0.99, 0.01)
    found = estimate_by_confident_learning(labels, sure, samples=100, seed=0)
    assert found == {"count": 0, "ci95": [0, 0]}
