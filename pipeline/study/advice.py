"""What to do with the suspected labels, in words, with the reason and how sure it is."""

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np

from pipeline.issues.arms import ARMS, BASELINE
from pipeline.issues.comparison import FEWEST_SEEDS, Spread, pool_seeds, spread_of

FEWEST_TESTS = 50  # test examples, below which no difference is believed
ENOUGH_SEEDS = 6  # from which on each arm's own seeds tell how far they scatter
MATTERS = 0.01  # a difference in accuracy that a study should be able to see
ALIKE = 0.002  # arms that are closer than this are as good
MANY_ISSUES = 0.01  # share of labels listed, from which on they are worth a look by hand


class Tried(NamedTuple):
    """How one arm did. right: (seeds, n) on the test labels as given. log_loss: (seeds,)."""

    right: np.ndarray
    log_loss: np.ndarray


def advise(
    tried: dict[str, Tried], *, issue_share: float, unfit: str = "", wanted_seeds: int = 0
) -> dict[str, Any]:
    """Return what to do: recommend, sure, words, settled, and the figures behind it.

    recommend: the name of an arm, "leave", "review", or None where the data cannot tell. sure: an
    arm whose gain is clear of zero however many were tried; else it is clear for this arm alone.
    settled: whether more seeds would not change it.

    Args:
        tried: by arm, everything and its controls among them.
        issue_share: of the labels that are listed. unfit: why the finder cannot judge, if so.
        wanted_seeds: how many seeds there are in all, for the words.
    """
    names = [name for name in tried if ARMS[name].advice]
    seeds, tests = next(iter(tried.values())).right.shape
    if problem := too_little(tried, seeds=seeds, tests=tests, unfit=unfit):
        nothing: dict[str, Any] = {"recommend": None, "sure": False, "arms": {}}
        return nothing | {"words": [problem], "settled": bool(unfit)}
    alpha = 0.05 / len(names)  # Bonferroni: the best of several is picked
    own = [spread_of(tried[name].right, tried[BASELINE].right) for name in names]
    spreads = dict(zip(names, pool_seeds(own) if seeds < ENOUGH_SEEDS else own, strict=True))
    best = max(names, key=lambda name: spreads[name].mean)
    gains = spreads[best].interval()[0] > 0
    settled = _is_settled(tried, spreads, best, alpha)
    words = _say_arm(tried, spreads, best, alpha) if gains else []
    recommend: str | None = best
    if not gains:
        recommend, words = _without_gain(tried, spreads, best, alpha, issue_share)
    words.append(_say_settled(settled, seeds, wanted_seeds))
    return {
        "recommend": recommend,
        "sure": spreads[best].interval(alpha)[0] > 0,
        "words": words,
        "settled": settled,
        "arms": {
            name: {
                "mean": spread.mean,
                "interval": spread.interval(alpha),
                "detectable": spread.detectable(alpha),
            }
            for name, spread in spreads.items()
        },
    }


def too_little(arms: Collection[str], *, seeds: int, tests: int, unfit: str = "") -> str:
    """Return why nothing can be recommended whatever comes out, and how much would do, or "".

    Args:
        arms: that are tried. seeds, tests: how many there are, of test examples too.
    """
    reasons = [f"the finder is not fit to judge these labels ({unfit})"] if unfit else []
    advised = [name for name in ARMS if ARMS[name].advice]
    if BASELINE not in arms or not set(advised) & set(arms):
        reasons.append(f"study.arms needs {BASELINE} and some of {', '.join(advised)}")
    if seeds < FEWEST_SEEDS:
        reasons.append(
            f"{seeds} seed{'s' if seeds > 1 else ''} and {FEWEST_SEEDS} would do (study.seeds)"
        )
    if tests < FEWEST_TESTS:
        reasons.append(
            f"{tests} test examples, and {FEWEST_TESTS} would do for a large difference; to see "
            f"one of {MATTERS:.0%} takes thousands"
        )
    return f"nothing is recommended: {'; '.join(reasons)}" if reasons else ""


