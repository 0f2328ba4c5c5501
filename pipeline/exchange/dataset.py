"""The dataset with its reviewed labels as plain files: the same lines as CSV and as JSON lines."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.corrections.queue import Queue
from pipeline.corrections.votes import consensus
from pipeline.exchange.formats import Format
from pipeline.frame import artifacts
from pipeline.frame.files import atomic_write
from pipeline.frame.run import Run

COLUMNS = ("id", "split", "text", "given_label", "label", "decision")


def export(queue: Queue, folder: Path) -> list[Path]:
    """Write dataset.csv and dataset.jsonl.

    The CSV holds every text as it is, so that programs read what was there; for spreadsheets
    there is the format `csv`.
    """
    tables, lines = folder / "dataset.csv", folder / "dataset.jsonl"
    with atomic_write(tables) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.DictWriter(text, COLUMNS, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writeheader()
        writer.writerows(reviewed_examples(queue))
        text.flush()
        text.detach()
    with atomic_write(lines) as file:
        for example in reviewed_examples(queue):
            file.write(json.dumps(example, ensure_ascii=False).encode() + b"\n")
    return [tables, lines]


def reviewed_examples(queue: Queue) -> Iterator[dict[str, Any]]:
    """Yield the examples in their order, without those that the reviewers drop.

    given_label: in the source. label: after the decisions. decision: keep, relabel, or "" where
    nobody decided or no majority did.
    """
    for batch in artifacts.table_batches(Run(queue.folder).examples, ["id", "split", "text"]):
        for example in batch.to_pylist():
            given = queue.source.given[example["id"]]
            outcome = consensus(queue.journal.standing.of(example["id"]).values())
            decision, label = outcome or ("", given)
            if label is not None:
                more = {"given_label": given, "label": label, "decision": decision}
                yield example | more


FORMAT = Format("the corrected dataset as CSV and JSON lines", export, None, whole=True)
