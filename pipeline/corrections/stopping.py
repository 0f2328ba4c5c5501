"""When to stop: what further decisions would find, what would stay, and how long it takes."""

import itertools
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from pipeline.corrections.audit import DRAWS, Counted, Estimate, draw_wrong, recall_of, summarize
from pipeline.corrections.precision import (
    Fit,
    Forecast,
    draw_counts,
    fit_precision,
    forecast,
    ruler_of,
)

BREAK = 300.0  # seconds: a longer gap between two decisions is a break
FEWEST_GAPS = 5
NEXT = 50


class Listed(NamedTuple):
    """The list in the order of review. confidence: (n,) of the given labels.

    wrong: (n,) 1 or 0 where that is known, -1 elsewhere. open: (n,) what is still to be decided.
    """

    confidence: np.ndarray
    wrong: np.ndarray
    open: np.ndarray

    @property
    def fit(self) -> Fit | None:
        known = self.wrong >= 0
        ruler = ruler_of(self.confidence)
        return fit_precision(self.confidence[known], self.wrong[known] == 1, ruler)


class Plan(NamedTuple):
    """What more decisions mean. found: wrong ones among `labels`. left: in the data after them.

    left is None without an audit, which alone can tell.
    """

    labels: int
    found: Forecast
    left: Estimate | None


class Rule(NamedTuple):
    """Stop when fewer than 1 in `one_in` of the next labels are wrong. certain: by the interval."""

    one_in: int
    next: Forecast
    labels: int

    @property
    def is_reached(self) -> bool:
        return self.next.expected * self.one_in < self.labels

    @property
    def is_certain(self) -> bool:
        bound = self.next.high if self.is_reached else self.next.low
        return (bound * self.one_in < self.labels) == self.is_reached


def expect_next(listed: Listed, count: int = NEXT) -> tuple[int, Forecast] | None:
    """Return how many labels come next, `count` at most, and how many of them are wrong."""
    fit, ahead = listed.fit, listed.confidence[listed.open][:count]
    if fit is None or not len(ahead):
        return None
    return len(ahead), forecast(fit, ahead)


def plan_ahead(listed: Listed, count: int, unlisted: Sequence[Counted] | None) -> Plan | None:
    """Return what `count` more decisions find, and what stays in the data after them."""
    fit, ahead = listed.fit, listed.confidence[listed.open]
    if fit is None:
        return None
    found = forecast(fit, ahead[:count])
    left = None
    if unlisted is not None:
        rest = spread(draw_counts(fit, ahead[count:])) if len(ahead) > count else np.zeros(DRAWS)
        corrected = sum(stratum.wrong for stratum in unlisted)
        left = summarize(rest + draw_wrong(unlisted).sum(axis=1) - corrected)
    return Plan(min(count, len(ahead)), found, left)


def wrong_in_list(listed: Listed) -> np.ndarray | None:
    """Return (DRAWS,) numbers of wrong labels in the whole list; None while too little is known."""
    unknown = listed.confidence[listed.wrong < 0]
    known = int((listed.wrong == 1).sum())
    if not len(unknown):
        return np.full(DRAWS, known)
    fit = listed.fit
    return None if fit is None else known + spread(draw_counts(fit, unknown))


def spread(draws: np.ndarray) -> np.ndarray:
    """Return DRAWS of some draws, in an order of chance, to be added to others."""
    return np.asarray(np.random.default_rng(len(draws)).choice(draws, DRAWS))


def recall_of_list(listed: Listed, unlisted: Sequence[Counted]) -> Estimate | None:
    """Return the share of all wrong labels that the list holds."""
    inside = wrong_in_list(listed)
    return None if inside is None else recall_of(inside, draw_wrong(unlisted).sum(axis=1))


def pace(times: Sequence[datetime]) -> float | None:
    """Return the seconds of one decision, the median without breaks; None for too few.

    Args:
        times: of one person's decisions, in order.
    """
    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(times)]
    working = [gap for gap in gaps if 0 < gap <= BREAK]
    return float(np.median(working)) if len(working) >= FEWEST_GAPS else None


def as_json(found: Forecast | Estimate | None) -> dict[str, Any] | None:
    return None if found is None else found.as_json()
