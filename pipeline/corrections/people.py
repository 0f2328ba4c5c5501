"""Who decided what: each reviewer, how they follow the model, and how far they agree."""

from typing import Any, NamedTuple

from pipeline.corrections.agreement import Agreement, Share, agreement, sway
from pipeline.corrections.audit import Estimate
from pipeline.corrections.decision import Decision
from pipeline.corrections.queue import Item, Queue


class Person(NamedTuple):
    """decided, wrong: labels, those called wrong. followed: the suggestion, of those with one.

    seen, blind: the same where it was shown and where chance hid it. sway: the difference.
    """

    name: str
    decided: int
    wrong: int
    followed: Share
    seen: Share
    blind: Share
    sway: Estimate | None

    def as_json(self) -> dict[str, Any]:
        return {
            "decided": self.decided,
            "wrong": self.wrong,
            "followed_the_model": self.followed._asdict(),
            "seen": self.seen._asdict(),
            "blind": self.blind._asdict(),
            "sway": self.sway.as_json() if self.sway else None,
        }


def people(queue: Queue) -> list[Person]:
    """Return every reviewer with a standing decision, who decided most first."""
    found = [_person(queue, name) for name in queue.journal.standing.last]
    return sorted((p for p in found if p.decided), key=lambda p: (-p.decided, p.name))


def _person(queue: Queue, name: str) -> Person:
    standing, places = queue.journal.standing, queue.places
    ids = [id_ for id_ in dict.fromkeys(standing.last[name]) if id_ in places]
    pairs = [(queue.items[places[id_]], standing.of(id_)[name]) for id_ in ids]
    voted = [(item, d) for item, d in pairs if d.decision != "unsure"]
    suggested = [(item, d) for item, d in voted if item.rank and item.suggested != item.given]
    # An audited label is hidden for another reason than chance.
    drawn = [(item, d) for item, d in suggested if item.id not in queue.audited and d.lot is None]
    seen = _followed([(i, d) for i, d in drawn if d.how is None and not queue.is_blind(i.id, name)])
    blind = _followed([(i, d) for i, d in drawn if d.how == "blind" and queue.is_blind(i.id, name)])
    return Person(
        name=name,
        decided=len(pairs),
        wrong=sum(d.decision != "keep" for _, d in voted),
        followed=_followed(suggested),
        seen=seen,
        blind=blind,
        sway=sway(seen, blind),
    )


def _followed(pairs: list[tuple[Item, Decision]]) -> Share:
    return Share(sum(d.label == item.suggested for item, d in pairs), len(pairs))


def agreement_of(queue: Queue) -> Agreement | None:
    """Return how far the reviewers agree, by what each decided before anybody settled it."""
    votes = [
        {who: own[-1].vote for who, stack in stacks.items() if (own := independent(stack))}
        for stacks in queue.journal.standing.stacks.values()
    ]
    return agreement(votes)


def independent(stack: list[Decision]) -> list[Decision]:
    """Return the decisions of one person that are their own vote, not the settling of a dispute."""
    return [d for d in stack if d.how != "settle" and d.decision != "unsure"]