def _is_settled(
    tried: dict[str, Tried], spreads: dict[str, Spread], best: str, alpha: float
) -> bool:
    """Return whether endlessly many seeds would say the same, as far as these can tell."""
    shown = spreads[best].interval(alpha)[0] > 0
    for name, spread in spreads.items():
        if name != best:
            lead = spread_of(tried[best].right, tried[name].right)
            if shown and lead.mean - lead.of_seeds() < -ALIKE:
                return False
        if not shown and spread.mean + spread.of_seeds(alpha) - spread.of_tests(alpha) > 0:
            return False
    of_best = spreads[best]
    surely = of_best.mean - of_best.of_seeds(alpha) - of_best.of_tests(alpha) > 0
    return bool(surely or not shown)


def _say_arm(
    tried: dict[str, Tried], spreads: dict[str, Spread], best: str, alpha: float
) -> list[str]:
    words = [
        f"recommended: {best}. {ARMS[best].advice[0].upper()}{ARMS[best].advice[1:]}",
        _why(spreads[best], alpha, len(spreads)),
    ]
    for control in ARMS[best].controls:
        if control in tried:
            against = spread_of(tried[best].right, tried[control].right)
            own = spread_of(tried[control].right, tried[BASELINE].right)
            words.append(
                f"its control, {ARMS[control].words}: {own.mean:+z.4f} against everything; against "
                f"that {best} has {_signed(against, 0.05)}"
            )
    alike = [
        name
        for name, spread in spreads.items()
        if name != best
        and spread.interval()[0] > 0
        and spread_of(tried[best].right, tried[name].right).interval()[0] <= 0
    ]
    if alike:
        words.append(f"as good, as far as this can tell: {', '.join(alike)}")
    before, after = (float(tried[name].log_loss.mean()) for name in (BASELINE, best))
    change = "better" if after < before else "worse, which cleanlearn.calibrate=true mends"
    words.append(f"its probabilities as trained are {change}: log loss {before:.4f} to {after:.4f}")
    return words


def _why(spread: Spread, alpha: float, arms: int) -> str:
    against = "against training on everything, over seeds and test sets together"
    of_all = f"for the {arms} arms that were tried"
    if spread.interval(alpha)[0] > 0:
        return f"why: test accuracy {_signed(spread, alpha)} {against}, and {of_all}"
    return (
        f"why: test accuracy {_signed(spread, 0.05)} {against}; probable and not sure, as the best "
        f"of several was picked: {of_all} it is {_signed(spread, alpha)}"
    )


def _without_gain(
    tried: dict[str, Tried],
    spreads: dict[str, Spread],
    best: str,
    alpha: float,
    issue_share: float,
) -> tuple[str | None, list[str]]:
    unseen = max(spread.detectable(alpha) for spread in spreads.values())
    tests = tried[BASELINE].right.shape[1]
    why = f"no arm shows a gain; the best one is {best}, {_signed(spreads[best], alpha)}"
    if unseen > MATTERS:
        enough = tests * (unseen / MATTERS) ** 2
        return None, [
            f"nothing is recommended: {why}",
            f"a true difference under about {unseen:.3f} would go unseen with {tests:,} test "
            f"examples; about {round(enough, 1 - len(str(int(enough)))):,.0f} would show one of "
            f"{MATTERS:.0%}",
        ]
    if issue_share >= MANY_ISSUES:
        return "review", [
            f"recommended: review by hand (make review). {issue_share:.1%} of the labels are "
            "listed, and training gains nothing from the list in any way that was tried",
            f"why: {why}",
        ]
    return "leave", [
        f"recommended: leave it. {issue_share:.1%} of the labels are listed, and training gains "
        "nothing from the list",
        f"why: {why}",
    ]


def _say_settled(settled: bool, seeds: int, wanted: int) -> str:
    if settled:
        return f"{seeds} seeds; more of them would not change this"
    more = "" if seeds < wanted else "; add some to study.seeds"
    return f"{seeds} seeds; more of them may change this{more}"


def _signed(spread: Spread, alpha: float) -> str:
    low, high = spread.interval(alpha)
    return f"{spread.mean:+z.4f} [{low:+z.4f}, {high:+z.4f}]"
