"""The model trained again without the label issues, and what is told of how it was trained."""

import functools
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.data.prepared import Labels, load_class_names, text_groups
from pipeline.frame import artifacts
from pipeline.frame.artifacts import Arrays
from pipeline.frame.errors import ArtifactError, DataError
from pipeline.frame.run import Run
from pipeline.issues.arms import ARMS, NOTHING, Suspicion, TrainingSet, class_weights
from pipeline.issues.ranking import find_issues_ranked
from pipeline.models.checks import check_fitted
from pipeline.models.folds import FoldPlans, load_fold
from pipeline.models.table import load_inputs, with_updates_of
from pipeline.models.temperature import held_out_trainings, temperature_of
from pipeline.models.training import (
    OnEpoch,
    Training,
    grouped,
    new_classifier,
    plan_training,
    remedy,
    train,
    training_set,
)


def train_pruned(
    run: Run,
    config: Any,
    given: np.ndarray,
    listed: np.ndarray,
    on_epoch: OnEpoch,
) -> tuple[Any, Training]:
    """Return what CleanLearning trained, and the training that this was.

    Args:
        given: (n,) labels of train. listed: positions of its issues, ascending.

    Raises:
        ArtifactError: CleanLearning left out others than are listed.
    """
    pred_probs = artifacts.load_array(run.pred_probs("train"))
    training = plan_pruned(run, config, given, listed, pred_probs)
    unfitted = new_classifier(training, lambda _, epoch, loss: on_epoch(epoch, loss))
    inputs = load_inputs(training.inputs)
    classifier, pruned = fit_cleanlearning(unfitted, inputs, given, pred_probs, config)
    if not np.array_equal(pruned, listed):
        raise ArtifactError(
            f"{run.issues('train')}: lists other rows than CleanLearning left out; "
            "run `make find_issues` again"
        )
    return classifier, training


def fit_cleanlearning(
    classifier: Any, inputs: Any, labels: np.ndarray, pred_probs: np.ndarray, config: Any
) -> tuple[Any, np.ndarray]:
    """Return the classifier CleanLearning trained, and the positions it left out.

    CleanLearning (cleanlab) finds the issues in `pred_probs`, drops them and weights the rest
    by the estimated noise of their class, up to cleanlearn.max_class_weight. Of more than
    find_issues.batch_size examples it is told the issues, as its own finder would hold copies of
    all probabilities; then it does not weight.
    """
    from cleanlab.classification import CleanLearning

    options = config.find_issues.filter_options()
    cleaner = CleanLearning(
        classifier, seed=config.seed, find_label_issues_kwargs=options | {"n_jobs": 1}
    )
    with warnings.catch_warnings():
        # "When X and pred_probs are both provided": that is what is meant here.
        warnings.simplefilter("ignore", UserWarning)
        try:
            if config.find_issues.is_batched(len(labels)):
                issues = find_issues_ranked(labels, pred_probs, config.find_issues)
                is_issue = np.zeros(len(labels), bool)
                is_issue[issues] = True
                cleaner.fit(inputs, labels, label_issues=is_issue)
            else:
                most = config.cleanlearn.max_class_weight
                capped = {}  # without a cap the weights are CleanLearning's own
                if most is not None:
                    capped = {"sample_weight": class_weights(labels, pred_probs, most=most)}
                cleaner.fit(inputs, labels, pred_probs=pred_probs.astype(np.float64), **capped)
        except ArithmeticError as error:
            raise DataError(f"CleanLearning: {error}; {remedy(config.model)}") from None
    check_fitted(cleaner.clf, labels, name="CleanLearning")
    pruned = np.flatnonzero(cleaner.get_label_issues()["is_label_issue"].to_numpy())
    return cleaner.clf, pruned


def choose_arm(
    config: Any, labels: np.ndarray, issues: np.ndarray, pred_probs: np.ndarray
) -> TrainingSet:
    """Return the training set of cleanlearn.arm.

    Args:
        labels: (n,) given in train. issues: positions of the label issues. pred_probs:
            (n, classes), out of sample.
    """
    most, none = config.cleanlearn.max_class_weight, np.random.default_rng(0)  # nothing is drawn
    given = Suspicion(labels, pred_probs, issues, none, human=None, most=most)
    chosen = ARMS[config.cleanlearn.arm].make(given)
    assert chosen is not None  # only that of people's labels is
    return chosen


