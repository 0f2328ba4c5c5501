"""The Keras networks that read a text as a sequence: a convolution and a small transformer."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from pipeline.models.optimizer import FusedAdam
from pipeline.models.table import CnnModel, TransformerModel
from pipeline.models.wrapper import TextClassifier

PREDICT_BATCH = 512


def build_cnn(
    *,
    vocabulary_size: int,
    num_classes: int,
    sequence_length: int,
    embedding_dim: int,
    filters: int,
    kernel_size: int,
    dropout: float,
) -> keras.Model:
    """Return the convolution of Kim (2014) with one width of filter: the best match anywhere."""
    tokens = keras.Input((sequence_length,), dtype="int32", name="tokens")
    x = keras.layers.Embedding(vocabulary_size, embedding_dim)(tokens)
    x = keras.layers.Conv1D(filters, kernel_size, padding="same", activation="relu")(x)
    x = keras.layers.GlobalMaxPooling1D()(x)
    x = keras.layers.Dropout(dropout)(x)
    return keras.Model(tokens, keras.layers.Dense(num_classes, activation="softmax")(x))


def build_transformer(
    *,
    vocabulary_size: int,
    num_classes: int,
    sequence_length: int,
    embedding_dim: int,
    num_heads: int,
    feed_forward_dim: int,
    num_layers: int,
    dropout: float,
) -> keras.Model:
    """Return a transformer encoder (Vaswani et al. 2017), normalized first, mean over positions."""
    tokens = keras.Input((sequence_length,), dtype="int32", name="tokens")
    x = keras.layers.Embedding(vocabulary_size, embedding_dim)(tokens)
    x = keras.layers.Dropout(dropout)(PositionEmbedding()(x))
    for _ in range(num_layers):
        y = keras.layers.LayerNormalization()(x)
        key_dim = max(1, embedding_dim // num_heads)
        y = keras.layers.MultiHeadAttention(num_heads, key_dim, dropout=dropout)(y, y)
        x = keras.layers.Add()([x, y])
        y = keras.layers.Dense(feed_forward_dim, activation="relu")(
            keras.layers.LayerNormalization()(x)
        )
        y = keras.layers.Dropout(dropout)(keras.layers.Dense(embedding_dim)(y))
        x = keras.layers.Add()([x, y])
    x = keras.layers.GlobalAveragePooling1D()(keras.layers.LayerNormalization()(x))
    x = keras.layers.Dropout(dropout)(x)
    return keras.Model(tokens, keras.layers.Dense(num_classes, activation="softmax")(x))


@keras.saving.register_keras_serializable(package="pipeline")
class PositionEmbedding(keras.layers.Layer):
    """Adds a learned vector for each position."""

    def build(self, input_shape: Any) -> None:
        self.positions = self.add_weight(
            shape=input_shape[1:], initializer=keras.initializers.RandomUniform(), name="positions"
        )

    def call(self, x: Any) -> Any:
        return x + self.positions


def with_plain_positions(network: keras.Model) -> keras.Model:
    """Return the network with Keras' own layers for PositionEmbedding: a product with 1, a bias."""

    def own(layer: keras.layers.Layer) -> keras.layers.Layer:
        if not isinstance(layer, PositionEmbedding):
            return layer.__class__.from_config(layer.get_config())
        shape = layer.positions.shape
        return keras.layers.EinsumDense("btd,de->bte", output_shape=shape, bias_axes="te")

    plain = keras.models.clone_model(network, clone_function=own)
    for old, new in zip(network.layers, plain.layers, strict=True):
        one = [np.eye(old.positions.shape[1])] if isinstance(old, PositionEmbedding) else []
        new.set_weights([*one, *old.get_weights()])
    return plain


def build_network(meta: dict[str, Any], params: dict[str, Any]) -> keras.Model:
    """Return a new compiled network for the data described by `meta` (SciKeras' contract)."""
    # Seeds initial weights, dropout and the order of the examples; without the fresh session
    # they would depend on what this process trained before.
    keras.utils.clear_session()
    keras.utils.set_random_seed(params["seed"])
    network = params["build"](
        vocabulary_size=params["vocabulary_size"],
        num_classes=meta["n_classes_"],
        sequence_length=meta["n_features_in_"],
        **params["layers"],
    )
    network.compile(
        optimizer=FusedAdam(params["learning_rate"]),
        loss="sparse_categorical_crossentropy",
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=False,
    )
    # With every variable there before the first step, TensorFlow traces it once and not twice.
    network.optimizer.build(network.trainable_variables)
    return network


def make_cnn(model: CnnModel, **arguments: Any) -> "SequenceClassifier":
    """Return the unfitted network of the config's `model` section."""
    return _make(build_cnn, model, arguments)


def make_transformer(model: TransformerModel, **arguments: Any) -> "SequenceClassifier":
    """Return the unfitted network of the config's `model` section."""
    return _make(build_transformer, model, arguments)


def _make(build: Any, model: CnnModel | TransformerModel, arguments: Any) -> "SequenceClassifier":
    settings = model.model_dump(exclude={"name"})
    training = {key: settings.pop(key) for key in ("epochs", "batch_size", "learning_rate")}
    return SequenceClassifier(build, layers=settings, **training, **arguments)


class SequenceClassifier(TextClassifier):
    """A Keras classifier of token ids: X (texts, positions), y (texts,) labels.

    Every fit builds a new network, so a clone in each fold starts from its own weights.
    """

    def __init__(
        self,
        build: Callable[..., keras.Model],
        *,
        model: Any = build_network,
        layers: Any = None,
        vocabulary_size: int = 10000,
        learning_rate: float = 0.001,
        epochs: int = 10,
        batch_size: int = 32,
        seed: int = 0,
        callbacks: Any = None,
        verbose: int = 0,
        predict__batch_size: int = PREDICT_BATCH,
        **kwargs: Any,
    ) -> None:
        """Keep the settings.

        Args:
            build: function of the sizes and of `layers` that returns the network.
        """
        super().__init__(
            model,
            epochs=epochs,
            batch_size=batch_size,
            callbacks=callbacks,
            verbose=verbose,
            predict__batch_size=predict__batch_size,
            **kwargs,
        )
        self.build = build
        self.layers = layers
        self.vocabulary_size = vocabulary_size
        self.learning_rate = learning_rate
        self.seed = seed
