"""The training step of the fastText-style network, written out by hand: an epoch per call.

What it computes has the same distribution as the Keras graph of `network.FastText`:

* A text is a bag: the mean over positions needs, per distinct token, only how often it occurs.
* Dropout keeps each component of each position with probability 1 - rate; summed over the c
  positions of one token that is Binomial(c, 1 - rate), drawn here per (token, component).
  The draws are rows of a pool of such numbers, made new every epoch, chosen at random.
* The gradient is summed per token before Adam sees it (a sparse product), see FusedAdam.
"""

import functools
from typing import NamedTuple, Self

import numpy as np
import tensorflow as tf

from pipeline.models.optimizer import AdamConstants, apply_adam

CHUNK = 4096  # texts at a time, where whole-dataset arrays would be large
POOL_ROWS = ((1, 4096), (8, 512), (2**31 - 1, 64))  # (occurrences up to, pool rows): powers of 2


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


class DropoutPool(NamedTuple):
    """Numbers to multiply embeddings by. For c occurrences: `sizes[c]` rows from `starts[c]`.

    rows: (all rows, embedding_dim) float32, Binomial(c, keep) / (keep * positions).
    """

    rows: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray

    @classmethod
    def draw(
        cls, rng: np.random.Generator, present: np.ndarray, *, keep: float, positions: int, dim: int
    ) -> Self:
        """Return a new pool for the occurrence counts in `present` (ascending)."""
        size_of = [next(rows for upto, rows in POOL_ROWS if c <= upto) for c in present]
        sizes, starts = np.ones((2, present[-1] + 1), np.int32)
        sizes[present], starts[present] = size_of, np.cumsum([0, *size_of[:-1]])
        kept = rng.binomial(np.repeat(present, size_of)[:, None], keep, (sum(size_of), dim))
        return cls((kept / (keep * positions)).astype(np.float32), starts, sizes)


class Shape(NamedTuple):
    """What a compiled epoch depends on, data and learning rate aside."""

    vocabulary_size: int
    embedding_dim: int
    num_classes: int
    keep: float
    adam: AdamConstants


@functools.lru_cache(maxsize=8)
def epoch_trainer(shape: Shape) -> "EpochTrainer":
    """Return the trainer for networks of this shape; it is compiled once per process."""
    return EpochTrainer(shape)


_VECTOR = functools.partial(tf.TensorSpec, [None])


class EpochTrainer:
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
            (_VECTOR(tf.int32), _VECTOR(tf.int32), _VECTOR(tf.int64)),
            (tf.TensorSpec([None, None]), _VECTOR(tf.int32), _VECTOR(tf.int32)),
            _VECTOR(tf.int32),
            _VECTOR(tf.float32),
            _VECTOR(tf.int32),
            _VECTOR(tf.int32),
            tf.TensorSpec([], tf.int32),
            _VECTOR(tf.float32),
        ]
    )
    def run_epoch(
        self,
        bags: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
        pool: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
        labels: tf.Tensor,
        weights: tf.Tensor,
        order: tf.Tensor,
        seed: tf.Tensor,
        batch_size: tf.Tensor,
        learning_rates: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Train on all texts in `order`; return the mean weighted loss and the accuracy.

        Args:
            bags, pool: the fields of Bags and DropoutPool.
            labels, weights: (texts,) class indices and sample weights.
            order: (texts,) a permutation. seed: (2,) for dropout.
            learning_rates: (steps,) one for each batch.
        """
        n, keep = tf.size(order), self.shape.keep
        kept = tf.random.stateless_uniform([n, self.shape.embedding_dim], seed) < keep
        mean_masks = tf.cast(kept, tf.float32) / keep
        loss, hits = 0.0, 0.0
        for step in tf.range(tf.size(learning_rates)):
            first = step * batch_size
            batch = order[first : first + batch_size]
            ids, starts = _gather_bags(bags[0], bags[2], batch)
            masks = _draw_masks(pool, _gather_bags(bags[1], bags[2], batch)[0], seed[1], step)
            batch_loss, batch_hits = self._step(
                ids,
                starts,
                masks,
                mean_masks[first : first + batch_size],
                tf.gather(labels, batch),
                tf.gather(weights, batch),
                learning_rates[step],
            )
            loss += batch_loss
            hits += batch_hits
        return loss / tf.cast(n, tf.float32), hits / tf.cast(n, tf.float32)

    def _step(
        self,
        ids: tf.Tensor,
        starts: tf.Tensor,
        masks: tf.Tensor,
        mean_mask: tf.Tensor,
        labels: tf.Tensor,
        weights: tf.Tensor,
        learning_rate: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Forward, backward and update for one batch; return summed loss and right answers.

        ids: (entries,) tokens of the batch's bags, which begin at starts: (batch + 1,).
        masks: (entries, dim) and mean_mask: (batch, dim), the two dropouts, scaled.
        """
        embeddings, kernel, bias = self.state[0]
        entries, size = tf.size(ids), tf.size(labels)
        text_of = _text_of_entry(starts, entries, size)
        # GatherV2 of the value, not tf.gather of the variable: after the latter TensorFlow
        # copies the whole table at each update.
        vectors = tf.raw_ops.GatherV2(params=embeddings.read_value(), indices=ids, axis=0) * masks
        mean = tf.math.segment_sum(vectors, text_of) * mean_mask
        logits = tf.matmul(mean, kernel) + bias
        loss, d_logits = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(
            features=logits, labels=labels
        )
        d_logits *= (weights / tf.cast(size, tf.float32))[:, None]
        d_mean = tf.matmul(d_logits, kernel, transpose_b=True) * mean_mask
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


def _gather_bags(
    values: tf.Tensor, starts: tf.Tensor, batch: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the entries of the chosen bags, end to end, and where each begins."""
    ragged = tf.raw_ops.RaggedGather(
        params_nested_splits=[starts],
        params_dense_values=values,
        indices=batch,
        OUTPUT_RAGGED_RANK=1,
    )
    return ragged.output_dense_values, ragged.output_nested_splits[0]


def _draw_masks(
    pool: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
    occurrences: tf.Tensor,
    seed: tf.Tensor,
    step: tf.Tensor,
) -> tf.Tensor:
    rows, starts, sizes = pool
    draw = tf.random.stateless_uniform(
        tf.shape(occurrences), tf.stack([seed, step]), None, None, tf.int32
    )
    within = tf.bitwise.bitwise_and(draw, tf.gather(sizes, occurrences) - 1)
    return tf.gather(rows, tf.gather(starts, occurrences) + within)


def _text_of_entry(starts: tf.Tensor, entries: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    marks = tf.scatter_nd(
        starts[1:-1, None], tf.ones([size - 1], tf.int32), [tf.cast(entries, tf.int64)]
    )
    return tf.cumsum(marks)


def _sum_rows(rows: tf.Tensor, ids: tf.Tensor, entries: tf.Tensor, shape: Shape) -> tf.Tensor:
    """Return (vocabulary, dim): the sum of `rows` for each id, as a product with a one-hot matrix.

    On a CPU this takes a fifth of the time of unsorted_segment_sum.
    """
    return tf.raw_ops.SparseTensorDenseMatMul(
        a_indices=tf.cast(tf.stack([tf.range(entries), ids], axis=1), tf.int64),
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
