"""What the training step eats: texts as bags of tokens, batch by batch, with their dropout.

What is drawn here gives the step of `training.py` the distribution of the Keras graph:

* A text is a bag: the mean over positions needs, per distinct token, only how often it occurs.
* Dropout keeps each component of each position with probability `keep`; summed over the c
  positions of one token that is Binomial(c, keep), drawn per (token, component); see dropout.py.

The entries of all bags lie on disk, and so does their order in an epoch of more than one block:
in memory is a block of texts, whatever their number.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from pipeline.data.rows import TokenRows
from pipeline.frame.scratch import StoredArray
from pipeline.models.dropout import PoolLayout

TokenMatrix = np.ndarray | TokenRows

CHUNK = 4096  # texts at a time, where whole-dataset arrays would be large
BLOCK = 65536  # texts the compiled function gets at a time


class Bags:
    """Texts as bags of tokens, on disk. The entries of text i are starts[i] to starts[i + 1].

    tokens, counts: (entries,) a distinct token of a text and how often it occurs, padding too.
    starts: (texts + 1,). occurrences: the counts there are. largest_token: 0 without tokens.
    """

    def __init__(self, tokens: TokenMatrix) -> None:
        self.tokens = StoredArray(tokens.dtype)
        self.counts = StoredArray(np.min_scalar_type(tokens.shape[1]))
        sizes, frequencies = [], np.zeros(tokens.shape[1] + 1, np.int64)
        self.largest_token = 0
        for first in range(0, len(tokens), CHUNK):
            entries, counts, in_text = _count_tokens(np.asarray(tokens[first : first + CHUNK]))
            self.tokens.append(entries)
            self.counts.append(counts)
            sizes.append(in_text)
            frequencies += np.bincount(counts, minlength=len(frequencies))
            self.largest_token = max(self.largest_token, int(entries.max(initial=0)))
        self.starts = np.concatenate([[0], np.cumsum(np.concatenate(sizes))]).astype(np.int64)
        self.occurrences = np.flatnonzero(frequencies)


def _count_tokens(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    ordered = np.sort(tokens, axis=1)
    first = np.ones(ordered.shape, bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    at = np.flatnonzero(first)
    return ordered.ravel()[at], np.diff(np.append(at, first.size)), first.sum(axis=1)


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


PooledBlock = tuple[np.ndarray, Block]  # rows of the dropout pool, and a block that refers to them


class Entries(NamedTuple):
    """Entries of some texts, end to end, with their rows of the dropout pool.

    tokens, pool_rows: (entries,). starts: (texts + 1,) where each text begins in those.
    """

    tokens: np.ndarray
    pool_rows: np.ndarray
    starts: np.ndarray

    def of(self, texts: np.ndarray) -> Self:
        """Return the entries of the texts at these places, in this order."""
        first = self.starts[texts]
        sizes = self.starts[texts + 1] - first
        ends = np.cumsum(sizes)
        source = np.repeat(first - (ends - sizes), sizes)
        source += np.arange(ends[-1])
        starts = np.concatenate([[0], ends])
        return type(self)(self.tokens[source], self.pool_rows[source], starts)


class BlockStore:
    """The entries of an epoch on disk, block by block; within a block in the order of the texts.

    They are put there in the order in which they are stored, so that neither all of them nor
    the places they come from need be in memory. pool_rows: how many there are.
    """

    def __init__(self, blocks: Sequence[np.ndarray], bags: Bags, *, pool_rows: int) -> None:
        self.sizes = np.diff(bags.starts)
        self.block_of = np.empty(len(self.sizes), np.int32)
        for number, texts in enumerate(blocks):
            self.block_of[texts] = number
        entries = np.bincount(self.block_of, weights=self.sizes).astype(np.int64)
        self.ends = np.cumsum(entries)
        self.filled = self.ends - entries
        self.tokens = StoredArray(bags.tokens.dtype)
        self.pool_rows = StoredArray(np.min_scalar_type(pool_rows - 1))

    def put(self, first: int, piece: Entries) -> None:
        """Put the entries of consecutive texts, the first of which is `first`, where they go."""
        block_of = self.block_of[first : first + len(piece.starts) - 1]
        by_block = np.argsort(block_of, kind="stable")
        sorted_piece = piece.of(by_block)
        numbers, texts = np.unique(block_of[by_block], return_index=True)
        bounds = sorted_piece.starts[np.append(texts, len(by_block))]
        for number, low, high in zip(numbers, bounds[:-1], bounds[1:], strict=True):
            self.tokens.write(self.filled[number], sorted_piece.tokens[low:high])
            self.pool_rows.write(self.filled[number], sorted_piece.pool_rows[low:high])
            self.filled[number] += high - low

    def take(self, number: int) -> Entries:
        """Return the entries of a block, its texts in ascending order."""
        sizes = self.sizes[self.block_of == number]
        last = self.ends[number]
        first = last - sizes.sum()
        starts = np.concatenate([[0], np.cumsum(sizes)])
        pool_rows = self.pool_rows.read(first, last).astype(np.int32)
        return Entries(self.tokens.read(first, last), pool_rows, starts)


class TrainingData:
    """Bags with labels and weights, drawn in shuffled blocks with fresh dropout."""

    def __init__(
        self, tokens: TokenMatrix, labels: np.ndarray, weights: np.ndarray, *, keep: float, dim: int
    ) -> None:
        self.bags = Bags(tokens)
        self.labels = labels.astype(np.int32)
        self.weights = weights.astype(np.float32)
        self.keep, self.dim, self.positions = keep, dim, tokens.shape[1]
        self.pool = PoolLayout.of(self.bags.occurrences)

    def draw_epoch(self, rng: np.random.Generator, batch_size: int) -> Iterator[PooledBlock]:
        """Yield blocks, with the pool they refer to, until every text was drawn once."""
        pool = self.pool.draw(rng, keep=self.keep, positions=self.positions, dim=self.dim)
        rows_rng = copy.deepcopy(rng)  # entries are stored, and draw their rows, in another order
        skip_draws(rng, int(self.bags.starts[-1]))
        order = rng.permutation(len(self.labels))
        step = self._block_size(batch_size)
        blocks = [order[first : first + step] for first in range(0, len(order), step)]
        for texts, entries in zip(blocks, self._read_blocks(blocks, rows_rng), strict=True):
            yield pool, self._block(texts, entries, batch_size, rng)

    def count_blocks(self, batch_size: int) -> int:
        """Return how many blocks `draw_epoch` yields."""
        return -(-len(self.labels) // self._block_size(batch_size))

    def _block_size(self, batch_size: int) -> int:
        return max(BLOCK // batch_size, 1) * batch_size

    def _read_blocks(
        self, blocks: Sequence[np.ndarray], rng: np.random.Generator
    ) -> Iterator[Entries]:
        """Yield the entries of each block, in the order of its texts."""
        if len(blocks) == 1:
            for _, everything in self._pieces(rng, len(self.labels)):
                yield everything.of(blocks[0])
            return
        store = BlockStore(blocks, self.bags, pool_rows=int(self.pool.sizes.sum()))
        for first, piece in self._pieces(rng, BLOCK):
            store.put(first, piece)
        for number, texts in enumerate(blocks):
            places = np.empty(len(texts), np.int64)
            places[np.argsort(texts)] = np.arange(len(texts))
            yield store.take(number).of(places)

    def _pieces(self, rng: np.random.Generator, size: int) -> Iterator[tuple[int, Entries]]:
        """Yield the first text and the entries of `size` consecutive texts, until the end."""
        for first in range(0, len(self.labels), size):
            starts = self.bags.starts[first : first + size + 1]
            tokens = self.bags.tokens.read(starts[0], starts[-1])
            counts = self.bags.counts.read(starts[0], starts[-1])
            pool_rows = self.pool.choose_rows(counts, rng)
            yield first, Entries(tokens, pool_rows, starts - starts[0])

    def _block(
        self, texts: np.ndarray, entries: Entries, batch_size: int, rng: np.random.Generator
    ) -> Block:
        batch_of, place = np.divmod(np.arange(len(texts)), batch_size)
        last = np.append(np.flatnonzero(np.diff(batch_of)), len(texts) - 1)
        kept = rng.random((len(texts), self.dim), np.float32) < self.keep
        weights = self.weights[texts]
        return Block(
            ids=entries.tokens.astype(np.int32),
            pool_rows=entries.pool_rows,
            text_of=np.repeat(place.astype(np.int32), np.diff(entries.starts)),
            starts=np.concatenate([[0], entries.starts[1:][last]]).astype(np.int32),
            labels=self.labels[texts],
            weights=weights,
            gains=(weights / np.bincount(batch_of)[batch_of]).astype(np.float32),
            mean_masks=kept / np.float32(self.keep),
        )


def skip_draws(rng: np.random.Generator, count: int) -> None:
    """Bring `rng` to where drawing `count` numbers of 32 bits would, without drawing them.

    PCG64 makes 64 bits at a time and keeps the second half for the next number.
    """
    generator: Any = rng.bit_generator
    if count and generator.state["has_uint32"]:
        rng.bytes(4)
        count -= 1
    generator.advance(count // 2)
    if count % 2:
        rng.bytes(4)


def stack(pooled: Sequence[PooledBlock], *, vocabulary_size: int, batch_size: int) -> PooledBlock:
    """Return one block whose batches hold the batches of every replica, side by side.

    Replica r's token t becomes r * vocabulary_size + t. Where a replica's last batch is shorter
    than another's, it is filled up with texts of no weight that touch nothing.

    Args:
        pooled: of each replica, all with the same number of batches.
    """
    pools = [np.zeros((1, pooled[0][0].shape[1]), np.float32), *(pool for pool, _ in pooled)]
    pool_starts = np.cumsum([len(pool) for pool in pools])
    texts = max(len(block.labels) for _, block in pooled)
    batches = len(pooled[0][1].starts) - 1
    text_starts = np.minimum(np.arange(batches + 1) * batch_size, texts).astype(np.int32)
    moved = []
    for r, (_, block) in enumerate(pooled):
        rows = block.pool_rows + np.int32(pool_starts[r])
        part = _fill_up(block._replace(pool_rows=rows), texts, int(text_starts[-2]))
        text_of = np.repeat(r * np.diff(text_starts), np.diff(part.starts))  # texts of others
        text_of += part.text_of
        moved.append(part._replace(ids=part.ids + np.int32(r * vocabulary_size), text_of=text_of))
    entry_starts = [part.starts.tolist() for part in moved]
    starts = dict.fromkeys(Block._fields, [text_starts.tolist()] * len(moved))
    starts |= dict.fromkeys(("ids", "pool_rows", "text_of"), entry_starts)
    joined = {
        name: np.concatenate(
            [
                getattr(part, name)[begin[batch] : begin[batch + 1]]
                for batch in range(batches)
                for part, begin in zip(moved, starts[name], strict=True)
            ]
        )
        for name in Block._fields
    }
    joined["starts"] = np.asarray(np.sum(entry_starts, axis=0), np.int32)
    return np.concatenate(pools), Block(**joined)


def _fill_up(block: Block, texts: int, last: int) -> Block:
    """Return the block with as many texts; its last batch begins at text `last`."""
    missing = np.arange(len(block.labels), texts, dtype=np.int32)
    if len(missing) == 0:
        return block
    zeros, starts = np.zeros(len(missing), np.int32), block.starts.copy()
    starts[-1] += len(missing)
    return Block(
        ids=np.append(block.ids, zeros),
        pool_rows=np.append(block.pool_rows, zeros),
        text_of=np.append(block.text_of, missing - np.int32(last)),
        starts=starts,
        labels=np.append(block.labels, zeros),
        weights=np.append(block.weights, zeros.astype(np.float32)),
        gains=np.append(block.gains, zeros.astype(np.float32)),
        mean_masks=np.pad(block.mean_masks, ((0, len(missing)), (0, 0))),
    )
