"""What a reviewer goes through: the ranked issues, and whatever was decided before."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import artifacts
from pipeline.artifacts import Run
from pipeline.config import Loaded
from pipeline.errors import ArtifactError
from pipeline.review.corrections import load_changes, load_source
from pipeline.review.decision import Decision, Source, consensus, disagree
from pipeline.review.journal import Journal

FOLDER = Path("corrections")
SHOWS = ("all", "open", "decided", "disagree")


@dataclass(frozen=True)
class Item:
    """One example to review. rank: None for one that is no issue any more.

    given: the class in the source. label: the class now, after earlier corrections; None for an
    example that is left out. pred_probs: (classes,) out of sample, None without a prediction.
    row: its place in examples.parquet, None for an example that is left out.
    """

    id: str
    split: str
    rank: int | None
    row: int | None
    given: str
    label: str | None
    suggested: str | None
    pred_probs: np.ndarray | None
    text: str


@dataclass
class Queue:
    """The items in the order of review, and the journal their decisions go to."""

    run: str
    folder: Path
    dataset: str
    items: list[Item]
    journal: Journal

    def __post_init__(self) -> None:
        self.places = {item.id: place for place, item in enumerate(self.items)}

    @property
    def source(self) -> Source:
        return self.journal.source

    def decisions(self, item: Item) -> dict[str, Decision]:
        """Return reviewer -> standing decision about `item`."""
        return self.journal.standing.of(item.id)

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


def load_queue(loaded: Loaded, run: Run) -> Queue:
    """Return the issues of a finished `find_issues` and the decisions about them.

    Raises:
        ArtifactError: the stages have not been run. DataError: the journal is not of this dataset.
    """
    dataset = artifacts.load_json(run.dataset)
    issues = artifacts.load_issues(run.issues("all"))
    names = dataset["class_names"]
    examples = artifacts.load_table(run.examples).to_pylist()
    changed = load_changes(run, dataset)
    source = load_source(dataset, examples, changed)
    journal = Journal(journal_path(loaded), source)
    pred_probs = artifacts.load_array(run.pred_probs("all"))
    if len(pred_probs) != len(examples):
        raise ArtifactError(f"{run.pred_probs('all')}: is of another dataset; run `make crossval`")
    rows = [int(issue["row"]) for issue in issues]
    items = [
        _item(examples[row], names, source, rank=rank, pred_probs=pred_probs)
        for rank, row in enumerate(rows, start=1)
    ]
    listed = {item.id for item in items}
    row_of = {example["id"]: row for row, example in enumerate(examples)}
    decided = [id_ for id_ in journal.standing.stacks if id_ not in listed]
    for id_ in [*decided, *(i for i in changed if i not in listed and i not in decided)]:
        if id_ in row_of:
            example = examples[row_of[id_]]
            items.append(_item(example, names, source, rank=None, pred_probs=pred_probs))
        else:
            items.append(_dropped_item(changed[id_], names))
    return Queue(loaded.run, run.folder, dataset["name"], items, journal)


def _item(
    example: dict[str, Any],
    names: list[str],
    source: Source,
    *,
    rank: int | None,
    pred_probs: np.ndarray,
) -> Item:
    probs = pred_probs[example["row"]]
    return Item(
        id=example["id"],
        split=example["split"],
        rank=rank,
        row=example["row"],
        given=source.given[example["id"]],
        label=names[example["label"]],
        suggested=names[int(probs.argmax())],
        pred_probs=probs,
        text=example["text"],
    )


def _dropped_item(line: dict[str, Any], names: list[str]) -> Item:
    given = names[line["given_label"]]
    return Item(line["id"], line["split"], None, None, given, None, None, None, line["text"])
