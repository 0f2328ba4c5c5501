"""What many decisions together mean: which stand, what the majority says."""

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.corrections.decision import Decision, instant
from pipeline.frame.errors import DataError
from pipeline.frame.messages import shown

# --- what a list of decisions means ----------------------------------------------------------


@dataclass
class Standing:
    """The decisions that count: per example and reviewer the last one that was not undone.

    superseded: how many were replaced by a later decision of the same reviewer.
    versions: (id, reviewer) -> lines so far; a page that knows fewer is out of date.
    times: (id, reviewer) -> time of the last line.
    last: reviewer -> ids in the order of their decisions, without the undone ones.
    log: the id of every line, in the order of the journal.
    """

    stacks: dict[str, dict[str, list[Decision]]] = field(default_factory=dict)
    versions: Counter[tuple[str, str]] = field(default_factory=Counter)
    times: dict[tuple[str, str], datetime] = field(default_factory=dict)
    last: dict[str, list[str]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    superseded: int = 0

    def add(self, decision: Decision) -> None:
        """Take one more line into account.

        Raises:
            DataError: an undo with nothing to undo.
        """
        stack = self.stacks.setdefault(decision.id, {}).setdefault(decision.reviewer, [])
        order = self.last.setdefault(decision.reviewer, [])
        if decision.decision == "undo":
            if not stack:
                raise DataError(f"{shown(decision.reviewer)} has nothing to undo here")
            stack.pop()
            del order[len(order) - 1 - order[::-1].index(decision.id)]
            self.superseded -= bool(stack)
        else:
            self.superseded += bool(stack)
            stack.append(decision)
            order.append(decision.id)
        self.log.append(decision.id)
        self.versions[decision.id, decision.reviewer] += 1
        self.times[decision.id, decision.reviewer] = instant(decision)

    def last_id(self, reviewer: str, among: Container[str] | None = None) -> str | None:
        """Return the id of the last standing decision of `reviewer`; among: only these ids."""
        ids = reversed(self.last.get(reviewer, []))
        return next((id_ for id_ in ids if among is None or id_ in among), None)

    def last_ids(self, reviewer: str, among: Container[str] | None = None) -> list[str]:
        """Return the id of the last decision of `reviewer` that stands, or its lot, it last."""
        last = self.last_id(reviewer, among)
        if last is None:
            return []
        lot = self.stacks[last][reviewer][-1].lot
        if lot is None:
            return [last]
        latest_first = dict.fromkeys(reversed(self.last[reviewer]))
        found = [id_ for id_ in latest_first if self.stacks[id_][reviewer][-1].lot == lot]
        return found[::-1]

    def of(self, id_: str) -> dict[str, Decision]:
        """Return reviewer -> standing decision of one example."""
        return {who: stack[-1] for who, stack in self.stacks.get(id_, {}).items() if stack}

    def all(self) -> list[Decision]:
        """Return every standing decision, in the order of time, then id and reviewer."""
        standing = [decision for id_ in self.stacks for decision in self.of(id_).values()]
        return sorted(standing, key=lambda d: (instant(d), d.id, d.reviewer))


def consensus(decisions: Iterable[Decision]) -> tuple[str, str | None] | None:
    """Return the (decision, label) that more than half of the reviewers chose, else None.

    "unsure" is not a vote. Who settles a dispute has the last word, the last one of several.
    """
    decisions = list(decisions)
    settled = [d for d in decisions if d.how == "settle" and d.decision != "unsure"]
    if settled:
        return max(settled, key=instant).vote
    votes = Counter(d.vote for d in decisions if d.decision != "unsure")
    if not votes:
        return None
    choice, count = votes.most_common(1)[0]
    return choice if 2 * count > votes.total() else None


def is_wrong(decisions: Iterable[Decision]) -> bool | None:
    """Return whether the label as given is wrong in the eyes of the majority; None without one."""
    outcome = consensus(decisions)
    return None if outcome is None else outcome[0] != "keep"


def disagree(decisions: Iterable[Decision]) -> bool:
    """Return whether reviewers chose differently and nobody settled it.

    "unsure" contradicts nobody.
    """
    decisions = list(decisions)
    if any(d.how == "settle" for d in decisions):
        return False
    return len({d.vote for d in decisions if d.decision != "unsure"}) > 1
