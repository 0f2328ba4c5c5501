"""One temperature for a model that is used, fitted on texts that a model like it did not see."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.frame.artifacts import Arrays
from pipeline.models.calibration import LEAST, fit_temperature
from pipeline.models.learned import network_of
from pipeline.models.training import Training

ENOUGH = 2000  # held-out texts: one number is known from them to a few hundredths


def held_out_trainings(
    training: Training, plan: Sequence[np.ndarray]
) -> list[tuple[Training, np.ndarray]]:
    """Return (training, positions) like `training`, but without a fold, which it predicts.

    As many folds as hold ENOUGH texts, or all. A fold that would leave a class without an example
    is passed over, so that there may be none.

    Args:
        plan: the positions of each fold.
    """
    found: list[tuple[Training, np.ndarray]] = []
    classes = set(training.labels.tolist())
    for number, fold in enumerate(plan):
        if sum(len(positions) for _, positions in found) >= ENOUGH:
            break
        without = dataclasses.replace(
            training,
            predict=None,
            held_out=np.union1d(training.held_out, fold).astype(np.int64),
            name=f"{training.name} without fold {number + 1}",
            keep_weights=False,
        )
        if set(without.labels[without.kept].tolist()) == classes:
            found.append((without, fold))
    return found


def temperature_of(
    results: Sequence[tuple[Arrays, np.ndarray]], labels: np.ndarray
) -> float | None:
    """Return the temperature that fits the given labels of all folds; None without any.

    Args:
        results: (what the training gave, the positions of its fold). labels: (n,).
    """
    if not results:
        return None
    rows, probs = [], []
    for arrays, fold in results:
        place = np.isin(arrays["held_out"], fold)
        rows.append(arrays["held_out"][place])
        probs.append(arrays["pred_probs"][place])
    log_probs = np.log(np.maximum(np.concatenate(probs).astype(np.float64), LEAST))
    return fit_temperature(log_probs, labels[np.concatenate(rows)])


def tempered(learned: Arrays, classifier: Any, temperature: float) -> Arrays | None:
    """Return what a classifier learned, its last layer divided by the temperature.

    So the model itself gives softmax(logits / temperature), and what reads it needs to know
    nothing of that. None for a model of another form.

    Args:
        learned: see pipeline.models.learned.arrays_of.
    """
    if "coef" in learned:
        return learned | {name: learned[name] / temperature for name in ("coef", "intercept")}
    network = network_of(classifier)
    if network is None or not ends_in_softmax(network):
        return None
    count = len(network.get_weights())
    last = [f"weight_{count - 2}", f"weight_{count - 1}"]
    return learned | {name: learned[name] / np.float32(temperature) for name in last}


def ends_in_softmax(network: Any) -> bool:
    """Return whether a Keras network ends in a dense layer with a bias and a softmax of it."""
    *_, before, last = network.layers
    if type(last).__name__ == "Softmax":
        return type(before).__name__ == "Dense" and before.use_bias and _is(before, "linear")
    return type(last).__name__ == "Dense" and last.use_bias and _is(last, "softmax")


def _is(layer: Any, activation: str) -> bool:
    return bool(getattr(layer.activation, "__name__", "") == activation)
