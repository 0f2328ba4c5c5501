"""Stage 1: read the dataset, check it, and write it down once for all later stages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.config.command import stage_main
from pipeline.config.schema import Config
from pipeline.corrections.apply import Corrected, apply_journal
from pipeline.data.examples import (
    Examples,
    check_examples,
    count_blank,
    fingerprint,
    group_texts,
    varies,
)
from pipeline.data.sources import (
    code_of_source,
    files_of_source,
    read_examples,
    source_calls_tensorflow,
)
from pipeline.frame import artifacts
from pipeline.frame.messages import some
from pipeline.frame.run import Run
from pipeline.frame.scratch import Encoded, encoded
from pipeline.frame.stage import Context, Stage

MUCH_OVERLAP = 0.05  # share of test whose text is also in train, above which prepare warns


def describe(examples: Examples, groups: np.ndarray) -> dict[str, Any]:
    """Return what dataset.json says: counts, copies, overlap of the splits, fingerprint.

    Args:
        groups: (n,) numbers that are equal for equal texts.
    """
    is_train = np.array([split == "train" for split in examples.splits])
    num_groups, num_classes = len(np.unique(groups)), len(examples.class_names)
    in_both = varies(groups, is_train)
    sizes = {
        split: np.bincount(examples.labels[is_train == (split == "train")], minlength=num_classes)
        for split in ("train", "test")
    }
    return {
        "name": examples.name,
        "class_names": examples.class_names,
        "num_examples": len(examples.texts),
        "num_classes": num_classes,
        "counts": {
            split: dict(zip(examples.class_names, counts.tolist(), strict=True))
            for split, counts in sizes.items()
        },
        "empty_texts": count_blank(examples.texts),
        "extra_copies": len(groups) - num_groups,
        "texts_with_conflicting_labels": int(varies(groups, examples.labels).sum()),
        "texts_in_train_and_test": int(in_both.sum()),
        "test_fraction_in_train": round(float(in_both[groups[~is_train]].mean()), 4),
        "fingerprint": fingerprint(examples),
    }


def save_examples(run: Run, examples: Examples) -> None:
    """Write examples.parquet, a batch at a time, and where the truth is known truth.parquet."""
    with artifacts.table_writer(run.examples, artifacts.EXAMPLES_SCHEMA) as writer:
        for batch in example_batches(examples, size=artifacts.ROW_GROUP):
            writer.write_batch(batch)
    run.truth.unlink(missing_ok=True)
    if examples.truth is not None:
        truth = pa.table(
            {"id": [*examples.ids], "true_label": pa.array(examples.truth, pa.int32())}
        )
        artifacts.save_table(run.truth, truth)


def save_metadata(run: Run, examples: Examples) -> None:
    """Write metadata.parquet where the config names columns for people."""
    run.metadata.unlink(missing_ok=True)
    if examples.metadata:
        columns = [pa.array(values, pa.string()) for values in examples.metadata.values()]
        about = pa.StructArray.from_arrays(columns, names=[*examples.metadata])
        ids = pa.array(examples.ids, pa.string())
        artifacts.save_table(run.metadata, pa.table({"id": ids, "metadata": about}))


def example_batches(examples: Examples, *, size: int) -> Iterator[pa.RecordBatch]:
    """Yield the lines of examples.parquet, `size` at a time."""
    parts = zip(encoded(examples.ids, size), encoded(examples.texts, size), strict=True)
    for first, (ids, texts) in zip(range(0, len(examples.texts), size), parts, strict=True):
        rows = slice(first, min(first + size, len(examples.texts)))
        columns = [
            np.arange(rows.start, rows.stop),
            as_column(ids),
            examples.splits[rows],
            examples.labels[rows],
            as_column(texts),
        ]
        yield pa.record_batch(columns, schema=artifacts.EXAMPLES_SCHEMA)


def as_column(texts: Encoded) -> pa.Array:
    """Return texts as a column of Arrow's, without decoding them.

    Raises:
        pa.ArrowInvalid: they take more than 2 GiB.
    """
    buffers = [None, pa.py_buffer(texts.ends), pa.py_buffer(texts.data)]
    return pa.Array.from_buffers(pa.large_string(), len(texts.ends) - 1, buffers).cast(pa.string())


def prepare(context: Context) -> None:
    """Read the dataset, correct it, and write examples.parquet and dataset.json."""
    examples = read_examples(context.config.dataset, seed=context.config.seed)
    save_metadata(context.run, examples)  # of those that corrections leave out as well
    context.run.corrections.unlink(missing_ok=True)
    context.notes["not_read"] = examples.not_read
    corrections, corrected = context.config.corrections, None
    if corrections is not None:
        source_fingerprint = fingerprint(examples)
        corrected = apply_journal(
            examples,
            source_fingerprint,
            Path(corrections),
            arguments=context.loaded.arguments,
        )
        examples = corrected.examples
    check_examples(examples)
    groups = group_texts(examples.texts)
    description = describe(examples, groups)
    if corrected is not None:
        description["corrections"] = corrected.summary
        artifacts.save_table(context.run.corrections, corrected.table)
        say_corrections(context, corrected)
    save_examples(context.run, examples)
    artifacts.save_array(context.run.text_groups, groups)
    artifacts.save_json(context.run.dataset, description)
    say_what_was_read(context, description)
    for kind in ("records", "classes"):
        if lost := examples.not_read.get(kind):
            context.progress.say(f"not read: {kind} {some(lost)}")


def say_what_was_read(context: Context, description: dict[str, Any]) -> None:
    """Print one line about the dataset, and one more if the test set is not what it should be."""
    names = description["class_names"]
    shown = ", ".join(repr(name) for name in names[:4]) + (", …" if len(names) > 4 else "")
    context.progress.say(
        f"{description['num_examples']:,} examples, {len(names)} classes ({shown}), "
        f"{description['extra_copies']:,} extra copies, "
        f"{description['texts_in_train_and_test']:,} texts in both train and test"
    )
    seen = description["test_fraction_in_train"]
    if seen > MUCH_OVERLAP:
        context.progress.say(
            f"warning: {seen:.0%} of the test examples have a text that is also in train; what is "
            "measured on them says little about new texts"
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


def files(config: Config, run: Run) -> list[str]:
    """Return the files and folders that are read."""
    return [*files_of_source(config.dataset), *([config.corrections] if config.corrections else [])]


STAGE = Stage(
    does="the dataset read, checked, corrected and written down once",
    work=prepare,
    sections=("seed", "dataset", "corrections"),
    writes=(
        *("examples.parquet", "dataset.json", "text_groups.npy", "truth.parquet"),
        *("corrections.parquet", "metadata.parquet"),
    ),
    apart=("metadata.parquet",),
    files=files,
    code=lambda config: code_of_source(config.dataset),
    tensorflow=lambda config: source_calls_tensorflow(config.dataset),
)

if __name__ == "__main__":
    stage_main(STAGE)
