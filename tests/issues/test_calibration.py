"""The probability that a label is wrong: monotone, honest, and silent where little is known."""

import numpy as np
import pytest

from pipeline.issues.calibration import estimate_by_calibration, fit_wrong_probability


def make_known(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scores, and errors that are as probable as the score is low."""
    rng = np.random.default_rng(3)
    scores = rng.random(count)
    return scores, rng.random(count) < (1 - scores) ** 2


def test_the_fit_never_rises_with_the_score() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        fit = fit_wrong_probability(rng.random(40), rng.random(40) < 0.5)
        probabilities = fit.of(np.linspace(-0.5, 1.5, 201))
        assert (np.diff(probabilities) <= 0).all()
        assert 0 <= probabilities.min() <= probabilities.max() <= 1


def test_the_fit_is_the_share_of_errors() -> None:
    scores = np.repeat([0.1, 0.5, 0.9], 20)
    wrong = np.concatenate([np.arange(20) < n for n in (16, 5, 1)])
    fit = fit_wrong_probability(scores, wrong)
    np.testing.assert_allclose(fit.of(np.array([0.1, 0.5, 0.9])), [0.8, 0.25, 0.05])
    np.testing.assert_allclose(fit.of(np.array([0.0, 1.0])), [0.8, 0.05])
    upside_down = fit_wrong_probability(1 - scores, wrong)
    np.testing.assert_allclose(upside_down.of(np.array([0.0, 1.0])), 22 / 60)


def test_too_little_that_is_known_is_not_calibrated() -> None:
    scores, wrong = make_known(30)
    assert fit_wrong_probability(scores, wrong) is not None
    assert fit_wrong_probability(scores[:29], wrong[:29]) is None
    assert fit_wrong_probability(scores, np.zeros(30, bool)) is None
    assert fit_wrong_probability(scores, np.ones(30, bool)) is None
    assert estimate_by_calibration(scores, np.arange(29), wrong[:29], seed=0) is None


def test_the_estimate_is_the_sum_over_all_labels() -> None:
    scores, wrong = make_known(2000)
    known = np.random.default_rng(4).choice(2000, 200, replace=False)
    found = estimate_by_calibration(scores, known, wrong[known], seed=0)
    low, high = found["ci95"]
    assert low < found["count"] < high
    assert low <= wrong.sum() <= high
    assert found["count"] == pytest.approx(wrong.sum(), rel=0.2)
    assert estimate_by_calibration(scores, known, wrong[known], seed=0) == found


def test_where_all_is_known_the_sum_is_the_count() -> None:
    scores, wrong = make_known(400)
    found = estimate_by_calibration(scores, np.arange(400), wrong, seed=0)
    assert found["count"] == wrong.sum()


def test_the_interval_holds_95_percent_of_the_bootstrap() -> None:
    """With one score for all the sum is 400 times a share of 100: its spread is the binomial's."""
    scores, known, wrong = np.full(400, 0.5), np.arange(100), np.arange(100) < 30
    found = [estimate_by_calibration(scores, known, wrong, seed=seed)["ci95"] for seed in range(20)]
    width = np.mean([high - low for low, high in found])
    assert width == pytest.approx(2 * 1.96 * 400 * np.sqrt(0.3 * 0.7 / 100), rel=0.06)
