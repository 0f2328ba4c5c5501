"""The training step of the fastText-style network, written out by hand: an epoch per call.

What it computes has the same distribution as the Keras graph of `network.FastText`:

* A text is a bag: the mean over positions needs, per distinct token, only how often it occurs.
* Dropout keeps each component of each position with probability 1 - rate; summed over the c
  positions of one token that is Binomial(c, 1 - rate), drawn here per (token, component).
  The draws are rows of a pool of such numbers, made new every epoch, chosen at random.
* The gradient is summed per token before Adam sees it (a sparse product), see FusedAdam.
"""

import functools
from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np
import tensorflow as tf

from pipeline.models.optimizer import AdamConstants, apply_adam

CHUNK = 4096  # texts at a time, where whole-dataset arrays would be large
BLOCK = 65536  # texts the compiled function gets at a time
POOL_ROWS = ((1, 4096), (8, 512), (2**31 - 1, 32))  # (occurrences up to, pool rows): powers of 2


class Bags(NamedTuple):
    """Texts as bags of tokens. The entries of text i are starts[i] to starts[i + 1].

    tokens, counts: (entries,) a distinct token of a text and how often it occurs, padding too.
    starts: (texts + 1,).
    """

    tokens: np.ndarray
    counts: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, tokens: np.ndarray) -> Self:
        """Return the bags of (texts, positions) token ids."""
        parts = [_count_tokens(tokens[i : i + CHUNK]) for i in range(0, len(tokens), CHUNK)]
        entries, counts, sizes = (np.concatenate(column) for column in zip(*parts, strict=True))
        starts = np.concatenate([[0], np.cumsum(sizes)])
        return cls(entries.astype(np.int32), counts.astype(np.int32), starts.astype(np.int64))


