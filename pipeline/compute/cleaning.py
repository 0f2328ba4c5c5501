"""The model trained again without the label issues, and what is told of how it was trained."""

import functools
import warnings
from typing import Any

import numpy as np

from pipeline.data.prepared import Labels, load_class_names, text_groups
from pipeline.frame import artifacts
from pipeline.frame.errors import DataError
from pipeline.frame.run import Run
from pipeline.issues.arms import class_weights
from pipeline.issues.ranking import find_issues_ranked
from pipeline.models.checks import check_fitted
from pipeline.models.folds import FoldPlans, load_fold
from pipeline.models.table import Model
from pipeline.models.temperature import held_out_trainings, temperature_of
from pipeline.models.training import Training, plan_training, remedy, train


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


def fit_on_everything(
    classifier: Any, inputs: Any, labels: np.ndarray, config: Any
) -> tuple[Any, np.ndarray]:
    """Return the classifier trained on all examples, the baseline again, and nothing pruned."""
    try:
        classifier.fit(inputs, labels)
    except ArithmeticError as error:
        raise DataError(f"CleanLearning: {error}; {remedy(config.model)}") from None
    return classifier, np.empty(0, int)


def describe_training(
    run: Run, config: Any, labels: Labels, pruned: np.ndarray, model: Model
) -> dict[str, Any]:
    """Return how the two models were trained, as training.json tells it.

    Args:
        pruned: positions in train that were left out. model: what the cleaned one was trained with.
    """
    given, weights = labels.fitted("train"), None
    if len(pruned) and not config.find_issues.is_batched(len(given)):
        pred_probs = artifacts.load_array(run.pred_probs("train"))
        weights = class_weights(given, pred_probs, most=config.cleanlearn.max_class_weight)
    plan = functools.partial(
        plan_training,
        run,
        config.vectorize,
        scope="test",
        fold=0,
        labels=given,
        seed=config.seed,
    )
    baseline = plan(config.model, held_out=np.empty(0, int), name="baseline")
    cleaned = plan(model, held_out=pruned, weights=weights, name="CleanLearning")
    both = {"baseline": baseline, "cleanlearning": cleaned}
    temperatures: dict[str, float | None] = dict.fromkeys(both)
    if config.cleanlearn.calibrate:
        temperatures = fit_temperatures(run, config, labels, both)
    class_names = load_class_names(run)
    by_class = {} if weights is None else dict(zip(given.tolist(), weights.tolist(), strict=True))
    return {
        "examples": {name: training.rows for name, training in both.items()},
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
            held_out = [(train([each], lambda *_: None)[0], fold) for each, fold in planned]
        temperatures[name] = temperature_of(held_out, training.labels)
    return temperatures
