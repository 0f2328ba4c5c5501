"""The classifiers a config can name, and what the stages do with any of them.

Each is a scikit-learn classifier with `fit(X, y, sample_weight)` and `predict_proba(X)`. X is
what the vectorize stage made: token ids, word counts or texts.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data.rows import TokenRows
from pipeline.schema import (
    CnnModel,
    CustomModel,
    FastTextModel,
    LogisticRegressionModel,
    Model,
    MultinomialNbModel,
    TransformerModel,
)

TrainingSet = tuple[Any, np.ndarray, np.ndarray | None]  # inputs, labels, weights


def make_classifier(model: Model, *, vocabulary_size: int, seed: int, callbacks: Any = None) -> Any:
    """Return an unfitted classifier with the settings of the config's `model` section.

    Args:
        vocabulary_size: token ids are below it; 0 where there are none.
        seed: of every random draw of the fit.
        callbacks: of Keras, for the models that train in epochs.

    Raises:
        ConfigError: a custom function cannot be imported.
    """
    if isinstance(model, MultinomialNbModel | LogisticRegressionModel):
        from pipeline.models.counts import CountsClassifier, make_estimator

        tfidf = isinstance(model, LogisticRegressionModel)
        return CountsClassifier(make_estimator(model, seed=seed), tfidf=tfidf)
    if isinstance(model, CustomModel):
        from pipeline.models.custom import CustomClassifier

        settings = model.model_dump(exclude={"name"})
        return CustomClassifier(
            **settings, vocabulary_size=vocabulary_size, seed=seed, callbacks=callbacks
        )
    settings = model.model_dump(exclude={"name"})
    if isinstance(model, FastTextModel):
        from pipeline.models.classifier import FastTextClassifier

        return FastTextClassifier(
            vocabulary_size=vocabulary_size, seed=seed, callbacks=callbacks, **settings
        )
    from pipeline.models.sequence import SequenceClassifier, build_cnn, build_transformer

    build = build_cnn if isinstance(model, CnnModel) else build_transformer
    training = {key: settings.pop(key) for key in ("epochs", "batch_size", "learning_rate")}
    return SequenceClassifier(
        build,
        layers=settings,
        vocabulary_size=vocabulary_size,
        seed=seed,
        callbacks=callbacks,
        **training,
    )


def fit_together(classifiers: Sequence[Any], sets: Sequence[TrainingSet]) -> None:
    """Fit several FastTextClassifiers of one shape as one; each as it would be fitted alone."""
    from pipeline.models.classifier import fit_classifiers

    fit_classifiers(classifiers, sets)


def derive_seed(seed: int, *path: int) -> int:
    """Return the seed of one training, a function of the config's seed and its place alone."""
    return int(np.random.SeedSequence([seed, *path]).generate_state(1)[0])


def count_epochs(model: Model) -> int:
    """Return the epochs of one training; 1 for a model that is fit in one go."""
    trains = FastTextModel | CnnModel | TransformerModel | CustomModel
    return model.epochs if isinstance(model, trains) else 1


def needs_tensorflow(model: Model) -> bool:
    """Return whether training this model takes TensorFlow."""
    return not isinstance(model, MultinomialNbModel | LogisticRegressionModel)


def reads_by_blocks(model: Model) -> bool:
    """Return whether this model trains without its inputs in memory as a whole."""
    return isinstance(model, FastTextModel) and model.optimizer == "adam"


def load_inputs(path: Path) -> Any:
    """Return X from a file of the vectorize stage, by its kind.

    .npy: (n, positions) token ids, left on disk until read: TokenRows. .npz: (n, words) sparse
    counts. .parquet: (n,) texts as Python strings.
    """
    from pipeline import artifacts

    if path.suffix == ".npy":
        return TokenRows(path)
    if path.suffix == ".npz":
        from scipy.sparse import csr_matrix

        arrays = artifacts.load_arrays(path)
        parts = (arrays["data"], arrays["indices"], arrays["indptr"])
        return csr_matrix(parts, shape=tuple(arrays["shape"]))
    texts = artifacts.iterate_texts(path)
    return np.array([*texts, None], dtype=object)[:-1]  # None: never an array of str


def network_of(classifier: Any) -> Any:
    """Return the Keras network inside a fitted classifier, or None."""
    network = getattr(classifier, "model_", None)
    return network if hasattr(network, "get_weights") else None


def arrays_of(classifier: Any) -> dict[str, np.ndarray]:
    """Return what a fitted classifier learned as arrays, enough to predict again.

    A network: weight_0, weight_1, ... A classifier of counts: see CountsClassifier.arrays.
    A custom estimator: nothing, as its inside is unknown.
    """
    if (network := network_of(classifier)) is not None:
        return {f"weight_{i}": weight for i, weight in enumerate(network.get_weights())}
    return classifier.arrays() if hasattr(classifier, "arrays") else {}
