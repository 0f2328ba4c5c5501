"""One training: what a worker process gets and what it gives back."""

import functools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from pipeline.frame import artifacts
from pipeline.frame.artifacts import Arrays
from pipeline.frame.errors import DataError
from pipeline.frame.run import SCOPES, Run
from pipeline.frame.scratch import scratch_in
from pipeline.models.checks import check_fitted
from pipeline.models.learned import arrays_of, network_of
from pipeline.models.seeds import derive_seed
from pipeline.models.table import (
    Model,
    Vectorize,
    count_epochs,
    inputs_of,
    load_inputs,
    make_classifier,
    row_of,
)

OnEpoch = Callable[[int, float], None]
ReportEpoch = Callable[[str, int, float], None]  # name of a training, epoch from 1, loss


SMALL = 1_000_000  # token ids and weights of a training that is one with others on a CPU
MOST = 5  # of them at once; more gain nothing
LEAST_SHARE = 0.01  # of a class in an example, below which it is not learned


class Shares(NamedTuple):
    """Targets as labels with weights. rows, labels, weights: (m,), rows ascending, with repeats."""

    rows: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


def share_out(targets: np.ndarray) -> Shares:
    """Return targets as weighted labels; those of an example sum to what its targets sum to.

    Small shares go to the others of the example. A class is never left without any example.

    Args:
        targets: (n, classes) shares.
    """
    chosen = targets >= np.minimum(LEAST_SHARE, targets.max(axis=1, keepdims=True))
    chosen[targets.argmax(axis=0), np.arange(targets.shape[1])] = True
    shares = np.where(chosen, targets, 0)
    shares *= targets.sum(axis=1, keepdims=True) / shares.sum(axis=1, keepdims=True)
    rows, labels = np.nonzero(chosen)
    return Shares(rows, labels, shares[rows, labels])


