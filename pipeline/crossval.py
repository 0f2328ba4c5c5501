"""Stage 3: an out-of-sample probability for every example, in three scopes.

all: cross-validation over train + test. train: cross-validation inside train. test: one model,
the baseline, fit on train and applied to test. Each fit is a file and the unit of resuming.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline.compute.trainings import Trainings, training_engine
from pipeline.config.command import stage_main
from pipeline.config.schema import Config
from pipeline.data.examples import varies
from pipeline.data.prepared import Labels, load_class_names, load_labels, text_groups
from pipeline.frame import artifacts
from pipeline.frame.run import SCOPES, Run
from pipeline.frame.stage import Context, Stage
from pipeline.issues.gate import check_pred_probs
from pipeline.issues.scores import scores
from pipeline.models.checks import check_token_ids
from pipeline.models.folds import check_folds, load_fold, plan_folds
from pipeline.models.table import check_model, code_of_model, inputs_of, kind_of, row_of
from pipeline.models.training import Training, plan_training, vocabulary_size


def plan_trainings(
    config: Config, run: Run, labels: Labels, groups: np.ndarray
) -> Iterator[Training]:
    """Yield every training of this stage, the longest first."""
    explained = row_of(config.model).explained
    for scope in ("all", "test", "train"):
        rows = labels.rows("train" if scope == "test" else scope)
        given = labels.given[rows]
        if scope == "test":
            held_out = [np.empty(0, int)]
        else:
            options = getattr(config.crossval, scope).model_dump()
            grouped = groups[rows] if config.crossval.group_duplicates else None
            held_out = plan_folds(given, **options, seed=config.seed, groups=grouped)
        for fold, positions in enumerate(held_out):
            yield plan_training(
                run,
                config.vectorize,
                config.model,
                scope=scope,
                fold=fold,
                labels=given,
                held_out=positions,
                seed=config.seed,
                name="baseline" if scope == "test" else f"{scope} fold {fold + 1}",
                # With the weights of every fold the report explains each example word by word
                # with the model that judged it.
                keep_weights=scope == "test" or explained,
            )


def crossval(context: Context) -> None:
    """Train every fold and write out-of-sample probabilities for all, train and test."""
    config, run = context.config, context.run
    labels, groups = load_labels(run), text_groups(run)
    check_folds(labels, groups, load_class_names(run), config.crossval)
    check_model(config.model)
    check_inputs(run, config)
    parts = (config.vectorize, config.model, config.compute)
    with training_engine(run, *parts, context.progress) as engine:
        context.notes |= {"device": engine.device, "workers": engine.count}
        planned = list(plan_trainings(config, run, labels, groups))
        remove_other_folds(run, planned)
        trainings = Trainings(run, context.key, engine, lambda t: run.fold(t.scope, t.fold))
        for _ in trainings.run(planned, "cross-validation"):
            pass
    metrics = {scope: pool_folds(run, config, labels, scope) for scope in SCOPES}
    metrics["copies"] = score_copies(run, labels, planned, groups)
    pool_vectors(run, labels)
    artifacts.save_json(run.crossval_metrics, metrics)
    pooled = metrics["all"]["pooled"]
    context.progress.say(f"log loss {pooled['log_loss']:.4f}, accuracy {pooled['accuracy']:.4f}")


def check_inputs(run: Run, config: Config) -> None:
    """Stop before any training on token ids of another vocabulary.

    Raises:
        ArtifactError: see check_token_ids.
    """
    for scope in SCOPES:
        inputs = inputs_of(run, scope, config.vectorize)
        vocabulary = run.vocabulary("all" if scope == "all" else "train")
        if size := vocabulary_size(vocabulary, inputs):
            check_token_ids(inputs, size)


def remove_other_folds(run: Run, planned: list[Training]) -> None:
    """Delete the folds of an earlier plan that had more of them."""
    kept = {run.fold(training.scope, training.fold) for training in planned}
    for path in run.stage("crossval").rglob("fold_*.npz"):
        if path not in kept:
            path.unlink()


def score_copies(
    run: Run, labels: Labels, planned: list[Training], groups: np.ndarray
) -> dict[str, float]:
    """Return how many examples of scope all have a copy in another fold, and what that does.

    The model has seen the text of such an example, with the label of the copy, so its
    probability is not out of sample. log_loss and log_loss_without: of all, and without them.
    """
    fold_of = np.empty(len(labels.given), int)
    for training in planned:
        if training.scope == "all":
            fold_of[training.held_out] = training.fold
    leaks = varies(groups, fold_of)[groups]
    pred_probs = artifacts.load_array(run.pred_probs("all"))
    given = labels.given
    return {
        "examples_with_copy_in_another_fold": int(leaks.sum()),
        "log_loss": scores(pred_probs, given)["log_loss"],
        "log_loss_without": scores(pred_probs[~leaks], given[~leaks])["log_loss"],
    }


def pool_vectors(run: Run, labels: Labels) -> None:
    """Write the document vectors of the baseline for all rows, where it has any."""
    run.document_vectors.unlink(missing_ok=True)
    arrays = load_fold(run, labels, "test", 0)
    if "train_vectors" in arrays:
        vectors = np.empty((len(labels.given), arrays["train_vectors"].shape[1]), np.float32)
        for scope in ("train", "test"):
            vectors[labels.rows(scope)] = arrays[f"{scope}_vectors"]
        artifacts.save_array(run.document_vectors, vectors)


def pool_folds(run: Run, config: Config, labels: Labels, scope: str) -> dict[str, Any]:
    """Join the folds of a scope into pred_probs_<scope>.npy; return its metrics."""
    rows = labels.rows(scope)
    given = labels.given[rows]
    count = 1 if scope == "test" else getattr(config.crossval, scope).folds
    pred_probs = np.full((len(rows), len(load_class_names(run))), np.nan, np.float32)
    folds = []
    for fold in range(count):
        arrays = load_fold(run, labels, scope, fold)
        held_out = arrays["held_out"]
        pred_probs[held_out] = arrays["pred_probs"]
        curves = {"loss": arrays["loss"].tolist(), "accuracy": arrays["train_accuracy"].tolist()}
        folds.append(scores(arrays["pred_probs"], given[held_out]) | {"training": curves})
    name = str(run.pred_probs(scope))
    check_pred_probs(pred_probs, given, num_classes=pred_probs.shape[1], name=name)
    artifacts.save_array(run.pred_probs(scope), pred_probs)
    return {"pooled": scores(pred_probs, given), "folds": folds}


STAGE = Stage(
    does="an out-of-sample probability for every example, in three scopes",
    work=crossval,
    sections=("seed", "model", "crossval"),
    reads=("prepare", "vectorize"),
    writes=(
        "{all,train,test}/fold_??.npz",
        "pred_probs_{all,train,test}.npy",
        "metrics.json",
        "document_vectors.npy",
    ),
    code=lambda config: [*code_of_model(config.model), kind_of(config.vectorize).load],
)

if __name__ == "__main__":
    stage_main(STAGE)
