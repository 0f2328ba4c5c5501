"""One training of the cross-validation: what a worker process gets and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import artifacts
from pipeline.artifacts import Arrays
from pipeline.errors import DataError
from pipeline.models.registry import (
    arrays_of,
    count_epochs,
    derive_seed,
    load_inputs,
    make_classifier,
    network_of,
)
from pipeline.schema import Model

OnEpoch = Callable[[int, float], None]


@dataclass(frozen=True, eq=False)
class Task:
    """Fit on the rows of a scope that are not held out; predict the held-out ones.

    tokens: file of the vectorize stage with n rows. predict: file whose rows are predicted
    instead of the held-out rows. vocabulary: None where there is none. labels: (n,).
    held_out: positions left out of the fit.
    path: numbers that, with seed, determine every random draw.
    """

    scope: str
    fold: int
    tokens: Path
    predict: Path | None
    vocabulary: Path | None
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
        return count_epochs(self.model)

    @property
    def cost(self) -> int:
        """Examples times epochs."""
        return (len(self.labels) - len(self.held_out)) * self.epochs


def train(task: Task, on_epoch: OnEpoch) -> Arrays:
    """Return held_out, pred_probs and training curves; for the baseline what it learned, too.

    The baseline of a Keras model also gives train_vectors and test_vectors: see
    pipeline.models.vectors.

    Raises:
        DataError: the loss became NaN, or the solver did not converge.
    """
    inputs = load_inputs(task.tokens)
    classifier = make_classifier(
        task.model,
        vocabulary_size=vocabulary_size(task.vocabulary, task.tokens),
        seed=derive_seed(task.seed, *task.path),
        callbacks=epoch_callbacks(task.model, on_epoch),
    )
    kept = np.delete(np.arange(len(task.labels)), task.held_out)
    try:
        classifier.fit(inputs[kept], task.labels[kept])
    except ArithmeticError as error:
        raise DataError(f"{task.name}: {error}; {remedy(task.model)}") from None
    if task.predict is None:
        held_out, unseen = task.held_out, inputs[task.held_out]
    else:
        unseen = load_inputs(task.predict)[:]
        held_out = np.arange(unseen.shape[0])
    history = getattr(classifier, "history_", {})
    result = {
        "held_out": held_out.astype(np.int64),
        "pred_probs": classifier.predict_proba(unseen).astype(np.float32),
        "loss": np.array(history.get("loss", []), np.float64),
        "train_accuracy": np.array(history.get("accuracy", []), np.float64),
    }
    if task.scope == "test":
        result |= arrays_of(classifier)
        result |= vectors_of(classifier, train=inputs, test=unseen)
    return result


def vectors_of(classifier: Any, *, train: np.ndarray, test: np.ndarray) -> Arrays:
    """Return the document vectors of a network, nothing for other classifiers."""
    network = network_of(classifier)
    if network is None:
        return {}
    from pipeline.models.vectors import document_vectors

    vectors = {
        "train_vectors": document_vectors(network, train),
        "test_vectors": document_vectors(network, test),
    }
    return {name: array for name, array in vectors.items() if array is not None}


def vocabulary_size(vocabulary: Path | None, inputs: Path) -> int:
    """Return the number of token ids, 0 where the inputs are no token ids."""
    is_tokens = vocabulary is not None and inputs.suffix == ".npy"
    return len(artifacts.load_json(vocabulary)) if vocabulary and is_tokens else 0


def remedy(model: Model) -> str:
    """Return what helps a training that failed."""
    for key, change in (("learning_rate", "lower"), ("max_iter", "raise")):
        if (value := getattr(model, key, None)) is not None:
            return f"{change} model.{key} ({value})"
    return "lower its learning rate"


def epoch_callbacks(model: Model, on_epoch: OnEpoch) -> list[Any] | None:
    """Return Keras callbacks that report (epoch from 1, loss) and stop on NaN.

    None for a model that knows no epochs, so that Keras is not imported for it.
    """
    if count_epochs(model) == 1 and not hasattr(model, "epochs"):
        return None
    import keras

    def report(epoch: int, logs: dict[str, float]) -> None:
        if not np.isfinite(logs["loss"]):
            raise FloatingPointError(f"the loss became {logs['loss']} in epoch {epoch + 1}")
        on_epoch(epoch + 1, logs["loss"])

    return [keras.callbacks.LambdaCallback(on_epoch_end=report)]
