"""What a reviewer goes through: the ranked issues, and whatever was decided before."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.load import Loaded
from pipeline.corrections.apply import load_changes, load_source
from pipeline.corrections.decision import Decision, Source
from pipeline.corrections.journal import Journal
from pipeline.corrections.votes import consensus, disagree
from pipeline.frame import artifacts
from pipeline.frame.errors import ArtifactError, ConfigError
from pipeline.frame.finished import check_finished
from pipeline.frame.run import SCOPES, Run

FOLDER = Path("corrections")
SHOWS = ("all", "open", "decided", "disagree")
KEYS = 9  # classes that have a key of their own


@dataclass(frozen=True)
class Item:
    """One example to review. rank: None for one that is no issue any more.

    given: the class in the source. label: the class now, after earlier corrections; None for an
    example that is left out. pred_probs: (classes,) out of sample, None without a prediction.
    position: its place in the scope's pred_probs, None for an example that is left out.
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


@dataclass
class Queue:
    """The items in the order of review, and the journal their decisions go to.

    scope: whose issues and predictions these are: all, train or test. since: what changed since
    the issues were found, "" for nothing.
    """

    run: str
    folder: Path
    dataset: str
    scope: str
    items: list[Item]
    journal: Journal
    since: str = ""

    def __post_init__(self) -> None:
        self.places = {item.id: place for place, item in enumerate(self.items)}
        self.class_index = {name: i for i, name in enumerate(self.source.class_names)}

    @property
    def source(self) -> Source:
        return self.journal.source

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

    def select(self, *, show: str = "all", query: str = "", reviewer: str = "") -> list[Item]:
        """Return the items a list shows. open, decided: by this reviewer. query: in text or id."""
        wanted = query.casefold()
        return [
            item
            for item in self.items
            if self._is_shown(item, show, reviewer)
            and (not wanted or wanted in item.text.casefold() or wanted in item.id.casefold())
        ]

    def _is_shown(self, item: Item, show: str, reviewer: str) -> bool:
        decisions = self.decisions(item)
        return {
            "all": True,
            "open": reviewer not in decisions,
            "decided": bool(decisions),
            "disagree": disagree(decisions.values()),
        }[show]

    def next_open(self, id_: str, *, query: str = "", reviewer: str) -> Item | None:
        """Return the next item after `id_` that `reviewer` has not decided, going round once."""
        found = self.select(show="open", query=query, reviewer=reviewer)
        later = [item for item in found if self.places[item.id] > self.places[id_]]
        candidates = [*later, *found]
        return next((item for item in candidates if item.id != id_), None)

    def last(self, reviewer: str) -> Decision | None:
        """Return what `reviewer` decided last about one of the items, if it stands."""
        id_ = self.journal.standing.last_id(reviewer, among=self.places)
        return None if id_ is None else self.journal.standing.of(id_)[reviewer]

    def undo(self, reviewer: str) -> list[str]:
        """Take back the last decision of `reviewer` about an item, or its lot; return the ids."""
        return self.journal.undo(reviewer, among=self.places)

    def progress(self, reviewer: str) -> dict[str, int]:
        """Return how many items there are, how many `reviewer` and anybody decided."""
        decided = [self.decisions(item) for item in self.items]
        mine = sum(reviewer in decisions for decisions in decided)
        return {
            "total": len(self.items),
            "mine": mine,
            "left": len(self.items) - mine,
            "anybody": sum(bool(decisions) for decisions in decided),
            "settled": sum(consensus(decisions.values()) is not None for decisions in decided),
            "disagree": sum(disagree(decisions.values()) for decisions in decided),
        }


def journal_path(loaded: Loaded) -> Path:
    """Return where decisions about this run are written."""
    return Path(loaded.config.corrections or FOLDER / f"{loaded.run}.jsonl")


def load_queue(loaded: Loaded, run: Run, scope: str = "all") -> Queue:
    """Return the issues that `find_issues` found in a scope, and the decisions about them.

    Raises:
        ConfigError: no such scope. ArtifactError: the stages have not been run, or not together.
        DataError: the journal is not of this dataset.
    """
    if scope not in SCOPES:
        raise ConfigError(f"--scope {scope!r}: must be one of {', '.join(SCOPES)}")
    since = check_finished(loaded.config, run, "find_issues", but=("corrections",))
    dataset = artifacts.load_json(run.dataset)
    issues = artifacts.load_issues(run.issues(scope))
    names = dataset["class_names"]
    examples = artifacts.load_table(run.examples).to_pylist()
    changed = load_changes(run, dataset)
    source = load_source(dataset, examples, changed)
    journal = Journal(journal_path(loaded), source, arguments=loaded.arguments)
    pred_probs = artifacts.load_array(run.pred_probs(scope))
    in_scope = [example for example in examples if scope in ("all", example["split"])]
    if len(pred_probs) != len(in_scope):
        raise ArtifactError(f"{run.pred_probs(scope)}: is of another dataset; run `make crossval`")
    position_of = {example["id"]: position for position, example in enumerate(in_scope)}

    def item_of(id_: str, rank: int | None) -> Item:
        position = position_of[id_]
        return _item(in_scope[position], names, source, rank, position, pred_probs[position])

    items = [item_of(issue["id"], rank) for rank, issue in enumerate(issues, start=1)]
    listed = {item.id for item in items}
    decided = [id_ for id_ in journal.standing.stacks if id_ not in listed]
    for id_ in [*decided, *(i for i in changed if i not in listed and i not in decided)]:
        if id_ in position_of:
            items.append(item_of(id_, None))
        elif id_ in changed and scope in ("all", changed[id_]["split"]):
            items.append(_dropped_item(changed[id_], names))
    return Queue(loaded.run, run.folder, dataset["name"], scope, items, journal, since)


def _item(
    example: dict[str, Any],
    names: list[str],
    source: Source,
    rank: int | None,
    position: int,
    probs: np.ndarray,
) -> Item:
    return Item(
        id=example["id"],
        split=example["split"],
        rank=rank,
        position=position,
        given=source.given[example["id"]],
        label=names[example["label"]],
        suggested=names[int(probs.argmax())],
        pred_probs=probs,
        text=example["text"],
    )


def _dropped_item(line: dict[str, Any], names: list[str]) -> Item:
    given = names[line["given_label"]]
    return Item(line["id"], line["split"], None, None, given, None, None, None, line["text"])
