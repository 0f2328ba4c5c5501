"""The network as a scikit-learn classifier."""

from typing import Any

import keras
import numpy as np
from scikeras.wrappers import KerasClassifier

from pipeline.models.network import FastText
from pipeline.models.optimizer import FusedAdam
from pipeline.schema import Model

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


class FastTextClassifier(KerasClassifier):
    """fastText-style classifier of token ids: X (texts, positions), y (texts,) labels.

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

    def __sklearn_tags__(self) -> Any:
        # scikeras 0.13 with scikit-learn 1.9 is not recognised as a classifier without this:
        # cv=3 would silently become KFold instead of StratifiedKFold.
        from sklearn.utils import ClassifierTags

        tags = super().__sklearn_tags__()
        tags.estimator_type = "classifier"
        tags.classifier_tags = ClassifierTags()
        return tags


def make_classifier(
    model: Model, *, vocabulary_size: int, seed: int, callbacks: Any = None
) -> FastTextClassifier:
    """Return an unfitted classifier with the settings of the config's `model` section."""
    settings = model.model_dump(exclude={"name"})
    return FastTextClassifier(
        vocabulary_size=vocabulary_size, seed=seed, callbacks=callbacks, **settings
    )


def derive_seed(seed: int, *path: int) -> int:
    """Return the seed of one training, a function of the config's seed and its place alone."""
    return int(np.random.SeedSequence([seed, *path]).generate_state(1)[0])
