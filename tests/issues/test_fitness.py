"""Whether a model may judge labels at all: each reason by itself, and what to do."""

import numpy as np
import pytest

from pipeline.issues.fitness import better_than, is_rising, judge_fitness

LABELS = np.tile([0, 1], 100)


def sure_of(classes: np.ndarray, sure: float = 0.8) -> np.ndarray:
    return np.where(np.eye(2)[classes] == 1, sure, 1 - sure)


def right_about(share: float) -> np.ndarray:
    return np.where(np.arange(200) % 10 < 10 * share, LABELS, 1 - LABELS)


GOOD = sure_of(right_about(0.8))


def reasons(pred_probs: np.ndarray = GOOD, **changes: object) -> list[str]:
    options = {"unknown": 0.0, "curves": []} | changes
    return [why for why, _ in judge_fitness(pred_probs, LABELS, **options).reasons]


def test_a_good_model_is_fit() -> None:
    fitness = judge_fitness(GOOD, LABELS, unknown=0.05, curves=[[0.7, 0.8, 0.8]])
    assert fitness.is_fit
    assert fitness.as_json() == {"is_fit": True, "reasons": []}


def test_no_better_than_the_largest_class_is_not_fit() -> None:
    (why,) = reasons(sure_of(right_about(0.5), 0.55))
    assert "right about 50.0% of the labels" in why
    assert "(50.0%)" in why
    always = np.tile([0.75, 0.25], (200, 1))
    given = (np.arange(200) % 4 == 0).astype(int)  # 75% are of the class it always says
    fitness = judge_fitness(always, given, unknown=0, curves=[])
    assert len(fitness.reasons) == 1
    assert not fitness.is_fit


@pytest.mark.parametrize(("right", "better"), [(5, False), (8, False), (9, True), (10, True)])
def test_better_than_chance_is_an_exact_test(right: int, better: bool) -> None:
    # Of ten coins: P(8 or more) = 56/1024 = .055, P(9 or more) = 11/1024 = .011.
    assert better_than(right, 10, 0.5) == better


def test_confidence_far_from_accuracy_is_not_fit() -> None:
    assert reasons(sure_of(right_about(0.7), 0.89)) == []
    (why,) = reasons(sure_of(right_about(0.7), 0.99))
    assert "off by 0.29" in why


def test_texts_without_a_known_word_are_counted() -> None:
    (why,) = reasons(unknown=0.06)
    assert why.startswith("6% of the texts")


def test_one_rising_curve_is_enough() -> None:
    (why,) = reasons(curves=[[0.7, 0.8, 0.8], [0.5, 0.6, 0.7]])
    assert "(0.70 in the last epoch)" in why


@pytest.mark.parametrize(
    ("curve", "rises"),
    [
        ([0.5, 0.6, 0.8, 0.805], False),  # less than .01 in the last epoch
        ([0.5, 0.6, 0.8, 0.82], True),
        ([0.9, 0.8, 0.7], False),
        ([0.7], False),  # one epoch has no slope
        ([], False),
        ([0.5] * 18 + [0.505, 0.515], False),  # .015 in two of twenty epochs
        ([0.5] * 18 + [0.51, 0.53], True),
    ],
)
def test_a_curve_rises_by_its_last_tenth(curve: list[float], rises: bool) -> None:
    assert is_rising(curve) == rises


def test_every_reason_has_a_remedy() -> None:
    bad = sure_of(right_about(0.4), 0.99)
    found = judge_fitness(bad, LABELS, unknown=0.5, curves=[[0.1, 0.9]]).as_json()
    assert found["is_fit"] is False
    assert len(found["reasons"]) == 4
    assert all(reason["why"] and reason["remedy"] for reason in found["reasons"])
