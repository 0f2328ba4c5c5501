"""The health of labels: against cleanlab's own summaries."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from cleanlab.dataset import find_overlapping_classes, rank_classes_by_label_quality
from cleanlab.filter import find_label_issues

from pipeline.config import load_config
from pipeline.crossval import plan_folds
from pipeline.health import describe_labels
from pipeline.schema import FilterBy

OPTIONS = load_config(Path("configs/sample.yaml")).config.find_issues
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
    health = describe_labels(labels, pred_probs, issues, NAMES, OPTIONS)
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
    table = describe_labels(labels, pred_probs, np.array([0]), NAMES, OPTIONS)["filters"]
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


def test_groups_stay_together() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200)
    groups = rng.integers(0, 120, 200)
    folds = plan_folds(labels, folds=4, shuffle=True, seed=1, groups=groups)
    assert sorted(np.concatenate(folds)) == list(range(200))
    for held_out in folds:
        others = np.setdiff1d(np.arange(200), held_out)
        assert not set(groups[held_out]) & set(groups[others])


@pytest.mark.parametrize("shuffle", [True, False])
def test_groups_of_one_change_nothing(shuffle: bool) -> None:
    labels = np.arange(100) % 3
    options = {"folds": 5, "shuffle": shuffle, "seed": 1}
    plain = plan_folds(labels, **options)  # type: ignore[arg-type]
    grouped = plan_folds(labels, **options, groups=np.arange(100)[::-1])  # type: ignore[arg-type]
    for one, other in zip(plain, grouped, strict=True):
        np.testing.assert_array_equal(one, other)
