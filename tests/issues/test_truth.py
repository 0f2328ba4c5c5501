"""A ranked list against known errors, on lists that can be scored by hand."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from pipeline.issues.truth import score_against_truth


def test_planted_errors_are_scored() -> None:
    is_error = np.array([True, False, True, False, True, False])
    found = score_against_truth(np.array([2, 1, 0]), is_error)
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["average_precision"] == pytest.approx((1 / 1 + 2 / 3) / 3)
    everything = np.array([4, 1, 0, 2, 3, 5])
    ranked = score_against_truth(everything, is_error)
    order = -np.argsort(everything)  # a score that ranks as the list does
    assert ranked["average_precision"] == pytest.approx(average_precision_score(is_error, order))


def test_planted_scores_of_nothing_are_zero() -> None:
    nothing = score_against_truth(np.array([], int), np.array([True, False]))
    assert nothing == {"precision": 0.0, "recall": 0.0, "average_precision": 0.0}
    assert score_against_truth(np.array([1]), np.zeros(3, bool))["recall"] == 0.0
