"""Cross-validation: every example judged by a model of the others, and resumed fold by fold."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline import prepare
from pipeline.compute import trainings
from pipeline.compute.trainings import Trainings
from pipeline.crossval import plan_trainings
from pipeline.data.examples import Examples
from pipeline.data.prepared import load_labels, text_groups
from pipeline.frame import artifacts, stage
from pipeline.frame.errors import DataError
from pipeline.frame.record import RECORD
from pipeline.frame.run import Run
from pipeline.frame.stage import RunState
from pipeline.issues.scores import scores
from pipeline.models.folds import FoldPlans
from pipeline.models.training import ReportEpoch, Training, grouped, train
from tests.tiny import TINY, load_tiny, run_stage


def plan(run: Run) -> list[Training]:
    config = load_tiny().config
    plans = FoldPlans(load_labels(run), text_groups(run), config.crossval, config.seed)
    return list(plan_trainings(config, run, plans))


def kept_with(run: Run, key: str, device: str) -> Trainings:
    """Return what keeps the folds of `run` that were made from `key` on a kind of device."""
    engine: Any = SimpleNamespace(device=device)
    return Trainings(run, key, engine, lambda t: run.fold(t.scope, t.fold))


def test_every_training_has_its_own_seed_and_the_longest_come_first(tiny_run: Run) -> None:
    planned = plan(tiny_run)
    names = ["all fold 1", "all fold 2", "baseline", "train fold 1", "train fold 2"]
    assert [training.name for training in planned] == names
    assert len({training.path for training in planned}) == 5
    assert [training.cost for training in planned] == [560, 560, 800, 400, 400]


def test_small_trainings_of_one_size_are_one_training(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = plan(tiny_run)
    groups = [[training.name for training in group] for group in grouped(planned, exact=True)]
    folds = [[f"{scope} fold {number}" for number in (1, 2)] for scope in ("all", "train")]
    assert groups == [folds[0], ["baseline"], folds[1]]
    for change in ({"epochs": planned[0].epochs + 1}, {"learning_rate": 0.5}):
        other = dataclasses.replace(planned[0], model=planned[0].model.model_copy(update=change))
        assert len(grouped([planned[0], other], exact=True)) == 2
    monkeypatch.setattr("pipeline.models.training.SMALL", 140 * 60 - 1)
    assert [len(group) for group in grouped(planned, exact=True)] == [1] * 3 + [2]
    assert [len(group) for group in grouped(planned, exact=False)] == [2, 1, 2]


# --- a finished run ------------------------------------------------------------------------


def test_probabilities_are_the_folds_put_together(tiny_run: Run) -> None:
    labels = load_labels(tiny_run)
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

    def watched(planned: Sequence[Training], report: ReportEpoch) -> list[artifacts.Arrays]:
        trained.extend(training.name for training in planned)
        return train(planned, report)

    monkeypatch.setattr(trainings, "train", watched)
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


def test_folds_that_a_gpu_cannot_train_at_once_are_trained_half_by_half(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = [plan(tiny_run)[place] for place in (0, 1, 3, 4)]
    sizes = []

    def fit_one(classifiers: Any, sets: Any) -> None:
        sizes.append(len(sets))
        raise MemoryError

    monkeypatch.setattr("pipeline.models.classifier.fit_classifiers", fit_one)
    results = train(planned, lambda name, epoch, loss: None)
    assert sizes == [4, 2, 2]
    for training, result in zip(planned, results, strict=True):
        kept = artifacts.load_arrays(tiny_run.fold(training.scope, training.fold))
        np.testing.assert_array_equal(result["pred_probs"], kept["pred_probs"])


def test_folds_of_another_device_are_not_kept(tiny_run: Run) -> None:
    key, training = RunState(load_tiny().config, tiny_run).key("crossval"), plan(tiny_run)[0]
    assert kept_with(tiny_run, key, "cpu")._kept(training) is not None
    assert kept_with(tiny_run, key, "gpu")._kept(training) is None


def test_folds_of_other_library_versions_are_not_kept(
    run_copy: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = outputs(run_copy)
    monkeypatch.setattr(stage, "versions", lambda names: dict.fromkeys(names, "0"))
    (run_copy.fold("all", 0)).unlink()
    key = RunState(load_tiny().config, run_copy).key("crossval")
    monkeypatch.undo()
    assert key != RunState(load_tiny().config, run_copy).key("crossval")
    others = kept_with(run_copy, key, "cpu")
    for path in run_copy.stage("crossval").rglob("fold_*.npz"):
        arrays = artifacts.load_arrays(path)
        scope, fold = path.parent.name, int(path.stem[-2:])
        training = next(t for t in plan(run_copy) if (t.scope, t.fold) == (scope, fold))
        arrays["key"] = np.array(others._key_of(training))
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
        raise LossIsNaN(float("nan"), 3, 0)

    monkeypatch.setattr(FastTextClassifier, "fit", diverge)
    training = plan(tiny_run)[0]
    words = "all fold 1: the loss became nan in epoch 3; lower model.learning_rate"
    with pytest.raises(DataError, match=words):
        train([training], lambda name, epoch, loss: None)
