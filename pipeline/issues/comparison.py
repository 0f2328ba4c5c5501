"""Two ways to train, compared on one test set and over seeds, with what they cannot tell."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

FEWEST_SEEDS = 3  # with fewer an interval says nothing
POWER = 0.8


def paired_difference(arm: np.ndarray, control: np.ndarray) -> dict[str, Any]:
    """Return the mean difference of two arms over seeds and how sure it is.

    Args:
        arm, control: (seeds,) accuracies, paired.

    Returns:
        mean; ci95: Student's t interval over seeds, None under three seeds; seeds_with_gain: share
        of seeds in which the arm is better; detectable: the smallest true difference that as many
        seeds would show with a probability of 0.8 at the 5% level.

    The interval is about training again on the same data and test set. How sure the difference is
    for other test texts of the same kind: see `interval_over_test_sets`.
    """
    from scipy.stats import t

    differences = np.asarray(arm, float) - np.asarray(control, float)
    n = len(differences)
    result: dict[str, Any] = {
        "mean": float(differences.mean()),
        "ci95": None,
        "seeds_with_gain": float((differences > 0).mean()),
        "detectable": None,
    }
    if n >= FEWEST_SEEDS:
        error = float(differences.std(ddof=1)) / np.sqrt(n)
        half = float(t.ppf(0.975, n - 1)) * error
        result["ci95"] = [result["mean"] - half, result["mean"] + half]
        result["detectable"] = (float(t.ppf(0.975, n - 1)) + float(t.ppf(POWER, n - 1))) * error
    return result


def interval_over_test_sets(arm: np.ndarray, control: np.ndarray) -> list[float]:
    """Return the 95% interval of the mean difference over other test sets of this size.

    Args:
        arm, control: (seeds, n) whether each test example was right.

    Normal approximation over examples, after the mean over seeds of each example.
    """
    difference = arm.mean(axis=0, dtype=float) - control.mean(axis=0, dtype=float)
    half = 1.96 * float(difference.std(ddof=1)) / np.sqrt(len(difference))
    return [float(difference.mean()) - half, float(difference.mean()) + half]


class Spread(NamedTuple):
    """A mean difference and its standard errors: of training again, and of other test examples.

    freedom: degrees of freedom of the first.
    """

    mean: float
    freedom: float
    seed_error: float
    test_error: float

    def interval(self, alpha: float = 0.05) -> list[float]:
        """Return the interval over seeds and test examples together.

        Student's t for the few seeds, normal for the many examples, joined as squares.
        """
        half = float(np.hypot(self.of_seeds(alpha), self.of_tests(alpha)))
        return [self.mean - half, self.mean + half]

    def of_seeds(self, alpha: float = 0.05) -> float:
        """Return how far more seeds may move the mean."""
        from scipy.stats import t

        return float(t.ppf(1 - alpha / 2, self.freedom)) * self.seed_error

    def of_tests(self, alpha: float = 0.05) -> float:
        """Return how far another test set of this size may move the mean."""
        from scipy.stats import norm

        return float(norm.ppf(1 - alpha / 2)) * self.test_error

    def detectable(self, alpha: float = 0.05) -> float:
        """Return an estimate of the smallest true difference seen four times in five."""
        from scipy.stats import norm

        wanted = float(norm.ppf(1 - alpha / 2) + norm.ppf(POWER))
        return wanted * float(np.hypot(self.seed_error, self.test_error))


def spread_of(arm: np.ndarray, control: np.ndarray) -> Spread:
    """Return the mean difference with the errors that seeds and that test examples leave in it.

    What is chance of both is in both: an interval over the two is a little too wide (Owen 2007,
    "The pigeonhole bootstrap", has the same).

    Args:
        arm, control: (seeds, n) whether each test example was right; two seeds at least.
    """
    difference = arm.astype(np.int8) - control.astype(np.int8)
    of_seeds = difference.mean(axis=1, dtype=float)
    of_tests = difference.mean(axis=0, dtype=float)
    errors = [float(part.std(ddof=1)) / np.sqrt(len(part)) for part in (of_seeds, of_tests)]
    return Spread(float(of_seeds.mean()), len(of_seeds) - 1, *errors)


def pool_seeds(spreads: Sequence[Spread]) -> list[Spread]:
    """Return the differences of several arms from one control, each told by the seeds of all.

    Three seeds of one arm say little about how far training again scatters; those of all arms say
    more. Each has the pooled error, or its own where that is larger. Two of the differences share
    the control, and so half of their variance: the pooled variance of k of them has k f / (1 + (k -
    1) / 4) degrees of freedom where each alone has f (Satterthwaite 1946).
    """
    k = len(spreads)
    together = float(np.sqrt(np.mean([spread.seed_error**2 for spread in spreads])))
    return [
        spread._replace(
            freedom=k * spread.freedom / (1 + (k - 1) / 4),
            seed_error=max(together, spread.seed_error),
        )
        for spread in spreads
    ]


def mcnemar_p(arm: np.ndarray, control: np.ndarray) -> float:
    """Return McNemar's exact two-sided p (1947) for (n,) rights and wrongs: a binomial test."""
    from scipy.stats import binomtest

    gained, lost = int((arm & ~control).sum()), int((control & ~arm).sum())
    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def stability(flagged: np.ndarray) -> dict[str, Any]:
    """Return how far the flagged examples depend on the seed.

    Args:
        flagged: (seeds, n) whether each example was flagged.

    Returns:
        jaccard: mean over pairs of seeds; flagged_by: how many examples were flagged by exactly
        1, 2, … seeds.
    """
    seeds = len(flagged)
    pairs = [
        float((flagged[i] & flagged[j]).sum() / max((flagged[i] | flagged[j]).sum(), 1))
        for i in range(seeds)
        for j in range(i)
    ]
    counts = np.bincount(flagged.sum(axis=0), minlength=seeds + 1)[1:]
    return {
        "jaccard": float(np.mean(pairs)) if pairs else None,
        "flagged_by": counts.tolist(),
    }


def compare_accuracy(
    baseline: np.ndarray, cleaned: np.ndarray, *, samples: int, seed: int
) -> dict[str, Any]:
    """Return both accuracies, their difference, its 95% interval and McNemar's exact p.

    Args:
        baseline, cleaned: (n,) whether each test example was predicted as labelled.
        samples: paired bootstrap samples for the interval (percentiles 2.5 and 97.5).

    The difference depends on the discordant pairs alone, so a bootstrap sample of n examples is
    one multinomial draw. p: see mcnemar_p.
    """
    n = len(baseline)
    gained, lost = int((cleaned & ~baseline).sum()), int((baseline & ~cleaned).sum())
    shares = np.array([gained, lost, n - gained - lost]) / n
    draws = np.random.default_rng(seed).multinomial(n, shares, size=samples)
    low, high = np.percentile((draws[:, 0] - draws[:, 1]) / n, [2.5, 97.5])
    return {
        "baseline": float(baseline.mean()),
        "cleanlearning": float(cleaned.mean()),
        "difference": (gained - lost) / n,
        "ci95": [float(low), float(high)],
        "mcnemar_p": mcnemar_p(cleaned, baseline),
        "gained": gained,
        "lost": lost,
        "num_examples": n,
    }
