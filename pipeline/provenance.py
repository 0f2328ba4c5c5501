"""Which dataset and which labels a file of arrays was made for: the file says so itself."""

import hashlib
from pathlib import Path

import numpy as np

from pipeline import artifacts
from pipeline.artifacts import Arrays, Labels, Run
from pipeline.errors import ArtifactError


def made_for(run: Run, labels: np.ndarray) -> Arrays:
    """Return what a file of arrays says of the data it was made for, two hashes.

    dataset: the fingerprint of all ids, splits, class names and texts. labels: (n,) class
    indices, in order.
    """
    digest = hashlib.sha256(labels.astype(np.int64).tobytes())
    return {
        "dataset": np.array(artifacts.load_json(run.dataset)["fingerprint"]),
        "labels": np.array(f"sha256:{digest.hexdigest()}"),
    }


def check_made_for(arrays: Arrays, expected: Arrays, path: Path, stage: str) -> None:
    """Stop unless the arrays in `path` were made for the dataset and labels of `expected`.

    Raises:
        ArtifactError: naming what differs and the stage to run again.
    """
    for name, hashed in expected.items():
        if name not in arrays or str(arrays[name]) != str(hashed):
            what = {"dataset": "another dataset", "labels": "other labels"}[name]
            raise ArtifactError(
                f"{path}: was made for {what}; delete it and run `make {stage}` again"
            )


def load_fold(
    run: Run, labels: Labels, scope: str, fold: int, *, without: tuple[str, ...] = ()
) -> Arrays:
    """Return the arrays of a fold, made for this dataset and these labels.

    Args:
        without: names of arrays that are not read.

    Raises:
        ArtifactError: it was made for others, or cannot be read.
    """
    path = run.fold(scope, fold)
    arrays = artifacts.load_arrays(path, without=without)
    check_made_for(arrays, made_for(run, labels.fitted(scope)), path, "crossval")
    return arrays


def load_test_pred_probs(run: Run, labels: Labels) -> Arrays:
    """Return {"baseline", "cleanlearning": (test texts, classes)}, made for these labels.

    Raises:
        ArtifactError: they were made for others, or cannot be read.
    """
    path = run.test_pred_probs
    expected = made_for(run, labels.given[labels.rows("test")])
    arrays = artifacts.load_arrays(path)
    check_made_for(arrays, expected, path, "cleanlearn")
    return {name: array for name, array in arrays.items() if name not in expected}
