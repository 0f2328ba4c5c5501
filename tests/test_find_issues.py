"""Ranked label issues: cleanlab's, with the names, rows and texts that belong to them."""

from itertools import pairwise

import numpy as np
import pytest
from cleanlab.filter import find_label_issues

from pipeline import artifacts
from pipeline.artifacts import RECORD, Run
from pipeline.find_issues import find_issues_ranked, issue_rows, load_examples
from pipeline.health import describe_labels
from pipeline.schema import FindIssues
from tests.tiny import load_tiny, run_stage


def make_options(**changes: object) -> FindIssues:
    values = load_tiny().config.find_issues.model_dump() | changes
    return FindIssues(**values)


def make_scope(count: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, good probabilities, and the positions of planted errors."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, count)
    logits = rng.normal(size=(count, 3)) + 4 * (true[:, None] == np.arange(3))
    pred_probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    planted = rng.choice(count, 20, replace=False)
    labels = true.copy()
    labels[planted] = (labels[planted] + 1) % 3
    return labels, pred_probs.astype(np.float32), planted


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


def test_no_issue_is_a_result() -> None:
    labels = np.arange(60) % 2
    pred_probs = np.where(labels[:, None] == [0, 1], 0.99, 0.01).astype(np.float32)
    issues = find_issues_ranked(labels, pred_probs, make_options())
    assert len(issues) == 0
    health = describe_labels(labels, pred_probs, issues, ["a", "b"], make_options())
    assert (health["count"], health["fraction"]) == (0, 0)
    assert health["confident_joint"] == [[30, 0], [0, 30]]


def test_the_health_of_a_scope() -> None:
    labels, pred_probs, _ = make_scope()
    issues = find_issues_ranked(labels, pred_probs, make_options())
    health = describe_labels(labels, pred_probs, issues, ["a", "b", "c"], make_options())
    assert health["count"] == len(issues)
    assert health["fraction"] == len(issues) / 300
    joint = np.array(health["confident_joint"])
    np.testing.assert_array_equal(joint.sum(axis=1), np.bincount(labels))
    assert [c["examples"] for c in health["classes"]] == np.bincount(labels).tolist()
    assert sum(c["issues"] for c in health["classes"]) == len(issues)
    for one in health["classes"]:
        assert 0 < one["noise_rate"] < 0.15
        assert 0 < one["inverse_noise_rate"] < 0.15


@pytest.mark.parametrize("scope", ["all", "train", "test"])
def test_the_lines_of_a_scope_belong_together(tiny_run: Run, scope: str) -> None:
    lines = artifacts.load_issues(tiny_run.issues(scope))
    examples = artifacts.load_table(tiny_run.examples).to_pylist()
    labels = artifacts.load_labels(tiny_run)
    rows, names = labels.rows(scope), artifacts.load_class_names(tiny_run)
    pred_probs = artifacts.load_array(tiny_run.pred_probs(scope)).astype(np.float64)
    assert len(lines) == artifacts.load_json(tiny_run.health)[scope]["count"] > 0
    assert [int(line["rank"]) for line in lines] == list(range(1, len(lines) + 1))
    for line in lines:
        example = examples[int(line["row"])]
        probs = pred_probs[np.searchsorted(rows, int(line["row"]))]
        given = example["label"]
        assert (line["id"], line["split"], line["text"]) == (
            example["id"], example["split"], example["text"],
        )  # fmt: skip
        assert line["given_label"] == names[given]
        assert line["suggested_label"] == names[probs.argmax()]
        assert float(line["self_confidence"]) == pytest.approx(probs[given])
        margin = (probs[given] - np.delete(probs, given).max() + 1) / 2
        assert float(line["normalized_margin"]) == pytest.approx(margin)
        assert scope == "all" or line["split"] == scope
    confidence = [float(line["self_confidence"]) for line in lines]
    assert all(a <= b for a, b in pairwise(confidence))


def test_the_same_probabilities_give_the_same_bytes(run_copy: Run) -> None:
    before = {scope: run_copy.issues(scope).read_bytes() for scope in artifacts.SCOPES}
    (run_copy.stage("find_issues") / RECORD).unlink()
    run_stage("find_issues", load_tiny(), run_copy.folder.parent)
    for scope, data in before.items():
        assert run_copy.issues(scope).read_bytes() == data


def test_where_nothing_is_suspect_the_list_is_empty(tiny_run: Run) -> None:
    labels = np.tile([0, 1], 20)
    pred_probs = np.where(np.eye(2)[labels] == 1, 0.99, 0.01)
    rows = np.arange(40)
    issues = find_issues_ranked(labels, pred_probs, make_options())
    assert issues.tolist() == []
    assert issues.dtype == np.int64
    assert list(issue_rows(tiny_run, rows, labels, pred_probs, issues, ["neg", "pos"])) == []


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


def test_up_to_the_batch_size_everything_is_as_without_it() -> None:
    labels, pred_probs, _ = make_scope()
    options = make_options(filter_by="low_self_confidence", batch_size=300)
    plain = make_options(filter_by="low_self_confidence")
    ours, theirs = (find_issues_ranked(labels, pred_probs, o) for o in (options, plain))
    np.testing.assert_array_equal(ours, theirs)
    names = ["a", "b", "c"]
    assert "filters" in describe_labels(labels, pred_probs, ours, names, options)
    batched = describe_labels(
        labels, pred_probs, ours, names, options.model_copy(update={"batch_size": 299})
    )
    assert "filters" not in batched


def test_nothing_found_in_batches_is_a_result() -> None:
    labels = np.arange(60) % 2
    pred_probs = np.eye(2, dtype=np.float32)[labels] * 0.98 + 0.01
    options = make_options(filter_by="low_self_confidence", batch_size=10)
    assert find_issues_ranked(labels, pred_probs, options).tolist() == []


def test_examples_are_loaded_in_the_order_asked_for(tiny_run: Run) -> None:
    rows = np.array([279, 3, 3, 0, 150])
    table = artifacts.load_table(tiny_run.examples, ["id", "split", "text"]).take(rows).to_pylist()
    assert [example._asdict() for example in load_examples(tiny_run, rows)] == table
    assert list(load_examples(tiny_run, rows[:0])) == []
