"""What corrections did: before and after, on the labels as given and as corrected."""

from pathlib import Path
from typing import Any

import numpy as np

from pipeline import artifacts
from pipeline.artifacts import Arrays, Run
from pipeline.review.corrections import load_changes, load_source
from pipeline.review.decision import consensus
from pipeline.review.journal import Journal

KEPT = ("test_accuracy", "test_log_loss", "issues")


def keep_metrics_before(run: Run, source_fingerprint: str) -> None:
    """Keep the metrics of the run without corrections, before the corrected run replaces them."""
    if not run.metrics.is_file():
        return
    metrics = artifacts.load_json(run.metrics)
    if metrics["dataset"]["fingerprint"] == source_fingerprint:
        artifacts.save_json(run.metrics_before, metrics)


def measure_corrections(
    run: Run, dataset: dict[str, Any], test_pred_probs: Arrays, *, issues_left: int
) -> dict[str, Any]:
    """Return metrics.json's "corrections": what changed, what is left, accuracy on both labels.

    Examples that were left out are in neither accuracy. before: the same figures of the run
    without corrections, where this results folder had one, else None.
    """
    corrected = dataset["corrections"]
    labels = artifacts.load_labels(run)
    rows = labels.rows("test")
    given = given_labels(run, dataset)[rows]
    before = artifacts.load_json(run.metrics_before) if run.metrics_before.is_file() else None
    is_same_data = before and before["dataset"]["fingerprint"] == corrected["source_fingerprint"]
    return {
        "relabelled": corrected["relabelled"],
        "dropped": corrected["dropped"],
        "issues_left": issues_left,
        "test_accuracy_corrected_labels": _accuracies(test_pred_probs, labels.given[rows]),
        "test_accuracy_given_labels": _accuracies(test_pred_probs, given),
        "before": {key: before[key] for key in KEPT} if before and is_same_data else None,
    }


def given_labels(run: Run, dataset: dict[str, Any]) -> np.ndarray:
    """Return the (n,) labels of examples.parquet as they were before any correction."""
    table = artifacts.load_table(run.examples, ["id", "label"])
    labels: np.ndarray = table.column("label").to_numpy().copy()
    row_of = {id_: row for row, id_ in enumerate(table.column("id").to_pylist())}
    for id_, line in load_changes(run, dataset).items():
        if id_ in row_of:
            labels[row_of[id_]] = line["given_label"]
    return labels


def corrected_labels(run: Run, journal: Path) -> np.ndarray:
    """Return the (n,) labels of examples.parquet after a journal; -1 where it leaves one out.

    Raises:
        DataError: the journal is not of this dataset.
    """
    dataset = artifacts.load_json(run.dataset)
    examples = artifacts.load_table(run.examples).to_pylist()
    source = load_source(dataset, examples, load_changes(run, dataset))
    standing = Journal(journal, source).standing
    labels = given_labels(run, dataset)
    for row, example in enumerate(examples):
        outcome = consensus(standing.of(example["id"]).values())
        if outcome is not None:
            labels[row] = -1 if outcome[1] is None else source.class_names.index(outcome[1])
    return labels


def _accuracies(pred_probs: Arrays, labels: np.ndarray) -> dict[str, float]:
    return {
        model: float((probs.argmax(axis=1) == labels).mean()) for model, probs in pred_probs.items()
    }
