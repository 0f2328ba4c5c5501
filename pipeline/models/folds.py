"""Which examples each fold holds out, and the file of what was trained without them."""

import functools

import numpy as np

from pipeline.data.examples import count_per_class
from pipeline.data.prepared import Labels, check_stamp, dataset_stamp
from pipeline.frame import artifacts
from pipeline.frame.artifacts import Arrays
from pipeline.frame.errors import DataError
from pipeline.frame.messages import shown
from pipeline.frame.run import Run
from pipeline.models.sections import Crossval


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


def check_folds(
    labels: Labels, groups: np.ndarray, class_names: list[str], options: Crossval
) -> None:
    """Stop before training when a class is too small for the folds.

    Args:
        groups: (n,) equal numbers for copies of a text; with crossval.group_duplicates they
            count as one example.

    Raises:
        DataError: naming the smallest class, its size and what helps.
    """
    folds = {scope: getattr(options, scope).folds for scope in ("all", "train")}
    examples, sizes = {}, {}
    for scope in folds:
        rows = labels.rows(scope)
        count = functools.partial(count_per_class, labels.given[rows], num_classes=len(class_names))
        examples[scope] = sizes[scope] = count()
        if options.group_duplicates:
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


def load_fold(
    run: Run, labels: Labels, scope: str, fold: int, *, without: tuple[str, ...] = ()
) -> Arrays:
    """Return the arrays of a fold, made for this dataset and these labels.

    Args:
        without: names of arrays that are not read.

    Raises:
        ArtifactError: it was made for others, or cannot be read.
    """
    path = run.fold(scope, fold)
    arrays = artifacts.load_arrays(path, without=without)
    check_stamp(arrays, dataset_stamp(run, labels.fitted(scope)), path, "crossval")
    return arrays
