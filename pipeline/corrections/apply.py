"""A journal applied to a dataset: labels changed, examples left out, and a record of both."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.corrections.decision import Source
from pipeline.corrections.journal import ANY_CONFIG, Journal
from pipeline.corrections.votes import consensus, disagree
from pipeline.data.examples import Examples, leave_out
from pipeline.frame import artifacts
from pipeline.frame.errors import DataError
from pipeline.frame.run import Run

CORRECTIONS_SCHEMA = pa.schema(
    [
        ("source_row", pa.int64()),
        ("id", pa.string()),
        ("split", pa.string()),
        ("given_label", pa.int32()),
        ("label", pa.int32()),  # null: left out
        ("text", pa.string()),
    ]
)


@dataclass(frozen=True)
class Corrected:
    """A dataset after its corrections.

    table: one line for each label changed or example left out (CORRECTIONS_SCHEMA).
    summary: what dataset.json says about it. notes: what a person should know.
    reviewed: how many reviewed examples are kept, relabelled, dropped or still open, and on
    how many the reviewers disagree (not in dataset.json: one more "keep" changes no data).
    """

    examples: Examples
    table: pa.Table
    summary: dict[str, Any]
    reviewed: dict[str, int]
    notes: list[str]


def source_of(examples: Examples, fingerprint: str) -> Source:
    """Return the uncorrected dataset as decisions are checked against it."""
    names = [examples.class_names[label] for label in examples.labels]
    return Source(
        fingerprint=fingerprint,
        class_names=examples.class_names,
        given=dict(zip(examples.ids, names, strict=True)),
        texts=dict(zip(examples.ids, examples.texts, strict=True)),
    )


def load_changes(run: Run, dataset: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return id -> line of corrections.parquet: what `prepare` changed already."""
    if "corrections" not in dataset:
        return {}
    return {line["id"]: line for line in artifacts.load_table(run.corrections).to_pylist()}


def load_source(
    dataset: dict[str, Any],
    examples: Sequence[dict[str, Any]],
    changed: dict[str, dict[str, Any]],
) -> Source:
    """Return the dataset as it was before `prepare` corrected it."""
    names = dataset["class_names"]
    given = {example["id"]: names[example["label"]] for example in examples}
    texts = {example["id"]: example["text"] for example in examples}
    for id_, line in changed.items():
        given[id_], texts[id_] = names[line["given_label"]], line["text"]
    fingerprint = dataset.get("corrections", {}).get("source_fingerprint", dataset["fingerprint"])
    return Source(fingerprint, names, given, texts)


def apply_journal(
    examples: Examples, fingerprint: str, path: Path, *, arguments: str = ANY_CONFIG
) -> Corrected:
    """Return the dataset with every decision of the journal applied that has a majority.

    An example that more than half of its reviewers relabel or drop is relabelled or left out;
    without a majority it stays as given. Other examples keep their ids. arguments: as Journal's.

    Raises:
        DataError: no such journal, or a line of it that does not belong to these examples.
    """
    if not path.is_file():
        raise DataError(f"{path}: is missing; corrections: names it, and `make review` writes it")
    journal = Journal(path, source_of(examples, fingerprint), arguments=arguments)
    rows = {id_: row for row, id_ in enumerate(examples.ids)}
    labels, changes, counts = examples.labels.copy(), {}, Counter[str]()
    for id_ in journal.standing.stacks:
        decisions = journal.standing.of(id_).values()
        outcome = consensus(decisions)
        counts["disagreements"] += disagree(decisions)
        counts[outcome[0] if outcome else "open"] += bool(decisions)
        if outcome and outcome[0] in ("relabel", "drop"):
            changes[rows[id_]] = outcome[1]
    for row, name in changes.items():
        if name is not None:
            labels[row] = examples.class_names.index(name)
    dropped = sorted(row for row, name in changes.items() if name is None)
    corrected = leave_out(replace(examples, labels=labels), dropped)
    return Corrected(
        examples=corrected,
        table=_table(examples, changes),
        summary={"journal": str(path), "source_fingerprint": fingerprint}
        | _summary(examples, changes),
        reviewed={key: counts[key] for key in ("keep", "relabel", "drop", "open", "disagreements")},
        notes=[*journal.notes, *_superseded_note(path, journal)],
    )


def _superseded_note(path: Path, journal: Journal) -> list[str]:
    if not journal.standing.superseded:
        return []
    return [
        f"{path}: {journal.standing.superseded} decision(s) were replaced by a later one of the "
        "same reviewer; the later one counts"
    ]


def _table(examples: Examples, changes: dict[int, str | None]) -> pa.Table:
    rows = sorted(changes)
    names = [changes[row] for row in rows]
    columns = [
        rows,
        [examples.ids[row] for row in rows],
        [examples.splits[row] for row in rows],
        examples.labels[rows].tolist(),
        [None if name is None else examples.class_names.index(name) for name in names],
        [examples.texts[row] for row in rows],
    ]
    arrays = [
        pa.array(column, field.type)
        for column, field in zip(columns, CORRECTIONS_SCHEMA, strict=True)
    ]
    return pa.table(arrays, schema=CORRECTIONS_SCHEMA)


def _summary(examples: Examples, changes: dict[int, str | None]) -> dict[str, Any]:
    moves = Counter(
        (examples.splits[row], examples.class_names[examples.labels[row]], name)
        for row, name in changes.items()
    )
    sizes = Counter(
        (split, examples.class_names[label])
        for split, label in zip(examples.splits, examples.labels, strict=True)
    )
    return {
        "relabelled": sum(name is not None for name in changes.values()),
        "dropped": sum(name is None for name in changes.values()),
        "changes": [
            {"split": split, "before": before, "after": after, "count": count}
            for (split, before, after), count in sorted(
                moves.items(), key=lambda item: tuple(map(str, item[0]))
            )
        ],
        "num_examples_before": len(examples.ids),
        "counts_before": {
            split: {name: sizes[split, name] for name in examples.class_names}
            for split in ("train", "test")
        },
    }