def _count_tokens(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    ordered = np.sort(tokens, axis=1)
    first = np.ones(ordered.shape, bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    at = np.flatnonzero(first)
    return ordered.ravel()[at], np.diff(np.append(at, first.size)), first.sum(axis=1)


class PoolLayout(NamedTuple):
    """Where each entry's dropout numbers are in the pool: a row start + (random & mask).

    starts, masks: (entries,). present: the occurrence counts in the pool; sizes: rows of each.
    """

    starts: np.ndarray
    masks: np.ndarray
    present: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, counts: np.ndarray) -> Self:
        """Return the layout for entries with these occurrence counts."""
        present = np.flatnonzero(np.bincount(counts))
        sizes = np.array([next(rows for upto, rows in POOL_ROWS if c <= upto) for c in present])
        starts_of, masks_of = np.zeros((2, present[-1] + 1), np.int32)
        starts_of[present] = np.cumsum(sizes) - sizes
        masks_of[present] = sizes - 1
        return cls(starts_of[counts], masks_of[counts], present, sizes)

    def choose_rows(self, rng: np.random.Generator) -> np.ndarray:
        """Return a random row of the pool for each entry: (entries,) int32."""
        draw = np.frombuffer(rng.bytes(4 * len(self.masks)), np.int32)
        rows: np.ndarray = self.starts + (draw & self.masks)
        return rows

    def draw(
        self, rng: np.random.Generator, *, keep: float, positions: int, dim: int
    ) -> np.ndarray:
        """Return a new pool, (rows, dim): Binomial(count, keep) / (keep * positions)."""
        counts = np.repeat(self.present, self.sizes)[:, None]
        kept = rng.binomial(counts, keep, (len(counts), dim))
        return (kept / (keep * positions)).astype(np.float32)


class Block(NamedTuple):
    """Consecutive batches, end to end, as the compiled epoch reads them.

    ids, pool_rows, text_of: (entries,) token, row of the dropout pool, place in the batch.
    starts: (batches + 1,) where each batch begins in those. labels, weights: (texts,).
    mean_masks: (texts, dim) the second dropout, scaled.
    """

    ids: np.ndarray
    pool_rows: np.ndarray
    text_of: np.ndarray
    starts: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    mean_masks: np.ndarray


class TrainingData:
    """Bags with labels and weights, dealt out in shuffled blocks with fresh dropout."""

    def __init__(
        self, tokens: np.ndarray, labels: np.ndarray, weights: np.ndarray, *, keep: float, dim: int
    ) -> None:
        self.bags = Bags.of(tokens)
        self.labels = labels.astype(np.int32)
        self.weights = weights.astype(np.float32)
        self.keep, self.dim, self.positions = keep, dim, tokens.shape[1]
        self.pool = PoolLayout.of(self.bags.counts)

    def draw_epoch(
        self, rng: np.random.Generator, batch_size: int
    ) -> Iterator[tuple[np.ndarray, Block]]:
        """Yield (rows of the dropout pool, block) until every text was dealt out once."""
        pool = self.pool.draw(rng, keep=self.keep, positions=self.positions, dim=self.dim)
        pool_rows = self.pool.choose_rows(rng)
        order = rng.permutation(len(self.labels))
        step = max(BLOCK // batch_size, 1) * batch_size
        for first in range(0, len(order), step):
            yield pool, self._block(order[first : first + step], pool_rows, batch_size, rng)

    def _block(
        self,
        texts: np.ndarray,
        pool_rows: np.ndarray,
        batch_size: int,
        rng: np.random.Generator,
    ) -> Block:
        first = self.bags.starts[texts]
        sizes = self.bags.starts[texts + 1] - first
        ends = np.cumsum(sizes)
        source = np.repeat(first - (ends - sizes), sizes)
        source += np.arange(ends[-1])
        places = (np.arange(len(texts)) % batch_size).astype(np.int32)
        batch_ends = ends[np.append(np.arange(batch_size, len(texts), batch_size), len(texts)) - 1]
        kept = rng.random((len(texts), self.dim), np.float32) < self.keep
        return Block(
            ids=self.bags.tokens[source],
            pool_rows=pool_rows[source],
            text_of=np.repeat(places, sizes),
            starts=np.concatenate([[0], batch_ends]).astype(np.int32),
            labels=self.labels[texts],
            weights=self.weights[texts],
            mean_masks=kept / np.float32(self.keep),
        )


class Shape(NamedTuple):
    """What a compiled block of training depends on, data and learning rate aside."""

    vocabulary_size: int
    embedding_dim: int
    num_classes: int
    adam: AdamConstants


@functools.lru_cache(maxsize=8)
def block_trainer(shape: Shape) -> "BlockTrainer":
    """Return the trainer for networks of this shape; it is compiled once per process."""
    return BlockTrainer(shape)


_INTS, _FLOATS = tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.float32)
_MATRIX = tf.TensorSpec([None, None], tf.float32)


class BlockTrainer:
    """Holds the weights and Adam moments while it trains; one compiled function per instance."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        vocabulary_size, dim, num_classes = shape[:3]
        shapes = [(vocabulary_size, dim), (dim, num_classes), (num_classes,)]
        # Embeddings, kernel, bias: first the weights, then Adam's first and second moments.
        self.state = [
            [tf.Variable(tf.zeros(shape), trainable=False) for shape in shapes] for _ in range(3)
        ]
        self.iterations = tf.Variable(0, dtype=tf.int64, trainable=False)

    @tf.function(
        input_signature=[
            _MATRIX,
            Block(_INTS, _INTS, _INTS, _INTS, _INTS, _FLOATS, _MATRIX),
            tf.TensorSpec([], tf.int32),
            _FLOATS,
        ]
    )
    def run_block(
        self, pool: tf.Tensor, block: Block, batch_size: tf.Tensor, learning_rates: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Train on the batches of `block`; return the summed weighted loss and right answers.

        Args:
            pool: (rows, dim), what a token's embedding is multiplied by.
            learning_rates: (batches,).
        """
        loss, hits = 0.0, 0.0
        for step in tf.range(tf.size(learning_rates)):
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
                    block.mean_masks[first:last],
                ),
                learning_rates[step],
            )
            loss += batch_loss
            hits += batch_hits
        return loss, hits

    def _step(self, batch: Block, learning_rate: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Forward, backward and update; `pool_rows` holds the drawn rows, `starts` their number."""
        embeddings, kernel, bias = self.state[0]
        ids, masks, text_of, entries, labels, weights, mean_masks = batch
        # GatherV2 of the value, not tf.gather of the variable: after the latter TensorFlow
        # copies the whole table at each update.
        vectors = tf.raw_ops.GatherV2(params=embeddings.read_value(), indices=ids, axis=0) * masks
        mean = tf.math.segment_sum(vectors, text_of) * mean_masks
        logits = tf.matmul(mean, kernel) + bias
        loss, d_logits = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(
            features=logits, labels=labels
        )
        d_logits *= (weights / tf.cast(tf.size(labels), tf.float32))[:, None]
        d_mean = tf.matmul(d_logits, kernel, transpose_b=True) * mean_masks
        gradients = (
            _sum_rows(tf.gather(d_mean, text_of) * masks, ids, entries, self.shape),
            tf.matmul(mean, d_logits, transpose_a=True),
            tf.reduce_sum(d_logits, 0),
        )
        self._update(gradients, learning_rate)
        hits = tf.reduce_sum(tf.cast(tf.math.in_top_k(labels, logits, 1), tf.float32))
        return tf.reduce_sum(loss * weights), hits

    def _update(self, gradients: tuple[tf.Tensor, ...], learning_rate: tf.Tensor) -> None:
        step = tf.cast(self.iterations.assign_add(1), tf.float32)
        powers = self.shape.adam.powers(step)
        for gradient, *slots in zip(gradients, *self.state, strict=True):
            apply_adam(gradient, slots, learning_rate, powers, self.shape.adam)


def _sum_rows(rows: tf.Tensor, ids: tf.Tensor, entries: tf.Tensor, shape: Shape) -> tf.Tensor:
    """Return (vocabulary, dim): the sum of `rows` for each id, as a product with a one-hot matrix.

    On a CPU this takes a fifth of the time of unsorted_segment_sum.
    """
    return tf.raw_ops.SparseTensorDenseMatMul(
        a_indices=tf.stack([tf.range(entries), ids], axis=1),
        a_values=tf.ones([entries]),
        a_shape=tf.cast(tf.stack([entries, shape.vocabulary_size]), tf.int64),
        b=rows,
        adjoint_a=True,
    )


def mean_embeddings(embeddings: tf.Tensor, tokens: np.ndarray) -> tf.Tensor:
    """Return (texts, dim): the mean over positions of each text's embeddings."""
    text_of = np.repeat(np.arange(len(tokens), dtype=np.int32), tokens.shape[1])
    indices = tokens.astype(np.int32).ravel()
    return tf.raw_ops.SparseSegmentMean(data=embeddings, indices=indices, segment_ids=text_of)
