"""Stage 5: the same network trained again without the label issues, next to the baseline."""

from typing import Any

import numpy as np

from pipeline.compute.cleaning import (
    choose_arm,
    describe_training,
    fit_arm,
    plan_arm,
    train_pruned,
)
from pipeline.config.command import stage_main
from pipeline.config.schema import Config
from pipeline.data.prepared import Labels, dataset_stamp, load_class_names, load_labels
from pipeline.frame import artifacts
from pipeline.frame.errors import ArtifactError
from pipeline.frame.messages import shown
from pipeline.frame.record import load_record
from pipeline.frame.run import Run
from pipeline.frame.section import imported
from pipeline.frame.stage import Context, Stage
from pipeline.frame.tensorflow import choose_device, load_tensorflow
from pipeline.issues.arms import ARMS, NOTHING, PRUNE, TrainingSet
from pipeline.issues.gate import check_pruning
from pipeline.models.folds import load_fold
from pipeline.models.learned import arrays_of
from pipeline.models.table import (
    code_of_model,
    count_epochs,
    device_for,
    inputs_of,
    kind_of,
    load_inputs,
    row_of,
)
from pipeline.models.temperature import tempered


def cleanlearn(context: Context) -> None:
    """Train without the label issues, predict test, and write both deployable models."""
    run, config = context.run, context.config
    labels, fit_to_judge = load_labels(run), is_fit_to_judge(context)
    rows, arm = labels.rows("train"), config.cleanlearn.arm if fit_to_judge else PRUNE
    by_cleanlab = ARMS[arm].is_cleanlearning
    issues = issue_positions(run, rows) if fit_to_judge else NOTHING
    listed = issues if by_cleanlab else NOTHING
    given, class_names = labels.given[rows], load_class_names(run)
    check_pruning(given, listed, class_names, max_fraction=config.cleanlearn.max_pruned_fraction)
    if row_of(config.model).tensorflow:
        context.notes["device"] = choose_device(device_for(config.model, config.compute.device))
        check_device(run, context.notes["device"])
        load_tensorflow(context.notes["device"])
    epochs = count_epochs(config.model)

    def on_epoch(epoch: int, loss: float) -> None:
        context.progress.update(epoch, epochs, f"epoch {epoch}, loss {loss:.3f}")

    if fit_to_judge and by_cleanlab:
        classifier, cleaned = train_pruned(run, config, given, listed, on_epoch)
    else:
        chosen = TrainingSet(NOTHING, given)
        if fit_to_judge:
            pred_probs = artifacts.load_array(run.pred_probs("train"))
            chosen = choose_arm(config, given, issues, pred_probs)
        check_pruning(chosen.labels, chosen.left_out, class_names, max_fraction=1)
        cleaned = plan_arm(run, config, chosen, seed=config.seed, name=arm)
        classifier = fit_arm(cleaned, on_epoch)
    told = describe_training(run, config, labels, cleaned, arm)
    told["deployed"] = save_results(run, classifier, config, labels, told["temperature"])
    artifacts.save_json(run.training, told)
    lost = len(cleaned.held_out)
    pruned = f"trained without {lost:,} of {len(given):,} examples"
    context.progress.say(pruned if by_cleanlab else f"trained by {ARMS[arm].doing}")
    if weights := told["class_weights"]:
        name, most = max(weights.items(), key=lambda item: item[1])
        context.progress.say(f"class weights up to {most:.2f} ({shown(name)})")


def is_fit_to_judge(context: Context) -> bool:
    """Return whether issues may be pruned: the finder is fit, or the config says so."""
    fit: bool = artifacts.load_json(context.run.health)["fitness"]["is_fit"]
    if not fit and not context.config.cleanlearn.even_if_unfit:
        context.progress.say(
            "nothing is left out, as the finder is not fit to judge these labels; "
            "cleanlearn.even_if_unfit=true prunes all the same"
        )
        return False
    return True


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


def save_results(
    run: Run,
    classifier: Any,
    config: Config,
    labels: Labels,
    temperatures: dict[str, float | None],
) -> dict[str, str]:
    """Write the test probabilities of both models, and both as raw text -> probabilities.

    What is deployed is at its temperature, where one was fitted and the model has a last layer that
    takes it; the test probabilities are as the models gave them. A custom scikit-learn estimator is
    not written: that would take pickle.

    Returns:
        {model: "calibrated" or "as trained"}
    """
    baseline = load_fold(run, labels, "test", 0, without=("train_vectors", "test_vectors"))
    unseen = load_inputs(inputs_of(run, "test", config.vectorize))
    cleaned_probs = classifier.predict_proba(unseen).astype(np.float32)
    artifacts.save_arrays(
        run.test_pred_probs,
        {"baseline": baseline["pred_probs"], "cleanlearning": cleaned_probs}
        | dataset_stamp(run, labels.given[labels.rows("test")]),
    )
    deploy = imported(kind_of(config.vectorize).deploy)
    models = {
        "baseline": (baseline, temperatures["baseline"]),
        "cleaned": (arrays_of(classifier), temperatures["cleanlearning"]),
    }
    deployed = {}
    for name, (learned, temperature) in models.items():
        honest = None if temperature is None else tempered(learned, classifier, temperature)
        deployed[name] = "as trained" if honest is None else "calibrated"
        run.keras_model(name).unlink(missing_ok=True)
        run.linear_model(name).unlink(missing_ok=True)
        deploy(run, name, learned if honest is None else honest, classifier, config.vectorize)
    return deployed


def code(config: Config) -> list[str]:
    """Return the code that the config chooses."""
    kind = kind_of(config.vectorize)
    arm = ARMS[config.cleanlearn.arm]
    return [*code_of_model(config.model), kind.load, kind.deploy, *arm.code]


STAGE = Stage(
    does="the same classifier trained again without the label issues, and both to deploy",
    work=cleanlearn,
    sections=("seed", "vectorize", "model", "crossval", "find_issues", "cleanlearn"),
    reads=("prepare", "vectorize", "crossval", "find_issues"),
    writes=("{baseline,cleaned}.{keras,npz}", "test_pred_probs.npz", "training.json"),
    code=code,
    tensorflow=lambda config: row_of(config.model).tensorflow,
    imports=("cleanlab.classification", "pyarrow.dataset"),
)

if __name__ == "__main__":
    stage_main(STAGE)
