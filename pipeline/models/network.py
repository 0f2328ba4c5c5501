"""The fastText-style network of the experiment, as a Keras model with a fast `fit`."""

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from pipeline.data.rows import TokenRows
from pipeline.models.batches import CHUNK, PooledBlock, TokenMatrix, TrainingData
from pipeline.models.drawing import draw_epochs, made_ahead
from pipeline.models.fast_step import BlockTrainer, Shape, block_trainer, mean_embeddings
from pipeline.models.optimizer import FusedAdam


class LossIsNaN(ArithmeticError):
    """Training diverged. place: of the network among those trained together."""

    def __init__(self, loss: float, epoch: int, place: int) -> None:
        super().__init__(loss, epoch, place)
        self.loss, self.epoch, self.place = loss, epoch, place

    def __str__(self) -> str:
        return f"the loss became {self.loss} in epoch {self.epoch}"


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
        arrays = isinstance(x, np.ndarray | TokenRows) and isinstance(y, np.ndarray)
        ordinary = asked <= fast | {"shuffle"} and kwargs.get("shuffle", True)
        if not (arrays and ordinary and isinstance(self.optimizer, FusedAdam)):
            return super().fit(x, y, **kwargs)
        given = {key: kwargs[key] for key in kwargs.keys() & fast if kwargs[key] is not None}
        return self._fit_fast(x, y.ravel(), **given)

    def _fit_fast(
        self,
        tokens: TokenMatrix,
        labels: np.ndarray,
        *,
        batch_size: int = 32,
        epochs: int = 1,
        initial_epoch: int = 0,
        sample_weight: np.ndarray | None = None,
        callbacks: Any = None,
        verbose: Any = 0,
    ) -> keras.callbacks.History:
        if not isinstance(callbacks, keras.callbacks.CallbackList):
            callbacks = keras.callbacks.CallbackList(callbacks, add_history=True, model=self)
        replica = Replica(self, self.training_data(tokens, labels, sample_weight), callbacks)
        fit_replicas([replica], batch_size=batch_size, epochs=range(initial_epoch, epochs))
        return self.history

    def training_data(
        self, tokens: TokenMatrix, labels: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> TrainingData:
        """Return what the fast path trains on.

        Raises:
            ValueError: a token id is outside the vocabulary; TensorFlow would say so on a CPU
                and use zeros on a GPU.
        """
        data = TrainingData(
            tokens,
            labels,
            np.ones(len(labels)) if sample_weight is None else np.asarray(sample_weight),
            keep=1 - self.settings["dropout"],
            dim=self.settings["embedding_dim"],
        )
        largest, limit = data.bags.largest_token, int(self.settings["vocabulary_size"])
        if largest > limit:
            raise ValueError(f"token id {largest} is outside the vocabulary of {limit}")
        return data

    def slots(self) -> list[list[tf.Variable]]:
        """Return weights, first and second moments, each [embeddings, kernel, bias]."""
        self.optimizer.build(self.trainable_variables)
        weights = (self.embedding.embeddings, self.dense.kernel, self.dense.bias)
        columns = zip(*(self.optimizer.slots(weight) for weight in weights), strict=True)
        return [list(column) for column in columns]

    def predict(self, x: Any, batch_size: Any = None, **kwargs: Any) -> Any:
        """Return (texts, classes) probabilities; arrays of token ids take a fused lookup."""
        if not isinstance(x, np.ndarray | TokenRows):
            return super().predict(x, batch_size=batch_size, **kwargs)
        embeddings = self.embedding.embeddings.value.read_value()
        probabilities = np.empty((len(x), self.settings["num_classes"]), np.float32)
        for first in range(0, len(x), CHUNK):
            mean = mean_embeddings(embeddings, np.asarray(x[first : first + CHUNK]))
            probabilities[first : first + CHUNK] = tf.nn.softmax(self.dense(mean)).numpy()
        return probabilities


class Replica(NamedTuple):
    """A network to be trained on the fast path, its data, and who is told of its epochs."""

    network: FastText
    data: TrainingData
    callbacks: keras.callbacks.CallbackList


def fit_replicas(replicas: Sequence[Replica], *, batch_size: int, epochs: range) -> None:
    """Train networks of one shape side by side; each as it would be trained alone.

    Raises:
        LossIsNaN: the loss of one of them is not finite any more.
        MemoryError: a GPU has too little for so many.
        ValueError: they differ in shape, or in the number of batches an epoch.
    """
    networks = [replica.network for replica in replicas]
    shapes = {(*network.embedding.embeddings.shape, network.dense.units) for network in networks}
    if len(shapes) != 1:
        raise ValueError(f"replicas trained together have one shape, not {sorted(shapes)}")
    constants = networks[0].optimizer.constants
    vocabulary_size, dim, num_classes = shapes.pop()
    shape = Shape(vocabulary_size, dim, num_classes, constants, len(replicas))
    trainer = block_trainer(shape)
    rngs = [
        np.random.default_rng([network.settings["seed"], int(network.optimizer.iterations)])
        for network in networks
    ]
    for replica in replicas:
        replica.network.stop_training = False
        replica.callbacks.on_train_begin()
    # On small data moving the weights to and fro takes as long as an epoch does.
    at_each_epoch = any(_look_at_weights(replica.callbacks) for replica in replicas)
    state = _LentState(trainer, networks)
    drawn = draw_epochs(
        [replica.data for replica in replicas],
        rngs,
        epochs=len(epochs),
        batch_size=batch_size,
        vocabulary_size=vocabulary_size,
    )
    # A GPU would wait for what it eats; the cores of a CPU have other trainings to do.
    ahead = made_ahead(drawn) if trainer.on_gpu else contextlib.nullcontext(drawn)
    with contextlib.closing(state), ahead as blocks:
        for epoch in epochs:
            for replica in replicas:
                replica.callbacks.on_epoch_begin(epoch)
            state.lend()
            try:
                logs = _run_epoch(trainer, replicas, blocks, batch_size)
            except tf.errors.ResourceExhaustedError as error:
                raise MemoryError(error.message) from None
            if at_each_epoch:
                state.take_back()
            for place, (replica, log) in enumerate(zip(replicas, logs, strict=True)):
                if not np.isfinite(log["loss"]):
                    raise LossIsNaN(log["loss"], epoch + 1, place)
                replica.callbacks.on_epoch_end(epoch, log)
            if all(network.stop_training for network in networks):
                break
    for replica in replicas:
        replica.callbacks.on_train_end()


def _run_epoch(
    trainer: BlockTrainer,
    replicas: Sequence[Replica],
    blocks: Iterator[PooledBlock],
    batch_size: int,
) -> list[dict[str, float]]:
    networks = [replica.network for replica in replicas]
    sums = np.zeros((2, len(replicas)))
    for pool, block in itertools.islice(blocks, replicas[0].data.count_blocks(batch_size)):
        rates = networks[0].optimizer.learning_rates(len(block.starts) - 1)
        sums += trainer.train(pool, block, batch_size * len(networks), rates)
        for network in networks:
            network.optimizer.iterations.value.assign(trainer.iterations)
    sizes = [len(replica.data.labels) for replica in replicas]
    means = (sums / sizes).T.tolist()
    return [{"loss": loss, "accuracy": accuracy} for loss, accuracy in means]


class _LentState:
    """The state of networks, which the trainer holds while it trains them."""

    def __init__(self, trainer: BlockTrainer, networks: Sequence[FastText]) -> None:
        self.trainer, self.networks = trainer, networks
        self.is_lent = False

    def lend(self) -> None:
        if self.is_lent:
            return
        trainer, networks = self.trainer, self.networks
        trainer.iterations.assign(networks[0].optimizer.iterations.value)
        for held, own in zip(
            trainer.state, zip(*(n.slots() for n in networks), strict=True), strict=True
        ):
            for variable, parts in zip(held, zip(*own, strict=True), strict=True):
                variable.assign(
                    tf.reshape(tf.concat([tf.reshape(p, [-1]) for p in parts], 0), variable.shape)
                )
        self.is_lent = True

    def close(self) -> None:
        self.take_back()

    def take_back(self) -> None:
        if not self.is_lent:
            return
        for place, network in enumerate(self.networks):
            for held, own in zip(self.trainer.state, network.slots(), strict=True):
                for variable, part in zip(held, own, strict=True):
                    stacked = tf.reshape(variable, [len(self.networks), *part.shape])
                    part.assign(stacked[place])
        self.is_lent = False


def _look_at_weights(callbacks: keras.callbacks.CallbackList) -> bool:
    """Return whether one of them may look at the weights after an epoch."""
    quiet = keras.callbacks.History
    return any(
        getattr(callback, "looks_at_weights", not isinstance(callback, quiet))
        for callback in callbacks.callbacks
    )


def _is_unset(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and value == 0)
