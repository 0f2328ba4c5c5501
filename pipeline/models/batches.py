"""What the training step eats: texts as bags of tokens, dealt out with their dropout.

What is drawn here gives the step of `training.py` the distribution of the Keras graph:

* A text is a bag: the mean over positions needs, per distinct token, only how often it occurs.
* Dropout keeps each component of each position with probability `keep`; summed over the c
  positions of one token that is Binomial(c, keep), drawn here per (token, component). The draws
  are rows of a pool of such numbers, made new every epoch, chosen at random.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

import numpy as np

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
    """Consecutive batches, end to end, as the compiled step reads them.

    ids, pool_rows, text_of: (entries,) token, row of the dropout pool, place in the batch.
    starts: (batches + 1,) where each batch begins in those. labels, weights: (texts,).
    gains: (texts,) weight / size of the text's batch. mean_masks: (texts, dim) second dropout.
    """

    ids: np.ndarray
    pool_rows: np.ndarray
    text_of: np.ndarray
    starts: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    gains: np.ndarray
    mean_masks: np.ndarray


Deal = tuple[np.ndarray, Block]  # rows of the dropout pool, and a block that refers to them


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

    def draw_epoch(self, rng: np.random.Generator, batch_size: int) -> Iterator[Deal]:
        """Yield blocks, with the pool they refer to, until every text was dealt out once."""
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
        batch_of, place = np.divmod(np.arange(len(texts)), batch_size)
        last = np.append(np.flatnonzero(np.diff(batch_of)), len(texts) - 1)
        kept = rng.random((len(texts), self.dim), np.float32) < self.keep
        weights = self.weights[texts]
        return Block(
            ids=self.bags.tokens[source],
            pool_rows=pool_rows[source],
            text_of=np.repeat(place.astype(np.int32), sizes),
            starts=np.concatenate([[0], ends[last]]).astype(np.int32),
            labels=self.labels[texts],
            weights=weights,
            gains=(weights / np.bincount(batch_of)[batch_of]).astype(np.float32),
            mean_masks=kept / np.float32(self.keep),
        )


def stack(deals: Sequence[Deal], *, vocabulary_size: int, batch_size: int) -> Deal:
    """Return one deal whose batches hold the batches of every replica, side by side.

    Replica r's token t becomes r * vocabulary_size + t. Where a replica's last batch is shorter
    than another's, it is filled up with texts of no weight that touch nothing.

    Raises:
        ValueError: the replicas have different numbers of batches.
    """
    if len({len(block.starts) for _, block in deals}) != 1:
        raise ValueError("replicas trained together need the same number of batches an epoch")
    pools = [pool for pool, _ in deals]
    nothing = np.zeros((1, pools[0].shape[1]), np.float32)
    pool = np.concatenate([nothing, *pools])
    pool_starts = 1 + np.cumsum([0, *map(len, pools[:-1])])
    batches = []
    for step in range(len(deals[0][1].starts) - 1):
        parts = [_batch(block, step, batch_size) for _, block in deals]
        texts = max(len(part.labels) for part in parts)
        filled = [_fill_up(part, texts) for part in parts]
        for r, part in enumerate(filled):
            real = part.pool_rows >= 0
            moved = np.where(real, part.pool_rows + pool_starts[r], 0).astype(np.int32)
            filled[r] = part._replace(
                ids=part.ids + np.int32(r * vocabulary_size),
                pool_rows=moved,
                text_of=part.text_of + np.int32(r * texts),
            )
        batches.append(_end_to_end(filled))
    return pool, _end_to_end(batches)


def _batch(block: Block, step: int, batch_size: int) -> Block:
    entries = slice(block.starts[step], block.starts[step + 1])
    texts = slice(step * batch_size, (step + 1) * batch_size)
    return block._replace(
        ids=block.ids[entries],
        pool_rows=block.pool_rows[entries],
        text_of=block.text_of[entries],
        starts=block.starts[step : step + 2] - block.starts[step],
        labels=block.labels[texts],
        weights=block.weights[texts],
        gains=block.gains[texts],
        mean_masks=block.mean_masks[texts],
    )


def _fill_up(batch: Block, texts: int) -> Block:
    missing = np.arange(len(batch.labels), texts, dtype=np.int32)
    if len(missing) == 0:
        return batch
    zeros = np.zeros(len(missing), np.int32)
    return Block(
        ids=np.append(batch.ids, zeros),
        pool_rows=np.append(batch.pool_rows, zeros - 1),
        text_of=np.append(batch.text_of, missing),
        starts=batch.starts + np.array([0, len(missing)], np.int32),
        labels=np.append(batch.labels, zeros),
        weights=np.append(batch.weights, zeros.astype(np.float32)),
        gains=np.append(batch.gains, zeros.astype(np.float32)),
        mean_masks=np.pad(batch.mean_masks, ((0, len(missing)), (0, 0))),
    )


def _end_to_end(blocks: Sequence[Block]) -> Block:
    columns = [np.concatenate(column) for column in zip(*blocks, strict=True)]
    ends = np.cumsum([block.starts[-1] for block in blocks])
    columns[3] = np.concatenate([[0], ends]).astype(np.int32)
    return Block(*columns)
