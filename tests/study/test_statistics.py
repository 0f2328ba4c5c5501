"""Intervals and tests on numbers that can be checked by hand."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from pipeline.study.statistics import (
    interval_over_test_sets,
    mcnemar_p,
    paired_difference,
    stability,
)
from pipeline.study.words import say_difference, say_noise


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


def test_two_seeds_give_no_interval_and_the_sentence_says_so() -> None:
    found = paired_difference(np.array([0.9, 0.8]), np.array([0.8, 0.8]))
    assert found["ci95"] is None
    assert found["detectable"] is None
    line = say_difference(found | {"arm": "prune", "control": "baseline", "labels": "given"}, 2)
    assert "too few" in line


@pytest.mark.parametrize(
    ("ci95", "word"),
    [([0.001, 0.003], "better"), ([-0.003, -0.001], "worse"), ([-1, 1], "no diff")],
)
def test_the_sentence_follows_the_interval(ci95: list[float], word: str) -> None:
    found = {
        "arm": "prune",
        "control": "random_prune",
        "labels": "given",
        "mean": float(np.mean(ci95)),
        "ci95": ci95,
        "seeds_with_gain": 0.5,
        "detectable": 0.002,
    }
    assert word in say_difference(found, 10)


def test_noise_is_told_by_kind_and_rate() -> None:
    rows = [
        {"kind": "uniform", "rate": 0.2, "arm": arm, "seed": seed, "test_accuracy": value + seed}
        for arm, value in (("prune", 0.8), ("baseline", 0.7), ("random_prune", 0.6))
        for seed in range(3)
    ]
    (line,) = say_noise(rows)
    assert line.startswith("uniform noise, 20%")
    assert "+0.1000" in line
    assert "+0.2000" in line


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
