"""Stage 3: an out-of-sample probability for every example, in three scopes.

all: cross-validation over train + test. train: cross-validation inside train. test: one model,
the baseline, fit on train and applied to test. Each fit is a file and the unit of resuming.
"""

import functools
import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline import artifacts
from pipeline.artifacts import SCOPES, Labels, Run
from pipeline.compute.engine import Engine, make_engine
from pipeline.compute.resources import check_disk, check_memory, crossval_bytes, training_bytes
from pipeline.compute.training_task import Task, train
from pipeline.data.examples import count_per_class
from pipeline.data.files import shown
from pipeline.data.problems import varies
from pipeline.errors import ArtifactError, DataError
from pipeline.models.checks import check_token_ids
from pipeline.models.registry import needs_tensorflow, reads_by_blocks
from pipeline.progress import StageProgress
from pipeline.provenance import check_made_for, load_fold, made_for
from pipeline.schema import Config, CustomModel
from pipeline.stage import Context, stage_main

SUM_TOLERANCE = 1e-3


def plan_folds(
    labels: np.ndarray, *, folds: int, shuffle: bool, seed: int, groups: np.ndarray | None = None
) -> list[np.ndarray]:
    """Return the held-out positions of each stratified fold, as cross_val_predict makes them.

    Args:
        groups: (n,) examples with the same number stay in one fold, that of the first of
            them. Without repeats the folds are those without groups.
    """
    from sklearn.model_selection import StratifiedKFold

    splitter = StratifiedKFold(folds, shuffle=shuffle, random_state=seed if shuffle else None)
    if groups is None:
        return [held_out for _, held_out in splitter.split(labels, labels)]
    _, first, member_of = np.unique(groups, return_index=True, return_inverse=True)
    leaders = np.sort(first)
    fold_of = np.empty(len(labels), int)
    for fold, (_, held_out) in enumerate(splitter.split(leaders, labels[leaders])):
        fold_of[leaders[held_out]] = fold
    fold_of = fold_of[first][member_of]
    return [np.flatnonzero(fold_of == fold) for fold in range(folds)]


def text_groups(run: Run) -> np.ndarray:
    """Return (n,) numbers that are equal for examples with the same text."""
    return artifacts.load_array(run.text_groups)


def check_folds(labels: Labels, groups: np.ndarray, class_names: list[str], config: Config) -> None:
    """Stop before training when a class is too small for the folds.

    Args:
        groups: (n,) equal numbers for copies of a text; with crossval.group_duplicates they
            count as one example.

    Raises:
        DataError: naming the smallest class, its size and what helps.
    """
    folds = {scope: getattr(config.crossval, scope).folds for scope in ("all", "train")}
    examples, sizes = {}, {}
    for scope in folds:
        rows = labels.rows(scope)
        count = functools.partial(count_per_class, labels.given[rows], num_classes=len(class_names))
        examples[scope] = sizes[scope] = count()
        if config.crossval.group_duplicates:
            sizes[scope] = count(groups=groups[rows])
    too_small = [scope for scope in folds if sizes[scope].min() < folds[scope]]
    if not too_small:
        return
    scope = min(too_small, key=lambda name: int(sizes[name].min()))
    smallest = int(sizes[scope].argmin())
    size, copied = sizes[scope][smallest], examples[scope][smallest]
    counted = f"{size} examples"
    if copied > size:
        counted += f" with different texts ({copied} with copies)"
    remedy = f"use at most {size} folds, or drop the class"
    if size < 2:
        remedy = "no number of folds is small enough: drop the class, or merge it with another"
    if all(examples[name][smallest] >= folds[name] for name in folds):
        remedy += ", or set crossval.group_duplicates: false"
    raise DataError(
        f"class {shown(class_names[smallest])} has {counted} in scope {scope} and "
        f"crossval.{scope}.folds is {folds[scope]}; {remedy}"
    )


