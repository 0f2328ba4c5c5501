"""What the decisions so far say of the list, of the data, and of what is left to do."""

from typing import Any, NamedTuple

from pipeline.corrections.audit import Counted, Estimate, draw_wrong, sample_size, summarize
from pipeline.corrections.decision import instant
from pipeline.corrections.precision import Forecast, wrong_probability
from pipeline.corrections.queue import Queue
from pipeline.corrections.stopping import (
    NEXT,
    Listed,
    Plan,
    Rule,
    expect_next,
    pace,
    plan_ahead,
    recall_of_list,
    wrong_in_list,
)

PLANS = (100, 400, 1000)  # how many more decisions are planned ahead
SCORES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
WISHED = 0.01  # half the width of the interval of the share of wrong labels that one may wish


class AuditFound(NamedTuple):
    """What the audit says. drawn, checked, wrong: labels. share, total: of wrong labels.

    recall: of the list, None while too little of the list is decided. needed: labels to draw for
    a share known to plus or minus WISHED.
    """

    drawn: int
    checked: int
    wrong: int
    share: Estimate
    total: Estimate
    recall: Estimate | None
    needed: int


class Found(NamedTuple):
    """decided, wrong: issues decided on by the majority. next: how many come, and what of them.

    probabilities: that a label is wrong, by the probability the finder gives it.
    """

    decided: int
    wrong: int
    next: tuple[int, Forecast] | None
    in_list: Estimate | None
    probabilities: list[tuple[float, Estimate]]
    plans: list[Plan]
    audit: AuditFound | None

    def as_json(self) -> dict[str, Any]:
        """Return what metrics.json says of it."""
        values: dict[str, Any] = {"decided": self.decided, "wrong": self.wrong}
        if self.next:
            count, forecast = self.next
            values["next"] = {"labels": count} | forecast.as_json()
        if self.in_list:
            values["wrong_in_list"] = self.in_list.as_json(1)
        values["probability_wrong"] = [
            {"self_confidence": score} | estimate.as_json()
            for score, estimate in self.probabilities
        ]
        values["plans"] = [
            {"labels": plan.labels, "found": plan.found.as_json()}
            | ({"left": plan.left.as_json(1)} if plan.left else {})
            for plan in self.plans
        ]
        if audit := self.audit:
            values["audit"] = {
                "drawn": audit.drawn,
                "checked": audit.checked,
                "wrong": audit.wrong,
                "share_wrong": audit.share.as_json(),
                "wrong_labels": audit.total.as_json(1),
                "recall_of_list": audit.recall.as_json() if audit.recall else None,
                "labels_for_one_point": audit.needed,
            }
        return values


def find_out(queue: Queue) -> Found:
    """Return what the majority of all reviewers says."""
    listed = queue.listed()
    strata = audited_strata(queue)
    unlisted = None if strata is None else [c for c, is_listed in strata if not is_listed]
    draws, fit = wrong_in_list(listed), listed.fit
    ahead = int(listed.open.sum())
    counts = sorted({min(count, ahead) for count in PLANS}) if ahead else []
    plans = [plan_ahead(listed, count, unlisted) for count in counts]
    return Found(
        decided=int((listed.wrong >= 0).sum()),
        wrong=int((listed.wrong == 1).sum()),
        next=expect_next(listed),
        in_list=None if draws is None else summarize(draws),
        probabilities=[(s, Estimate(*wrong_probability(fit, s))) for s in SCORES] if fit else [],
        plans=[plan for plan in plans if plan],
        audit=None if strata is None else _audit_found(queue, listed, strata),
    )


def audited_strata(queue: Queue) -> list[tuple[Counted, bool]] | None:
    """Return what is known of each stratum of the audit, and whether it is of the list."""
    if queue.audit is None or not queue.audit.strata:
        return None
    known = queue.known_wrong()
    return [(stratum.counted(known), stratum.listed) for stratum in queue.audit.strata]


def _audit_found(
    queue: Queue, listed: Listed, strata: list[tuple[Counted, bool]]
) -> AuditFound | None:
    counted = [c for c, _ in strata]
    checked = sum(c.drawn for c in counted)
    if not checked:
        return None
    total = summarize(draw_wrong(counted).sum(axis=1))
    size = sum(c.size for c in counted)
    shares = [(c.wrong + 0.5) / (c.drawn + 1) for c in counted]
    return AuditFound(
        drawn=len(queue.audited),
        checked=checked,
        wrong=sum(c.wrong for c in counted),
        share=Estimate(*(value / size for value in total)),
        total=total,
        recall=recall_of_list(listed, [c for c, is_listed in strata if not is_listed]),
        needed=sample_size(WISHED, [c.size for c in counted], shares),
    )


def live_sentence(listed: Listed) -> str:
    """Return how right the list has been for one reviewer, and what to expect next."""
    decided, wrong = int((listed.wrong >= 0).sum()), int((listed.wrong == 1).sum())
    said = f"{wrong:,} of your first {decided:,} were wrong" if decided else "Nothing decided yet"
    expected = expect_next(listed)
    if expected:
        count, forecast = expected
        return (
            f"{said}; expect {forecast.expected:.0f} [{forecast.low}, {forecast.high}] "
            f"in the next {count}"
        )
    return said if decided else ""


def plan_sentence(plan: Plan, seconds: float | None) -> str:
    """Return what so many more decisions would mean."""
    found = plan.found
    time = f", at your pace {duration(plan.labels * seconds)}" if seconds else ""
    said = (
        f"Reviewing {plan.labels:,} more finds about {found.expected:.0f} errors "
        f"[{found.low:,}, {found.high:,}]{time}"
    )
    if plan.left is None:
        return f"{said}; how many would stay only an audit can tell."
    left = plan.left
    about = f"{left.value:,.0f} [{left.low:,.0f}, {left.high:,.0f}]"
    return f"{said}; about {about} would stay in the data."


def wrong_sentence(listed: Listed, confidence: float) -> str:
    """Return how likely a label is wrong, by the decisions so far; "" while they are too few."""
    if listed.fit is None:
        return ""
    value, low, high = wrong_probability(listed.fit, confidence)
    return f"wrong with {value:.0%} [{low:.0%}, {high:.0%}], by your decisions so far"


def rule_sentence(listed: Listed, one_in: int) -> str:
    """Return whether fewer than 1 in `one_in` of the next labels are wrong."""
    expected = expect_next(listed, NEXT)
    if expected is None:
        return ""
    rule = Rule(one_in, expected[1], expected[0])
    said = f"your rule, fewer than 1 in {one_in}"
    about = f"expect {rule.next.expected:.0f} [{rule.next.low}, {rule.next.high}] of {rule.labels}"
    if not rule.is_reached:
        return f"Go on: {said}, is not reached ({about})."
    surely = "" if rule.is_certain else ", though the interval still allows more"
    return f"You may stop: {said}, is reached ({about}{surely})."


def pace_of(queue: Queue, reviewer: str) -> float | None:
    """Return the seconds that `reviewer` takes for one decision, None for too few."""
    standing = queue.journal.standing
    decided = [standing.of(id_)[reviewer] for id_ in dict.fromkeys(standing.last.get(reviewer, []))]
    return pace(sorted(instant(d) for d in decided if d.lot is None))


def duration(seconds: float) -> str:
    """Return a length of time as a person says it."""
    if seconds < 90:
        return f"{max(round(seconds / 10) * 10, 10)} seconds"
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours" if seconds < 36_000 else f"{seconds / 3600:.0f} hours"