def plan_arm(
    run: Run, config: Any, chosen: TrainingSet, *, seed: int, name: str, equal_steps: bool = True
) -> Training:
    """Return the training of an arm.

    Args:
        equal_steps: as many as one on everything takes; an arm with fewer examples would else
            have learned for a shorter time.
    """
    plan = functools.partial(
        plan_training,
        run,
        config.vectorize,
        scope="test",
        fold=0,
        labels=chosen.labels,
        held_out=chosen.left_out,
        seed=seed,
        name=name,
        weights=chosen.weights,
        targets=chosen.targets,
    )
    training = plan(config.model)
    if not equal_steps:
        return training
    return plan(with_updates_of(config.model, rows=training.rows, everything=len(chosen.labels)))


def fit_arm(training: Training, on_epoch: OnEpoch) -> Any:
    """Return the classifier of an arm.

    Raises:
        DataError: see pipeline.models.training.train.
    """
    classifier = new_classifier(training, lambda _, epoch, loss: on_epoch(epoch, loss))
    try:
        classifier.fit(*training_set(training))
    except ArithmeticError as error:
        raise DataError(f"{training.name}: {error}; {remedy(training.model)}") from None
    check_fitted(classifier, training.labels, name=training.name)
    return classifier


def plan_pruned(
    run: Run, config: Any, given: np.ndarray, pruned: np.ndarray, pred_probs: np.ndarray
) -> Training:
    """Return what CleanLearning's training is: without the issues, the rest weighted.

    Args:
        given: (n,) labels of train. pruned: positions left out. pred_probs: (n, classes).
    """
    weights, cleanlearn = None, config.cleanlearn
    if len(pruned) and not config.find_issues.is_batched(len(given)):
        weights = class_weights(given, pred_probs, most=cleanlearn.max_class_weight)
    return plan_arm(
        run,
        config,
        TrainingSet(pruned, given, weights),
        seed=config.seed,
        name="CleanLearning",
        equal_steps=cleanlearn.same_updates,
    )


def describe_training(
    run: Run, config: Any, labels: Labels, cleaned: Training, arm: str
) -> dict[str, Any]:
    """Return how the two models were trained, as training.json tells it.

    Args:
        arm: how the cleaned one was.
    """
    given = labels.fitted("train")
    everything = TrainingSet(NOTHING, given)
    baseline = plan_arm(run, config, everything, seed=config.seed, name="baseline")
    both = {"baseline": baseline, "cleanlearning": cleaned}
    temperatures: dict[str, float | None] = dict.fromkeys(both)
    if config.cleanlearn.calibrate:
        temperatures = fit_temperatures(run, config, labels, both)
    class_names, by_class = load_class_names(run), {}
    if ARMS[arm].is_cleanlearning and cleaned.weights is not None:
        by_class = dict(zip(given.tolist(), cleaned.weights.tolist(), strict=True))
    return {
        "arm": arm,
        "examples": {name: len(given) - len(t.held_out) for name, t in both.items()},
        "updates": {name: training.updates for name, training in both.items()},
        "class_weights": {class_names[k]: by_class[k] for k in sorted(by_class)},
        "temperature": temperatures,
    }


def fit_temperatures(
    run: Run, config: Any, labels: Labels, trainings: dict[str, Training]
) -> dict[str, float | None]:
    """Return the temperature of each training, by trainings like it without a fold inside train.

    Those of the baseline are there already where the model was cross-validated for the finder.
    """
    folds = FoldPlans(labels, text_groups(run), config.crossval, config.seed)["train"]
    numbers = range(len(folds)) if run.fold("train", 0).exists() else ()
    kept = [load_fold(run, labels, "train", number, without=("weight_0",)) for number in numbers]
    temperatures = {}
    for name, training in trainings.items():
        if name == "baseline" and kept:
            held_out = list(zip(kept, folds, strict=True))
        else:
            planned = held_out_trainings(training, folds)
            found = train_together([each for each, _ in planned])
            held_out = [(found[each.name], fold) for each, fold in planned]
        temperatures[name] = temperature_of(held_out, labels.fitted("train"))
    return temperatures


def train_together(trainings: Sequence[Training]) -> dict[str, Arrays]:
    """Return {name: what a training gives}; those that can be one training are one.

    They are few and small: alone, most of their time goes to starting steps. None of them is kept,
    so none needs the bits it has alone.
    """
    return {
        training.name: arrays
        for group in grouped(trainings, exact=False)
        for training, arrays in zip(group, train(group, lambda *_: None), strict=True)
    }