def check_pred_probs(
    pred_probs: np.ndarray, labels: np.ndarray, *, num_classes: int, name: str
) -> None:
    """Stop on probabilities cleanlab would accept without a word and get wrong.

    Args:
        pred_probs: (n, num_classes). labels: (n,) given class indices.

    Raises:
        ArtifactError: wrong shape, NaN, negative, a row that does not sum to one, columns that
            are clearly not in the order of the classes, or the same for every text.
    """
    if pred_probs.shape != (len(labels), num_classes):
        raise ArtifactError(
            f"{name}: has shape {pred_probs.shape}, not {(len(labels), num_classes)}"
        )
    if pred_probs.dtype.kind != "f":
        raise ArtifactError(f"{name}: holds {pred_probs.dtype}, not floating-point numbers")
    good = np.isfinite(pred_probs).all(axis=1) & (pred_probs >= 0).all(axis=1)
    good &= np.abs(pred_probs.sum(axis=1, dtype=np.float64) - 1) <= SUM_TOLERANCE
    if not good.all():
        position = int(np.argmin(good))
        raise ArtifactError(
            f"{name}: row {position} is no probability distribution ({pred_probs[position]}); "
            "delete the folder crossval and run `make crossval`"
        )
    enough = len(labels) >= 50 * num_classes
    accuracy = float((pred_probs.argmax(axis=1) == labels).mean())
    if enough and accuracy < 0.4 / num_classes:
        raise ArtifactError(
            f"{name}: agrees with only {accuracy:.0%} of the labels, far below chance; its "
            "columns are in another order than the classes"
        )
    if enough and (pred_probs == pred_probs[0]).all():
        raise ArtifactError(
            f"{name}: is the same for every text; the model was not trained, or no text has a "
            "word that it knows"
        )


def calibration_error(pred_probs: np.ndarray, labels: np.ndarray, *, bins: int) -> float:
    """Return the expected calibration error of the predicted class (Guo et al. 2017, eq. 3).

    The mean over equal-width confidence bins of |accuracy - confidence|, weighted by size.
    """
    confidence = pred_probs.max(axis=1).astype(np.float64)
    correct = pred_probs.argmax(axis=1) == labels
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(index, weights=correct - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(labels))


def scores(pred_probs: np.ndarray, labels: np.ndarray, *, bins: int = 15) -> dict[str, float]:
    """Return log loss (nats), accuracy and expected calibration error."""
    chosen = pred_probs[np.arange(len(labels)), labels].astype(np.float64)
    log_loss = -np.log(np.clip(chosen, np.finfo(np.float32).eps, 1)).mean()
    return {
        "log_loss": float(log_loss),
        "accuracy": float((pred_probs.argmax(axis=1) == labels).mean()),
        "ece": calibration_error(pred_probs, labels, bins=bins),
    }


def plan_tasks(config: Config, run: Run, labels: Labels, groups: np.ndarray) -> Iterator[Task]:
    """Yield every training of this stage, the longest first."""
    kind = config.vectorize.kind
    for scope in ("all", "test", "train"):
        rows = labels.rows("train" if scope == "test" else scope)
        given = labels.given[rows]
        if scope == "test":
            held_out = [np.empty(0, int)]
        else:
            options = getattr(config.crossval, scope).model_dump()
            grouped = groups[rows] if config.crossval.group_duplicates else None
            held_out = plan_folds(given, **options, seed=config.seed, groups=grouped)
        vocabulary = run.vocabulary("all" if scope == "all" else "train")
        for fold, positions in enumerate(held_out):
            yield Task(
                scope=scope,
                fold=fold,
                tokens=run.inputs("train" if scope == "test" else scope, kind),
                predict=run.inputs("test", kind) if scope == "test" else None,
                vocabulary=vocabulary if vocabulary.exists() else None,
                labels=given,
                held_out=positions,
                model=config.model,
                seed=config.seed,
                path=(SCOPES.index(scope), fold),
                name="baseline" if scope == "test" else f"{scope} fold {fold + 1}",
                # The linear network's weights are kept for every fold: the report explains each
                # example word by word with the model that judged it.
                keeps_model=scope == "test" or config.model.name == "fasttext",
            )


def crossval(context: Context) -> None:
    """Train every fold and write out-of-sample probabilities for all, train and test."""
    config, run = context.config, context.run
    labels = artifacts.load_labels(run)
    groups = text_groups(run)
    check_folds(labels, groups, artifacts.load_class_names(run), config)
    check_custom(config)
    check_inputs(run, config)
    check_resources(run, config)
    with training_engine(run, config, context.progress) as workers:
        context.notes |= {"device": workers.device, "workers": workers.count}
        tasks = list(plan_tasks(config, run, labels, groups))
        remove_other_folds(run, tasks)
        keys = {task: fold_key(context.key, workers.device, task) for task in tasks}
        missing = [task for task in tasks if not is_finished(run, task, keys[task])]
        if len(missing) < len(tasks):
            context.progress.say(f"{len(tasks) - len(missing)} of {len(tasks)} folds kept")
        for task, result in workers.run(train, missing):
            stamp = made_for(run, task.labels) | {"key": np.array(keys[task])}
            artifacts.save_arrays(run.fold(task.scope, task.fold), result | stamp)
    metrics = {scope: pool_folds(context, labels, scope) for scope in SCOPES}
    metrics["copies"] = score_copies(run, labels, tasks, groups)
    pool_vectors(run, labels)
    artifacts.save_json(run.crossval_metrics, metrics)
    pooled = metrics["all"]["pooled"]
    context.progress.say(f"log loss {pooled['log_loss']:.4f}, accuracy {pooled['accuracy']:.4f}")


