"""The advice follows from what was measured, and says nothing where nothing can be said."""

import re

import numpy as np
import pytest

from pipeline.issues.comparison import Spread, pool_seeds, spread_of
from pipeline.study.advice import Tried, _is_settled, advise


def tried(seeds: int = 5, n: int = 20_000, spread: float = 0.0, **gains: float) -> dict[str, Tried]:
    """Return arms whose true gains over everything are known; each flips a few answers."""
    rng = np.random.default_rng(3)
    base = rng.random((1, n)) < 0.85
    found = {}
    for name, gain in {"baseline": 0.0, **gains}.items():
        right = np.repeat(base, seeds, axis=0)
        for row in right:
            own = gain + rng.normal(0, spread)
            wrong, good = np.flatnonzero(~row), np.flatnonzero(row)
            row[rng.choice(wrong, round(n * (0.005 + max(own, 0))), replace=False)] = True
            row[rng.choice(good, round(n * (0.005 + max(-own, 0))), replace=False)] = False
        found[name] = Tried(right, np.full(seeds, 0.3 if name == "baseline" else 0.35))
    return found


def test_the_best_arm_is_recommended_with_its_reason_and_its_control() -> None:
    found = advise(tried(prune=0.01, weight=0.03, shuffled_weight=0.02), issue_share=0.05)
    assert found["recommend"] == "weight"
    assert found["settled"]
    text = "\n".join(found["words"])
    assert "against training on everything" in text
    assert "its control, the same weights shuffled within each class: +0.0200 against" in text
    assert "worse, which cleanlearn.calibrate=true mends" in text
    assert set(found["arms"]) == {"prune", "weight"}
    low, high = found["arms"]["weight"]["interval"]
    assert low < 0.03 < high


@pytest.mark.parametrize(("share", "word"), [(0.001, "leave"), (0.05, "review")])
def test_without_a_gain_nothing_is_changed(share: float, word: str) -> None:
    found = advise(tried(prune=0.0, weight=-0.004), issue_share=share)
    assert found["recommend"] == word
    assert found["settled"]


def test_what_a_small_test_set_cannot_show_is_not_denied() -> None:
    found = advise(tried(n=300, prune=0.005), issue_share=0.05, wanted_seeds=5)
    assert found["recommend"] is None
    text = " ".join(found["words"])
    assert "300 test examples" in text
    assert "would show one of 1%" in text
    assert "more of them would not change this" in text  # it is not the seeds that are too few


@pytest.mark.parametrize(
    ("arms", "unfit", "words"),
    [
        (tried(n=24, prune=0.02), "", "24 test examples, and 50 would do"),
        (tried(seeds=2, prune=0.02), "", "2 seeds and 3 would do"),
        (tried(seeds=1, n=24, prune=0.02), "", "1 seed and 3 would do (study.seeds); 24 test"),
        (tried(), "", "study.arms needs baseline and some of prune"),
        (tried(prune=0.02), "it is right about half", "not fit to judge"),
    ],
)
def test_too_little_to_tell_recommends_nothing(
    arms: dict[str, Tried], unfit: str, words: str
) -> None:
    found = advise(arms, issue_share=0.05, unfit=unfit)
    assert found["recommend"] is None
    assert words in found["words"][0]


def test_it_is_not_settled_while_another_arm_may_be_better() -> None:
    close = advise(
        tried(seeds=3, spread=0.005, prune=0.03, weight=0.031), issue_share=0.05, wanted_seeds=3
    )
    far = advise(tried(seeds=3, prune=0.01, weight=0.04), issue_share=0.05)
    assert not close["settled"]
    assert "add some to study.seeds" in close["words"][-1]
    assert far["settled"] and far["recommend"] == "weight"


def test_of_several_arms_each_must_show_more() -> None:
    """The best of several is picked, so their intervals are wider (Bonferroni)."""
    arms = tried(n=1000, prune=0.01, weight=0.01, relabel=0.01)
    found = advise(arms, issue_share=0.05)["arms"]
    names = ("prune", "weight", "relabel")
    own = [spread_of(arms[name].right, arms["baseline"].right) for name in names]
    for name, spread in zip(names, pool_seeds(own), strict=True):
        assert found[name]["interval"] == spread.interval(0.05 / 3)
        assert found[name]["detectable"] == spread.detectable(0.05 / 3)


def test_a_gain_that_is_clear_for_its_arm_alone_is_recommended_as_probable() -> None:
    arms = tried(n=2000, prune=0.0, weight=0.0035, relabel=-0.002, soft=0.001)
    found = advise(arms, issue_share=0.05, wanted_seeds=5)
    low, _ = found["arms"]["weight"]["interval"]
    assert (found["recommend"], found["sure"]) == ("weight", False)
    assert low <= 0
    assert "probable and not sure" in found["words"][1]
    assert "for the 4 arms that were tried it is +0.00" in found["words"][1]
    clear = advise(tried(prune=0.0, weight=0.03, relabel=0.0), issue_share=0.05)
    assert clear["sure"] and "probable" not in " ".join(clear["words"])


def test_how_many_test_examples_would_do_goes_with_the_square() -> None:
    found = advise(tried(n=200, prune=0.005), issue_share=0.05)
    said = re.search(r"about ([\d,]+) would show one of 1%", " ".join(found["words"]))
    assert said is not None
    enough = 200 * (found["arms"]["prune"]["detectable"] / 0.01) ** 2
    assert int(said[1].replace(",", "")) == round(enough, -2)  # one digit of three


@pytest.mark.parametrize(("mean", "settled"), [(0.033, False), (0.045, True)])
def test_a_gain_is_settled_when_both_doubts_together_leave_it(mean: float, settled: bool) -> None:
    """More seeds move the mean by as much as theirs; the test set stays in doubt beside it."""
    spread = Spread(mean, 1000, seed_error=0.01, test_error=0.01)
    assert spread.interval()[0] > 0
    assert _is_settled({}, {"prune": spread}, "prune", 0.05) is settled
