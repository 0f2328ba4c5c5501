"""Many linear classifiers at once: each is scikit-learn's, and none learns what it judges."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.preprocessing import normalize

from pipeline.models import side_by_side
from pipeline.models.side_by_side import (
    choose_strength,
    distinct_features,
    fit_logistic,
    fit_naive_bayes,
    training_masks,
)

N, FOLDS = 120, 4
MASKS = training_masks(np.arange(N) % FOLDS)


def make_texts(num_classes: int) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Return rows of length 1, and labels that they tell something about."""
    rng = np.random.default_rng(1)
    drawn = sparse.random(N, 30, 0.3, random_state=3, format="csr", dtype=np.float32)
    features = normalize(drawn).astype(np.float32)
    weights = 3 * rng.normal(size=(30, num_classes))
    return features, (features @ weights + rng.gumbel(size=(N, num_classes))).argmax(axis=1)


def make_counts() -> sparse.csr_matrix:
    return sparse.csr_matrix(np.random.default_rng(2).poisson(0.1, (N, 30)).astype(np.float32))


def test_a_fold_learns_what_it_does_not_hold_out() -> None:
    assert training_masks(np.array([0, 1, 1, -1])).tolist() == [
        [False, True],
        [True, False],
        [True, False],
        [False, False],  # in no fold: learned by none
    ]


@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize("C", [0.3, 1.0, 10.0])
def test_every_model_is_scikit_learns_logistic_regression(
    monkeypatch: pytest.MonkeyPatch, num_classes: int, C: float
) -> None:
    monkeypatch.setattr(side_by_side, "TOLERANCE", 1e-6)
    monkeypatch.setattr(side_by_side, "ITERATIONS", 500)
    features, labels = make_texts(num_classes)
    ours = np.exp(fit_logistic(features, labels, MASKS, num_classes=num_classes, C=C))
    assert ours.shape == (N, FOLDS, num_classes)
    for fold in range(FOLDS):
        learned = MASKS[:, fold]
        theirs = LogisticRegression(C=C, tol=1e-8, max_iter=5000)
        expected = theirs.fit(features[learned], labels[learned]).predict_proba(features)
        np.testing.assert_allclose(ours[:, fold], expected, atol=0.005)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_stopping_early_hardly_moves_a_probability(num_classes: int) -> None:
    features, labels = make_texts(num_classes)
    ours = np.exp(fit_logistic(features, labels, MASKS[:, :1], num_classes=num_classes, C=1))
    learned = MASKS[:, 0]
    theirs = LogisticRegression(C=1, tol=1e-8, max_iter=5000)
    expected = theirs.fit(features[learned], labels[learned]).predict_proba(features)
    np.testing.assert_allclose(ours[:, 0], expected, atol=0.01)


def test_models_in_several_batches_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = make_texts(3)
    strengths = np.array([0.1, 0.3, 0.5, 1])
    together = fit_logistic(features, labels, MASKS, num_classes=3, C=strengths)
    monkeypatch.setattr(side_by_side, "MOST_WEIGHTS", 1)
    apart = fit_logistic(features, labels, MASKS, num_classes=3, C=strengths)
    # How the weights are scaled depends on all texts that some model learns.
    np.testing.assert_allclose(np.exp(apart), np.exp(together), atol=0.01)


@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize("kind", ["logistic", "naive_bayes"])
def test_the_labels_of_a_fold_do_not_reach_its_model(kind: str, num_classes: int) -> None:
    features, labels = make_texts(num_classes)
    held_out = ~MASKS[:, 1]
    other = np.where(held_out, (labels + 1) % num_classes, labels)
    if kind == "logistic":
        before, after = (
            fit_logistic(features, given, MASKS, num_classes=num_classes, C=3)
            for given in (labels, other)
        )
    else:
        before, after = (
            fit_naive_bayes(make_counts(), given, MASKS, num_classes=num_classes, alpha=0.3)
            for given in (labels, other)
        )
    np.testing.assert_array_equal(before[:, 1], after[:, 1])
    for fold in (0, 2, 3):
        assert (before[:, fold] != after[:, fold]).any()


