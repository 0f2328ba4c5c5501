"""What never reaches cleanlab, and what may not be left out of a training."""

import numpy as np
import pytest

from pipeline.frame.errors import ArtifactError, DataError
from pipeline.issues.gate import check_pred_probs, check_pruning

GOOD = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]], np.float32)
LABELS = np.array([0, 1, 1])


def changed(value: object, row: int = 1) -> np.ndarray:
    pred_probs = GOOD.copy()
    pred_probs[row] = value
    return pred_probs


@pytest.mark.parametrize(
    ("pred_probs", "words"),
    [
        (changed([np.nan, np.nan]), "row 1 is not a probability distribution"),
        (changed([np.nan, 1]), "row 1 is not a probability distribution"),
        (changed([np.inf, 0]), "row 1 is not a probability distribution"),
        (changed([0, 0]), "row 1 is not a probability distribution"),
        (changed([0.25, 0.25]), "row 1 is not a probability distribution"),
        (changed([0.5, 0.498]), "row 1 is not a probability distribution"),
        (changed([-0.1, 1.1], row=2), "row 2 is not a probability distribution"),
        (GOOD[:2], r"has shape \(2, 2\), not \(3, 2\)"),
        (GOOD[:, :1], r"has shape \(3, 1\), not \(3, 2\)"),
        (GOOD[:, 0], r"has shape \(3,\), not \(3, 2\)"),
        (np.zeros((3, 3), np.float32), r"has shape \(3, 3\), not \(3, 2\)"),
        (np.array([[1, 0], [0, 1], [1, 0]]), "holds int64, not floating-point numbers"),
    ],
)
def test_what_is_not_a_probability_is_stopped(pred_probs: np.ndarray, words: str) -> None:
    with pytest.raises(ArtifactError, match=f"a.npy: {words}"):
        check_pred_probs(pred_probs, LABELS, num_classes=2, name="a.npy")


def test_probabilities_pass_with_the_rounding_of_float32() -> None:
    check_pred_probs(GOOD, LABELS, num_classes=2, name="a.npy")
    check_pred_probs(changed([0.5, 0.4995]), LABELS, num_classes=2, name="a.npy")


def test_swapped_columns_are_stopped() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200)
    sure = np.where(rng.random(200) < 0.9, 0.8, 0.3)
    pred_probs = np.where(labels[:, None] == [0, 1], sure[:, None], 1 - sure[:, None])
    check_pred_probs(pred_probs, labels, num_classes=2, name="a.npy")
    with pytest.raises(ArtifactError, match="columns are in another order than the classes"):
        check_pred_probs(pred_probs[:, ::-1], labels, num_classes=2, name="a.npy")


def test_permuted_columns_of_many_classes_are_stopped() -> None:
    labels = np.random.default_rng(0).integers(0, 4, 400)
    pred_probs = np.where(labels[:, None] == range(4), 0.7, 0.1)
    check_pred_probs(pred_probs, labels, num_classes=4, name="a.npy")
    with pytest.raises(ArtifactError, match="columns are in another order than the classes"):
        check_pred_probs(pred_probs[:, [1, 2, 3, 0]], labels, num_classes=4, name="a.npy")


def test_the_same_probabilities_for_every_text_are_stopped() -> None:
    labels = np.arange(200) % 2
    constant = np.tile([0.6, 0.4], (200, 1))
    with pytest.raises(ArtifactError, match=r"a.npy: is the same for every text"):
        check_pred_probs(constant, labels, num_classes=2, name="a.npy")
    constant[7] = [0.5, 0.5]
    check_pred_probs(constant, labels, num_classes=2, name="a.npy")


# --- what may be left out ------------------------------------------------------------------

SIX = np.array([0, 0, 0, 0, 1, 1])


def test_a_class_that_would_be_empty_is_stopped() -> None:
    with pytest.raises(DataError, match="class 'pos' would have 0 training examples left"):
        check_pruning(SIX, np.array([4, 5]), ["neg", "pos"], max_fraction=0.5)


def test_too_many_issues_are_stopped() -> None:
    with pytest.raises(DataError, match=r"50% of the training labels .*max_pruned_fraction \(40%"):
        check_pruning(SIX, np.array([0, 1, 4]), ["neg", "pos"], max_fraction=0.4)
    with pytest.raises(DataError, match=r"max_pruned_fraction \(49%"):
        check_pruning(SIX, np.array([0, 1, 4]), ["neg", "pos"], max_fraction=0.49)
    check_pruning(SIX, np.array([0, 1, 4]), ["neg", "pos"], max_fraction=0.5)
    check_pruning(SIX, np.array([], int), ["neg", "pos"], max_fraction=0.1)
