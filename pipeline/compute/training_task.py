"""One training of the cross-validation: what a worker process gets and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import artifacts
from pipeline.artifacts import Arrays
from pipeline.errors import DataError
from pipeline.schema import Model

OnEpoch = Callable[[int, float], None]


@dataclass(frozen=True, eq=False)
class Task:
    """Fit on the rows of a scope that are not held out; predict the held-out ones.

    tokens: file of (n, positions) token ids. predict: file whose rows are predicted instead of
    the held-out rows. labels: (n,). held_out: positions left out of the fit.
    path: numbers that, with seed, determine every random draw.
    """

    scope: str
    fold: int
    tokens: Path
    predict: Path | None
    vocabulary: Path
    labels: np.ndarray = field(repr=False)
    held_out: np.ndarray = field(repr=False)
    model: Model
    seed: int
    path: tuple[int, ...]

    @property
    def name(self) -> str:
        return "baseline" if self.scope == "test" else f"{self.scope} fold {self.fold + 1}"

    @property
    def epochs(self) -> int:
        return self.model.epochs

    @property
    def cost(self) -> int:
        """Examples times epochs."""
        return (len(self.labels) - len(self.held_out)) * self.epochs


def train(task: Task, on_epoch: OnEpoch) -> Arrays:
    """Return held_out, pred_probs, training curves and, for the baseline, the weights.

    Raises:
        DataError: the loss became NaN.
    """
    from pipeline.models.classifier import derive_seed, make_classifier
    from pipeline.models.network import LossIsNaN

    tokens = artifacts.load_array(task.tokens, mapped=True)
    size = len(artifacts.load_json(task.vocabulary))
    seed = derive_seed(task.seed, *task.path)
    classifier = make_classifier(
        task.model, vocabulary_size=size, seed=seed, callbacks=[epoch_callback(on_epoch)]
    )
    kept = np.delete(np.arange(len(task.labels)), task.held_out)
    try:
        classifier.fit(tokens[kept], task.labels[kept])
    except LossIsNaN as error:
        raise DataError(
            f"{task.name}: {error}; lower model.learning_rate ({task.model.learning_rate})"
        ) from None
    if task.predict is None:
        held_out, unseen = task.held_out, tokens[task.held_out]
    else:
        unseen = artifacts.load_array(task.predict, mapped=True)[:]
        held_out = np.arange(len(unseen))
    history = classifier.history_
    result = {
        "held_out": held_out.astype(np.int64),
        "pred_probs": classifier.predict_proba(unseen).astype(np.float32),
        "loss": np.array(history["loss"], np.float64),
        "train_accuracy": np.array(history.get("accuracy", []), np.float64),
    }
    if task.scope == "test":
        weights = classifier.model_.get_weights()
        result |= {f"weight_{i}": weight for i, weight in enumerate(weights)}
    return result


def epoch_callback(on_epoch: OnEpoch) -> Any:
    """Return a Keras callback that reports (epoch from 1, loss)."""
    import keras

    return keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: on_epoch(epoch + 1, logs["loss"])
    )
