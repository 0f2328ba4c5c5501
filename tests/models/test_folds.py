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


def test_a_class_too_small_for_the_folds_is_stopped() -> None:
    labels = Labels(np.array([0] * 20 + [1] * 3), np.ones(23, bool))
    options = make_options()
    with pytest.raises(DataError, match=r"class 'pos' has 3 examples in scope all .*at most 3"):
        check_folds(labels, np.arange(23), ["neg", "pos"], options)
    with pytest.raises(DataError, match="class 'none' has 0 examples"):
        check_folds(labels, np.arange(23), ["neg", "pos", "none"], options)


@pytest.mark.parametrize(
    ("copies", "says"),
    [
        (10, "1 examples with different texts (10 with copies) in scope all and "
             "crossval.all.folds is 5; no number of folds is small enough: drop the class, or "
             "merge it with another, or set crossval.group_duplicates: false"),
        (1, "1 examples in scope all and crossval.all.folds is 5; no number of folds is small "
            "enough: drop the class, or merge it with another"),
        (3, "1 examples with different texts (3 with copies) in scope all and "
            "crossval.all.folds is 5; no number of folds is small enough: drop the class, or "
            "merge it with another"),
    ],
)  # fmt: skip
def test_no_number_of_folds_is_advised_that_fails_too(copies: int, says: str) -> None:
    folds = ["crossval.all.folds=5", "crossval.train.folds=5"]
    options = make_options(*folds, "crossval.group_duplicates=true")
    given = np.array([0] * 20 + [1] * copies)
    labels = Labels(given, np.ones(len(given), bool))
    groups = np.append(np.arange(20), np.full(copies, 20))
    with pytest.raises(DataError) as caught:
        check_folds(labels, groups, ["neg", "pos"], options)
    assert str(caught.value) == f"class 'pos' has {says}"


def test_the_smallest_split_decides_how_many_folds_are_advised() -> None:
    """At most 4 folds would do in scope all, and fail in the training split."""
    options = make_options("crossval.all.folds=5", "crossval.train.folds=5")
    is_train = np.array([True] * 20 + [True, True, True, False])
    labels = Labels(np.array([0] * 20 + [1] * 4), is_train)
    with pytest.raises(DataError, match=r"3 examples in scope train .*at most 3 folds"):
        check_folds(labels, np.arange(24), ["neg", "pos"], options)


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
