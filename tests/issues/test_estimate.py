"""How many labels are wrong by confident learning: cleanlab's numbers, with an interval."""

import numpy as np
import pytest
from cleanlab.count import compute_confident_joint, num_label_issues

from pipeline.issues.estimate import (
    FEWEST_ROWS,
    confident_cells,
    confident_counts,
    estimate_by_confident_learning,
    estimate_by_scores,
    estimate_class_errors,
    estimate_errors,
    label_scores,
    wrong_of,
)
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
    counts = confident_counts(labels, pred_probs)
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
    """Confidently of a class before the given one, of it, of one after it, of none."""
    assert wrong_of(np.array([[0, 8, 2, 10], [0, 5, 0, 0]])) == pytest.approx(4)  # 2 of 10 of 20
    assert wrong_of(np.array([[0, 0, 0, 5], [1, 3, 0, 1]])) == pytest.approx(1.25)
    assert wrong_of(np.array([[0, 5, 0, 0], [0, 5, 0, 0]])) == 0


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


def scored(
    n: int, k: int, wrong: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels of which some are replaced at random, a fair model's probabilities, truth."""
    true = rng.integers(0, k, n)
    logits = rng.normal(size=(n, k)) + 4.5 * np.eye(k)[true]
    pred_probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    is_wrong = rng.random(n) < wrong
    given = np.where(is_wrong, (true + rng.integers(1, k, n)) % k, true)
    return given, pred_probs, is_wrong


def test_random_errors_lie_in_the_stated_ranges() -> None:
    rng = np.random.default_rng(5)
    held: dict[str, list[bool]] = {"all": [], "class": []}
    for _ in range(20):
        given, pred_probs, is_wrong = scored(600, 4, 0.08, rng)
        low, high = estimate_errors(given, pred_probs, samples=200, seed=0)["range95"]
        held["all"].append(low <= is_wrong.sum() <= high)
        assert high - low < 80  # of 48: a range that says something
        for k, ends in enumerate(estimate_class_errors(given, pred_probs, samples=200)):
            assert ends is not None
            held["class"].append(ends[0] <= is_wrong[given == k].sum() <= ends[1])
    assert np.mean(held["all"]) >= 0.9
    assert np.mean(held["class"]) >= 0.9


def test_scores_give_the_share_where_right_labels_never_score_low() -> None:
    random = np.linspace(0, 0.5, 1000)
    given = np.concatenate([np.linspace(0, 0.5, 40), np.full(360, 0.9)])
    found = estimate_by_scores(given, random)
    assert found.estimate == pytest.approx(40, abs=1)
    assert found.low < 40 < found.high


def test_scores_of_random_labels_are_those_of_the_other_classes() -> None:
    pred_probs = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3]])
    given, random = label_scores(np.array([0, 2]), pred_probs)
    assert given.tolist() == [0.6, 0.3]
    assert sorted(random) == [0.1, 0.2, 0.3, 0.5]


def test_nothing_is_said_of_a_small_class_nor_by_a_model_that_is_not_fit() -> None:
    rng = np.random.default_rng(1)
    given, pred_probs, _ = scored(300, 3, 0.1, rng)
    few = np.flatnonzero(given == 2)[FEWEST_ROWS - 1 :]
    kept = np.setdiff1d(np.arange(300), few)
    ranges = estimate_class_errors(given[kept], pred_probs[kept])
    assert ranges[2] is None
    assert ranges[0] is not None
    found = estimate_errors(given, pred_probs, samples=200, seed=0, is_fit=False)
    assert found["range95"] is None


def test_many_classes_take_no_memory_to_speak_of() -> None:
    """The joint of a thousand classes has a million cells; a bootstrap of them all is 16 GB."""
    rng = np.random.default_rng(2)
    given, pred_probs, is_wrong = scored(4000, 1000, 0.1, rng)
    low, high = estimate_errors(given, pred_probs, samples=2000, seed=0)["range95"]
    assert low <= is_wrong.sum() <= high


def test_the_interval_of_a_share_on_literals() -> None:
    """All random labels score alike: 30 of 100 score so low (Clopper and Pearson, any table)."""
    given = np.repeat([0.2, 0.9], [30, 70])
    found = estimate_by_scores(given, np.full(50, 0.5))
    assert found.estimate == pytest.approx(30)
    assert (found.low, found.high) == pytest.approx((21.241, 39.981), abs=0.001)


@pytest.mark.parametrize(("rows", "is_told"), [(FEWEST_ROWS - 1, False), (FEWEST_ROWS, True)])
def test_a_class_with_just_enough_rows_is_told_of(rows: int, is_told: bool) -> None:
    labels = np.repeat([0, 1], [rows, 300])
    rng = np.random.default_rng(0)
    right = rng.uniform(0.6, 0.99, len(labels))
    pred_probs = np.where(labels[:, None] == [0, 1], right[:, None], 1 - right[:, None])
    small, large = estimate_class_errors(labels, pred_probs)
    assert (small is not None) == is_told
    assert large is not None
