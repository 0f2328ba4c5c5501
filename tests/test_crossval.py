"""Cross-validation: honest probabilities, stopped when they are not, and resumed fold by fold."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold

from pipeline import artifacts, crossval, prepare, stage
from pipeline.artifacts import RECORD, Labels, Run
from pipeline.compute.training_task import Task, train
from pipeline.config import load_config
from pipeline.crossval import (
    calibration_error,
    check_folds,
    check_pred_probs,
    plan_folds,
    plan_tasks,
    scores,
    text_groups,
)
from pipeline.data.examples import Examples
from pipeline.errors import ArtifactError, DataError
from tests.tiny import TINY, load_tiny, run_stage

GOOD = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]], np.float32)
LABELS = np.array([0, 1, 1])


def changed(value: object, row: int = 1) -> np.ndarray:
    pred_probs = GOOD.copy()
    pred_probs[row] = value
    return pred_probs


# --- the gate ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pred_probs", "words"),
    [
        (changed([np.nan, np.nan]), "row 1 is no probability distribution"),
        (changed([np.nan, 1]), "row 1 is no probability distribution"),
        (changed([np.inf, 0]), "row 1 is no probability distribution"),
        (changed([0, 0]), "row 1 is no probability distribution"),
        (changed([0.25, 0.25]), "row 1 is no probability distribution"),
        (changed([0.5, 0.498]), "row 1 is no probability distribution"),
        (changed([-0.1, 1.1], row=2), "row 2 is no probability distribution"),
        (GOOD[:2], r"has shape \(2, 2\), not \(3, 2\)"),
        (GOOD[:, :1], r"has shape \(3, 1\), not \(3, 2\)"),
        (GOOD[:, 0], r"has shape \(3,\), not \(3, 2\)"),
        (np.zeros((3, 3), np.float32), r"has shape \(3, 3\), not \(3, 2\)"),
        (np.array([[1, 0], [0, 1], [1, 0]]), "holds int64, not floating-point numbers"),
    ],
)
def test_what_is_no_probability_is_stopped(pred_probs: np.ndarray, words: str) -> None:
    with pytest.raises(ArtifactError, match=f"a.npy: {words}"):
        check_pred_probs(pred_probs, LABELS, num_classes=2, name="a.npy")


def test_probabilities_pass_with_the_rounding_of_float32() -> None:
    check_pred_probs(GOOD, LABELS, num_classes=2, name="a.npy")
    check_pred_probs(changed([0.5, 0.4995]), LABELS, num_classes=2, name="a.npy")


def test_swapped_columns_are_stopped() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200)
    sure = np.where(rng.random(200) < 0.9, 0.8, 0.3)
    pred_probs = np.where(labels[:, None] == [0, 1], sure[:, None], 1 - sure[:, None])
    check_pred_probs(pred_probs, labels, num_classes=2, name="a.npy")
    with pytest.raises(ArtifactError, match="columns are in another order than the classes"):
        check_pred_probs(pred_probs[:, ::-1], labels, num_classes=2, name="a.npy")


def test_permuted_columns_of_many_classes_are_stopped() -> None:
    labels = np.random.default_rng(0).integers(0, 4, 400)
    pred_probs = np.where(labels[:, None] == range(4), 0.7, 0.1)
    check_pred_probs(pred_probs, labels, num_classes=4, name="a.npy")
    with pytest.raises(ArtifactError, match="columns are in another order than the classes"):
        check_pred_probs(pred_probs[:, [1, 2, 3, 0]], labels, num_classes=4, name="a.npy")


def test_the_same_probabilities_for_every_text_are_stopped() -> None:
    labels = np.arange(200) % 2
    constant = np.tile([0.6, 0.4], (200, 1))
    with pytest.raises(ArtifactError, match=r"a.npy: is the same for every text"):
        check_pred_probs(constant, labels, num_classes=2, name="a.npy")
    constant[7] = [0.5, 0.5]
    check_pred_probs(constant, labels, num_classes=2, name="a.npy")


@pytest.mark.parametrize("scope", ["all", "train", "test"])
def test_bad_probabilities_never_reach_cleanlab(
    run_copy: Run, monkeypatch: pytest.MonkeyPatch, scope: str
) -> None:
    from pipeline import find_issues

    monkeypatch.setattr(find_issues, "find_issues_ranked", pytest.fail)
    pred_probs = artifacts.load_array(run_copy.pred_probs(scope))
    pred_probs[7] = np.nan
    artifacts.save_array(run_copy.pred_probs(scope), pred_probs)
    labels, names = artifacts.load_labels(run_copy), artifacts.load_class_names(run_copy)
    options = load_tiny().config.find_issues
    with pytest.raises(ArtifactError, match="row 7 is no probability"):
        find_issues._find_in_scope(run_copy, scope, labels, names, options)


# --- scores --------------------------------------------------------------------------------


def test_calibration_error_on_literals() -> None:
    pred_probs = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]])
    labels = np.array([0, 1, 0, 1])
    # Bin of 0.9: accuracy 0.5, gap 0.4, half of all. Bin of 0.6: accuracy 1, gap 0.4, the rest.
    assert calibration_error(pred_probs, labels, bins=10) == pytest.approx(0.4)
    # One bin for all: accuracy 0.75, mean confidence 0.75.
    assert calibration_error(pred_probs, labels, bins=1) == pytest.approx(0.0)
    certain = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert calibration_error(certain, np.array([0, 1]), bins=15) == 0.0
    assert calibration_error(certain, np.array([1, 0]), bins=15) == 1.0


def test_scores_on_literals() -> None:
    found = scores(GOOD, LABELS)
    assert found["log_loss"] == pytest.approx(-np.log([0.9, 0.8, 0.5]).mean(), rel=1e-6)
    assert found["log_loss"] == pytest.approx(log_loss(LABELS, GOOD), rel=1e-6)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert np.isfinite(scores(np.array([[1.0, 0.0]]), np.array([1]))["log_loss"])


# --- folds ---------------------------------------------------------------------------------


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
    config = load_config(TINY).config
    with pytest.raises(DataError, match=r"class 'pos' has 3 examples in scope all .*at most 3"):
        check_folds(labels, np.arange(23), ["neg", "pos"], config)
    with pytest.raises(DataError, match="class 'none' has 0 examples"):
        check_folds(labels, np.arange(23), ["neg", "pos", "none"], config)


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
    config = load_config(TINY, [*folds, "crossval.group_duplicates=true"]).config
    given = np.array([0] * 20 + [1] * copies)
    labels = Labels(given, np.ones(len(given), bool))
    groups = np.append(np.arange(20), np.full(copies, 20))
    with pytest.raises(DataError) as caught:
        check_folds(labels, groups, ["neg", "pos"], config)
    assert str(caught.value) == f"class 'pos' has {says}"


def test_the_smallest_split_decides_how_many_folds_are_advised() -> None:
    """At most 4 folds would do in scope all, and fail in the training split."""
    config = load_config(TINY, ["crossval.all.folds=5", "crossval.train.folds=5"]).config
    is_train = np.array([True] * 20 + [True, True, True, False])
    labels = Labels(np.array([0] * 20 + [1] * 4), is_train)
    with pytest.raises(DataError, match=r"3 examples in scope train .*at most 3 folds"):
        check_folds(labels, np.arange(24), ["neg", "pos"], config)


def plan(run: Run) -> list[Task]:
    labels, groups = artifacts.load_labels(run), text_groups(run)
    return list(plan_tasks(load_tiny().config, run, labels, groups))


def test_every_training_has_its_own_seed_and_the_longest_come_first(tiny_run: Run) -> None:
    tasks = plan(tiny_run)
    names = ["all fold 1", "all fold 2", "baseline", "train fold 1", "train fold 2"]
    assert [task.name for task in tasks] == names
    assert len({task.path for task in tasks}) == 5
    assert [task.cost for task in tasks] == [560, 560, 800, 400, 400]


# --- a finished run ------------------------------------------------------------------------


def test_probabilities_are_the_folds_put_together(tiny_run: Run) -> None:
    labels = artifacts.load_labels(tiny_run)
    metrics = artifacts.load_json(tiny_run.crossval_metrics)
    for scope, count in (("all", 2), ("train", 2), ("test", 1)):
        rows = labels.rows(scope)
        pooled = artifacts.load_array(tiny_run.pred_probs(scope))
        assert pooled.dtype == np.float32
        seen = []
        for number in range(count):
            fold = artifacts.load_arrays(tiny_run.fold(scope, number))
            np.testing.assert_array_equal(pooled[fold["held_out"]], fold["pred_probs"])
            seen += fold["held_out"].tolist()
            expected = scores(fold["pred_probs"], labels.given[rows][fold["held_out"]])
            training = metrics[scope]["folds"][number].pop("training")
            assert metrics[scope]["folds"][number] == expected
            assert len(training["loss"]) == len(training["accuracy"]) == 4
        assert sorted(seen) == list(range(len(rows)))
        assert metrics[scope]["pooled"] == scores(pooled, labels.given[rows])


def outputs(run: Run) -> dict[str, bytes]:
    folder = run.stage("crossval")
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != RECORD]
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(files)}


def crossval_again(
    run: Run, monkeypatch: pytest.MonkeyPatch, *overrides: str
) -> tuple[list[str], dict[str, bytes]]:
    """Run the stage as after an interruption; return what was trained, and all files."""
    (run.stage("crossval") / RECORD).unlink(missing_ok=True)
    trained: list[str] = []

    def watched(tasks: list[Task], told: Any) -> Any:
        trained.extend(task.name for task in tasks)
        return train(tasks, told)

    monkeypatch.setattr(crossval, "train", watched)
    run_stage("crossval", load_tiny(*overrides), run.folder.parent)
    return trained, outputs(run)


def test_finished_folds_are_kept_and_the_missing_one_is_the_same_again(
    run_copy: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = outputs(run_copy)
    run_copy.fold("all", 1).unlink()
    run_copy.pred_probs("all").unlink()
    trained, after = crossval_again(run_copy, monkeypatch)
    assert trained == ["all fold 2"]
    assert after == before


def test_a_half_written_fold_is_trained_again(
    run_copy: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = outputs(run_copy)
    path = run_copy.fold("train", 0)
    path.write_bytes(path.read_bytes()[:-100])
    trained, after = crossval_again(run_copy, monkeypatch)
    assert trained == ["train fold 1"]
    assert after == before


def test_folds_of_other_settings_or_places_are_not_kept(
    run_copy: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = run_copy.fold("all", 0), run_copy.fold("all", 1)
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)
    trained, _ = crossval_again(run_copy, monkeypatch)
    assert trained == ["all fold 1", "all fold 2"]
    trained, after = crossval_again(run_copy, monkeypatch, "model.epochs=1")
    assert len(trained) == 5
    assert len(after) == 10


def test_folds_of_another_device_are_not_kept(tiny_run: Run) -> None:
    task = plan(tiny_run)[0]
    keys = {crossval.fold_key("stage", device, task) for device in ("cpu", "gpu")}
    assert len(keys) == 2


def test_folds_of_other_library_versions_are_not_kept(
    run_copy: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = outputs(run_copy)
    monkeypatch.setattr(stage, "versions", lambda names: dict.fromkeys(names, "0"))
    (run_copy.fold("all", 0)).unlink()
    key = stage.Checked(load_tiny().config, run_copy).key("crossval")
    monkeypatch.undo()
    assert key != stage.Checked(load_tiny().config, run_copy).key("crossval")
    for path in run_copy.stage("crossval").rglob("fold_*.npz"):
        arrays = artifacts.load_arrays(path)
        scope, fold = path.parent.name, int(path.stem[-2:])
        task = next(t for t in plan(run_copy) if (t.scope, t.fold) == (scope, fold))
        arrays["key"] = np.array(crossval.fold_key(key, "cpu", task))
        artifacts.save_arrays(path, arrays)
    trained, after = crossval_again(run_copy, monkeypatch)
    assert len(trained) == 5
    assert after == before


def test_fewer_folds_leave_no_file_of_the_others(
    run_copy: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ("crossval.all.folds=3", "model.epochs=1")
    _, files = crossval_again(run_copy, monkeypatch, *more)
    assert "all/fold_02.npz" in files
    _, files = crossval_again(run_copy, monkeypatch, "model.epochs=1")
    assert "all/fold_02.npz" not in files


def test_two_workers_give_the_same_bytes(run_copy: Run) -> None:
    before = outputs(run_copy)
    for path in run_copy.stage("crossval").rglob("*.np*"):
        path.unlink()
    run_stage("crossval", load_tiny("compute.workers=2"), run_copy.folder.parent)
    assert outputs(run_copy) == before


def test_no_test_row_influences_the_train_scope(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other test texts and other test labels: the same bits for train, and the same baseline."""
    examples = prepare.read_examples(load_tiny().config.dataset, seed=123456)
    is_test = np.array(examples.splits) == "test"
    other = Examples(
        examples.name,
        examples.class_names,
        examples.ids,
        examples.splits,
        np.where(is_test, 1 - examples.labels, examples.labels),
        [f"the film zzz{n}" if t else s for n, (s, t) in enumerate(zip(examples.texts, is_test))],  # noqa: B905
        examples.truth,
    )
    monkeypatch.setattr(prepare, "read_examples", lambda dataset, seed: other)
    for name in ("prepare", "vectorize", "crossval"):
        run_stage(name, load_tiny(), tmp_path)
    run = Run(tmp_path / TINY.stem)
    for path in ("vectorize/train.npy", "vectorize/vocabulary_train.json",
                 "crossval/pred_probs_train.npy"):  # fmt: skip
        assert (run.folder / path).read_bytes() == (tiny_run.folder / path).read_bytes(), path
    for path in ("vectorize/all.npy", "crossval/pred_probs_all.npy"):
        assert (run.folder / path).read_bytes() != (tiny_run.folder / path).read_bytes(), path
    ours, theirs = (artifacts.load_arrays(r.fold("test", 0)) for r in (run, tiny_run))
    for name in ours:
        if name.startswith("weight_"):
            np.testing.assert_array_equal(ours[name], theirs[name])


def test_a_loss_that_diverges_names_the_fold_and_the_key(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.models.classifier import FastTextClassifier
    from pipeline.models.network import LossIsNaN

    def diverge(self: object, x: object, y: object, weights: object) -> None:
        raise LossIsNaN("the loss became nan in epoch 3")

    monkeypatch.setattr(FastTextClassifier, "fit", diverge)
    task = plan(tiny_run)[0]
    words = "all fold 1: the loss became nan in epoch 3; lower model.learning_rate"
    with pytest.raises(DataError, match=words):
        train([task], lambda name, epoch, loss: None)