def training_engine(run: Run, config: Config, progress: StageProgress) -> Engine:
    """Return what trains the model of `config` on the examples of `run`."""
    examples = artifacts.load_json(run.dataset)["num_examples"]
    return make_engine(
        config.compute,
        progress,
        needs_tensorflow=needs_tensorflow(config.model),
        worker_bytes=training_bytes(examples, inputs=held_bytes(run, config)),
    )


def held_bytes(run: Run, config: Config) -> int:
    """Return the bytes of inputs that the classifier wants in memory as a whole."""
    if reads_by_blocks(config.model):
        return 0
    return run.inputs("all", config.vectorize.kind).stat().st_size


def check_resources(run: Run, config: Config) -> None:
    """Stop before any training when disk or memory cannot be enough.

    Raises:
        ResourceError: see pipeline.compute.resources.
    """
    dataset = artifacts.load_json(run.dataset)
    disk, memory = crossval_bytes(
        dataset["num_examples"],
        dataset["num_classes"],
        inputs=held_bytes(run, config),
        tensorflow=needs_tensorflow(config.model),
    )
    check_disk(run.stage("crossval"), disk, "free some; finished folds are kept")
    check_memory("crossval", memory, "end other programs, or prepare fewer or shorter texts")


def check_inputs(run: Run, config: Config) -> None:
    """Stop before any training on token ids of another vocabulary.

    Raises:
        ArtifactError: see check_token_ids.
    """
    if config.vectorize.kind == "tokens":
        for scope in SCOPES:
            vocabulary = run.vocabulary("all" if scope == "all" else "train")
            check_token_ids(run.tokens(scope), len(artifacts.load_json(vocabulary)))


def remove_other_folds(run: Run, tasks: list[Task]) -> None:
    """Delete the folds of an earlier plan that had more of them."""
    planned = {run.fold(task.scope, task.fold) for task in tasks}
    for path in run.stage("crossval").rglob("fold_*.npz"):
        if path not in planned:
            path.unlink()


def check_custom(config: Config) -> None:
    """Stop before any training when a custom function cannot be imported.

    Raises:
        ConfigError: see import_function.
    """
    if isinstance(config.model, CustomModel):
        from pipeline.models.custom import import_function

        import_function(config.model.function)


def score_copies(
    run: Run, labels: Labels, tasks: list[Task], groups: np.ndarray
) -> dict[str, float]:
    """Return how many examples of scope all have a copy in another fold, and what that does.

    The model has seen the text of such an example, with the label of the copy, so its
    probability is not out of sample. log_loss and log_loss_without: of all, and without them.
    """
    fold_of = np.empty(len(labels.given), int)
    for task in tasks:
        if task.scope == "all":
            fold_of[task.held_out] = task.fold
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


def fold_key(stage_key: str, device: str, task: Task) -> str:
    """Return a hash of what a fold was made from; folds of a GPU and a CPU are never mixed."""
    return hashlib.sha256(f"{stage_key} {device} {task.scope} {task.fold}".encode()).hexdigest()


def is_finished(run: Run, task: Task, key: str) -> bool:
    """Return whether an interrupted run left this fold, made from the same things."""
    path = run.fold(task.scope, task.fold)
    try:
        arrays = artifacts.load_arrays(path)
        check_made_for(arrays, made_for(run, task.labels), path, "crossval")
        return str(arrays["key"]) == key
    except (ArtifactError, KeyError):
        return False


def pool_folds(context: Context, labels: Labels, scope: str) -> dict[str, Any]:
    """Join the folds of a scope into pred_probs_<scope>.npy; return its metrics."""
    run, config = context.run, context.config
    rows = labels.rows(scope)
    given = labels.given[rows]
    count = 1 if scope == "test" else getattr(config.crossval, scope).folds
    pred_probs = np.full((len(rows), len(artifacts.load_class_names(run))), np.nan, np.float32)
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


if __name__ == "__main__":
    stage_main("crossval", crossval)
