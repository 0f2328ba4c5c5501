"""One training of the cross-validation: what a worker process gets and what it gives back."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import artifacts
from pipeline.artifacts import Arrays
from pipeline.errors import DataError
from pipeline.models.checks import check_fitted
from pipeline.models.registry import (
    arrays_of,
    count_epochs,
    derive_seed,
    fit_together,
    load_inputs,
    make_classifier,
    network_of,
)
from pipeline.schema import FastTextModel, Model
from pipeline.scratch import scratch_in

OnEpoch = Callable[[int, float], None]
Told = Callable[[str, int, float], None]  # name of a task, epoch from 1, loss


@dataclass(frozen=True, eq=False)
class Task:
    """Fit on the rows of a scope that are not held out; predict the held-out ones.

    tokens: file of the vectorize stage with n rows. predict: file whose rows are predicted
    instead of the held-out rows. vocabulary: None where there is none. labels: (n,).
    held_out: positions left out of the fit. weights: (n,) sample weights, None for equal ones.
    path: numbers that, with seed, determine every random draw.
    keeps_model: whether what was learned comes back, too.
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
    name: str
    weights: np.ndarray | None = field(default=None, repr=False)
    keeps_model: bool = False

    @property
    def epochs(self) -> int:
        return count_epochs(self.model)

    @property
    def together(self) -> tuple[int, ...] | None:
        """Tasks with the same value can be trained as one; None: only alone.

        Networks of one shape can, if they have the same number of batches an epoch.
        """
        if not isinstance(self.model, FastTextModel) or self.model.optimizer != "adam":
            return None
        kept = len(self.labels) - len(self.held_out)
        return (
            vocabulary_size(self.vocabulary, self.tokens),
            len(np.unique(self.labels)),
            -(-kept // self.model.batch_size),
        )

    @property
    def cost(self) -> int:
        """Examples times epochs."""
        return (len(self.labels) - len(self.held_out)) * self.epochs


def train(tasks: Sequence[Task], told: Told) -> list[Arrays]:
    """Return, for each task, held_out, pred_probs and training curves.

    Several tasks are trained as one, each as it would be alone. For the baseline what it learned
    comes back, too; of a Keras model also train_vectors and test_vectors, see
    pipeline.models.vectors.

    Raises:
        DataError: the loss became NaN, or the solver did not converge.
    """
    with scratch_in(tasks[0].tokens.parent):
        return _train(tasks, told)


def _train(tasks: Sequence[Task], told: Told) -> list[Arrays]:
    classifiers = [new_classifier(task, told) for task in tasks]
    try:
        if len(tasks) == 1:
            classifiers[0].fit(*training_set(tasks[0]))
        else:
            fit_together(classifiers, [training_set(task) for task in tasks])
    except ArithmeticError as error:
        names = ", ".join(task.name for task in tasks)
        raise DataError(f"{names}: {error}; {remedy(tasks[0].model)}") from None
    return [apply(task, fitted) for task, fitted in zip(tasks, classifiers, strict=True)]


def new_classifier(task: Task, told: Told) -> Any:
    """Return the unfitted classifier of a task."""
    return make_classifier(
        task.model,
        vocabulary_size=vocabulary_size(task.vocabulary, task.tokens),
        seed=derive_seed(task.seed, *task.path),
        callbacks=epoch_callbacks(task.model, functools.partial(told, task.name)),
    )


def training_set(task: Task) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """Return inputs, labels and weights of the rows that are not held out."""
    kept = np.delete(np.arange(len(task.labels)), task.held_out)
    weights = None if task.weights is None else task.weights[kept]
    return load_inputs(task.tokens)[kept], task.labels[kept], weights


def apply(task: Task, classifier: Any) -> Arrays:
    """Return what a fitted classifier says of the rows it was not fitted on.

    Raises:
        DataError: see check_fitted.
    """
    check_fitted(classifier, task.labels, name=task.name)
    if task.predict is None:
        held_out, unseen = task.held_out, load_inputs(task.tokens)[task.held_out]
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
    if task.keeps_model:
        result |= arrays_of(classifier)
    if task.keeps_model and task.predict is not None:
        result |= vectors_of(classifier, train=load_inputs(task.tokens), test=unseen)
    return result


def vectors_of(classifier: Any, *, train: Any, test: Any) -> Arrays:
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
