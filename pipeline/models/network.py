"""The fastText-style network of the experiment, as a Keras model with a fast `fit`."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.models.optimizer import FusedAdam
from pipeline.models.training import (
    CHUNK,
    BlockTrainer,
    Shape,
    TrainingData,
    block_trainer,
    mean_embeddings,
)


class LossIsNaN(ArithmeticError):
    """Training diverged."""


@keras.saving.register_keras_serializable(package="pipeline")
class FastText(keras.Model):
    """The network of the published experiment, from token ids to class probabilities."""

    def __init__(
        self,
        *,
        vocabulary_size: int,
        num_classes: int,
        sequence_length: int,
        embedding_dim: int,
        dropout: float,
        seed: int,
    ) -> None:
        """Build the layers.

        Args:
            vocabulary_size: token ids are below it; the published network has one row more.
            seed: of the initial weights, of shuffling and of dropout.
        """
        uniform, glorot = keras.initializers.RandomUniform, keras.initializers.GlorotUniform
        seeds = np.random.SeedSequence(seed).generate_state(4).tolist()
        embedding = keras.layers.Embedding(
            vocabulary_size + 1,
            embedding_dim,
            embeddings_initializer=uniform(-0.05, 0.05, seed=seeds[0]),
        )
        dense = keras.layers.Dense(num_classes, kernel_initializer=glorot(seed=seeds[1]))
        tokens = keras.Input((sequence_length,), dtype="int32", name="tokens")
        x = keras.layers.Dropout(dropout, seed=seeds[2])(embedding(tokens))
        x = keras.layers.GlobalAveragePooling1D()(x)
        x = dense(keras.layers.Dropout(dropout, seed=seeds[3])(x))
        super().__init__(tokens, keras.layers.Softmax()(x))
        self.embedding = embedding
        self.dense = dense
        self.settings: dict[str, Any] = {
            "vocabulary_size": vocabulary_size,
            "num_classes": num_classes,
            "sequence_length": sequence_length,
            "embedding_dim": embedding_dim,
            "dropout": dropout,
            "seed": seed,
        }

    def get_config(self) -> dict[str, Any]:
        return dict(self.settings)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "FastText":
        return cls(**config)

    def fit(self, x: Any = None, y: Any = None, **kwargs: Any) -> keras.callbacks.History:
        """Train as keras.Model.fit does; with FusedAdam and arrays, on the fast path."""
        fast = {"batch_size", "epochs", "initial_epoch", "sample_weight", "callbacks", "verbose"}
        asked = {key for key, value in kwargs.items() if not _is_unset(value)}
        arrays = isinstance(x, np.ndarray) and isinstance(y, np.ndarray)
        ordinary = asked <= fast | {"shuffle"} and kwargs.get("shuffle", True)
        if not (arrays and ordinary and isinstance(self.optimizer, FusedAdam)):
            return super().fit(x, y, **kwargs)
        return self._fit_fast(x, y.ravel(), **{key: kwargs[key] for key in asked & fast})

    def _fit_fast(
        self,
        tokens: np.ndarray,
        labels: np.ndarray,
        *,
        batch_size: int = 32,
        epochs: int = 1,
        initial_epoch: int = 0,
        sample_weight: np.ndarray | None = None,
        callbacks: Any = None,
        verbose: Any = 0,
    ) -> keras.callbacks.History:
        largest, limit = int(tokens.max(initial=0)), int(self.settings["vocabulary_size"])
        if largest > limit:
            raise ValueError(f"token id {largest} is outside the vocabulary of {limit}")
        data = TrainingData(
            tokens,
            labels,
            np.ones(len(labels)) if sample_weight is None else np.asarray(sample_weight),
            keep=1 - self.settings["dropout"],
            dim=self.settings["embedding_dim"],
        )
        self.optimizer.build(self.trainable_variables)
        rng = np.random.default_rng([self.settings["seed"], int(self.optimizer.iterations)])
        if not isinstance(callbacks, keras.callbacks.CallbackList):
            callbacks = keras.callbacks.CallbackList(callbacks, add_history=True, model=self)
        self.stop_training = False
        callbacks.on_train_begin()
        for epoch in range(initial_epoch, epochs):
            callbacks.on_epoch_begin(epoch)
            loss, accuracy = self._run_epoch(data, batch_size, rng)
            if not np.isfinite(loss):
                raise LossIsNaN(f"the loss became {loss} in epoch {epoch + 1}")
            callbacks.on_epoch_end(epoch, {"loss": loss, "accuracy": accuracy})
            if self.stop_training:
                break
        callbacks.on_train_end()
        return self.history

    def _run_epoch(
        self, data: TrainingData, batch_size: int, rng: np.random.Generator
    ) -> tuple[float, float]:
        trainer = self._lend_weights()
        loss, hits = 0.0, 0.0
        for pool, block in data.draw_epoch(rng, batch_size):
            rates = self.optimizer.learning_rates(len(block.starts) - 1)
            sums = trainer.run_block(pool, block, batch_size, rates)
            self.optimizer.iterations.value.assign(trainer.iterations)
            loss, hits = loss + float(sums[0]), hits + float(sums[1])
        self._take_back_weights(trainer)
        return loss / len(data.labels), hits / len(data.labels)

    def _lend_weights(self) -> BlockTrainer:
        sizes = (*self.embedding.embeddings.shape, self.dense.kernel.shape[1])
        trainer = block_trainer(Shape(sizes[0], sizes[1], sizes[2], self.optimizer.constants))
        trainer.iterations.assign(self.optimizer.iterations.value)
        for theirs, ours in self._slot_pairs(trainer):
            theirs.assign(ours)
        return trainer

    def _take_back_weights(self, trainer: BlockTrainer) -> None:
        for theirs, ours in self._slot_pairs(trainer):
            ours.assign(theirs)

    def _slot_pairs(self, trainer: BlockTrainer) -> list[tuple[tf.Variable, tf.Variable]]:
        weights = (self.embedding.embeddings, self.dense.kernel, self.dense.bias)
        ours = zip(*(self.optimizer.slots(weight) for weight in weights), strict=True)
        return [
            pair
            for held, own in zip(trainer.state, ours, strict=True)
            for pair in zip(held, own, strict=True)
        ]

    def predict(self, x: Any, batch_size: Any = None, **kwargs: Any) -> Any:
        """Return (texts, classes) probabilities; arrays of token ids take a fused lookup."""
        if not isinstance(x, np.ndarray):
            return super().predict(x, batch_size=batch_size, **kwargs)
        embeddings = self.embedding.embeddings.value.read_value()
        chunks = []
        for first in range(0, len(x), CHUNK):
            mean = mean_embeddings(embeddings, x[first : first + CHUNK])
            chunks.append(tf.nn.softmax(self.dense(mean)).numpy())
        return np.concatenate(chunks)


def _is_unset(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and value == 0)
