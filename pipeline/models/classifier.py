"""The fastText-style network as a scikit-learn classifier."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from pipeline.data.rows import TokenRows
from pipeline.models.network import FastText, Replica, fit_replicas
from pipeline.models.optimizer import FusedAdam
from pipeline.models.table import FastTextModel
from pipeline.models.wrapper import TextClassifier

OPTIMIZERS = {"adam": FusedAdam, "keras_adam": keras.optimizers.Adam}


def build_network(meta: dict[str, Any], params: dict[str, Any]) -> FastText:
    """Return a new compiled network for the data described by `meta` (SciKeras' contract)."""
    keras.utils.set_random_seed(params["seed"])
    network = FastText(
        vocabulary_size=params["vocabulary_size"],
        num_classes=meta["n_classes_"],
        sequence_length=meta["n_features_in_"],
        embedding_dim=params["embedding_dim"],
        dropout=params["dropout"],
        seed=params["seed"],
    )
    optimizer = OPTIMIZERS[params["optimizer"]](params["learning_rate"])
    network.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy")
    return network


def make_fasttext(model: FastTextModel, **arguments: Any) -> "FastTextClassifier":
    """Return the unfitted network of the config's `model` section."""
    return FastTextClassifier(**model.model_dump(exclude={"name"}), **arguments)


class FastTextClassifier(TextClassifier):
    """fastText-style classifier of token ids: X (texts, positions), y (texts,) labels.

    X is an array or TokenRows, which are never in memory as a whole.

    Every fit builds a new network, so a clone in each fold starts from its own weights.
    """

    def __init__(
        self,
        model: Any = build_network,
        *,
        vocabulary_size: int = 10000,
        embedding_dim: int = 16,
        dropout: float = 0.2,
        optimizer: str = "adam",
        learning_rate: float = 0.001,
        epochs: int = 10,
        batch_size: int = 32,
        seed: int = 0,
        callbacks: Any = None,
        verbose: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            model,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            callbacks=callbacks,
            verbose=verbose,
            **kwargs,
        )
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.seed = seed

    def _validate_data(
        self, X: Any = None, y: Any = None, reset: bool = False, y_numeric: bool = False
    ) -> tuple[Any, Any]:
        """Check X and y as SciKeras does; rows on disk stay there."""
        if not isinstance(X, TokenRows):
            X, y = super()._validate_data(X, y, reset=reset, y_numeric=y_numeric)
            return X, y
        _, y = super()._validate_data(None, y, reset=reset, y_numeric=y_numeric)
        super()._validate_data(np.asarray(X[:1]), None, reset=reset)
        return X, y


def fit_classifiers(
    classifiers: Sequence[FastTextClassifier],
    sets: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray | None]],
) -> None:
    """Fit classifiers of one shape as one network of many replicas.

    Args:
        sets: (tokens, labels, sample weights or None) for each.

    Raises:
        LossIsNaN, ValueError: see fit_replicas.
    """
    replicas = []
    for classifier, (tokens, labels, weights) in zip(classifiers, sets, strict=True):
        classifier.initialize(tokens, labels)
        network = classifier.model_
        encoded = classifier.target_encoder_.transform(labels).ravel()
        callbacks = keras.callbacks.CallbackList(
            list(classifier.callbacks or []), add_history=True, model=network
        )
        data = network.training_data(tokens, encoded, weights)
        replicas.append(Replica(network, data, callbacks))
    first = classifiers[0]
    fit_replicas(replicas, batch_size=first.batch_size, epochs=range(first.epochs))
    for classifier, replica in zip(classifiers, replicas, strict=True):
        classifier.history_ = dict(replica.network.history.history)
