"""Stage 3: an out-of-sample probability for every example, in three scopes.

all: cross-validation over train + test. train: cross-validation inside train. test: one model,
the baseline, fit on train and applied to test. Each fit is a file and the unit of resuming.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline.compute.finders import Asked, Judged
from pipeline.compute.trainings import Trainings, training_engine
from pipeline.config.command import stage_main
from pipeline.config.schema import Config
from pipeline.data.examples import varies
from pipeline.data.prepared import Labels, load_class_names, load_labels, text_groups
from pipeline.frame import artifacts
from pipeline.frame.run import SCOPES, Run
from pipeline.frame.section import imported
from pipeline.frame.stage import Context, Stage
from pipeline.issues.gate import check_pred_probs
from pipeline.issues.scores import scores
from pipeline.models.checks import check_token_ids
from pipeline.models.folds import FoldPlans, check_folds, load_fold
from pipeline.models.members import asks_the_model, code_of_finder, files_of_finder, finder_of
from pipeline.models.table import check_model, code_of_model, inputs_of, kind_of, row_of
from pipeline.models.training import Training, plan_training, vocabulary_size

HEAVY = ("train_vectors", "test_vectors", "weight_0")  # of a fold, not needed for its curves


def plan_trainings(config: Config, run: Run, plans: FoldPlans) -> Iterator[Training]:
    """Yield every training of this stage, the longest first.

    The baseline is always one; the folds are for a finder that asks the model.
    """
    explained = row_of(config.model).explained
    trains = asks_the_model(config.finder)
    for scope in ("all", "test", "train") if trains else ("test",):
        given = plans.labels.fitted(scope)
        for fold, positions in enumerate([np.empty(0, int)] if scope == "test" else plans[scope]):
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
    """Train the baseline and every fold; write out-of-sample probabilities of all, train, test."""
    config, run = context.config, context.run
    labels, groups = load_labels(run), text_groups(run)
    if note := check_folds(labels, groups, load_class_names(run), config.crossval):
        context.progress.say(note)
    check_model(config.model)
    check_inputs(run, config)
    plans = FoldPlans(labels, groups, config.crossval, config.seed)
    finder = finder_of(config.finder)
    asked = Asked(run, config.finder, labels, plans, context.progress, context.key)
    if finder.before:
        imported(finder.before)(asked)
    parts = (config.vectorize, config.model, config.compute)
    with training_engine(run, *parts, context.progress) as engine:
        context.notes |= {"device": engine.device, "workers": engine.count}
        planned = list(plan_trainings(config, run, plans))
        remove_other_folds(run, planned)
        trainings = Trainings(run, context.key, engine, lambda t: run.fold(t.scope, t.fold))
        for _ in trainings.run(planned, "trainings"):
            pass
    judged = imported(finder.judge)(asked)
    remove_other_members(run, judged)
    metrics: dict[str, Any] = {s: write_scope(run, judged, plans, s) for s in SCOPES}
    metrics["copies"] = score_copies(judged.pred_probs["all"], plans)
    if judged.members:
        metrics["members"] = judged.members
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


def remove_other_members(run: Run, judged: Judged) -> None:
    """Delete what members said that are not, or no longer, asked."""
    for path in run.stage("crossval").glob("members/*/*.np[yz]"):
        if path.parent.name not in judged.members:
            path.unlink()


def score_copies(pred_probs: np.ndarray, plans: FoldPlans) -> dict[str, float]:
    """Return how many examples of scope all have a copy in another fold, and what that does.

    The model has seen the text of such an example, with the label of the copy, so its
    probability is not out of sample. log_loss and log_loss_without: of all, and without them.
    """
    given = plans.labels.given
    fold_of = np.empty(len(given), int)
    for fold, positions in enumerate(plans["all"]):
        fold_of[positions] = fold
    leaks = varies(plans.groups, fold_of)[plans.groups]
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


def write_scope(run: Run, judged: Judged, plans: FoldPlans, scope: str) -> dict[str, Any]:
    """Write the probabilities of a scope, those of members too; return its metrics."""
    labels, pred_probs = plans.labels, judged.pred_probs[scope]
    given, name = labels.given[labels.rows(scope)], str(run.pred_probs(scope))
    check_pred_probs(pred_probs, given, num_classes=len(load_class_names(run)), name=name)
    artifacts.save_array(run.pred_probs(scope), pred_probs)
    for member, probs in judged.member_probs.items():
        artifacts.save_array(run.member_pred_probs(member, scope), probs[scope])
    folds = []
    for fold, positions in enumerate([np.arange(len(given))] if scope == "test" else plans[scope]):
        measured: dict[str, Any] = scores(pred_probs[positions], given[positions])
        if run.fold(scope, fold).exists():
            arrays = load_fold(run, labels, scope, fold, without=HEAVY)
            accuracy = arrays["train_accuracy"].tolist()
            measured["training"] = {"loss": arrays["loss"].tolist(), "accuracy": accuracy}
        folds.append(measured)
    return {"pooled": scores(pred_probs, given), "folds": folds}


def code(config: Config) -> list[str]:
    """Return the code that the config chooses."""
    load = kind_of(config.vectorize).load
    return [*code_of_model(config.model), load, *code_of_finder(config.finder)]


STAGE = Stage(
    does="an out-of-sample probability for every example, in three scopes",
    work=crossval,
    sections=("seed", "model", "crossval", "finder"),
    reads=("prepare", "vectorize"),
    writes=(
        "{all,train,test}/fold_??.npz",
        "pred_probs_{all,train,test}.npy",
        "metrics.json",
        "document_vectors.npy",
        "members/*/*.np[yz]",
    ),
    files=lambda config, run: files_of_finder(config.finder),
    code=code,
    tensorflow=lambda config: row_of(config.model).tensorflow,
)

if __name__ == "__main__":
    stage_main(STAGE)
