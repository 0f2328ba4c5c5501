"""Which examples each fold holds out, and the file of what was trained without them."""

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.data.examples import count_per_class
from pipeline.data.prepared import Labels, check_stamp, dataset_stamp
from pipeline.frame import artifacts
from pipeline.frame.artifacts import Arrays
from pipeline.frame.errors import DataError
from pipeline.frame.messages import shown
from pipeline.frame.run import Run
from pipeline.models.sections import Crossval
from pipeline.models.seeds import derive_seed

LEAST_TEXTS = 2  # of a class
PLAN_PATH = 9  # place of further fold plans in the tree of seeds


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
        return _split(splitter, labels)
    _, first, member_of = np.unique(groups, return_index=True, return_inverse=True)
    leaders = np.sort(first)
    fold_of = np.empty(len(labels), int)
    for fold, held_out in enumerate(_split(splitter, labels[leaders])):
        fold_of[leaders[held_out]] = fold
    fold_of = fold_of[first][member_of]
    return [np.flatnonzero(fold_of == fold) for fold in range(folds)]


def _split(splitter: Any, labels: np.ndarray) -> list[np.ndarray]:
    with warnings.catch_warnings():
        # A class with fewer examples than folds is spread over as many of them as it can be.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return [held_out for _, held_out in splitter.split(labels, labels)]


@dataclass(frozen=True, eq=False)
class FoldPlans:
    """How the examples of scopes all and train are held out; more plans than one can be drawn.

    labels, groups: of all examples; groups are equal numbers for copies of a text.
    """

    labels: Labels
    groups: np.ndarray
    options: Crossval
    seed: int
    _drawn: dict[tuple[str, int, bool], list[np.ndarray]] = field(default_factory=dict)

    def __getitem__(self, scope: str) -> list[np.ndarray]:
        """Return the held-out positions of each fold, among the rows of the scope."""
        return self._plan(scope, self.seed, shuffle=getattr(self.options, scope).shuffle)

    def repeats(self, scope: str, count: int) -> list[list[np.ndarray]]:
        """Return this many plans; those after the first are shuffled, each by a seed of its own."""
        others = [
            self._plan(scope, derive_seed(self.seed, PLAN_PATH, number), shuffle=True)
            for number in range(1, count)
        ]
        return [self[scope], *others]

    def _plan(self, scope: str, seed: int, *, shuffle: bool) -> list[np.ndarray]:
        key = (scope, seed, shuffle)
        if key not in self._drawn:
            rows = self.labels.rows(scope)
            self._drawn[key] = plan_folds(
                self.labels.given[rows],
                folds=getattr(self.options, scope).folds,
                shuffle=shuffle,
                seed=seed,
                groups=self.groups[rows] if self.options.group_duplicates else None,
            )
        return self._drawn[key]


def check_folds(
    labels: Labels, groups: np.ndarray, class_names: list[str], options: Crossval
) -> str:
    """Return what to say of classes with fewer texts than folds, "" if there are none.

    Some folds hold none of such a class, and every model still learns all but one of its texts.

    Args:
        groups: (n,) equal numbers for copies of a text; with crossval.group_duplicates they
            count as one example.

    Raises:
        DataError: a class has one text only: the model that judges it could not know it. Or no
            class has as many texts as there are folds.
    """
    few: dict[int, int] = {}
    for scope in ("all", "train"):
        rows = labels.rows(scope)
        sizes = count_per_class(
            labels.given[rows],
            num_classes=len(class_names),
            groups=groups[rows] if options.group_duplicates else None,
        )
        smallest = int(sizes.argmin())
        if sizes[smallest] < LEAST_TEXTS:
            copies = " different" if options.group_duplicates else ""
            raise DataError(
                f"class {shown(class_names[smallest])} has {sizes[smallest]}{copies} text(s) in "
                f"scope {scope} and {LEAST_TEXTS} are needed: a model that judges one must have "
                "learned another; add texts, merge the class with another, or leave it out: "
                f"dataset.min_class_size={LEAST_TEXTS}"
            )
        folds = getattr(options, scope).folds
        if sizes.max() < folds:
            raise DataError(
                f"crossval.{scope}.folds is {folds} and no class has as many texts in scope "
                f"{scope}; at most {sizes.max()} are possible"
            )
        below = np.flatnonzero(sizes < folds)
        few |= {int(place): int(sizes[place]) for place in below}
    if not few:
        return ""
    names = ", ".join(f"{shown(class_names[place], 20)} ({few[place]})" for place in list(few)[:3])
    more = f" and {len(few) - 3} more" if len(few) > 3 else ""
    return f"fewer texts than folds, which says little of their labels: {names}{more}"


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
