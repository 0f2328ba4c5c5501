"""Which examples a fold holds out, and the classes that cannot be divided into folds."""

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from pipeline.config.load import load_config
from pipeline.data.prepared import Labels
from pipeline.frame.errors import DataError
from pipeline.models.folds import check_folds, plan_folds
from pipeline.models.sections import Crossval
from tests.tiny import TINY


def make_options(*overrides: str) -> Crossval:
    options: Crossval = load_config(TINY, overrides).config.crossval
    return options


@pytest.mark.parametrize("shuffle", [False, True])
def test_folds_are_those_of_cross_val_predict(shuffle: bool) -> None:
    labels = np.random.default_rng(0).integers(0, 3, 100)
    ours = plan_folds(labels, folds=4, shuffle=shuffle, seed=5)
    splitter = StratifiedKFold(4, shuffle=shuffle, random_state=5 if shuffle else None)
    theirs = [held_out for _, held_out in splitter.split(np.zeros((100, 7)), labels)]
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)
    assert sorted(np.concatenate(ours)) == list(range(100))


def test_a_class_with_fewer_texts_than_folds_is_told_of_and_divided() -> None:
    labels = Labels(np.array([0] * 20 + [1] * 3), np.ones(23, bool))
    options = make_options("crossval.all.folds=5", "crossval.train.folds=5")
    said = check_folds(labels, np.arange(23), ["neg", "pos"], options)
    assert said == "fewer texts than folds, which says little of their labels: 'pos' (3)"
    for held_out in plan_folds(labels.given, folds=5, shuffle=True, seed=1):
        assert (labels.given[held_out] == 1).sum() <= 1  # so two others are learned
    enough = make_options("crossval.all.folds=3", "crossval.train.folds=3")
    assert check_folds(labels, np.arange(23), ["neg", "pos"], enough) == ""


@pytest.mark.parametrize(
    ("copies", "options", "says"),
    [
        (10, ["crossval.group_duplicates=true"], "class 'pos' has 1 different text"),
        (1, ["crossval.group_duplicates=false"], "class 'pos' has 1 text"),
        (0, ["crossval.group_duplicates=false"], "class 'pos' has 0 text"),
    ],
)
def test_a_class_that_nobody_could_learn_is_stopped(
    copies: int, options: list[str], says: str
) -> None:
    given = np.array([0] * 20 + [1] * copies)
    labels = Labels(given, np.ones(len(given), bool))
    groups = np.append(np.arange(20), np.full(copies, 20))
    with pytest.raises(DataError) as caught:
        check_folds(labels, groups, ["neg", "pos"], make_options(*options))
    assert str(caught.value).startswith(says)
    assert "in scope all and 2 are needed" in str(caught.value)


def test_more_folds_than_texts_of_any_class_are_refused() -> None:
    """At most 4 would do in scope all, and fail in the training split."""
    is_train = np.array([True] * 6 + [False, False])
    labels = Labels(np.array([0, 1] * 4), is_train)
    options = make_options("crossval.all.folds=4", "crossval.train.folds=4")
    with pytest.raises(DataError, match=r"crossval.train.folds is 4 and .* at most 3 are possible"):
        check_folds(labels, np.arange(8), ["neg", "pos"], options)


def test_groups_stay_together() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200)
    groups = rng.integers(0, 120, 200)
    folds = plan_folds(labels, folds=4, shuffle=True, seed=1, groups=groups)
    assert sorted(np.concatenate(folds)) == list(range(200))
    for held_out in folds:
        others = np.setdiff1d(np.arange(200), held_out)
        assert not set(groups[held_out]) & set(groups[others])


@pytest.mark.parametrize("shuffle", [True, False])
def test_groups_of_one_change_nothing(shuffle: bool) -> None:
    labels = np.arange(100) % 3
    options = {"folds": 5, "shuffle": shuffle, "seed": 1}
    plain = plan_folds(labels, **options)  # type: ignore[arg-type]
    grouped = plan_folds(labels, **options, groups=np.arange(100)[::-1])  # type: ignore[arg-type]
    for one, other in zip(plain, grouped, strict=True):
        np.testing.assert_array_equal(one, other)
