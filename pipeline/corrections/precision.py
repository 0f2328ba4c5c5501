"""How right a ranked list has been, and what to expect of the rest of it.

The probability that a label is wrong never rises with its score. It is fitted to the decisions so
far as a logistic curve in the log-odds of the score, below a ceiling: of the labels that a finder
is surest of many may be right all the same. Every curve that the decisions leave possible is
weighted by its posterior, and what comes next is drawn from them. The prior knows two things: the
log-odds of an error change over the list about as much as the score's do, whatever its scale, and
at the end of the list most labels are right. Labels beyond those looked at may differ from the
curve, so it may drift away from the last one, the farther the more.
"""

from typing import Any, NamedTuple

import numpy as np

DRAWS = 2000
LEVELS = np.linspace(-12, 8, 41)  # log-odds of an error at the end of the list
SLOPES = np.linspace(0, 4, 17)  # of log-odds of an error on log-odds of the score, scaled
CEILINGS = np.array([1.0, 0.9, 0.8, 0.65, 0.5, 0.3])
LEVEL, LEVEL_SD, SLOPE, SLOPE_SD = -2.0, 2.0, 1.0, 1.0  # of the prior
DRIFT = 0.35  # standard deviation of the drift in log-odds over one of the score
SHAPE = (len(LEVELS), len(SLOPES), len(CEILINGS))
BINS = 100
AT_ONCE = 1000  # scores
FEWEST = 10  # decisions, below which nothing is said


class Forecast(NamedTuple):
    """How many of some labels are wrong. low, high: a 95 % interval for that very number."""

    expected: float
    low: int
    high: int

    def as_json(self) -> dict[str, Any]:
        return {"expected": round(self.expected, 1), "ci95": [self.low, self.high]}


class Fit(NamedTuple):
    """Curves that fit the decisions. levels, slopes, ceilings: (draws,).

    edge: of the least suspicious label decided on, as `Ruler.measure` it.
    """

    levels: np.ndarray
    slopes: np.ndarray
    ceilings: np.ndarray
    edge: float
    ruler: "Ruler"

    def probabilities(self, suspicions: np.ndarray, *, seed: int = 0) -> np.ndarray:
        """Return (draws, n) probabilities that labels so suspicious are wrong."""
        from scipy.special import expit

        x = self.ruler.measure(suspicions)
        beyond = np.maximum(self.edge - x, 0)
        drift = np.random.default_rng(seed).normal(0, DRIFT, len(self.levels))
        odds = self.levels[:, None] + self.slopes[:, None] * x + drift[:, None] * beyond
        return np.asarray(self.ceilings[:, None] * expit(odds))


def suspicion(scores: np.ndarray) -> np.ndarray:
    """Return (n,) the log-odds against labels with these scores, 0 to 1 as self-confidence."""
    clipped = np.clip(np.asarray(scores, np.float64), 1e-4, 1 - 1e-4)
    return np.asarray(np.log1p(-clipped) - np.log(clipped))


class Ruler(NamedTuple):
    """Suspicions measured from the end of a list, in standard deviations over the list."""

    end: float
    scale: float

    def measure(self, suspicions: np.ndarray) -> np.ndarray:
        return np.asarray((suspicions - self.end) / self.scale)


def ruler_of(scores: np.ndarray) -> Ruler:
    """Return the ruler of a whole list."""
    x = suspicion(scores)
    return Ruler(float(np.percentile(x, 5)), max(float(x.std()), 1e-3)) if len(x) else Ruler(0, 1)


def fit_precision(
    scores: np.ndarray, is_wrong: np.ndarray, ruler: Ruler, *, seed: int = 0
) -> Fit | None:
    """Return the curves that fit, None for fewer than FEWEST decisions.

    Args:
        scores: (m,) of the labels decided on. is_wrong: (m,) what was decided.
        ruler: of the whole list.
    """
    if len(scores) < FEWEST:
        return None
    x = ruler.measure(suspicion(scores))
    weights = np.exp(posterior(x, is_wrong)).ravel()
    rng = np.random.default_rng(seed)
    drawn = rng.choice(len(weights), DRAWS, p=weights / weights.sum())
    level, slope, ceiling = np.unravel_index(drawn, SHAPE)
    inside = rng.uniform(-0.5, 0.5, (2, DRAWS))  # anywhere in a cell of the grid
    return Fit(
        levels=LEVELS[level] + inside[0] * (LEVELS[1] - LEVELS[0]),
        slopes=np.maximum(SLOPES[slope] + inside[1] * (SLOPES[1] - SLOPES[0]), 0),
        ceilings=CEILINGS[ceiling],
        edge=float(x.min()),
        ruler=ruler,
    )


def posterior(x: np.ndarray, is_wrong: np.ndarray) -> np.ndarray:
    """Return SHAPE log weights of the curves, 0 for the best.

    Args:
        x: (m,) measured suspicions. is_wrong: (m,) what was decided.
    """
    from scipy.special import expit

    found = -0.5 * ((LEVELS[:, None, None] - LEVEL) / LEVEL_SD) ** 2
    found = found - 0.5 * ((SLOPES[None, :, None] - SLOPE) / SLOPE_SD) ** 2 + np.zeros(SHAPE)
    for wrong in (True, False):
        near, sizes = gathered(x[is_wrong == wrong])
        odds = LEVELS[:, None, None] + SLOPES[None, :, None] * near
        share = CEILINGS[:, None] * expit(odds)[:, :, None, :]
        share = np.clip(share if wrong else 1 - share, 1e-9, 1)
        found += np.log(share) @ sizes
    return np.asarray(found - found.max())


def forecast(fit: Fit, scores: np.ndarray, *, seed: int = 0) -> Forecast:
    """Return how many of the labels with these scores are wrong."""
    counts = draw_counts(fit, scores, seed=seed)
    low, high = np.percentile(counts, [2.5, 97.5])
    return Forecast(float(counts.mean()), int(np.floor(low)), int(np.ceil(high)))


def wrong_probability(fit: Fit, score: float) -> tuple[float, float, float]:
    """Return the probability that a label with this score is wrong, and its 95 % interval."""
    value, low, high = wrong_probabilities(fit, np.array([score]))[0].tolist()
    return value, low, high


def wrong_probabilities(fit: Fit, scores: np.ndarray) -> np.ndarray:
    """Return (n, 3): the probability that a label with such a score is wrong, and its interval."""
    found = np.empty((len(scores), 3))
    for first in range(0, len(scores), AT_ONCE):
        draws = fit.probabilities(suspicion(scores[first : first + AT_ONCE]))
        low, high = np.percentile(draws, [2.5, 97.5], axis=0)
        mean = draws.mean(axis=0)  # where few curves are far above the others, beyond them
        bounds = (np.minimum(low, mean), np.maximum(high, mean))
        found[first : first + AT_ONCE] = np.stack([mean, *bounds], axis=1)
    return found


def draw_counts(fit: Fit, scores: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Return (draws,) numbers of wrong labels among those with these scores."""
    near, sizes = gathered(suspicion(scores))
    chances = fit.probabilities(near, seed=seed)
    return np.asarray(np.random.default_rng(seed).binomial(sizes, chances).sum(axis=1))


def gathered(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return at most BINS values that stand for all of `x`, and how many each stands for."""
    ordered = np.sort(x)
    parts = np.array_split(ordered, min(len(x), BINS)) if len(x) else []
    return np.array([part.mean() for part in parts]), np.array([len(part) for part in parts], int)
