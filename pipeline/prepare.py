"""Stage 1: read the dataset, check it, and write it down once for all later stages."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline import artifacts
from pipeline.artifacts import Run
from pipeline.data.examples import Examples
from pipeline.data.sources import read_examples
from pipeline.errors import DataError
from pipeline.review.corrections import Corrected, apply_journal
from pipeline.review.effect import keep_metrics_before
from pipeline.stage import Context, stage_main


def describe(examples: Examples) -> dict[str, Any]:
    """Return what dataset.json says: counts, copies, overlap of the splits, fingerprint."""
    first: dict[str, int] = {}
    labels_of: dict[str, set[int]] = {}
    splits_of: dict[str, set[str]] = {}
    for row, text in enumerate(examples.texts):
        first.setdefault(text, row)
        labels_of.setdefault(text, set()).add(int(examples.labels[row]))
        splits_of.setdefault(text, set()).add(examples.splits[row])
    counts = Counter(
        (split, examples.class_names[label])
        for split, label in zip(examples.splits, examples.labels, strict=True)
    )
    return {
        "name": examples.name,
        "class_names": examples.class_names,
        "num_examples": len(examples.texts),
        "num_classes": len(examples.class_names),
        "counts": {
            split: {name: counts[split, name] for name in examples.class_names}
            for split in ("train", "test")
        },
        "empty_texts": sum(not text.strip() for text in examples.texts),
        "extra_copies": len(examples.texts) - len(first),
        "texts_with_conflicting_labels": sum(len(labels) > 1 for labels in labels_of.values()),
        "texts_in_train_and_test": sum(len(splits) > 1 for splits in splits_of.values()),
        "fingerprint": fingerprint(examples),
    }


def fingerprint(examples: Examples) -> str:
    """Return "sha256:…" of all ids, splits, class names and texts, in order."""
    digest = hashlib.sha256()
    for id_, split, label, text in zip(
        examples.ids, examples.splits, examples.labels, examples.texts, strict=True
    ):
        for part in (id_, split, examples.class_names[label], text):
            data = part.encode()
            digest.update(len(data).to_bytes(8, "little"))
            digest.update(data)
    return f"sha256:{digest.hexdigest()}"


def check(examples: Examples) -> None:
    """Stop on a dataset no later stage can work with.

    Raises:
        DataError: one class only, or an empty split.
    """
    num_classes = len(examples.class_names)
    if num_classes < 2 or len(np.unique(examples.labels)) < 2:
        raise DataError(f"{examples.name}: has examples of one class only; 2 are needed")
    for split in ("train", "test"):
        if split not in examples.splits:
            raise DataError(f"{examples.name}: has no {split} examples")


def save_examples(run: Run, examples: Examples) -> None:
    """Write examples.parquet and, where the truth is known, truth.parquet."""
    rows = pa.array(range(len(examples.texts)), pa.int64())
    columns = [rows, examples.ids, examples.splits, examples.labels, examples.texts]
    table = pa.table(columns, names=artifacts.EXAMPLES_SCHEMA.names)
    artifacts.save_table(run.examples, table.cast(artifacts.EXAMPLES_SCHEMA))
    run.truth.unlink(missing_ok=True)
    if examples.truth is not None:
        truth = pa.table({"id": examples.ids, "true_label": pa.array(examples.truth, pa.int32())})
        artifacts.save_table(run.truth, truth)


def prepare(context: Context) -> None:
    """Read the dataset, correct it, and write examples.parquet and dataset.json."""
    examples = read_examples(context.config.dataset, seed=context.config.seed)
    context.run.corrections.unlink(missing_ok=True)
    corrections, corrected = context.config.corrections, None
    if corrections is not None:
        source_fingerprint = fingerprint(examples)
        corrected = apply_journal(examples, source_fingerprint, Path(corrections))
        keep_metrics_before(context.run, source_fingerprint)
        examples = corrected.examples
    check(examples)
    description = describe(examples)
    if corrected is not None:
        description["corrections"] = corrected.summary
        artifacts.save_table(context.run.corrections, corrected.table)
        say_corrections(context, corrected)
    save_examples(context.run, examples)
    artifacts.save_json(context.run.dataset, description)
    context.progress.say(
        f"{description['num_examples']:,} examples, {description['num_classes']} classes, "
        f"{description['extra_copies']} extra copies, "
        f"{description['texts_in_train_and_test']} texts in both train and test"
    )


def say_corrections(context: Context, corrected: Corrected) -> None:
    """Print what the journal changed, and what a person should know about it."""
    for note in corrected.notes:
        context.progress.say(note)
    what = corrected.reviewed
    context.notes["reviewed"] = what
    context.progress.say(
        f"{context.config.corrections}: {what['relabel']:,} labels changed, {what['drop']:,} "
        f"examples left out, {what['keep']:,} kept as given, {what['open']:,} still open"
    )


if __name__ == "__main__":
    stage_main("prepare", prepare)
