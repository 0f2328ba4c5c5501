"""What `prepare` wrote as it is read; arrays made for another dataset or labels are refused."""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline import cleanlearn
from pipeline.compute.trainings import Trainings
from pipeline.crossval import plan_trainings
from pipeline.data.prepared import (
    Labels,
    dataset_stamp,
    load_examples,
    load_labels,
    text_groups,
)
from pipeline.evaluate import load_test_pred_probs
from pipeline.frame import artifacts
from pipeline.frame.errors import ArtifactError
from pipeline.frame.record import RECORD, load_record, save_record
from pipeline.frame.run import SCOPES, Run
from pipeline.frame.stage import RunState
from pipeline.models.folds import FoldPlans, load_fold
from tests.tiny import load_tiny, run_stage


def flipped(labels: Labels, row: int) -> Labels:
    """Return the same labels, but for one."""
    given = labels.given.copy()
    given[row] = 1 - given[row]
    return Labels(given, labels.is_train)


def test_a_fold_says_its_dataset_and_labels(tiny_run: Run) -> None:
    labels = load_labels(tiny_run)
    fingerprint = artifacts.load_json(tiny_run.dataset)["fingerprint"]
    said = set()
    for scope in SCOPES:
        fold = load_fold(tiny_run, labels, scope, 0)
        assert str(fold["dataset"]) == fingerprint
        said.add(str(fold["labels"]))
    assert len(said) == 2  # the baseline of test is fitted on the labels of train
    assert all(hashed.startswith("sha256:") for hashed in said)


@pytest.mark.parametrize("scope", ["all", "train", "test"])
def test_a_fold_made_for_other_labels_of_the_same_size_is_refused(
    tiny_run: Run, scope: str
) -> None:
    labels = load_labels(tiny_run)
    row = int(labels.rows("train")[3])
    message = rf"{scope}/fold_00.npz: was made for other labels; .*run `make crossval` again"
    with pytest.raises(ArtifactError, match=message):
        load_fold(tiny_run, flipped(labels, row), scope, 0)


def test_labels_in_another_order_are_other_labels(tiny_run: Run) -> None:
    labels = load_labels(tiny_run)
    with pytest.raises(ArtifactError, match="was made for other labels"):
        load_fold(tiny_run, Labels(labels.given[::-1], labels.is_train[::-1]), "all", 0)


def test_only_the_labels_a_model_was_fitted_on_count(tiny_run: Run) -> None:
    labels = load_labels(tiny_run)
    load_fold(tiny_run, flipped(labels, int(labels.rows("test")[0])), "train", 0)


@pytest.mark.parametrize("name", ["dataset", "labels"])
def test_a_fold_of_another_dataset_or_of_none_is_refused(run_copy: Run, name: str) -> None:
    """Its key alone is right: what it says of itself is checked on its own."""
    labels, path = load_labels(run_copy), run_copy.fold("all", 0)
    config = load_tiny().config
    plans = FoldPlans(labels, text_groups(run_copy), config.crossval, config.seed)
    training = next(iter(plan_trainings(config, run_copy, plans)))
    engine: Any = SimpleNamespace(device="cpu")
    key = RunState(config, run_copy).key("crossval")
    trainings = Trainings(run_copy, key, engine, lambda t: run_copy.fold(t.scope, t.fold))
    good = artifacts.load_arrays(path)
    assert trainings._kept(training) is not None
    without = {n: array for n, array in good.items() if n != name}
    for arrays in (without, good | {name: np.array("sha256:0")}):
        artifacts.save_arrays(path, arrays)
        assert trainings._kept(training) is None
        with pytest.raises(ArtifactError, match=r"fold_00.npz: was made for (another|other) "):
            load_fold(run_copy, labels, "all", 0)


def test_test_probabilities_made_for_other_labels_are_refused(tiny_run: Run) -> None:
    labels = load_labels(tiny_run)
    assert set(load_test_pred_probs(tiny_run, labels)) == {"baseline", "cleanlearning"}
    others = flipped(labels, int(labels.rows("test")[3]))
    with pytest.raises(
        ArtifactError, match=r"was made for other labels; .*`make cleanlearn` again"
    ):
        load_test_pred_probs(tiny_run, others)


def test_what_it_was_made_for_is_a_function_of_values_not_of_types(tiny_run: Run) -> None:
    given = load_labels(tiny_run).given
    hashes: list[Any] = [
        str(dataset_stamp(tiny_run, given.astype(t))["labels"]) for t in (int, "i1")
    ]
    assert hashes[0] == hashes[1]


def test_a_baseline_of_another_device_is_not_compared(
    run_copy: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_copy.stage("crossval")
    save_record(folder, load_record(folder) | {"device": "gpu"})
    assert json.loads((folder / RECORD).read_text(encoding="utf-8"))["device"] == "gpu"
    (run_copy.stage("cleanlearn") / RECORD).unlink()
    monkeypatch.setattr(cleanlearn, "train_pruned", pytest.fail)
    words = r"the baseline was trained on a gpu and this would train on a cpu; set compute.device="
    with pytest.raises(ArtifactError, match=words):
        run_stage("cleanlearn", load_tiny(), run_copy.folder.parent)


def test_examples_are_loaded_in_the_order_asked_for(tiny_run: Run) -> None:
    rows = np.array([279, 3, 3, 0, 150])
    table = artifacts.load_table(tiny_run.examples, ["id", "split", "text"]).take(rows).to_pylist()
    assert [example._asdict() for example in load_examples(tiny_run, rows)] == table
    assert list(load_examples(tiny_run, rows[:0])) == []
