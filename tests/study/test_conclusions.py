"""The sentences of a study say no more than its intervals."""

import re

import numpy as np
import pytest

from pipeline.issues.comparison import paired_difference
from pipeline.study.conclusions import say_difference, say_noise


def test_two_seeds_give_no_interval_and_the_sentence_says_so() -> None:
    found = paired_difference(np.array([0.9, 0.8]), np.array([0.8, 0.8]))
    assert found["ci95"] is None
    assert found["detectable"] is None
    said = {"arm": "prune", "control": "baseline", "labels": "given", "ci95_both": None}
    line = say_difference(found | said, 2)
    assert "too few" in line


@pytest.mark.parametrize(
    ("ci95", "both", "word"),
    [
        ([0.001, 0.003], [0.001, 0.003], "is better than"),
        ([-0.003, -0.001], [-0.003, -0.001], "is worse than"),
        ([-1, 1], [-1, 1], "no difference shown.*about 0.0020"),
        ([0.001, 0.003], [-0.001, 0.005], "no difference shown.*better over seeds, another one"),
    ],
)
def test_the_sentence_follows_the_interval(ci95: list[float], both: list[float], word: str) -> None:
    found = {
        "arm": "prune",
        "control": "random_prune",
        "labels": "given",
        "mean": float(np.mean(ci95)),
        "ci95": ci95,
        "ci95_both": both,
        "seeds_with_gain": 0.5,
        "detectable": 0.002,
    }
    assert re.search(word, say_difference(found, 10))


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
