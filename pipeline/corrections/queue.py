"""What a reviewer goes through: the ranked issues, the audit, and whatever was decided before."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.corrections.audit_sample import Audit
from pipeline.corrections.decision import Decision, Source
from pipeline.corrections.journal import Journal
from pipeline.corrections.selection import Columns, View, columns_of, filtered, order_of
from pipeline.corrections.state import State
from pipeline.corrections.stopping import Listed

KEYS = 9  # classes that have a key of their own
KEPT = 32  # arrays


@dataclass(frozen=True)
class Item:
    """One example to review. rank: None for one that is not an issue.

    given: the class in the source. label: the class now, after earlier corrections; None for an
    example that is left out. pred_probs: (classes,) out of sample, None without a prediction.
    position: its place in the scope's pred_probs, None for an example that is left out.
    metadata: what the source says of it besides, for people.
    """

    id: str
    split: str
    rank: int | None
    position: int | None
    given: str
    label: str | None
    suggested: str | None
    pred_probs: np.ndarray | None
    text: str
    metadata: dict[str, str] = field(default_factory=dict)

    def hidden(self) -> "Item":
        """Return the item without anything the model says of it."""
        return replace(self, rank=None, position=None, suggested=None, pred_probs=None)


@dataclass(frozen=True)
class Shares:
    """A queue dealt out: who gets which part. overlap: share of the items that everybody gets."""

    reviewers: tuple[str, ...]
    overlap: float = 0.0

    def of(self, reviewer: str, ids: list[str]) -> np.ndarray:
        """Return (n,) which items are for `reviewer`; all for one who is not named."""
        if reviewer not in self.reviewers:
            return np.ones(len(ids), bool)
        number = self.reviewers.index(reviewer)
        luck = [chance_of("share", id_) for id_ in ids]
        each = (1 - self.overlap) / len(self.reviewers)
        low = self.overlap + number * each
        return np.array([x < self.overlap or low <= x < low + each for x in luck], bool)


def chance_of(*words: str) -> float:
    """Return a number from 0 to 1 that is the same for the same words."""
    digest = hashlib.sha256("\n".join(words).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:7]) / 2**56


@dataclass
class Queue:
    """The items in the order of review, and the journal their decisions go to.

    scope: whose issues and predictions these are: all, train or test. audit: a random sample of
    it. blind: share of the items that are decided without the model's opinion. notes:
    what a person should know. since: what changed since the issues were found, "" for nothing.
    ranking: how often the list was ranked again; new, gone: ids of the issues that came and went
    the last time.
    """

    run: str
    folder: Path
    dataset: str
    scope: str
    items: list[Item]
    journal: Journal
    audit: Audit | None = None
    shares: Shares | None = None
    blind: float = 0.0
    notes: list[str] = field(default_factory=list)
    since: str = ""
    ranking: int = 0
    new: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.places = {item.id: place for place, item in enumerate(self.items)}
        self.class_index = {name: i for i, name in enumerate(self.source.class_names)}
        self.audited = frozenset(self.audit.ids) if self.audit else frozenset[str]()
        self.state = State(self.places)
        self._kept: dict[Any, np.ndarray] = {}

    @property
    def source(self) -> Source:
        return self.journal.source

    @cached_property
    def columns(self) -> Columns:
        return columns_of(self.items, self.class_index)

    def follow(self) -> State:
        """Return the state after every line that the journal has read."""
        self.state.follow(self.journal.standing)
        return self.state

    def item(self, id_: str) -> Item | None:
        """Return the item of an id, None for one that is not in the queue."""
        place = self.places.get(id_)
        return None if place is None else self.items[place]

    def decisions(self, item: Item) -> dict[str, Decision]:
        """Return reviewer -> standing decision about `item`."""
        return self.journal.standing.of(item.id)

    def choices(self, item: Item) -> list[str]:
        """Return the classes in the order of their keys: of many, the most probable first.

        Of many classes the given one is always among those with a key.
        """
        names = self.source.class_names
        if len(names) <= KEYS or item.pred_probs is None:
            return names
        order = np.argsort(-item.pred_probs, kind="stable")
        found = [names[i] for i in order]
        if found.index(item.given) >= KEYS:
            found.remove(item.given)
            found.insert(KEYS - 1, item.given)
        return found

    # --- what is shown -------------------------------------------------------------------------

    def how(self, item: Item, reviewer: str, *, blind: bool = False) -> str | None:
        """Return how `reviewer` is to decide: "audit" or "blind" without the model, else None."""
        if reviewer in self.decisions(item):
            return None
        if item.id in self.audited:
            return "audit"
        return "blind" if blind or self.is_blind(item.id, reviewer) else None

    def is_blind(self, id_: str, reviewer: str) -> bool:
        """Return whether chance wants `reviewer` to decide on this without the model."""
        return chance_of("blind", reviewer, id_) < self.blind

    def hidden(self, reviewer: str, *, blind: bool = False) -> np.ndarray:
        """Return (n,) which items `reviewer` is still to decide without the model."""
        mine = self.follow().mine(reviewer)
        return np.asarray((self._is_audited | self._is_blind(reviewer) | blind) & ~mine)

    def shown(self, item: Item, view: View, reviewer: str) -> Item:
        """Return the item as `reviewer` may see it."""
        return item.hidden() if self.how(item, reviewer, blind=view.blind) else item

    def find(self, view: View, reviewer: str = "", likeness: Any = None) -> np.ndarray:
        """Return the places of the items in a view, in its order.

        likeness: called with an id, (n,) how like it each item is.
        """
        key = (self.follow().version, view, reviewer)

        def make() -> np.ndarray:
            order = self.order(view, likeness)
            return np.asarray(order[self.mask(view, reviewer)[order]])

        return self._keep(key, make)

    def order(self, view: View, likeness: Any = None) -> np.ndarray:
        """Return (n,) all places in the order of a view."""
        like = likeness(view.like) if view.sort == "like" and view.like and likeness else None
        return order_of(self.columns, view.sort, like)

    def mask(self, view: View, reviewer: str) -> np.ndarray:
        """Return (n,) which items a view shows."""
        state = self.state
        mine = state.mine(reviewer)
        kept = filtered(self.columns, view, self.class_index)
        kept &= {
            "all": np.True_,
            "open": ~mine,
            "decided": state.anybody,
            "disagree": state.disputed,
            "audit": self._is_audited,
            "new": self._is_new,
            "gone": self._is_gone,
        }[view.show]
        if self.shares and view.show in ("all", "open"):
            kept &= self._share_of(reviewer) | mine
        if view.asks_the_model:  # what is not told cannot be asked for
            kept &= ~self.hidden(reviewer, blind=view.blind)
        if view.query:
            kept &= self._has(view.query)
        return kept

    @cached_property
    def _is_audited(self) -> np.ndarray:
        return np.array([item.id in self.audited for item in self.items], bool)

    @cached_property
    def _is_new(self) -> np.ndarray:
        return np.array([item.id in self.new for item in self.items], bool)

    @cached_property
    def _is_gone(self) -> np.ndarray:
        return np.array([item.id in self.gone for item in self.items], bool)

    def _is_blind(self, reviewer: str) -> np.ndarray:
        return self._keep(
            ("blind", reviewer),
            lambda: np.array([self.is_blind(item.id, reviewer) for item in self.items], bool),
        )

    def _share_of(self, reviewer: str) -> np.ndarray:
        shares = self.shares or Shares(())
        return self._keep(("share", reviewer), lambda: shares.of(reviewer, list(self.places)))

    def _has(self, query: str) -> np.ndarray:
        wanted = query.casefold()
        return self._keep(
            ("has", wanted),
            lambda: np.array(
                [wanted in i.text.casefold() or wanted in i.id.casefold() for i in self.items], bool
            ),
        )

    def _keep(self, key: Any, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Return an array made before, or make it; only so many are kept."""
        if key not in self._kept:
            while len(self._kept) >= KEPT:
                self._kept.pop(next(iter(self._kept)), None)
            self._kept[key] = make()
        return self._kept[key]

    def select(self, *, show: str = "all", query: str = "", reviewer: str = "") -> list[Item]:
        """Return the items a list shows. open: for this reviewer. query: in text or id."""
        found = self.find(View(show=show, query=query), reviewer)
        return [self.items[place] for place in found]

    def around(
        self, id_: str, view: View, reviewer: str, likeness: Any = None
    ) -> tuple[Item | None, Item | None]:
        """Return the items before and after one in a view, be it still in it or not."""
        found = self.find(view, reviewer, likeness)
        order = self.order(view, likeness)
        place_in_order = np.empty(len(order), np.int64)
        place_in_order[order] = np.arange(len(order))
        here = place_in_order[self.places[id_]]
        along = place_in_order[found]
        before, after = found[along < here], found[along > here]
        return (
            self.items[before[-1]] if len(before) else None,
            self.items[after[0]] if len(after) else None,
        )

    def next_open(
        self, id_: str, *, view: View | None = None, query: str = "", reviewer: str
    ) -> Item | None:
        """Return the next item after `id_` that `reviewer` has not decided, going round once."""
        view = replace(view or View(query=query), show="open")
        _, after = self.around(id_, view, reviewer)
        if after is not None:
            return after
        return next(
            (self.items[p] for p in self.find(view, reviewer) if self.items[p].id != id_), None
        )

    # --- what was decided ----------------------------------------------------------------------

    def last(self, reviewer: str) -> Decision | None:
        """Return what `reviewer` decided last about one of the items, if it stands."""
        id_ = self.journal.standing.last_id(reviewer, among=self.places)
        return None if id_ is None else self.journal.standing.of(id_)[reviewer]

    def undo(self, reviewer: str) -> list[str]:
        """Take back the last decision of `reviewer` about an item, or its lot; return the ids."""
        return self.journal.undo(reviewer, among=self.places)

    def progress(self, reviewer: str) -> dict[str, int]:
        """Return how many items there are, how many `reviewer` and anybody decided."""
        state, total = self.follow(), len(self.items)
        mine = state.mine(reviewer)
        if self.shares:
            total = int((self._share_of(reviewer) | mine).sum())
        return {
            "total": total,
            "mine": int(mine.sum()),
            "left": total - int(mine.sum()),
            "anybody": int(state.anybody.sum()),
            "settled": int(state.settled.sum()),
            "disagree": int(state.disputed.sum()),
        }

    def listed(self, reviewer: str | None = None) -> Listed:
        """Return the issues with what `reviewer` says of them, or the majority."""
        state = self.follow()
        issues = np.flatnonzero(self.columns.rank <= len(self.items))
        issues = issues[np.argsort(self.columns.rank[issues], kind="stable")]
        wrong = state.wrong if reviewer is None else state.my_wrong(reviewer)
        decided = state.anybody if reviewer is None else state.mine(reviewer)
        return Listed(self.columns.confidence[issues], wrong[issues], ~decided[issues])

    def known_wrong(self) -> dict[str, bool]:
        """Return id -> whether its label is wrong, of every item that has a majority."""
        state = self.follow()
        known = np.flatnonzero(state.wrong >= 0)
        return {self.items[place].id: bool(state.wrong[place]) for place in known}