@dataclass(frozen=True, eq=False)
class Training:
    """Fit on the rows of a scope that are not held out; predict the held-out ones.

    inputs: file of the vectorize stage with n rows. predict: file whose rows are predicted
    instead of the held-out rows. vocabulary: None where there is none. labels: (n,).
    held_out: positions left out of the fit. weights: (n,) sample weights, None for equal ones.
    targets: (n, classes) the share of each class in an example; None: that of its label is 1.
    path: numbers that, with seed, determine every random draw.
    keep_weights: whether what was learned comes back, too.
    """

    scope: str
    fold: int
    inputs: Path
    predict: Path | None
    vocabulary: Path | None
    labels: np.ndarray = field(repr=False)
    held_out: np.ndarray = field(repr=False)
    model: Model
    seed: int
    path: tuple[int, ...]
    name: str
    weights: np.ndarray | None = field(default=None, repr=False)
    targets: np.ndarray | None = field(default=None, repr=False)
    keep_weights: bool = False

    @property
    def epochs(self) -> int:
        return count_epochs(self.model)

    def stack_shape(self, exact: bool) -> tuple[Hashable, ...] | None:
        """Trainings with the same value can be trained as one; None: only alone.

        Networks of one model and shape can, if they have the same number of batches an epoch.

        Args:
            exact: each shall get the bits it has alone, which those with as many rows do on a
                CPU. It pays there for few and short texts: starting a step takes longest.
        """
        if not row_of(self.model).fast(self.model):
            return None
        words = vocabulary_size(self.vocabulary, self.inputs)
        token_ids = self.rows * load_inputs(self.inputs).shape[1]
        if exact and max(token_ids, words * self.model.embedding_dim) > SMALL:
            return None
        classes = len(np.unique(self.labels[self.kept]))
        return (self.model, words, classes, self.updates, self.rows if exact else 0)

    @property
    def kept(self) -> np.ndarray:
        """Return the positions that are fitted on, ascending."""
        return np.delete(np.arange(len(self.labels)), self.held_out)

    @functools.cached_property
    def shares(self) -> Shares | None:
        """Return targets as weighted labels of the kept positions, where there are any."""
        return None if self.targets is None else share_out(self.targets[self.kept])

    @property
    def rows(self) -> int:
        """Return how many labelled examples are fitted on; of several shares each is one."""
        kept = len(self.labels) - len(self.held_out)
        return kept if self.shares is None else len(self.shares.rows)

    @property
    def updates(self) -> int:
        """Return the steps of the fit, 0 for a model that knows no batches."""
        size = getattr(self.model, "batch_size", 0)
        return self.epochs * -(-self.rows // size) if size else 0

    @property
    def cost(self) -> int:
        """Examples times epochs."""
        return self.rows * self.epochs


def plan_training(
    run: Run,
    vectorize: Vectorize,
    model: Model,
    *,
    scope: str,
    fold: int,
    labels: np.ndarray,
    held_out: np.ndarray,
    seed: int,
    name: str,
    **more: Any,
) -> Training:
    """Return a training of a scope; that of scope test is fitted on train and predicts test.

    Args:
        labels: (n,) of the rows it is fitted on. held_out: positions among them. more: see
            Training.
    """
    vocabulary = run.vocabulary("all" if scope == "all" else "train")
    return Training(
        scope=scope,
        fold=fold,
        inputs=inputs_of(run, "train" if scope == "test" else scope, vectorize),
        predict=inputs_of(run, "test", vectorize) if scope == "test" else None,
        vocabulary=vocabulary if vocabulary.exists() else None,
        labels=labels,
        held_out=held_out,
        model=model,
        seed=seed,
        path=(SCOPES.index(scope), fold),
        name=name,
        **more,
    )


class Stackable(Protocol):
    def stack_shape(self, exact: bool) -> Hashable | None: ...


T = TypeVar("T", bound=Stackable)


def grouped(tasks: Sequence[T], *, exact: bool, workers: int = 1) -> list[list[T]]:
    """Return the tasks in groups to be trained as one; exact ones no larger than a fair share.

    Args:
        exact: see Training.stack_shape. workers: who have a share.
    """
    groups: dict[Hashable, list[T]] = {}
    for place, task in enumerate(tasks):
        shape = task.stack_shape(exact)
        groups.setdefault(("alone", place) if shape is None else shape, []).append(task)
    most = min(MOST, -(-len(tasks) // workers)) if exact else max(1, len(tasks))
    return [group[i : i + most] for group in groups.values() for i in range(0, len(group), most)]


def train(trainings: Sequence[Training], report: ReportEpoch) -> list[Arrays]:
    """Return, for each training, held_out, pred_probs and training curves.

    Several are trained as one, each as it would be alone; half as many at a time where there is
    too little memory. For the baseline what it learned comes back, too; of a Keras model also
    train_vectors and test_vectors, see pipeline.models.vectors.

    Raises:
        DataError: the loss became NaN, or the solver did not converge.
    """
    with scratch_in(trainings[0].inputs.parent):
        return _train(trainings, report)


def _train(trainings: Sequence[Training], report: ReportEpoch) -> list[Arrays]:
    classifiers = [new_classifier(training, report) for training in trainings]
    try:
        if len(trainings) == 1:
            classifiers[0].fit(*training_set(trainings[0]))
        else:
            from pipeline.models.classifier import fit_classifiers

            fit_classifiers(classifiers, [training_set(training) for training in trainings])
    except ArithmeticError as error:
        failed = trainings[getattr(error, "place", 0)]
        raise DataError(f"{failed.name}: {error}; {remedy(failed.model)}") from None
    except MemoryError:
        if len(trainings) == 1:
            raise
        classifiers = []
    if not classifiers:  # not where the error is still alive, and with it what it holds
        half = len(trainings) // 2
        return _train(trainings[:half], report) + _train(trainings[half:], report)
    return [
        apply(training, fitted) for training, fitted in zip(trainings, classifiers, strict=True)
    ]


def new_classifier(training: Training, report: ReportEpoch) -> Any:
    """Return the unfitted classifier of a training."""
    return make_classifier(
        training.model,
        vocabulary_size=vocabulary_size(training.vocabulary, training.inputs),
        seed=derive_seed(training.seed, *training.path),
        callbacks=epoch_callbacks(training.model, functools.partial(report, training.name)),
    )


def training_set(training: Training) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """Return inputs, labels and weights of the rows that are not held out."""
    kept, shares = training.kept, training.shares
    labels = training.labels[kept]
    weights = None if training.weights is None else training.weights[kept]
    if shares is not None:
        kept, labels = kept[shares.rows], shares.labels.astype(labels.dtype)
        weights = shares.weights if weights is None else weights[shares.rows] * shares.weights
        if training.updates:  # a step averages over its batch
            weights = weights / weights.mean()
    return load_inputs(training.inputs)[kept], labels, weights


def apply(training: Training, classifier: Any) -> Arrays:
    """Return what a fitted classifier says of the rows it was not fitted on.

    Raises:
        DataError: see check_fitted.
    """
    check_fitted(classifier, training.labels, name=training.name)
    if training.predict is None:
        held_out, unseen = training.held_out, load_inputs(training.inputs)[training.held_out]
    else:
        unseen = load_inputs(training.predict)[:]
        held_out = np.arange(unseen.shape[0])
    history = getattr(classifier, "history_", {})
    result = {
        "held_out": held_out.astype(np.int64),
        "pred_probs": classifier.predict_proba(unseen).astype(np.float32),
        "loss": np.array(history.get("loss", []), np.float64),
        "train_accuracy": np.array(history.get("accuracy", []), np.float64),
    }
    if training.keep_weights:
        result |= arrays_of(classifier)
    if training.keep_weights and training.predict is not None:
        result |= vectors_of(classifier, train=load_inputs(training.inputs), test=unseen)
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
    """Return the number of token ids, 0 where the inputs are something else."""
    if vocabulary is None or not vocabulary.is_file() or inputs.suffix != ".npy":
        return 0
    return len(artifacts.load_json(vocabulary))


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

    callback = keras.callbacks.LambdaCallback(on_epoch_end=report)
    callback.looks_at_weights = False
    return [callback]
