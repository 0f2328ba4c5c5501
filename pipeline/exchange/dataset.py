"""The dataset with its reviewed labels as plain files: CSV, JSON lines, what they hold."""

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
from pipeline.frame.files import atomic_write, sha256_file
from pipeline.frame.run import Run

COLUMNS = {
    "id": "stable, also between runs",
    "split": "train or test",
    "text": "exactly as it was",
    "given_label": "the class before the review",
    "label": "the class after it",
    "decision": "keep, relabel, or nothing where nobody decided",
}
# Of Croissant, the format of MLCommons that describes datasets: only the words that are used.
CROISSANT = "http://mlcommons.org/croissant/"
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": CROISSANT,
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
} | {
    word: f"cr:{word}"
    for word in ("recordSet", "field", "source", "fileObject", "extract", "column")
}


def export(queue: Queue, folder: Path) -> list[Path]:
    """Write dataset.csv, dataset.jsonl, and croissant.json, which describes the first.

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
    card = folder / "croissant.json"
    with atomic_write(card) as file:
        file.write(json.dumps(croissant(queue, tables), indent=1, ensure_ascii=False).encode())
    return [tables, lines, card]


def croissant(queue: Queue, tables: Path) -> dict[str, Any]:
    """Return the description of dataset.csv in Croissant 1.0, as JSON-LD."""
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"examples/{name}",
            "name": name,
            "description": about,
            "dataType": "sc:Text",
            "source": {"fileObject": {"@id": tables.name}, "extract": {"column": name}},
        }
        for name, about in COLUMNS.items()
    ]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": f"{queue.dataset}, labels reviewed",
        "description": f"Texts in the classes {', '.join(queue.source.class_names)}.",
        "conformsTo": f"{CROISSANT}1.0",
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": tables.name,
                "name": tables.name,
                "contentUrl": tables.name,
                "encodingFormat": "text/csv",
                "sha256": sha256_file(tables).removeprefix("sha256:"),
            }
        ],
        "recordSet": [
            {"@type": "cr:RecordSet", "@id": "examples", "name": "examples", "field": fields}
        ],
    }


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
