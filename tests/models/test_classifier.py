"""The classifier is one for scikit-learn and for cleanlab."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from cleanlab.classification import CleanLearning
from sklearn.base import clone, is_classifier
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    check_cv,
    cross_val_predict,
    cross_val_score,
)

from pipeline.config.load import load_config
from pipeline.data.rows import TokenRows
from pipeline.frame import artifacts
from pipeline.models.classifier import FastTextClassifier
from pipeline.models.seeds import derive_seed
from pipeline.models.table import make_classifier
from tests.tiny import TINY


def make_data(count: int = 90) -> tuple[np.ndarray, np.ndarray]:
    """Sorted labels, so that folds that are not stratified would lack a class."""
    rng = np.random.default_rng(0)
    labels = np.sort(np.arange(count) % 2)
    return (1 + labels[:, None] * 5 + rng.integers(0, 6, (count, 8))).astype(np.uint8), labels


def make(**settings: object) -> FastTextClassifier:
    defaults = {"vocabulary_size": 12, "embedding_dim": 4, "learning_rate": 0.1, "epochs": 5}
    return FastTextClassifier(**(defaults | settings))


def test_scikit_learn_takes_it_for_a_classifier() -> None:
    assert is_classifier(make())
    assert isinstance(check_cv(3, [0, 1] * 5, classifier=is_classifier(make())), StratifiedKFold)


def test_fit_and_predict() -> None:
    tokens, labels = make_data()
    classifier = make().fit(tokens, labels)
    pred_probs = classifier.predict_proba(tokens)
    assert pred_probs.shape == (90, 2)
    np.testing.assert_allclose(pred_probs.sum(axis=1), 1, rtol=1e-5)
    assert classifier.classes_.tolist() == [0, 1]
    np.testing.assert_array_equal(classifier.predict(tokens), pred_probs.argmax(axis=1))
    assert classifier.score(tokens, labels) > 0.9


def test_rows_on_disk_give_the_bits_of_the_array(tmp_path: Path) -> None:
    tokens, labels = make_data()
    artifacts.save_array(tmp_path / "tokens.npy", tokens)
    rows = TokenRows(tmp_path / "tokens.npy")
    chosen = np.arange(90) % 4 > 0
    whole = make().fit(tokens[chosen], labels[chosen]).predict_proba(tokens)
    stored = make().fit(rows[chosen], labels[chosen]).predict_proba(rows)
    assert whole.tobytes() == stored.tobytes()
    cleaned = CleanLearning(make(), seed=1).fit(rows, labels, label_issues=~chosen)
    assert cleaned.clf.predict_proba(rows).tobytes() == whole.tobytes()


def test_a_fit_does_not_go_on_from_the_last_one() -> None:
    tokens, labels = make_data()
    classifier = make()
    first = classifier.fit(tokens, labels).predict_proba(tokens)
    again = classifier.fit(tokens, labels).predict_proba(tokens)
    assert first.tobytes() == again.tobytes()
    other = make(seed=1).fit(tokens, labels).predict_proba(tokens)
    assert not np.array_equal(first, other)


def test_sample_weights_matter() -> None:
    tokens, labels = make_data()
    weights = np.where(labels == 0, 0.01, 1.0)
    plain = make(epochs=1).fit(tokens, labels).predict_proba(tokens)
    weighted = make(epochs=1).fit(tokens, labels, sample_weight=weights).predict_proba(tokens)
    assert weighted[:, 1].mean() > plain[:, 1].mean() + 0.01


def test_a_clone_has_the_same_settings_and_no_fit() -> None:
    tokens, labels = make_data()
    classifier = make(dropout=0.3, optimizer="keras_adam", batch_size=8, seed=3)
    same = clone(classifier.fit(tokens, labels))
    assert same.get_params() == classifier.get_params()
    assert not hasattr(same, "model_")


@pytest.mark.parametrize("name", ["adam", "keras_adam"])
def test_the_optimizer_and_its_rate_are_the_ones_asked_for(name: str) -> None:
    tokens, labels = make_data(20)
    fitted = make(optimizer=name, learning_rate=0.07, epochs=1).fit(tokens, labels)
    optimizer = fitted.model_.optimizer
    assert type(optimizer).__name__ == {"adam": "FusedAdam", "keras_adam": "Adam"}[name]
    assert float(optimizer.learning_rate) == pytest.approx(0.07)


def test_epochs_and_batch_size_are_the_ones_asked_for() -> None:
    tokens, labels = make_data(20)
    fitted = make(epochs=3, batch_size=8).fit(tokens, labels)
    assert len(fitted.history_["loss"]) == 3
    assert int(fitted.model_.optimizer.iterations) == 9


def test_cross_val_predict_is_stratified_and_trains_each_fold_afresh() -> None:
    tokens, labels = make_data()
    pred_probs = cross_val_predict(make(), tokens, labels, cv=3, method="predict_proba")
    assert (pred_probs.argmax(axis=1) == labels).mean() > 0.9
    kept, held_out = list(StratifiedKFold(3).split(tokens, labels))[2]
    alone = make().fit(tokens[kept], labels[kept]).predict_proba(tokens[held_out])
    assert alone.tobytes() == pred_probs[held_out].tobytes()


def test_grid_search_and_scorers_work() -> None:
    tokens, labels = make_data()
    search = GridSearchCV(make(epochs=2), {"embedding_dim": [2, 4]}, cv=2, scoring="roc_auc")
    search.fit(tokens, labels)
    assert set(search.cv_results_["param_embedding_dim"]) == {2, 4}
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert cross_val_score(make(), tokens, labels, cv=2, scoring="neg_log_loss").max() < 0


def test_clean_learning_finds_planted_errors_and_trains_without_them() -> None:
    tokens, labels = make_data()
    noisy = labels.copy()
    planted = [3, 20, 50, 77]
    noisy[planted] = 1 - noisy[planted]
    learner = CleanLearning(
        make(), cv_n_folds=3, seed=1, find_label_issues_kwargs={"n_jobs": 1}, verbose=False
    )
    learner.fit(tokens, noisy)
    found = np.flatnonzero(learner.get_label_issues()["is_label_issue"])
    assert len(set(planted) & set(found)) >= 3
    assert (learner.predict(tokens) == labels).mean() > 0.9


def test_op_determinism_is_not_left_on() -> None:
    from tensorflow.python.framework import config

    tokens, labels = make_data(20)
    make(epochs=1).fit(tokens, labels)
    assert not config.is_op_determinism_enabled()
    assert tf.config.threading.get_intra_op_parallelism_threads() == 1


def test_the_config_section_is_what_the_classifier_gets() -> None:
    model = load_config(TINY).config.model
    classifier = make_classifier(model, vocabulary_size=77, seed=5)
    parameters = classifier.get_params()
    for key, value in model.model_dump(exclude={"name"}).items():
        assert parameters[key] == value
    assert (parameters["vocabulary_size"], parameters["seed"]) == (77, 5)


def test_seeds_of_different_trainings_differ() -> None:
    paths = [(seed, scope, fold) for seed in (0, 1) for scope in range(3) for fold in range(30)]
    seeds = {derive_seed(*path) for path in paths}
    assert len(seeds) == len(paths)
    assert derive_seed(0, 1, 2) == derive_seed(0, 1, 2)
    assert all(0 <= seed < 2**32 for seed in seeds)
