"""Intervals and tests on numbers that can be checked by hand."""

from math import comb

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from pipeline.issues.comparison import (
    Spread,
    compare_accuracy,
    interval_over_test_sets,
    mcnemar_p,
    paired_difference,
    pool_seeds,
    spread_of,
    stability,
)


def test_the_interval_is_students() -> None:
    arm, control = np.array([0.9, 0.88, 0.91, 0.89]), np.array([0.87, 0.88, 0.9, 0.86])
    found = paired_difference(arm, control)
    expected = ttest_1samp(arm - control, 0).confidence_interval(0.95)
    assert found["mean"] == pytest.approx(0.0175)
    assert found["ci95"] == pytest.approx([expected.low, expected.high])
    assert found["seeds_with_gain"] == 0.75


def test_the_detectable_difference_is_found_four_times_in_five() -> None:
    rng = np.random.default_rng(0)
    sample = rng.normal(0, 0.002, (4000, 10))
    detectable = np.mean([paired_difference(s, 0 * s)["detectable"] for s in sample[:500]])
    low = [paired_difference(s + detectable, 0 * s)["ci95"][0] for s in sample[500:]]
    assert 0.75 < np.mean(np.array(low) > 0) < 0.9


@pytest.mark.parametrize(("seeds", "is_told"), [(1, False), (2, False), (3, True)])
def test_three_seeds_are_the_fewest_for_an_interval(seeds: int, is_told: bool) -> None:
    found = paired_difference(np.array([0.9, 0.88, 0.91])[:seeds], np.full(seeds, 0.87))
    assert (found["ci95"] is not None, found["detectable"] is not None) == (is_told, is_told)


def test_the_detectable_difference_on_literals() -> None:
    """(t at .975 + t at .8) standard errors of the mean, three degrees of freedom (any table)."""
    arm, control = np.array([0.9, 0.88, 0.91, 0.89]), np.array([0.87, 0.88, 0.9, 0.86])
    error = np.std(arm - control, ddof=1) / 2
    found = paired_difference(arm, control)["detectable"]
    assert found == pytest.approx((3.18245 + 0.97847) * error, rel=1e-4)


def test_the_interval_over_test_sets_averages_seeds_first() -> None:
    rng = np.random.default_rng(0)
    control = rng.random((5, 2000)) < 0.8
    arm = control | (rng.random((5, 2000)) < 0.05)
    low, high = interval_over_test_sets(arm, control)
    difference = (arm.astype(float) - control).mean(axis=0)
    half = 1.96 * difference.std(ddof=1) / np.sqrt(2000)
    assert low == pytest.approx(difference.mean() - half)
    assert high == pytest.approx(difference.mean() + half)


def test_mcnemar_counts_only_discordant_pairs() -> None:
    arm = np.array([True] * 8 + [False] * 2 + [True] * 50)
    control = np.array([False] * 8 + [True] * 2 + [True] * 50)
    assert mcnemar_p(arm, control) == pytest.approx(0.109375)
    assert mcnemar_p(arm, arm) == 1.0


def test_stability_of_literal_flags() -> None:
    flagged = np.array([[1, 1, 0, 0], [1, 0, 1, 0]], bool)
    found = stability(flagged)
    assert found["jaccard"] == pytest.approx(1 / 3)
    assert found["flagged_by"] == [2, 1]


def outcomes(both: int, gained: int, lost: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Return whether baseline and cleaned are right, for so many examples of each kind."""
    baseline = np.repeat([True, False, True, False], [both, gained, lost, neither])
    cleaned = np.repeat([True, True, False, False], [both, gained, lost, neither])
    return baseline, cleaned


def exact_p(gained: int, lost: int) -> float:
    """McNemar's exact test: twice the smaller tail of Binomial(gained + lost, 1/2)."""
    n, fewer = gained + lost, min(gained, lost)
    return min(1.0, 2 * sum(comb(n, k) for k in range(fewer + 1)) / 2**n)


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (1, 0), (5, 5), (3, 12), (60, 40)])
def test_the_difference_and_its_p(gained: int, lost: int) -> None:
    baseline, cleaned = outcomes(500, gained, lost, 100)
    n = len(baseline)
    found = compare_accuracy(baseline, cleaned, samples=1000, seed=0)
    assert found["baseline"] == pytest.approx((500 + lost) / n)
    assert found["cleanlearning"] == pytest.approx((500 + gained) / n)
    assert found["difference"] == pytest.approx((gained - lost) / n)
    assert (found["gained"], found["lost"]) == (gained, lost)
    assert found["mcnemar_p"] == pytest.approx(exact_p(gained, lost))


