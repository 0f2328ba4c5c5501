"""What must hold of probabilities and of pruning, before either is believed."""

import numpy as np

from pipeline.frame.errors import ArtifactError, DataError


def check_pruning(
    labels: np.ndarray, pruned: np.ndarray, class_names: list[str], *, max_fraction: float
) -> None:
    """Stop before training when leaving `pruned` out would leave too little.

    Args:
        labels: (n,) given class indices. pruned: positions that would be left out.

    Raises:
        DataError: a class would be empty, or more than max_fraction of all would go.
    """
    left = np.bincount(np.delete(labels, pruned), minlength=len(class_names))
    if (left == 0).any():
        name = class_names[int(left.argmin())]
        raise DataError(
            f"class {name!r} would have 0 training examples left after pruning; look at "
            "issues_train.csv, or choose another find_issues.filter_by"
        )
    if len(pruned) > max_fraction * len(labels):
        raise DataError(
            f"{len(pruned) / len(labels):.0%} of the training labels are flagged, more than "
            f"cleanlearn.max_pruned_fraction ({max_fraction:.0%}); the labels or the model are "
            "not good enough to prune by"
        )


SUM_TOLERANCE = 1e-3


def check_pred_probs(
    pred_probs: np.ndarray, labels: np.ndarray, *, num_classes: int, name: str
) -> None:
    """Stop on probabilities cleanlab would accept without a word and get wrong.

    Args:
        pred_probs: (n, num_classes). labels: (n,) given class indices.

    Raises:
        ArtifactError: wrong shape, NaN, negative, a row that does not sum to one, columns that
            are clearly not in the order of the classes, or the same for every text.
    """
    if pred_probs.shape != (len(labels), num_classes):
        raise ArtifactError(
            f"{name}: has shape {pred_probs.shape}, not {(len(labels), num_classes)}"
        )
    if pred_probs.dtype.kind != "f":
        raise ArtifactError(f"{name}: holds {pred_probs.dtype}, not floating-point numbers")
    good = np.isfinite(pred_probs).all(axis=1) & (pred_probs >= 0).all(axis=1)
    good &= np.abs(pred_probs.sum(axis=1, dtype=np.float64) - 1) <= SUM_TOLERANCE
    if not good.all():
        position = int(np.argmin(good))
        raise ArtifactError(
            f"{name}: row {position} is not a probability distribution ({pred_probs[position]}); "
            "delete the folder crossval and run `make crossval`"
        )
    enough = len(labels) >= 50 * num_classes
    accuracy = float((pred_probs.argmax(axis=1) == labels).mean())
    if enough and accuracy < 0.4 / num_classes:
        raise ArtifactError(
            f"{name}: agrees with only {accuracy:.0%} of the labels, far below chance; its "
            "columns are in another order than the classes"
        )
    if enough and (pred_probs == pred_probs[0]).all():
        raise ArtifactError(
            f"{name}: is the same for every text; the model was not trained, or no text has a "
            "word that it knows"
        )
