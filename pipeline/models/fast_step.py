"""The training step of the fastText-style network, written out by hand.

A whole block of batches is one call of one tf.function. Several networks ("replicas") of one
shape can be trained as one: a single small network cannot fill a GPU, and with few and short texts
starting its steps takes a CPU longest.

The gradient of the embeddings is summed per token before Adam sees it; see FusedAdam.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from pipeline.models.batches import Block
from pipeline.models.optimizer import AdamConstants, apply_adam


class Shape(NamedTuple):
    """What a compiled block of training depends on, data and learning rate aside."""

    vocabulary_size: int
    embedding_dim: int
    num_classes: int
    adam: AdamConstants
    replicas: int = 1


@functools.lru_cache(maxsize=8)
def block_trainer(shape: Shape) -> "BlockTrainer":
    """Return the trainer for networks of this shape; it is compiled once per process."""
    return BlockTrainer(shape)


_INTS, _FLOATS = tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.float32)
_MATRIX = tf.TensorSpec([None, None], tf.float32)
_PAIRS = tf.TensorSpec([None, 2], tf.int32)


class BlockTrainer:
    """Holds the weights and Adam moments while it trains; one compiled function per instance.

    state: three lists (weights, first moments, second moments) of three variables: embeddings
    (replicas * vocabulary, dim), kernel (replicas, dim, classes), bias (replicas, 1, classes).
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        vocabulary_size, dim, num_classes, _, replicas = shape
        shapes = [
            (replicas * vocabulary_size, dim),
            (replicas, dim, num_classes),
            (replicas, 1, num_classes),
        ]
        self.state = [
            [tf.Variable(tf.zeros(shape), trainable=False) for shape in shapes] for _ in range(3)
        ]
        self.iterations = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.on_gpu = bool(tf.config.list_logical_devices("GPU"))

    @tf.function(
        autograph=False,  # translating Python takes longer than tracing what is written out here
        input_signature=[
            _MATRIX,
            Block(_INTS, _INTS, _INTS, _INTS, _INTS, _FLOATS, _FLOATS, _MATRIX),
            _PAIRS,
            tf.TensorSpec([], tf.int32),
            _FLOATS,
        ],
    )
    def run_block(
        self,
        pool: tf.Tensor,
        block: Block,
        ones: tf.Tensor,
        batch_size: tf.Tensor,
        learning_rates: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Train on a block; return summed weighted loss and right answers, each (replicas,).

        Args:
            pool: (rows, dim), what a token's embedding is multiplied by.
            ones: see one_hot_places; nothing for a GPU.
            batch_size: texts of a full batch, of all replicas together.
            learning_rates: (batches,).
        """
        if self.on_gpu:
            block = _moved_to_gpu(block)

        def train_on(step: tf.Tensor, loss: tf.Tensor, hits: tf.Tensor) -> tuple[tf.Tensor, ...]:
            low, high = block.starts[step], block.starts[step + 1]
            first, last = step * batch_size, (step + 1) * batch_size
            batch_loss, batch_hits = self._step(
                Block(
                    block.ids[low:high],
                    tf.gather(pool, block.pool_rows[low:high]),
                    block.text_of[low:high],
                    high - low,
                    block.labels[first:last],
                    block.weights[first:last],
                    block.gains[first:last],
                    block.mean_masks[first:last],
                ),
                ones[low:high],
                learning_rates[step],
            )
            return step + 1, loss + batch_loss, hits + batch_hits

        none = tf.zeros([self.shape.replicas])
        _, loss, hits = tf.while_loop(
            lambda step, *_: step < tf.size(learning_rates), train_on, (0, none, none)
        )
        return loss, hits

    @functools.cached_property
    def _compiled(self) -> Any:
        return self.run_block.get_concrete_function()

    def train(
        self, pool: np.ndarray, block: Block, batch_size: int, learning_rates: Sequence[float]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return what `run_block` does; what it is called with is not looked at each time.

        On small data that takes as long as the training.
        """
        ones = np.empty((0, 2), np.int32) if self.on_gpu else one_hot_places(block)
        tensors = Block(*map(tf.convert_to_tensor, block))
        rates = tf.constant(learning_rates, tf.float32)
        size = tf.constant(batch_size)
        sums = self._compiled(
            tf.convert_to_tensor(pool), tensors, tf.convert_to_tensor(ones), size, rates
        )
        return sums[0].numpy(), sums[1].numpy()

    def _step(
        self, batch: Block, ones: tf.Tensor, learning_rate: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Forward, backward and update; `pool_rows` holds the drawn rows, `starts` their number."""
        embeddings, kernel, bias = self.state[0]
        ids, masks, text_of, entries, labels, weights, gains, mean_masks = batch
        # GatherV2 of the value, not tf.gather of the variable: after the latter TensorFlow
        # copies the whole table at each update.
        vectors = tf.raw_ops.GatherV2(params=embeddings.read_value(), indices=ids, axis=0) * masks
        sums = self._sum_texts(vectors, text_of, tf.size(labels)) * mean_masks
        mean = tf.reshape(sums, [self.shape.replicas, -1, self.shape.embedding_dim])
        logits = tf.reshape(tf.matmul(mean, kernel) + bias, [-1, self.shape.num_classes])
        loss, d_logits = self._cross_entropy(logits, labels)
        d_logits = self._per_replica(d_logits * gains[:, None])
        d_mean = tf.reshape(
            tf.matmul(d_logits, kernel, transpose_b=True), [-1, self.shape.embedding_dim]
        )
        gradients = (
            self._sum_rows(tf.gather(d_mean * mean_masks, text_of) * masks, ids, entries, ones),
            tf.matmul(mean, d_logits, transpose_a=True),
            self._sum_each(d_logits)[:, None],
        )
        self._update(gradients, learning_rate)
        right = tf.cast(tf.math.in_top_k(labels, logits, 1), tf.float32)
        return tuple(self._sum_each(self._per_replica(part)) for part in (loss * weights, right))

    def _per_replica(self, values: tf.Tensor) -> tf.Tensor:
        return tf.reshape(values, [self.shape.replicas, -1, *values.shape[1:]])

    # How a CPU adds or takes a power depends on where a number lies among all of them. So that a
    # replica gets the bits it has alone, these two look at one replica at a time.

    def _cross_entropy(self, logits: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the loss of each text, and its gradient by the logits."""
        loss_of = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits
        if self.on_gpu or self.shape.replicas == 1:
            return tuple(loss_of(features=logits, labels=labels))
        parts = zip(*map(tf.unstack, map(self._per_replica, (logits, labels))), strict=True)
        found = [loss_of(features=features, labels=own) for features, own in parts]
        return tuple(tf.concat(each, 0) for each in zip(*found, strict=True))

    def _sum_each(self, values: tf.Tensor) -> tf.Tensor:
        """Return the sum over the texts of each replica."""
        if self.on_gpu or self.shape.replicas == 1:
            return tf.reduce_sum(values, axis=1)
        return tf.stack([tf.reduce_sum(part, axis=0) for part in tf.unstack(values)])

    def _sum_texts(self, vectors: tf.Tensor, text_of: tf.Tensor, texts: tf.Tensor) -> tf.Tensor:
        """Return the sum for each text; segment_sum would wait for a GPU to say how many."""
        if self.on_gpu:
            return tf.math.unsorted_segment_sum(vectors, text_of, texts)
        return tf.math.segment_sum(vectors, text_of)

    def _sum_rows(
        self, rows: tf.Tensor, ids: tf.Tensor, entries: tf.Tensor, ones: tf.Tensor
    ) -> tf.Tensor:
        """Return the sum of `rows` for each id; on a CPU as a product with a one-hot matrix.

        There this takes a fifth of the time of unsorted_segment_sum.
        """
        height = self.shape.replicas * self.shape.vocabulary_size
        if self.on_gpu:
            return tf.math.unsorted_segment_sum(rows, ids, height)
        return tf.raw_ops.SparseTensorDenseMatMul(
            a_indices=ones,
            a_values=tf.ones([entries]),
            a_shape=tf.cast(tf.stack([entries, height]), tf.int64),
            b=rows,
            adjoint_a=True,
        )

    def _update(self, gradients: tuple[tf.Tensor, ...], learning_rate: tf.Tensor) -> None:
        step = tf.cast(self.iterations.assign_add(1), tf.float32)
        powers = self.shape.adam.powers(step)
        for gradient, *slots in zip(gradients, *self.state, strict=True):
            apply_adam(gradient, slots, learning_rate, powers, self.shape.adam)


def one_hot_places(block: Block) -> np.ndarray:
    """Return (entries, 2) the place in its batch and the token of each entry: int32.

    There the one-hot matrix of a batch is 1. TensorFlow takes a tenth of a step to make them.
    """
    places = np.empty((len(block.ids), 2), np.int32)
    firsts = np.repeat(block.starts[:-1], np.diff(block.starts))
    np.subtract(np.arange(len(firsts), dtype=np.int32), firsts, out=places[:, 0])
    places[:, 1] = block.ids
    return places


def _moved_to_gpu(block: Block) -> Block:
    """Return the block with indices of 64 bits: TensorFlow keeps those of 32 in main memory."""
    wide = {
        name: tf.cast(getattr(block, name), tf.int64)
        for name in ("ids", "pool_rows", "text_of", "labels")
    }
    return block._replace(**wide)


def mean_embeddings(embeddings: tf.Tensor, tokens: np.ndarray) -> tf.Tensor:
    """Return (texts, dim): the mean over positions of each text's embeddings."""
    text_of = np.repeat(np.arange(len(tokens), dtype=np.int32), tokens.shape[1])
    indices = tokens.astype(np.int32).ravel()
    return tf.raw_ops.SparseSegmentMean(data=embeddings, indices=indices, segment_ids=text_of)
