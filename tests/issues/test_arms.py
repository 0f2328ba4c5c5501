"""What each arm trains on."""

import warnings

import numpy as np
import pytest
from cleanlab.classification import CleanLearning
from sklearn.base import BaseEstimator, ClassifierMixin

from pipeline.config.load import load_config
from pipeline.frame.errors import ConfigError
from pipeline.issues.arms import (
    ARMS,
    TrainingSet,
    class_weights,
    comparisons,
    draw_alike,
    make_arms,
)
from pipeline.issues.ranking import find_issues_ranked
from pipeline.issues.sections import FindIssues
from tests.tiny import TINY

OPTIONS = FindIssues(
    filter_by="prune_by_noise_rate",
    return_indices_ranked_by="self_confidence",
    frac_noise=1.0,
    min_examples_per_class=1,
    neighbors=False,
    batch_size=None,
)
NAMES = ["baseline", "prune", "random_prune", "relabel", "weight"]


def stream(name: str) -> np.random.Generator:
    return np.random.default_rng(list(name.encode()))


def suspicious() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 400)
    right = np.clip(rng.normal(0.85, 0.1, 400), 0.05, 0.99)
    pred_probs = np.stack([np.where(truth == k, right, 1 - right) for k in range(2)], axis=1)
    labels = truth.copy()
    labels[:30] = 1 - labels[:30]
    return labels, pred_probs.astype(np.float32)


class Spy(ClassifierMixin, BaseEstimator):
    """Keeps what it is trained on."""

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        self.seen_ = (X, y, sample_weight)
        return self

    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)

    def predict(self, X):
        return np.zeros(len(X), int)


def test_prune_is_what_cleanlearning_does() -> None:
    labels, pred_probs = suspicious()
    cleaner = CleanLearning(Spy(), find_label_issues_kwargs=OPTIONS.filter_options())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cleaner.fit(np.arange(400)[:, None], labels, pred_probs=pred_probs.astype(float))
    rows, seen_labels, seen_weights = cleaner.clf.seen_
    arm = make_arms(["prune"], labels, pred_probs, OPTIONS, stream=stream)["prune"]
    kept = np.delete(np.arange(400), arm.left_out)
    assert rows.ravel().tolist() == kept.tolist()
    assert seen_labels.tolist() == arm.labels[kept].tolist()
    np.testing.assert_allclose(arm.weights[kept], seen_weights, rtol=1e-9)


def test_every_arm_does_one_thing() -> None:
    labels, pred_probs = suspicious()
    arms = make_arms(NAMES, labels, pred_probs, OPTIONS, stream=stream)
    issues = find_issues_ranked(labels, pred_probs, OPTIONS)
    assert list(arms) == NAMES
    assert len(arms["baseline"].left_out) == 0
    assert arms["baseline"].labels.tolist() == labels.tolist()
    assert sorted(issues) == arms["prune"].left_out.tolist()
    changed = np.flatnonzero(arms["relabel"].labels != labels)
    assert set(changed) <= set(issues.tolist())
    assert len(arms["relabel"].left_out) == 0
    quality = pred_probs[np.arange(400), labels]
    assert arms["weight"].weights == pytest.approx(quality / quality.mean(), rel=1e-6)


def test_the_control_drops_as_many_of_each_class_but_others() -> None:
    labels, pred_probs = suspicious()
    arms = make_arms(NAMES, labels, pred_probs, OPTIONS, stream=stream)
    pruned, control = arms["prune"].left_out, arms["random_prune"].left_out
    assert np.bincount(labels[pruned]).tolist() == np.bincount(labels[control]).tolist()
    assert len(set(control.tolist())) == len(control)
    assert set(pruned.tolist()) != set(control.tolist())
    assert len(set(arms["prune"].weights.tolist())) > 1
    assert arms["random_prune"].weights.tolist() == arms["prune"].weights.tolist()
    assert draw_alike(labels, np.empty(0, int), np.random.default_rng(0)).tolist() == []


def test_labels_are_not_changed_in_place() -> None:
    labels, pred_probs = suspicious()
    before = labels.copy()
    make_arms(NAMES, labels, pred_probs, OPTIONS, stream=stream)
    class_weights(labels, pred_probs)
    assert labels.tolist() == before.tolist()


