"""A random sample over the whole scope: the share of wrong labels, and what a list misses.

A list of issues cannot say its own recall. A sample drawn by chance can: stratified by the score,
larger where errors are likelier to vary, each label with a known chance of being drawn.

The intervals: for each stratum the share of wrong labels is drawn from its Beta distribution with
a neutral prior (Kerman 2011), whose median hardly differs from what was counted, however few that
are; the labels that were not drawn are added as a binomial number.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

DRAWS = 4000
LISTED, UNLISTED = 2, 3  # strata of the listed and of the other labels
LEAST = 10  # drawn from each stratum, where it has so many
FLOOR = 0.02  # no label is so sure that it is hardly ever drawn
NEUTRAL = 1 / 3  # both parameters of the Beta prior


class Counted(NamedTuple):
    """A stratum as it was audited: labels in it, how many were drawn, how many were wrong."""

    size: int
    drawn: int
    wrong: int


class Estimate(NamedTuple):
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float

    def as_json(self, digits: int = 4) -> dict[str, Any]:
        low, high = round(self.low, digits), round(self.high, digits)
        return {"value": round(self.value, digits), "ci95": [low, high]}


def split_strata(confidence: np.ndarray, listed: np.ndarray) -> list[np.ndarray]:
    """Return the positions of each stratum, the listed ones and the most suspicious first.

    Args:
        confidence: (n,) of the given label. listed: (n,) whether it is an issue.

    Listed and other labels are cut where the square root of p(1-p) adds up to equal parts
    (Dalenius and Hodges 1959), p as the finder believes.
    """
    strata = []
    for chosen, parts in ((listed, LISTED), (~listed, UNLISTED)):
        positions = np.flatnonzero(chosen)
        positions = positions[np.argsort(confidence[positions], kind="stable")]
        spread = np.cumsum(deviation_of(confidence[positions]))
        if len(positions):
            cuts = np.searchsorted(spread, spread[-1] * np.arange(1, parts) / parts)
            strata += [part for part in np.split(positions, cuts) if len(part)]
    return strata


def deviation_of(confidence: np.ndarray) -> np.ndarray:
    """Return (n,) the standard deviation of being wrong, as the finder believes."""
    p = np.clip(1 - confidence, FLOOR, 1 - FLOOR)
    return np.asarray(np.sqrt(p * (1 - p)))


def allocate(sizes: Sequence[int], spreads: Sequence[float], total: int) -> list[int]:
    """Return how many to draw from each stratum, by size times spread (Neyman 1934).

    At least LEAST, never more than a stratum has; all of them when `total` is at least all of them.
    """
    total = min(total, sum(sizes))
    least = [min(size, LEAST, total // len(sizes)) for size in sizes]
    drawn = list(least)
    while sum(drawn) < total:
        open_ = [i for i, size in enumerate(sizes) if drawn[i] < size]
        weights = np.array([sizes[i] * max(spreads[i], 1e-9) for i in open_])
        wanted = (total - sum(drawn)) * weights / weights.sum()
        more = np.maximum(np.floor(wanted), 0).astype(int)
        if not more.any():  # less than one each: to those that want most
            more[np.argsort(-wanted, kind="stable")[: total - sum(drawn)]] = 1
        for i, count in zip(open_, more.tolist(), strict=True):
            drawn[i] += min(count, sizes[i] - drawn[i])
    return drawn


def draw_sample(
    confidence: np.ndarray, listed: np.ndarray, total: int, *, seed: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the positions of each stratum, and of those the ones drawn.

    A larger sample of the same seed holds the smaller one, unless a stratum's part shrinks.
    """
    strata = split_strata(confidence, listed)
    if not strata or total <= 0:
        return [], []
    spreads = [float(deviation_of(confidence[positions]).mean()) for positions in strata]
    counts = allocate([len(positions) for positions in strata], spreads, total)
    luck = np.random.default_rng(seed).random(len(confidence))
    drawn = [
        positions[np.argsort(luck[positions], kind="stable")[:count]]
        for positions, count in zip(strata, counts, strict=True)
    ]
    return strata, drawn


def draw_wrong(strata: Sequence[Counted], *, seed: int = 0) -> np.ndarray:
    """Return (draws, strata) numbers of wrong labels."""
    rng = np.random.default_rng(seed)
    columns = []
    for size, drawn, wrong in strata:
        share = rng.beta(wrong + NEUTRAL, drawn - wrong + NEUTRAL, DRAWS)
        columns.append(wrong + rng.binomial(size - drawn, share))
    return np.stack(columns, axis=1) if columns else np.zeros((DRAWS, 0), np.int64)


def summarize(draws: np.ndarray) -> Estimate:
    """Return the median of draws and the middle 95 % of them."""
    low, middle, high = np.percentile(draws, [2.5, 50, 97.5])
    return Estimate(float(middle), float(low), float(high))


def recall_of(listed: np.ndarray, unlisted: np.ndarray) -> Estimate:
    """Return the share of wrong labels that a list holds.

    Args:
        listed, unlisted: (draws,) numbers of wrong labels in the list and outside.
    """
    total = listed + unlisted
    return summarize(np.where(total > 0, listed / np.maximum(total, 1), 1.0))


def sample_size(half_width: float, sizes: Sequence[int], shares: Sequence[float]) -> int:
    """Return the labels to draw for a share of wrong labels known to plus or minus `half_width`.

    Args:
        sizes: of the strata. shares: of wrong labels in them, as far as it is known.

    Neyman's formula, with the correction for a finite population.
    """
    sizes_, shares_ = np.array(sizes, float), np.clip(shares, FLOOR / 2, 1 - FLOOR / 2)
    weights = sizes_ / sizes_.sum()
    spread = np.sqrt(shares_ * (1 - shares_))
    variance = (half_width / 1.96) ** 2
    needed = (weights @ spread) ** 2 / (variance + weights @ spread**2 / sizes_.sum())
    return min(math.ceil(float(needed)), int(sizes_.sum()))
