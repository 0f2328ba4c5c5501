"""How far people agree beyond chance, and how far seeing a suggestion moves a person."""

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from pipeline.corrections.audit import Estimate

SAMPLES = 2000
FEWEST = 10  # of each kind, below which nothing is said
Z = 1.959964


class Agreement(NamedTuple):
    """measure: "Cohen's kappa" or "Krippendorff's alpha". observed: share of pairs that agree.

    value: None where all said the same one thing, and chance explains it.
    """

    measure: str
    items: int
    observed: float
    value: Estimate | None


def agreement(votes: Sequence[Mapping[str, Hashable]], *, seed: int = 0) -> Agreement | None:
    """Return how far reviewers agree on what at least two of them decided, None for too little.

    Args:
        votes: for each item, reviewer -> what they chose.

    Cohen's kappa (1960) for two reviewers, Krippendorff's alpha for nominal data for more; the
    interval is a bootstrap over items.
    """
    shared = [item for item in votes if len(item) > 1]
    people = sorted({who for item in shared for who in item})
    if len(shared) < FEWEST:
        return None
    choices = {
        v: i for i, v in enumerate(dict.fromkeys(v for item in shared for v in item.values()))
    }
    counts = np.zeros((len(shared), len(choices)))
    for row, item in enumerate(shared):
        for vote in item.values():
            counts[row, choices[vote]] += 1
    sizes = counts.sum(axis=1)
    apart = (sizes**2 - (counts**2).sum(axis=1)) / (sizes - 1)
    observed = 1 - float(apart.sum() / sizes.sum())
    weights = np.random.default_rng(seed).multinomial(
        len(shared), np.full(len(shared), 1 / len(shared)), size=SAMPLES
    )
    weights = np.vstack([np.ones(len(shared), int), weights])
    if len(people) == 2:
        codes = np.array([[choices[item[who]] for who in people] for item in shared])
        values, measure = _kappas(codes, len(choices), weights), "Cohen's kappa"
    else:
        values, measure = _alphas(counts, apart, weights), "Krippendorff's alpha"
    if np.isnan(values[0]):
        return Agreement(measure, len(shared), observed, None)
    low, high = np.nanpercentile(values[1:], [2.5, 97.5])
    return Agreement(measure, len(shared), observed, Estimate(float(values[0]), low, high))


def _kappas(codes: np.ndarray, k: int, weights: np.ndarray) -> np.ndarray:
    """Return (samples,) Cohen's kappa; codes: (items, 2). weights: (samples, items) how often."""
    first, second = (weights @ np.eye(k)[codes[:, who]] for who in (0, 1))
    total = weights.sum(axis=1)
    agreed = weights @ (codes[:, 0] == codes[:, 1]) / total
    by_chance = (first * second).sum(axis=1) / total**2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((agreed - by_chance) / (1 - by_chance))


def _alphas(counts: np.ndarray, apart: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return (samples,) Krippendorff's alpha; counts: (items, choices) votes."""
    per_choice = weights @ counts
    total = per_choice.sum(axis=1)
    observed = weights @ apart / total
    expected = (total**2 - (per_choice**2).sum(axis=1)) / (total * (total - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(1 - observed / expected)


class Share(NamedTuple):
    """How often something happened, of how many times."""

    times: int
    of: int


def sway(seen: Share, blind: Share) -> Estimate | None:
    """Return how much oftener a person follows the model when they see what it suggests.

    The difference of two shares with Newcombe's interval (1998, method 10); None for too few.
    Chance alone decided which labels were shown blind, so nothing else explains a difference.
    """
    if min(seen.of, blind.of) < FEWEST:
        return None
    p, q = seen.times / seen.of, blind.times / blind.of
    (low_p, high_p), (low_q, high_q) = wilson(seen), wilson(blind)
    difference = p - q
    low = difference - np.hypot(p - low_p, high_q - q)
    high = difference + np.hypot(high_p - p, q - low_q)
    return Estimate(difference, float(low), float(high))


def wilson(share: Share) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927); of nothing, everything."""
    if not share.of:
        return 0.0, 1.0
    p, n = share.times / share.of, share.of
    middle = p + Z**2 / (2 * n)
    half = Z * np.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    low, high = (middle - half) / (1 + Z**2 / n), (middle + half) / (1 + Z**2 / n)
    return max(float(low), 0.0), min(float(high), 1.0)