def test_the_interval_is_that_of_a_paired_bootstrap() -> None:
    baseline, cleaned = outcomes(800, 60, 30, 110)
    found = compare_accuracy(baseline, cleaned, samples=20_000, seed=0)
    rng = np.random.default_rng(1)
    difference = cleaned.astype(float) - baseline
    means = [difference[rng.integers(0, 1000, 1000)].mean() for _ in range(4000)]
    expected = np.percentile(means, [2.5, 97.5])
    np.testing.assert_allclose(found["ci95"], expected, atol=1.5e-3)
    again = compare_accuracy(baseline, cleaned, samples=20_000, seed=0)
    assert again == found


def draw_rights(
    rng: np.random.Generator, *, seeds: int, n: int, gain: float, of_seeds: float, of_tests: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return rights of an arm and a control: what differs depends on the seed and the example."""
    seed_effect = rng.normal(0, of_seeds, (seeds, 1))
    test_effect = rng.choice([-of_tests, 0, of_tests], (1, n))
    control = rng.random((seeds, n)) < 0.8
    change = rng.random((seeds, n)) < np.abs(gain + seed_effect + test_effect)
    up = gain + seed_effect + test_effect > 0
    arm = np.where(change, up, control)
    return arm, control


def test_the_interval_over_both_holds_what_the_two_hold() -> None:
    rng = np.random.default_rng(0)
    arm, control = draw_rights(rng, seeds=6, n=3000, gain=0.02, of_seeds=0.01, of_tests=0.2)
    spread = spread_of(arm, control)
    low, high = spread.interval()
    over_seeds = paired_difference(arm.mean(axis=1), control.mean(axis=1))
    assert spread.mean == pytest.approx(over_seeds["mean"])
    assert low < over_seeds["ci95"][0] and over_seeds["ci95"][1] < high
    assert spread.of_seeds() == pytest.approx((over_seeds["ci95"][1] - over_seeds["ci95"][0]) / 2)
    tests = interval_over_test_sets(arm, control)
    assert spread.of_tests() == pytest.approx((tests[1] - tests[0]) / 2, rel=1e-3)
    assert spread.interval(0.01)[0] < low


def test_arms_of_the_same_seeds_tell_together_how_far_training_again_scatters() -> None:
    spreads = [Spread(0.01, 2, error, 0.001) for error in (0.001, 0.002, 0.004)]
    pooled = pool_seeds(spreads)
    together = np.sqrt(np.mean(np.square([0.001, 0.002, 0.004])))
    assert [each.seed_error for each in pooled] == pytest.approx([together, together, 0.004])
    assert {each.freedom for each in pooled} == {3 * 2 / 1.5}
    assert pool_seeds(spreads[:1]) == spreads[:1]


def test_pooled_intervals_of_three_seeds_cover_the_truth() -> None:
    """Of arms that share a control, each training as noisy as another: 95 of 100."""
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(2000):
        results = rng.normal(0, 1, (5, 3))  # a control and four arms
        differences = results[1:] - results[0]
        spreads = [
            Spread(float(d.mean()), 2, float(d.std(ddof=1)) / np.sqrt(3), 0.0) for d in differences
        ]
        low, high = pool_seeds(spreads)[0].interval()
        covered.append(low <= 0 <= high)
    assert 0.94 <= np.mean(covered) <= 0.985


def test_the_interval_over_both_covers_the_truth() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        of_seeds, of_tests = rng.normal(0, 0.02, (5, 1)), rng.normal(0, 0.3, (1, 400))
        chances = np.clip(0.5 + of_seeds + of_tests, 0, 1)
        arm = rng.random((5, 400)) < chances
        control = rng.random((5, 400)) < 0.5
        low, high = spread_of(arm, control).interval()
        covered += low <= 0 <= high
    assert 180 <= covered <= 200
