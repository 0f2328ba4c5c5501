"""Stage 5: the same network trained again without the label issues, next to the baseline."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline import artifacts
from pipeline.artifacts import SCOPES, Labels, Run
from pipeline.compute.device import choose_device, load_tensorflow
from pipeline.compute.training_task import epoch_callbacks, remedy, vocabulary_size
from pipeline.errors import ArtifactError, DataError
from pipeline.find_issues import find_issues_ranked
from pipeline.models.checks import check_fitted
from pipeline.models.registry import (
    arrays_of,
    count_epochs,
    derive_seed,
    load_inputs,
    make_classifier,
    needs_tensorflow,
    network_of,
)
from pipeline.provenance import load_fold, made_for
from pipeline.schema import Config, Counts, Tokens
from pipeline.stage import Context, load_record, stage_main

# The seed of the baseline, too: the two differ by what they were trained on, not by a draw.
BASELINE_PATH = (SCOPES.index("test"), 0)


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


def fit_cleanlearning(
    inputs: Any,
    labels: np.ndarray,
    pred_probs: np.ndarray,
    config: Config,
    *,
    vocabulary_size: int,
    on_epoch: Callable[[int, float], None],
) -> tuple[Any, np.ndarray]:
    """Return the classifier CleanLearning trained, and the positions it left out.

    CleanLearning (cleanlab) finds the issues in `pred_probs`, drops them and weights the rest
    by the estimated noise of their class. Of more than find_issues.batch_size examples it is told
    the issues, as its own finder would hold copies of all probabilities; then it does not weight.
    """
    from cleanlab.classification import CleanLearning

    classifier = make_classifier(
        config.model,
        vocabulary_size=vocabulary_size,
        seed=derive_seed(config.seed, *BASELINE_PATH),
        callbacks=epoch_callbacks(config.model, on_epoch),
    )
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
                cleaner.fit(inputs, labels, pred_probs=pred_probs.astype(np.float64))
        except ArithmeticError as error:
            raise DataError(f"CleanLearning: {error}; {remedy(config.model)}") from None
    check_fitted(cleaner.clf, labels, name="CleanLearning")
    pruned = np.flatnonzero(cleaner.get_label_issues()["is_label_issue"].to_numpy())
    return cleaner.clf, pruned


def cleanlearn(context: Context) -> None:
    """Train without the label issues, predict test, and write both deployable models."""
    run, config = context.run, context.config
    labels, class_names = artifacts.load_labels(run), artifacts.load_class_names(run)
    rows = labels.rows("train")
    given, listed = labels.given[rows], issue_positions(run, rows)
    check_pruning(given, listed, class_names, max_fraction=config.cleanlearn.max_pruned_fraction)
    if needs_tensorflow(config.model):
        context.notes["device"] = choose_device(config.compute.device)
        check_device(run, context.notes["device"])
        load_tensorflow(context.notes["device"])
    inputs = run.inputs("train", config.vectorize.kind)
    epochs = count_epochs(config.model)
    classifier, pruned = fit_cleanlearning(
        load_inputs(inputs),
        given,
        artifacts.load_array(run.pred_probs("train")),
        config,
        vocabulary_size=vocabulary_size(run.vocabulary("train"), inputs),
        on_epoch=lambda e, loss: context.progress.update(e, epochs, f"epoch {e}, loss {loss:.3f}"),
    )
    if not np.array_equal(pruned, listed):
        raise ArtifactError(
            f"{run.issues('train')}: lists other rows than CleanLearning left out; "
            "run `make find_issues` again"
        )
    save_results(run, classifier, config, labels)
    context.progress.say(f"trained without {len(pruned):,} of {len(given):,} examples")


def check_device(run: Run, device: str) -> None:
    """Stop unless the baseline was trained on this kind of device: the two are compared.

    Raises:
        ArtifactError: naming both devices.
    """
    before = load_record(run.stage("crossval"))["device"]
    if before != device:
        raise ArtifactError(
            f"{run.fold('test', 0)}: the baseline was trained on a {before} and this would train "
            f"on a {device}; set compute.device={before}, or delete the folder crossval and run "
            "`make crossval` again"
        )


def issue_positions(run: Run, rows: np.ndarray) -> np.ndarray:
    """Return the positions within `rows` of the issues listed for the training split."""
    return np.sort(np.searchsorted(rows, artifacts.load_issue_rows(run.issues("train"))))


def save_results(run: Run, classifier: Any, config: Config, labels: Labels) -> None:
    """Write the test probabilities of both models, and both as raw text -> probabilities.

    A custom scikit-learn estimator is not written: that would take pickle.
    """
    baseline = load_fold(run, labels, "test", 0, without=("train_vectors", "test_vectors"))
    unseen = load_inputs(run.inputs("test", config.vectorize.kind))
    cleaned_probs = classifier.predict_proba(unseen).astype(np.float32)
    artifacts.save_arrays(
        run.test_pred_probs,
        {"baseline": baseline["pred_probs"], "cleanlearning": cleaned_probs}
        | made_for(run, labels.given[labels.rows("test")]),
    )
    network, learned = network_of(classifier), arrays_of(classifier)
    for name, values in (("baseline", baseline), ("cleaned", learned)):
        run.keras_model(name).unlink(missing_ok=True)
        run.linear_model(name).unlink(missing_ok=True)
        if isinstance(config.vectorize, Tokens) and network is not None:
            from pipeline.models.deployable import deployable_model, save_model

            network.set_weights([values[weight] for weight in learned])
            vocabulary = artifacts.load_json(run.vocabulary("train"))
            length = config.vectorize.sequence_length
            model = deployable_model(network, vocabulary, sequence_length=length)
            save_model(run.keras_model(name), model)
        elif isinstance(config.vectorize, Counts) and learned:
            from pipeline.models.counts import deployable_arrays

            vocabulary = artifacts.load_json(run.vocabulary("train"))
            arrays = deployable_arrays(values, vocabulary, config.vectorize)
            artifacts.save_arrays(run.linear_model(name), arrays)


if __name__ == "__main__":
    stage_main("cleanlearn", cleanlearn)
