"""The health of labels: against cleanlab's own summaries."""

import json
from typing import get_args

import numpy as np
import pytest
from cleanlab.dataset import find_overlapping_classes, rank_classes_by_label_quality
from cleanlab.filter import find_label_issues

from pipeline.issues.health import as_written, describe_labels
from pipeline.issues.ranking import find_issues_ranked
from pipeline.issues.sections import FilterBy
from tests.issues.scopes import make_options, make_scope

NAMES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def labels_and_probs() -> tuple[np.ndarray, np.ndarray]:
    """Labels of which some are wrong, most of these a for b, and probabilities that know it."""
    rng = np.random.default_rng(0)
    true = np.arange(600) % 3
    pred_probs = rng.dirichlet([1, 1, 1], 600) * 0.5 + np.eye(3)[true] * 0.5
    given = true.copy()
    given[:60:3] = 1
    given[1:20:3] = 2
    return given, pred_probs


def test_against_cleanlab(labels_and_probs: tuple[np.ndarray, np.ndarray]) -> None:
    labels, pred_probs = labels_and_probs
    issues = find_label_issues(labels, pred_probs, return_indices_ranked_by="self_confidence")
    health = describe_labels(labels, pred_probs, issues, NAMES, make_options())
    ranked = rank_classes_by_label_quality(labels, pred_probs).set_index("Class Index")
    for k, entry in enumerate(health["classes"]):
        assert entry["label_quality"] == pytest.approx(
            ranked.loc[k, "Label Quality Score"], abs=0.01
        )
        assert entry["inverse_noise_rate"] == pytest.approx(
            ranked.loc[k, "Inverse Label Noise"], abs=0.01
        )
    overlaps = find_overlapping_classes(labels, pred_probs, class_names=NAMES)
    assert health["overlapping_classes"][0]["classes"] == ["a", "b"]
    assert health["overlapping_classes"][0]["joint_probability"] == pytest.approx(
        overlaps["Joint Probability"][0], abs=0.005
    )


def test_all_filters_side_by_side(labels_and_probs: tuple[np.ndarray, np.ndarray]) -> None:
    labels, pred_probs = labels_and_probs
    table = describe_labels(labels, pred_probs, np.array([0]), NAMES, make_options())["filters"]
    assert table["names"] == list(get_args(FilterBy))
    assert len(table["names"]) == 7
    overlap = np.array(table["overlap"])
    np.testing.assert_array_equal(np.diag(overlap), table["count"])
    np.testing.assert_array_equal(overlap, overlap.T)
    np.testing.assert_array_equal(np.sum(table["per_class"], axis=1), table["count"])
    both, one, other = (
        table["names"].index(n) for n in ("both", "prune_by_class", "prune_by_noise_rate")
    )
    assert table["count"][both] == overlap[one][other]


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


@pytest.mark.parametrize("num_classes", [2, 100, 101, 1500])
def test_the_joint_of_many_classes_is_written_as_the_pairs_that_occur(num_classes: int) -> None:
    rng = np.random.default_rng(1)
    joint = np.diag(rng.integers(1, 9, num_classes))
    joint[rng.integers(0, num_classes, 2 * num_classes), 0] += 1
    written = as_written(joint)
    assert ("confident_joint" in written) == (num_classes <= 100)
    assert len(json.dumps(written)) < 100 * 100 * 5
    read = json.loads(json.dumps(written))
    if num_classes <= 100:
        np.testing.assert_array_equal(read["confident_joint"], joint)
        return
    pairs, again = read["joint_pairs"], np.zeros_like(joint)
    again[pairs["given"], pairs["probable"]] = pairs["examples"]
    np.testing.assert_array_equal(again, joint)
