"""How right a list has been and will be: intervals that hold the truth, curves that never rise."""

import numpy as np
import pytest
from scipy.special import logit

from pipeline.corrections.precision import (
    DRAWS,
    DRIFT,
    FEWEST,
    Fit,
    Ruler,
    draw_counts,
    fit_precision,
    forecast,
    gathered,
    ruler_of,
    suspicion,
)


def made(rng: np.random.Generator, n: int, level: float, slope: float, ceiling: float = 1.0):
    """Return (n,) scores, the most suspicious first, and which labels are wrong."""
    scores = np.sort(rng.uniform(0.005, 0.5, n))
    chance = ceiling / (1 + np.exp(-(level + slope * suspicion(scores))))
    return scores, rng.random(n) < chance


def test_the_probability_of_an_error_never_rises_with_the_score() -> None:
    rng = np.random.default_rng(0)
    for level, slope in ((-3, 1.5), (0, 0), (2, 0.2)):
        scores, wrong = made(rng, 300, level, slope)
        fit = fit_precision(scores, wrong, ruler_of(scores))
        curve = fit.probabilities(suspicion(np.linspace(0.001, 0.6, 50))).mean(axis=0)
        assert (np.diff(curve) <= 1e-3).all() and curve.min() >= 0 and curve.max() <= 1


def test_too_few_decisions_say_nothing_and_the_first_that_do_say_it_widely() -> None:
    scores, wrong = np.linspace(0.01, 0.02, FEWEST), np.ones(FEWEST, bool)
    ruler = ruler_of(np.linspace(0.01, 0.4, 300))
    assert fit_precision(scores[1:], wrong[1:], ruler) is None
    found = forecast(fit_precision(scores, wrong, ruler), np.linspace(0.02, 0.4, 50))
    assert found.high - found.low > 15 and found.low < 30


def test_without_any_error_few_are_expected() -> None:
    scores = np.linspace(0.01, 0.3, 100)
    fit = fit_precision(scores, np.zeros(100, bool), ruler_of(np.linspace(0.01, 0.5, 200)))
    found = forecast(fit, np.linspace(0.3, 0.5, 50))
    assert found.low == 0 and found.expected < 2


@pytest.mark.parametrize(
    ("level", "slope", "ceiling"), [(-2.0, 1.0, 1.0), (-3.0, 1.5, 0.7), (-1.0, 0.5, 1.0)]
)
def test_intervals_hold_the_truth(level: float, slope: float, ceiling: float) -> None:
    """Of the next 50 labels, after 30 to 150 decisions: 95 % of the time, nine in ten at least."""
    rng = np.random.default_rng(1)
    held = []
    for _ in range(60):
        scores, wrong = made(rng, 400, level, slope, ceiling)
        n = int(rng.choice([30, 80, 150]))
        fit = fit_precision(scores[:n], wrong[:n], ruler_of(scores))
        found = forecast(fit, scores[n : n + 50])
        held.append(found.low <= wrong[n : n + 50].sum() <= found.high)
    assert np.mean(held) >= 0.9


def test_many_labels_are_gathered_without_losing_any() -> None:
    values, sizes = gathered(np.random.default_rng(2).normal(size=12_345))
    assert sizes.sum() == 12_345 and len(values) == 100 and (np.diff(values) > 0).all()
    scores = np.linspace(0.01, 0.4, 50)
    fit = fit_precision(scores, np.arange(50) < 25, ruler_of(scores))
    assert draw_counts(fit, np.empty(0)).tolist() == [0] * len(fit.levels)


def test_the_scale_of_a_finder_does_not_matter() -> None:
    """One that is timid, or far too sure, says the same as long as its log-odds are a line."""
    rng = np.random.default_rng(3)
    scores, wrong = made(rng, 300, -3, 1.5)
    said = []
    for stretch in (0.05, 1.0, 1.7):
        other = 1 / (1 + np.exp(stretch * suspicion(scores)))
        fit = fit_precision(other[:100], wrong[:100], ruler_of(other))
        said.append(forecast(fit, other[100:150]).expected)
    assert max(said) - min(said) < 1.5


def test_beyond_the_last_decision_curves_drift_apart_the_farther_the_more() -> None:
    """One curve, so that nothing but the drift can tell its draws apart."""
    one = np.zeros(DRAWS)
    fit = Fit(one, one + 1, one + 1, edge=0.0, ruler=Ruler(0.0, 1.0))
    spread = logit(fit.probabilities(np.array([2.0, 0.0, -1.0, -3.0]))).std(axis=0)
    np.testing.assert_allclose(spread[:2], 0, atol=1e-9)
    np.testing.assert_allclose(spread[2:], [DRIFT, 3 * DRIFT], rtol=0.1)


@pytest.mark.parametrize("ceiling", [0.5, 0.8, 1.0])
def test_a_curve_says_of_what_was_decided_what_was_decided(ceiling: float) -> None:
    """At both ends of the list: the most suspicious may be right all the same."""
    scores, wrong = made(np.random.default_rng(3), 600, -1.0, 3.0, ceiling)
    fit = fit_precision(scores, wrong, ruler_of(scores))
    assert fit is not None
    curve = fit.probabilities(suspicion(scores)).mean(axis=0)
    for part in (slice(0, 200), slice(200, 400), slice(400, 600)):
        assert curve[part].mean() == pytest.approx(wrong[part].mean(), abs=0.06)