@pytest.mark.parametrize("num_classes", [2, 3])
def test_naive_bayes_is_scikit_learns_on_the_words_it_knows(num_classes: int) -> None:
    counts, labels = make_counts(), make_texts(num_classes)[1]
    dense = counts.toarray()
    dense[:, 29] = np.where(np.arange(N) == 0, 5, 0)  # fold 0 holds out the only text with a word
    counts = sparse.csr_matrix(dense)
    ours = np.exp(fit_naive_bayes(counts, labels, MASKS, num_classes=num_classes, alpha=0.3))
    for fold in range(FOLDS):
        learned = MASKS[:, fold]
        known = counts[learned].sum(axis=0).A1 > 0
        assert known[29] == (fold != 0)
        theirs = MultinomialNB(alpha=0.3).fit(counts[learned][:, known], labels[learned])
        np.testing.assert_allclose(ours[:, fold], theirs.predict_proba(counts[:, known]), atol=1e-5)


def test_held_out_texts_choose_the_penalty() -> None:
    features, labels = make_texts(2)
    noise = np.random.default_rng(5).integers(0, 2, N)
    options = {"learned": np.ones(N, bool), "num_classes": 2, "candidates": [0.001, 1e5]}
    assert choose_strength(features, noise, MASKS, **options).C == 0.001
    apart = sparse.csr_matrix(np.eye(2, dtype=np.float32)[labels])
    assert choose_strength(apart, labels, MASKS, **options).C == 1e5


def test_labels_outside_the_scope_do_not_choose_the_penalty() -> None:
    features, labels = make_texts(2)
    learned = np.arange(N) >= 40
    masks = MASKS & learned[:, None]
    options = {"learned": learned, "num_classes": 2, "candidates": [0.001, 0.1, 10.0, 1e5]}
    chosen = {
        choose_strength(features, np.where(learned, labels, other), masks, **options).C
        for other in (0, 1)
    }
    assert len(chosen) == 1


def test_models_that_chose_the_penalty_are_those_of_the_penalty() -> None:
    features, labels = make_texts(3)
    options = {"learned": np.ones(N, bool), "num_classes": 3, "candidates": [0.1, 1.0, 10.0]}
    chosen = choose_strength(features, labels, MASKS, **options)
    again = fit_logistic(features, labels, MASKS, num_classes=3, C=chosen.C)
    np.testing.assert_array_equal(chosen.said, again)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_columns_that_are_alike_are_one(num_classes: int) -> None:
    features, labels = make_texts(num_classes)
    three = sparse.hstack([features, features[:, :10], features[:, 5:10]], format="csr")
    distinct = distinct_features(three, np.ones(N, bool))
    assert distinct.times.tolist() == [2] * 5 + [3] * 5 + [1] * 20
    all_of_them, one = (
        np.exp(fit_logistic(each, labels, MASKS, num_classes=num_classes, C=1))
        for each in (three, distinct)
    )
    np.testing.assert_allclose(one, all_of_them, atol=1e-4)


def test_texts_that_are_not_learned_tell_no_columns_apart() -> None:
    features, labels = make_texts(2)
    learned = np.arange(N) < 100
    moved = features[:, :10].multiply(np.where(learned, 1, 2)[:, None]).tocsr()
    twice = sparse.hstack([features, moved], format="csr").astype(np.float32)
    distinct = distinct_features(twice, learned)
    assert distinct.columns.shape[1] == 30
    masks = MASKS & learned[:, None]
    all_of_them, one = (
        np.exp(fit_logistic(each, labels, masks, num_classes=2, C=1)) for each in (twice, distinct)
    )
    np.testing.assert_allclose(one, all_of_them, atol=1e-4)
