"""The probable label errors are cleanlab's, the most probable first."""

import numpy as np
import pytest
from cleanlab.filter import find_label_issues

from pipeline.issues.ranking import find_issues_ranked
from tests.issues.scopes import make_options, make_scope


def test_planted_errors_are_found_the_least_likely_first() -> None:
    labels, pred_probs, planted = make_scope()
    issues = find_issues_ranked(labels, pred_probs, make_options())
    assert len(set(issues) & set(planted)) >= 18
    confidence = pred_probs[issues, labels[issues]]
    assert (np.diff(confidence) >= 0).all()


@pytest.mark.parametrize(
    "options",
    [
        {"filter_by": "both"},
        {"filter_by": "predicted_neq_given"},
        {"return_indices_ranked_by": "normalized_margin"},
        {"frac_noise": 0.5},
    ],
)
def test_every_option_reaches_cleanlab(options: dict[str, object]) -> None:
    labels, pred_probs, _ = make_scope()
    ours = find_issues_ranked(labels, pred_probs, make_options(**options))
    passed = {"filter_by": "prune_by_noise_rate", "return_indices_ranked_by": "self_confidence"}
    theirs = find_label_issues(labels, pred_probs.astype(float), n_jobs=1, **(passed | options))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("filter_by", ["low_self_confidence", "low_normalized_margin"])
@pytest.mark.parametrize("batch_size", [37, 299])
def test_the_batched_finder_finds_what_the_plain_one_does(filter_by: str, batch_size: int) -> None:
    """cleanlab promises the same but for one more or less; here the order is the same, too."""
    labels, pred_probs, _ = make_scope()
    plain = find_issues_ranked(labels, pred_probs, make_options(filter_by=filter_by))
    options = make_options(filter_by=filter_by, batch_size=batch_size)
    batched = find_issues_ranked(labels, pred_probs, options)
    both = [row for row in plain if row in batched]
    assert len(plain) > 10 and abs(len(plain) - len(batched)) <= 1
    assert len(both) >= len(plain) - 1
    assert [row for row in batched if row in plain] == both


def test_nothing_found_in_batches_is_a_result() -> None:
    labels = np.arange(60) % 2
    pred_probs = np.eye(2, dtype=np.float32)[labels] * 0.98 + 0.01
    options = make_options(filter_by="low_self_confidence", batch_size=10)
    assert find_issues_ranked(labels, pred_probs, options).tolist() == []
