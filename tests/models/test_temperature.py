"""A temperature from texts a model did not see, and models that have it inside."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from pipeline.data.prepared import load_labels
from pipeline.frame.run import Run
from pipeline.models.calibration import at_temperature
from pipeline.models.counts import CountsClassifier
from pipeline.models.learned import arrays_of
from pipeline.models.sequence import build_cnn
from pipeline.models.temperature import (
    ENOUGH,
    ends_in_softmax,
    held_out_trainings,
    temperature_of,
    tempered,
)
from pipeline.models.training import Training, plan_training
from tests.tiny import load_tiny


def planned(run: Run, held_out: np.ndarray) -> Training:
    config = load_tiny().config
    labels = load_labels(run).fitted("test")
    return plan_training(
        run, config.vectorize, config.model, scope="test", fold=0, labels=labels,
        held_out=held_out, seed=1, name="one",
    )  # fmt: skip


def test_no_fold_is_learned_by_the_model_that_judges_it(tiny_run: Run) -> None:
    plan = [np.arange(0, 100), np.arange(100, 200)]
    found = held_out_trainings(planned(tiny_run, np.array([3, 150])), plan)
    assert len(found) == 2  # fewer than ENOUGH texts, so all folds
    for (training, fold), number in zip(found, (1, 2), strict=True):
        assert not set(training.kept) & ({3, 150} | set(fold.tolist()))
        assert training.predict is None
        assert training.name == f"one without fold {number}"


def test_a_class_keeps_an_example(tiny_run: Run) -> None:
    labels = load_labels(tiny_run).fitted("test")
    of_one = np.flatnonzero(labels == 1)
    found = held_out_trainings(planned(tiny_run, np.array([], int)), [of_one, np.arange(10)])
    assert [fold.tolist() for _, fold in found] == [list(range(10))]
    assert temperature_of([], labels) is None


def test_the_temperature_is_that_of_the_folds_alone() -> None:
    rng = np.random.default_rng(0)
    count = ENOUGH
    honest = at_temperature(2 * rng.normal(size=(count, 2)), 1)
    labels = (honest + rng.gumbel(size=honest.shape)).argmax(axis=1)
    sharp = np.exp(at_temperature(honest, 0.5)).astype(np.float32)
    fold, others = np.arange(0, count, 2), np.arange(1, count, 2)
    sharp[others] = 0.5  # left out of the training, and of no fold
    arrays = {"held_out": np.arange(count), "pred_probs": sharp}
    assert temperature_of([(arrays, fold)], labels) == pytest.approx(2, rel=0.1)


def test_a_linear_model_has_its_temperature_inside() -> None:
    rng = np.random.default_rng(0)
    from scipy import sparse

    counts = sparse.csr_matrix(rng.poisson(1, (80, 6)))
    labels = rng.integers(0, 3, 80)
    classifier = CountsClassifier(LogisticRegression()).fit(counts, labels)
    cooled = tempered(arrays_of(classifier), classifier, 2.5)
    assert cooled is not None
    logits = counts.toarray()[:, cooled["words"]] @ cooled["coef"].T + cooled["intercept"]
    raw = np.log(classifier.predict_proba(counts))
    np.testing.assert_allclose(at_temperature(logits, 1), at_temperature(raw, 2.5), atol=1e-8)


def test_what_has_another_end_is_left_as_it_is() -> None:
    import keras

    shape = {"vocabulary_size": 9, "num_classes": 2, "sequence_length": 5, "embedding_dim": 2}
    assert ends_in_softmax(build_cnn(**shape, filters=2, kernel_size=3, dropout=0.1))
    tokens = keras.Input((5,))
    for end in (
        keras.layers.Dense(2, activation="sigmoid"),
        keras.layers.Dense(2, activation="softmax", use_bias=False),
        keras.layers.BatchNormalization(),
    ):
        assert not ends_in_softmax(keras.Model(tokens, end(keras.layers.Dense(3)(tokens))))
