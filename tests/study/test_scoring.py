"""How arms are scored and compared: by hand, with nothing trained."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.data.prepared import Labels, load_labels
from pipeline.frame import artifacts
from pipeline.frame.errors import ArtifactError
from pipeline.frame.run import Run
from pipeline.issues.arms import TrainingSet
from pipeline.issues.comparison import mcnemar_p
from pipeline.study.detection import plan_trials, truth_table
from pipeline.study.seeds import (
    Version,
    compare_arms,
    describe_stability,
    describe_test_set,
    score_arms,
)
from pipeline.study.trials import Trial, pool
from tests.tiny import load_tiny

NOTHING = np.empty(0, int)
GIVEN = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1])  # of test
CORRECTED = np.array([1, 0, 0, 0, 1, 1, 1, 1, 1, 0])
COUNTS = np.array([True] * 7 + [False] * 3)  # people agreed on the first seven
TRAIN = np.array([0, 1, 0, 1, 0])


def sure_of(predicted: np.ndarray) -> dict[str, np.ndarray]:
    return {"pred_probs": np.where(np.eye(2, dtype=bool)[predicted], 0.9, 0.1)}


def trials_of(*seeds: int) -> list[Trial]:
    labels = Labels(np.concatenate([TRAIN, GIVEN]), np.arange(15) < 5)
    return [Trial(f"seed {seed}", seed, labels) for seed in seeds]


def scored() -> tuple[list[Trial], dict[str, Any], pa.Table, dict[str, Version]]:
    """Return a baseline that says what is given, and an arm that says what is corrected."""
    trials = trials_of(1, 2, 3)
    less = TrainingSet(np.array([1, 3]), np.where(np.arange(5) == 0, 1, TRAIN))
    arms = {t.name: {"baseline": TrainingSet(NOTHING, TRAIN), "prune": less} for t in trials}
    fitted = {}
    for trial in trials:
        fitted[f"{trial.name} baseline"] = sure_of(GIVEN)
        fitted[f"{trial.name} prune"] = sure_of(CORRECTED)
    test = {
        "given": Version("test_accuracy", GIVEN, np.ones(10, bool)),
        "corrected": Version("test_accuracy_corrected", CORRECTED, COUNTS),
    }
    rows = score_arms(trials, arms, fitted, test)
    return trials, fitted, pa.Table.from_pylist(rows), test


def test_an_arm_is_scored_on_both_labels_and_against_the_baseline() -> None:
    rows = [row for row in scored()[2].to_pylist() if row["seed"] == 2]
    baseline, prune = rows
    assert (baseline["arm"], prune["arm"]) == ("baseline", "prune")
    assert (baseline["test_accuracy"], prune["test_accuracy"]) == (1.0, 0.8)
    # The last row is left out of the corrected labels: nobody agreed on it.
    assert baseline["test_accuracy_corrected"] == pytest.approx(6 / 7)
    assert prune["test_accuracy_corrected"] == 1.0
    assert (baseline["left_out"], prune["left_out"]) == (0, 2)
    assert (baseline["relabelled"], prune["relabelled"]) == (0, 1)
    assert baseline["mcnemar_p"] is None
    assert prune["mcnemar_p"] == mcnemar_p(CORRECTED == GIVEN, np.ones(10, bool))


def test_arms_are_compared_on_the_rows_that_count() -> None:
    trials, fitted, rows, test = scored()
    given, corrected = compare_arms(trials, rows, fitted, test)
    assert (given["labels"], corrected["labels"]) == ("given", "corrected")
    assert given["mean"] == pytest.approx(-0.2)
    assert corrected["mean"] == pytest.approx(1 / 7)
    for found in (given, corrected):  # around the mean of those very rows
        assert sum(found["ci95_test_set"]) / 2 == pytest.approx(found["mean"])


def test_a_second_key_is_one_more_version_of_the_labels() -> None:
    trials, fitted, _, test = scored()
    more = {"corrected by second": Version("test_accuracy_corrected_second", GIVEN, COUNTS, "s")}
    arms = {t.name: {n: TrainingSet(NOTHING, TRAIN) for n in ("baseline", "prune")} for t in trials}
    rows = pa.Table.from_pylist(score_arms(trials, arms, fitted, test | more))
    found = compare_arms(trials, rows, fitted, test | more)
    assert [row["labels"] for row in found] == ["given", "corrected", "corrected by second"]
    assert found[2]["mean"] == pytest.approx(-1 / 7)
    assert (found[2]["key"], "key" in found[0]) == ("s", False)
    assert compare_arms(trials, rows, fitted, test) == found[:2]
    told = describe_test_set(test | more)
    assert [k["flipped_by_people"] for k in told.pop("keys")] == [2, 0]
    assert told == describe_test_set(test)


def test_a_trial_gets_its_own_folds_alone() -> None:
    """Whatever the names: "seed 1" is how "seed 11" begins."""
    first, other = trials_of(1, 11)
    told = {
        trial.name: np.full((2, 2), share, np.float32)
        for trial, share in ((first, 0.25), (other, 0.75))
    }
    results = {
        f"{name} train fold {fold}": {
            "held_out": np.array(held),
            "pred_probs": np.resize(probs, (len(held), 2)),
        }
        for name, probs in told.items()
        for fold, held in ((1, [0, 2]), (2, [1, 3, 4]))
    }
    for trial, share in ((first, 0.25), (other, 0.75)):
        assert (pool(results, trial, "train", num_classes=2) == share).all()
    del results["seed 1 train fold 2"]
    with pytest.raises(ArtifactError, match="seed 1: a fold of scope train is missing"):
        pool(results, first, "train", num_classes=2)


def test_each_example_has_the_confidence_in_its_given_label(tiny_run: Run) -> None:
    given = load_labels(tiny_run).given
    probs = artifacts.load_array(tiny_run.pred_probs("all"))
    config = load_tiny().config
    _, table = describe_stability(given, [probs, probs[:, ::-1]], config.find_issues, tiny_run)
    assert table.column("mean_self_confidence").to_pylist() == pytest.approx([0.5] * len(given))
    _, table = describe_stability(given, [probs], config.find_issues, tiny_run)
    confidence = table.column("mean_self_confidence").to_numpy()
    np.testing.assert_allclose(confidence, probs[np.arange(len(given)), given])
    assert confidence.min() < 0.5


def test_noise_is_in_the_training_labels_alone_and_its_truth_is_kept(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where train and test lie among each other, as TFDS reads them."""
    order = np.random.default_rng(0).permutation(280)
    clean = load_labels(tiny_run)
    clean = Labels(clean.given[order], clean.is_train[order])
    monkeypatch.setattr("pipeline.study.detection.load_labels", lambda run: clean)
    settings = ["study.noise.rates=[0,0.2]", "study.noise.kinds=[uniform,class_dependent]"]
    planned = plan_trials(load_tiny(*settings, "study.noise.seeds=[1,2]"), tiny_run)
    assert [(kind, rate, trial.seed) for trial, kind, rate in planned] == [
        ("uniform", 0, 1), ("uniform", 0, 2), ("uniform", 0.2, 1), ("uniform", 0.2, 2),
        ("class_dependent", 0.2, 1), ("class_dependent", 0.2, 2),
    ]  # fmt: skip
    train, test = clean.given[clean.rows("train")], clean.given[clean.rows("test")]
    for trial, _, rate in planned:
        assert (trial.given("test") == test).all()
        assert (trial.given("train") != train).sum() == round(rate * len(train))
    truth = truth_table(planned, train).to_pylist()
    assert len(truth) == 4 * round(0.2 * len(train))
    assert all(line["true_label"] == train[line["position"]] for line in truth)
