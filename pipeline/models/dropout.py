"""Dropout of bags of tokens: a pool of numbers, made new every epoch, and each entry gets one.

What dropout leaves of n occurrences of a token is binomial.
"""

from typing import NamedTuple, Self

import numpy as np

IN_CACHE = 32768  # entries at a time, twice as fast as all at once
POOL_ROWS = ((1, 4096), (8, 512), (2**31 - 1, 32))  # (occurrences up to, pool rows): powers of 2


class PoolLayout(NamedTuple):
    """Where an entry's dropout numbers are in the pool: a row start + (random & mask).

    present: the occurrence counts in the pool; sizes: rows of each. starts, masks: by count.
    """

    present: np.ndarray
    sizes: np.ndarray
    starts: np.ndarray
    masks: np.ndarray

    @classmethod
    def of(cls, present: np.ndarray) -> Self:
        """Return the layout for entries with these occurrence counts, each named once."""
        sizes = np.array([next(rows for upto, rows in POOL_ROWS if c <= upto) for c in present])
        starts, masks = np.zeros((2, present[-1] + 1), np.int32)
        starts[present] = np.cumsum(sizes) - sizes
        masks[present] = sizes - 1
        return cls(present, sizes, starts, masks)

    def choose_rows(self, counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a random row of the pool for each entry, given its occurrences: int32."""
        rows = np.empty(len(counts), np.int32)
        for first in range(0, len(counts), IN_CACHE):
            part = slice(first, first + IN_CACHE)
            draw = np.frombuffer(rng.bytes(4 * len(counts[part])), np.int32)
            np.bitwise_and(draw, self.masks.take(counts[part]), out=rows[part])
            rows[part] += self.starts.take(counts[part])
        return rows

    def draw(
        self, rng: np.random.Generator, *, keep: float, positions: int, dim: int
    ) -> np.ndarray:
        """Return a new pool, (rows, dim): Binomial(count, keep) / (keep * positions)."""
        counts = np.repeat(self.present, self.sizes)
        drawn = draw_binomial(rng, counts, keep, dim)
        return (drawn / (keep * positions)).astype(np.float32)


def draw_binomial(
    rng: np.random.Generator, counts: np.ndarray, keep: float, dim: int
) -> np.ndarray:
    """Return what rng.binomial(counts[:, None], keep, (len(counts), dim)) does, faster.

    From the same numbers: NumPy inverts the distribution of the rarer of the two outcomes where
    at most 30 of it are expected.

    Args:
        counts: (m,) ascending.
    """
    rare = min(keep, 1 - keep)
    inverted = int(np.searchsorted(counts * rare, 30.0, side="right"))
    few, many = counts[:inverted], counts[inverted:]
    found = _invert_binomial(rng.random((inverted, dim)), few, rare)
    if keep > 0.5:
        found = few[:, None] - found
    if len(many) == 0:
        return found
    return np.concatenate([found, rng.binomial(many[:, None], keep, (len(many), dim))])


def _invert_binomial(uniform: np.ndarray, counts: np.ndarray, rate: float) -> np.ndarray:
    """Return how many of `counts` happen where the distribution reaches `uniform`: (m, dim)."""
    found = np.zeros(uniform.shape, np.uint8)  # at most 30 are expected
    exactly = np.exp(counts * np.log(1 - rate))
    upto = exactly.copy()
    for times in range(counts[-1] if len(counts) else 0):
        more = np.s_[np.searchsorted(counts, times, side="right") :]  # ascending: the last ones
        above = uniform[more] > upto[more, None]
        if not above.any():
            break
        found[more] += above.view(np.uint8)
        exactly *= (counts - times) * rate / ((times + 1) * (1 - rate))
        upto += exactly
    return found
