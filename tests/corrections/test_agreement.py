import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from pipeline.corrections.agreement import Share, agreement, sway, wilson


def votes_of(*columns: list[str]) -> list[dict[str, str]]:
    return [
        {f"p{who}": vote for who, vote in enumerate(row) if vote is not None}
        for row in zip(*columns, strict=True)
    ]


def test_kappa_of_two_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    first = rng.choice(["a", "b", "c"], 200)
    second = np.where(rng.random(200) < 0.7, first, rng.choice(["a", "b", "c"], 200))
    found = agreement(votes_of(first.tolist(), second.tolist()))
    assert found.measure == "Cohen's kappa" and found.items == 200
    assert found.value.value == pytest.approx(cohen_kappa_score(first, second))
    assert found.value.low < found.value.value < found.value.high
    assert found.observed == pytest.approx((first == second).mean())


def test_alpha_of_four_is_krippendorffs_own_example() -> None:
    """Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, part C: 0.743, nominal."""
    a = [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None]
    b = [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3]
    c = [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None]
    d = [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None]
    found = agreement(votes_of(a, b, c, d))
    assert found.measure == "Krippendorff's alpha" and found.items == 11
    assert found.value.value == pytest.approx(0.743, abs=0.001)


def test_what_chance_explains_has_no_value_and_few_items_say_nothing() -> None:
    assert agreement(votes_of(["a"] * 30, ["a"] * 30)).value is None
    assert agreement(votes_of(["a"] * 5, ["b"] * 5)) is None


def test_the_interval_of_agreement_holds_the_truth() -> None:
    """Two who take the same label 6 times in 10, else by chance of two: kappa is .6."""
    held = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        first = rng.integers(0, 2, 150)
        second = np.where(rng.random(150) < 0.6, first, rng.integers(0, 2, 150))
        value = agreement(votes_of(first.tolist(), second.tolist())).value
        held.append(value.low <= 0.6 <= value.high)
    assert np.mean(held) >= 0.88


def test_sway_is_the_difference_with_newcombes_interval() -> None:
    """Newcombe (1998), example (a): 56/70 - 48/80 = .2000, .0524 to .3339."""
    found = sway(Share(56, 70), Share(48, 80))
    assert found == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    assert sway(Share(5, 9), Share(400, 800)) is None
    assert wilson(Share(0, 20))[0] == pytest.approx(0, abs=1e-9)
