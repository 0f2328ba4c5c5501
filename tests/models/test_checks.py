"""The guards around a training: token ids, whether anything was trained, and on which classes."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.crossval import check_inputs, plan_trainings
from pipeline.data.prepared import load_labels, text_groups
from pipeline.frame import artifacts
from pipeline.frame.errors import ArtifactError, DataError
from pipeline.frame.run import Run
from pipeline.models import checks
from pipeline.models.checks import check_fitted, check_token_ids
from pipeline.models.folds import FoldPlans
from pipeline.models.training import Training, train
from tests.tiny import load_tiny


def test_a_token_id_outside_the_vocabulary_is_found_wherever_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "ROWS", 4)
    tokens = np.zeros((10, 3), np.uint8)
    tokens[9, 2] = 7
    artifacts.save_array(tmp_path / "all.npy", tokens)
    check_token_ids(tmp_path / "all.npy", 8)
    with pytest.raises(ArtifactError, match=r"all.npy: token id 7 is outside the vocabulary of 7"):
        check_token_ids(tmp_path / "all.npy", 7)
    artifacts.save_array(tmp_path / "none.npy", tokens[:0])
    check_token_ids(tmp_path / "none.npy", 1)


@pytest.mark.parametrize("scope", ["all", "train"])
def test_a_shorter_vocabulary_of_another_run_is_refused(run_copy: Run, scope: str) -> None:
    config, path = load_tiny().config, run_copy.vocabulary(scope)
    check_inputs(run_copy, config)
    artifacts.save_json(path, artifacts.load_json(path)[:100])
    with pytest.raises(ArtifactError, match=rf"{scope}.npy: token id .* the vocabulary of 100"):
        check_inputs(run_copy, config)


def test_a_classifier_that_was_not_trained_is_refused() -> None:
    labels = np.array([0, 1])
    trained = SimpleNamespace(history_={"loss": [0.5]}, classes_=labels)
    check_fitted(trained, labels, name="all fold 1")
    check_fitted(SimpleNamespace(classes_=labels), labels, name="all fold 1")
    for history in ({}, {"loss": []}):
        with pytest.raises(DataError, match="all fold 1: no epoch was trained"):
            check_fitted(
                SimpleNamespace(history_=history, classes_=labels), labels, name="all fold 1"
            )


def first_training(run: Run) -> Training:
    config = load_tiny().config
    plans = FoldPlans(load_labels(run), text_groups(run), config.crossval, config.seed)
    return next(iter(plan_trainings(config, run, plans)))


def test_a_class_without_a_training_example_is_not_left_out_silently(tiny_run: Run) -> None:
    """Its column would be missing, and with three classes the others would move up."""
    training = first_training(tiny_run)
    for emptied, left in ((0, 1), (1, 0)):
        held_out = np.flatnonzero(training.labels == emptied)
        words = rf"all fold 1: was trained on the classes \[{left}\] only, of \[0, 1\]"
        with pytest.raises(DataError, match=words):
            train([replace(training, held_out=held_out)], lambda name, epoch, loss: None)


def test_columns_in_another_order_are_refused() -> None:
    swapped = SimpleNamespace(classes_=np.array([1, 0]))
    with pytest.raises(DataError, match="was trained on the classes"):
        check_fitted(swapped, np.array([0, 1, 1]), name="all fold 1")
