"""The queue of a run, put together from its finished files and its journal."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.load import Loaded
from pipeline.corrections.apply import load_changes, load_source
from pipeline.corrections.audit_sample import Audit, audit_path, draw_audit, load_audit
from pipeline.corrections.decision import Source
from pipeline.corrections.journal import Journal
from pipeline.corrections.queue import Item, Queue, Shares
from pipeline.frame import artifacts
from pipeline.frame.errors import ArtifactError, ConfigError, DataError
from pipeline.frame.finished import check_finished
from pipeline.frame.run import SCOPES, Run

FOLDER = Path("corrections")
BETWEEN = 4  # issues between two labels of the audit


def journal_path(loaded: Loaded) -> Path:
    """Return where decisions about this run are written."""
    return journal_of(loaded.config, loaded.run)


def journal_of(config: Any, name: str) -> Path:
    """Return the journal of a run of this config and name."""
    return Path(config.corrections or FOLDER / f"{name}.jsonl")


def load_queue(
    loaded: Loaded,
    run: Run,
    scope: str = "all",
    *,
    audit: int = 0,
    shares: Shares | None = None,
    blind: float = 0.0,
) -> Queue:
    """Return the issues that `find_issues` found in a scope, and the decisions about them.

    audit: how many labels of the scope to draw by chance; those drawn before stay. blind: share of
    the items that are decided without the model's opinion.

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
        return make_item(in_scope[position], names, source, rank, position, pred_probs[position])

    items = [item_of(issue["id"], rank) for rank, issue in enumerate(issues, start=1)]
    listed = {item.id for item in items}
    drawn, notes = _audit(
        audit_path(journal.path, scope), audit, in_scope, pred_probs, listed, source,
        scope=scope, seed=loaded.config.seed,
    )  # fmt: skip
    notes += unfit(run)
    if drawn:
        others = [i for i in drawn.ids if i not in listed and i in position_of]
        items = interleaved(items, [item_of(id_, None) for id_ in mixed_up(others, drawn.seed)])
        listed |= set(others)
    decided = [id_ for id_ in journal.standing.stacks if id_ not in listed]
    for id_ in [*decided, *(i for i in changed if i not in listed and i not in decided)]:
        if id_ in position_of:
            items.append(item_of(id_, None))
        elif id_ in changed and scope in ("all", changed[id_]["split"]):
            items.append(_dropped_item(changed[id_], names))
    return Queue(
        loaded.run, run.folder, dataset["name"], scope, with_metadata(run, items), journal,
        audit=drawn, shares=shares, blind=blind, notes=notes, since=since,
    )  # fmt: skip


def with_metadata(run: Run, items: list[Item]) -> list[Item]:
    """Return the items with the columns that the config names for people."""
    if not run.metadata.exists():
        return items
    lines = artifacts.load_table(run.metadata).to_pylist()
    about = {line["id"]: line["metadata"] for line in lines}
    return [replace(item, metadata=about[item.id]) for item in items]


def unfit(run: Run) -> list[str]:
    """Return why the finder is not fit to judge these labels, and what to do."""
    fitness = artifacts.load_json(run.health).get("fitness", {}) if run.health.exists() else {}
    return [
        f"this model is not fit to judge these labels: {reason['why']}; {reason['remedy']}"
        for reason in fitness.get("reasons", [])
    ]


def interleaved(issues: list[Item], others: list[Item]) -> list[Item]:
    """Return the issues in their order, with one of the others after every BETWEEN of them."""
    found, waiting = [], iter(others)
    for number, issue in enumerate(issues, start=1):
        found.append(issue)
        if number % BETWEEN == 0 and (other := next(waiting, None)):
            found.append(other)
    return [*found, *waiting]


def mixed_up(ids: list[str], seed: int) -> list[str]:
    """Return ids in an order that says nothing of their strata."""
    order = np.random.default_rng(seed).permutation(len(ids))
    return [ids[place] for place in order]


def _audit(
    path: Path,
    total: int,
    in_scope: list[dict[str, Any]],
    pred_probs: np.ndarray,
    listed: set[str],
    source: Source,
    *,
    scope: str,
    seed: int,
) -> tuple[Audit | None, list[str]]:
    """Return the audit that is there or is asked for, and what a person should know of it."""
    names = {name: i for i, name in enumerate(source.class_names)}
    ids = [example["id"] for example in in_scope]
    given = np.array([names[source.given[id_]] for id_ in ids])
    try:
        if not total:
            return load_audit(path, source.fingerprint), []
        drawn, note = draw_audit(
            path,
            total,
            ids,
            np.array([example["split"] == "train" for example in in_scope]),
            pred_probs[np.arange(len(ids)), given].astype(np.float64),
            np.array([id_ in listed for id_ in ids]),
            dataset=source.fingerprint,
            scope=scope,
            seed=seed,
        )
    except DataError as error:
        return None, [str(error)]
    return drawn, [note] if note else []


def make_item(
    example: dict[str, Any],
    names: list[str],
    source: Source,
    rank: int | None,
    position: int,
    probs: np.ndarray,
) -> Item:
    """Return an item of a line of examples.parquet; names: of the classes."""
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
