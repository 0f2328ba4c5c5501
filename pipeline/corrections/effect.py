"""What corrections did, on the labels as given and as corrected."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.corrections.apply import load_changes
from pipeline.data.prepared import Labels, load_labels
from pipeline.frame import artifacts
from pipeline.frame.artifacts import Arrays
from pipeline.frame.run import Run
from pipeline.issues.answer_keys import Verified, load_verified


def measure_corrections(
    run: Run, dataset: dict[str, Any], test_pred_probs: Arrays, *, issues_left: int
) -> dict[str, Any]:
    """Return metrics.json's "corrections": what changed, what is left, accuracy on both labels.

    Examples that were left out are in neither accuracy.
    """
    corrected = dataset["corrections"]
    labels = load_labels(run)
    rows = labels.rows("test")
    given = given_labels(run, dataset)[rows]
    return {
        "relabelled": corrected["relabelled"],
        "dropped": corrected["dropped"],
        "issues_left": issues_left,
        "test_accuracy_corrected_labels": _accuracies(test_pred_probs, labels.given[rows]),
        "test_accuracy_given_labels": _accuracies(test_pred_probs, given),
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


def judged_labels(
    run: Run, dataset: dict[str, Any], labels: Labels, paths: Mapping[str, Path]
) -> dict[str, Verified]:
    """Return what people said, by answer key, of the labels as they are scored.

    They were shown the labels as given, and texts that corrections left out since.
    """
    before = given_labels(run, dataset)
    left_out = load_changes(run, dataset).keys()
    return {
        name: load_verified(path, run, labels, before=before, left_out=left_out)
        for name, path in paths.items()
    }


def _accuracies(pred_probs: Arrays, labels: np.ndarray) -> dict[str, float]:
    return {
        model: float((probs.argmax(axis=1) == labels).mean()) for model, probs in pred_probs.items()
    }
