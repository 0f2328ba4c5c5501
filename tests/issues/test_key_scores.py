"""Answer keys against our order, on numbers that can be counted by hand."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from pipeline.data.prepared import load_labels
from pipeline.evaluate import load_test_pred_probs
from pipeline.frame.run import Run
from pipeline.issues import key_scores
from pipeline.issues.answer_keys import load_verified
from pipeline.issues.key_scores import (
    average_precision,
    check_issues,
    compare_keys,
    estimate_checked_errors,
    precision_by_rank,
    score_issues,
)
from tests.issues.test_answer_keys import VOTES, example_of, mturk, voted, write
from tests.tiny import load_tiny


def test_issues_are_scored_among_the_judged_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_scores, "RANKS", (1, 2, 3, 10))
    confidence = np.array([0.9, 0.5, 0.1, 0.5, 0.4, 0.5, 0.2])
    found = score_issues(np.array([2, 3, 6, 0]), confidence, VOTES, samples=200, seed=1)
    assert (found["issues"], found["shown"], found["unjudged"]) == (4, 3, 1)
    flips = found["definitions"]["other >= 3 votes"]
    assert flips["confirmed"] == 1
    assert flips["precision_at"] == {"1": 1.0, "2": 0.5, "3": 1 / 3}
    assert flips["auroc"] == 1.0
    assert flips["base_rate"] == 0.25
    # Of the issues 2, 3, 6, 0 people were not shown 3: it may be right or wrong.
    assert flips["precision_band"] == {"1": [1.0, 1.0], "2": [0.5, 1.0], "3": [1 / 3, 2 / 3]}
    assert flips["average_precision"]["value"] == 1.0
    low, high = flips["average_precision"]["ci95"]
    assert 0 < low <= high <= 1
    assert found["categories"]["other"] == {"judged": 1, "shown": 1}
    assert found["categories"]["given"] == {"judged": 1, "shown": 1}
    # Votes against the given label: none of 5, 4 of 5, 3 of 5, 5 of 5.
    assert found["graded"]["base_rate"] == pytest.approx(0.6)
    assert found["graded"]["precision_at"]["2"] == pytest.approx((0.8 + 1) / 2)
    assert found["graded"]["precision_band"]["2"] == pytest.approx([0.8 / 2, 1.8 / 2])


def test_the_interval_of_precision_is_over_the_judged_issues(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(key_scores, "RANKS", (50,))
    covered = 0
    for seed in range(100):
        wrong = np.random.default_rng(seed).random(400) < 0.3
        found = precision_by_rank(wrong, np.arange(400), samples=200, seed=seed)
        low, high = found["precision_ci95"]["50"]
        covered += low <= 0.3 <= high
    assert 88 <= covered <= 100


def test_average_precision_of_a_ranking_that_knows_nothing_is_the_base_rate() -> None:
    rng = np.random.default_rng(0)
    is_wrong = rng.random(2000) < 0.3
    found = average_precision(is_wrong, rng.random(2000), samples=100, seed=1)
    assert found is not None
    low, high = found["ci95"]
    assert low < 0.3 < high < low + 0.1
    assert average_precision(np.zeros(9, bool), rng.random(9), samples=9, seed=1) is None


def test_average_precision_is_that_of_scikit_learn_with_ties_and_weights() -> None:
    rng = np.random.default_rng(0)
    is_wrong = rng.random(300) < 0.3
    suspicion = rng.integers(0, 40, 300) / 40
    found = average_precision(is_wrong, suspicion, samples=50, seed=1)
    assert found is not None
    assert found["value"] == average_precision_score(is_wrong, suspicion)
    again, values = np.random.default_rng(1), []
    for _ in range(50):
        drawn = again.integers(0, 300, 300)
        values.append(average_precision_score(is_wrong[drawn], suspicion[drawn]))
    assert found["ci95"] == pytest.approx(np.percentile(values, [2.5, 97.5]), abs=1e-12)


def test_a_share_counts_as_so_many_wrong_and_right_votes() -> None:
    rng = np.random.default_rng(0)
    votes, suspicion = rng.integers(0, 6, 200), rng.random(200)
    found = average_precision(votes / 5, suspicion, samples=20, seed=1)
    assert found is not None
    each = np.repeat(np.arange(200), 5)
    wrong = np.tile(np.arange(5), 200) < votes[each]
    assert found["value"] == pytest.approx(average_precision_score(wrong, suspicion[each]))


def test_wrong_labels_are_estimated_from_two_sides() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 4000)
    wrong = rng.random(4000) < 0.1
    given = np.where(wrong, 1 - truth, truth)
    other = np.clip(np.where(wrong, 0.8, 0.2) + rng.normal(0, 0.1, 4000), 0.01, 0.99)
    pred_probs = np.empty((4000, 2))
    pred_probs[np.arange(4000), given], pred_probs[np.arange(4000), 1 - given] = 1 - other, other
    checked = np.sort(rng.choice(4000, 400, replace=False))
    votes = np.where(wrong[checked], 5, 0)
    key = voted([*checked], [*(5 - votes)], [*votes], other=1 - given[checked])
    found = estimate_checked_errors(given, pred_probs, key, samples=200, seed=1)
    assert found["confident_learning"]["ci95"][0] <= wrong.sum()
    assert found["calibrated"]["ci95"][0] <= wrong.sum() <= found["calibrated"]["ci95"][1]
    assert found["times"] == found["calibrated"]["count"] / found["confident_learning"]["count"]
    few = voted([*checked[:9]], [*(5 - votes)[:9]], [*votes[:9]], other=1 - given[checked][:9])
    for unknown in (few, key._replace(is_share=True)):
        found = estimate_checked_errors(given, pred_probs, unknown, samples=200, seed=1)
        assert (found["calibrated"], found["times"]) == (None, None)


def test_two_keys_are_compared_on_what_both_judged() -> None:
    first = voted([0, 1, 2, 3], [0, 0, 5, 2], [5, 5, 0, 2], other=[1, 1, 1, 1])
    second = voted([3, 2, 1, 9], [5, 2, 1, 0], [0, 3, 3, 5], other=[1, 1, 1, 1])
    (found,) = compare_keys({"a": first, "b": second})
    assert (found["first"], found["second"], found["rows"]) == ("a", "b", 3)
    assert found["doubted"] == {"both": 1, "first": 1, "second": 1}
    assert found["flipped"] == {"both": 1, "first": 0, "second": 1}
    (share,) = compare_keys({"a": first, "b": second._replace(is_share=True)})
    assert "flipped" not in share


def test_of_several_keys_the_first_is_told_as_an_only_one_is(tiny_run: Run, tmp_path: Path) -> None:
    write(tmp_path / "first.csv", mturk(tiny_run))
    other = {k: example_of(tiny_run)[k] for k in ("id", "given_label", "text")}
    write(tmp_path / "second.csv", other | {"true_label": other["given_label"]})
    labels, options = load_labels(tiny_run), load_tiny().config.evaluate
    keys = {
        name: load_verified(tmp_path / f"{name}.csv", tiny_run, labels)
        for name in ("first", "second")
    }
    test = load_test_pred_probs(tiny_run, labels)

    def check(*names: str) -> dict[str, object]:
        chosen = {name: keys[name] for name in names}
        return check_issues(tiny_run, labels, test, chosen, options, seed=1)

    alone, several = check("first"), check("first", "second")
    assert several.pop("keys") == {"first": alone, "second": check("second")}
    assert several.pop("agreement") == compare_keys(keys)
    assert several == alone
    assert (alone["flipped_by_people"], check("second")["flipped_by_people"]) == (1, 0)
