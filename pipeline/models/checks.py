"""What must hold before and after a training; a network says nothing when it does not."""

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data.rows import TokenRows
from pipeline.frame.errors import ArtifactError, DataError

ROWS = 65536


def check_token_ids(path: Path, vocabulary_size: int) -> None:
    """Stop on a token id outside the vocabulary: on a GPU its embedding would be zeros.

    Args:
        path: (n, positions) token ids of the vectorize stage.

    Raises:
        ArtifactError: naming the file and the id.
    """
    tokens = TokenRows(path)
    parts = (np.asarray(tokens[first : first + ROWS]) for first in range(0, len(tokens), ROWS))
    largest = max((int(part.max(initial=0)) for part in parts), default=0)
    if largest >= vocabulary_size:
        raise ArtifactError(
            f"{path}: token id {largest} is outside the vocabulary of {vocabulary_size}; "
            "delete the folder vectorize and run `make vectorize` again"
        )


def check_fitted(classifier: Any, labels: np.ndarray, *, name: str) -> None:
    """Stop unless a classifier was trained, and on every class that occurs in `labels`.

    Raises:
        DataError: no epoch was trained, or a class has no example left. Columns of its
            probabilities would be missing, and those after them stand for other classes.
    """
    history = getattr(classifier, "history_", None)
    if history is not None and not history.get("loss"):
        raise DataError(f"{name}: no epoch was trained; raise model.epochs")
    known, occurring = classifier.classes_.tolist(), np.unique(labels).tolist()
    if known != occurring:
        raise DataError(
            f"{name}: was trained on the classes {known} only, of {occurring}; a class has no "
            "example left to train on"
        )