def test_every_arm_has_words_of_its_own() -> None:
    words = [arm.words for arm in ARMS.values()]
    assert all(words) and len(set(words)) == len(ARMS)
    assert all(control in ARMS for arm in ARMS.values() for control in arm.controls)


def test_arms_are_compared_with_everything_and_with_their_own_control() -> None:
    found = comparisons(["baseline", "prune", "random_prune", "weight", "soft", "distil"])
    assert found[:5] == [(arm, "baseline") for arm in
                         ("prune", "random_prune", "weight", "soft", "distil")]  # fmt: skip
    assert found[5:] == [("prune", "random_prune"), ("soft", "distil")]
    assert comparisons(["prune", "weight"]) == []


def test_shuffled_weights_are_those_of_the_class_on_others() -> None:
    labels, pred_probs = suspicious()
    arms = make_arms(["weight", "shuffled_weight"], labels, pred_probs, OPTIONS, stream=stream)
    own, dealt = arms["weight"].weights, arms["shuffled_weight"].weights
    assert (own != dealt).mean() > 0.9
    for k in (0, 1):
        assert sorted(own[labels == k]) == sorted(dealt[labels == k])


def test_relabelling_at_random_moves_as_many_from_and_to_each_class() -> None:
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 3, 600)
    labels = np.where(rng.random(600) < 0.1, (truth + rng.integers(1, 3, 600)) % 3, truth)
    pred_probs = 0.1 + 0.7 * np.eye(3)[truth]
    names = ["relabel", "random_relabel"]
    arms = make_arms(names, labels, pred_probs, OPTIONS, stream=stream)
    moves = [np.bincount(3 * labels + arms[name].labels, minlength=9) for name in names]
    assert moves[0].tolist() == moves[1].tolist()
    changed = [arms[name].labels != labels for name in names]
    assert changed[0].sum() > 30
    assert (changed[0] & changed[1]).sum() < changed[0].sum() / 2


def test_soft_labels_lie_between_the_given_one_and_the_finders_word() -> None:
    labels, pred_probs = suspicious()
    names = ["soft", "shuffled_soft", "distil"]
    arms = make_arms(names, labels, pred_probs, OPTIONS, stream=stream)
    rows = np.arange(400)
    given = pred_probs[rows, labels].astype(float)
    np.testing.assert_allclose(arms["soft"].targets[rows, labels], (1 + given) / 2, rtol=1e-6)
    np.testing.assert_allclose(arms["distil"].targets, pred_probs, rtol=1e-6)
    assert all(np.allclose(arm.targets.sum(axis=1), 1) for arm in arms.values())
    dealt = arms["shuffled_soft"].targets[rows, labels]
    for k in (0, 1):
        np.testing.assert_allclose(
            np.sort(dealt[labels == k]), np.sort((1 + given[labels == k]) / 2), rtol=1e-6
        )


def test_every_arm_draws_from_a_stream_of_its_own() -> None:
    labels, pred_probs = suspicious()
    alone = make_arms(["random_prune"], labels, pred_probs, OPTIONS, stream=stream)
    among = make_arms(list(ARMS), labels, pred_probs, OPTIONS, stream=stream)
    assert alone["random_prune"].left_out.tolist() == among["random_prune"].left_out.tolist()


def test_every_arm_is_made_from_the_labels_it_gets() -> None:
    labels, pred_probs = suspicious()
    human = TrainingSet(np.array([5]), 1 - labels)
    arms = make_arms(list(ARMS), labels, pred_probs, OPTIONS, stream=stream, human=human)
    assert list(arms) == list(ARMS)
    assert arms["human"] is human
    assert all(arm.labels.shape == labels.shape for arm in arms.values())
    alone = make_arms(["baseline", "human"], labels, pred_probs, OPTIONS, stream=stream)
    assert list(alone) == ["baseline"]  # nobody has corrected anything


def test_an_unknown_arm_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"study\.arms") as caught:
        load_config(TINY, ["study.arms=[prunes]"])
    assert all(f"'{name}'" in str(caught.value) for name in ARMS)
