"""Everything repeated over seeds: every arm, paired, and how stable the issues are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.compute.trainings import Trainings
from pipeline.config.load import Loaded
from pipeline.corrections.effect import given_labels, judged_labels
from pipeline.data.prepared import Labels, load_class_names, load_labels
from pipeline.frame import artifacts
from pipeline.frame.artifacts import Arrays
from pipeline.frame.run import Run
from pipeline.issues.answer_keys import apply_votes
from pipeline.issues.arms import BASELINE, TrainingSet, comparisons, make_arms
from pipeline.issues.comparison import (
    FEWEST_SEEDS,
    interval_over_test_sets,
    mcnemar_p,
    paired_difference,
    spread_of,
    stability,
)
from pipeline.issues.ranking import find_issues_ranked
from pipeline.issues.scores import scores
from pipeline.issues.sections import FindIssues
from pipeline.study.advice import advise
from pipeline.study.calibration import calibrate_arms
from pipeline.study.trials import Trial, arm_trainings, ask_finder, tried_arms

TOP = 100


class Version(NamedTuple):
    """The test labels as given, or as corrected by an answer key.

    column: of the accuracy on them. labels: (n,). counts: (n,) the rows that count. key: whose
    they are, where there are several.
    """

    column: str
    labels: np.ndarray
    counts: np.ndarray
    key: str = ""


def load_test_labels(run: Run, labels: Labels, paths: Mapping[str, Path]) -> dict[str, Version]:
    """Return what the arms are scored on: "given", "corrected" and what more keys there are."""
    given = labels.given[labels.rows("test")]
    versions = {"given": Version("test_accuracy", given, np.ones(len(given), bool))}
    keys = judged_labels(run, artifacts.load_json(run.dataset), labels, paths)
    for place, (name, key) in enumerate(keys.items()):
        column = f"test_accuracy_corrected_{name}" if place else "test_accuracy_corrected"
        said = Version(column, *apply_votes(given, key), key=name if len(keys) > 1 else "")
        versions[f"corrected by {name}" if place else "corrected"] = said
    return versions


def run_seeds(
    loaded: Loaded, run: Run, trainings: Trainings, seeds: list[int]
) -> tuple[dict[str, Any], pa.Table, pa.Table]:
    """Return the seeds part of study.json, one row per (seed, arm), and one row per example.

    With corrections applied by `prepare`, every arm but `human` gets the labels as they were
    given, and is scored on them. Examples that people dropped are in no arm.
    """
    config, corrected = loaded.config, load_labels(run)
    labels = Labels(given_labels(run, artifacts.load_json(run.dataset)), corrected.is_train)
    human = TrainingSet(np.empty(0, int), corrected.given[labels.rows("train")])
    num_classes = len(load_class_names(run))
    test = load_test_labels(run, labels, config.evaluate.key_paths)
    given = test["given"].labels
    scopes = ("all", "train")
    trials = [Trial(f"seed {seed}", seed, labels, scopes) for seed in seeds]
    said = ask_finder(trials, config, run, trainings, num_classes=num_classes)
    arms = {
        trial.name: make_arms(
            config.study.arms,
            trial.given("train"),
            said[trial.name]["train"],
            config.find_issues,
            stream=trial.stream,
            human=human,
            max_class_weight=config.cleanlearn.max_class_weight,
        )
        for trial in trials
    }
    finals = [
        task for trial in trials for task in arm_trainings(trial, arms[trial.name], config, run)
    ]
    fitted = {task.name: result for task, result in trainings.run(finals, "arms")}
    calibration: dict[str, Any] = {}
    if config.cleanlearn.calibrate:
        calibration = calibrate_arms(trials, finals, fitted, given, config, run, trainings)
    rows = pa.Table.from_pylist(score_arms(trials, arms, fitted, test))
    pred_probs = [said[trial.name]["all"] for trial in trials]
    steadiness, examples = describe_stability(labels.given, pred_probs, config.find_issues, run)
    return (
        {
            "seeds": seeds,
            "arms": arm_columns(rows),
            "differences": compare_arms(trials, rows, fitted, test),
            "calibration": calibration,
            "advice": advise(
                tried_arms(trials, fitted, given),
                issue_share=float(np.mean(steadiness["issues_per_seed"])) / len(labels.given),
                unfit=why_unfit(run),
                wanted_seeds=len(config.study.seeds),
            ),
            "stability": steadiness,
            "test_set": describe_test_set(test),
        },
        rows,
        examples,
    )


def why_unfit(run: Run) -> str:
    """Return why the finder cannot judge and what helps, "" if it can or nobody has asked."""
    if not run.health.exists():
        return ""
    fitness = artifacts.load_json(run.health)["fitness"]
    return "; ".join(f"{r['why']}: {r['remedy']}" for r in fitness["reasons"])


def describe_test_set(test: dict[str, Version]) -> dict[str, Any]:
    """Return how many examples it has, and what people changed in it; by key if there are more."""
    given = test["given"].labels
    told = [
        {
            "key": version.key,
            "flipped_by_people": int((version.labels != given).sum()),
            "left_out_without_majority": int((~version.counts).sum()),
        }
        for labels, version in test.items()
        if labels != "given"
    ]
    first = told[0] if told else {"flipped_by_people": None, "left_out_without_majority": 0}
    found = {"examples": len(given)} | {k: v for k, v in first.items() if k != "key"}
    return found | ({"keys": told} if len(told) > 1 else {})


def score_arms(
    trials: list[Trial],
    arms: dict[str, dict[str, TrainingSet]],
    fitted: dict[str, Arrays],
    test: dict[str, Version],
) -> list[dict[str, Any]]:
    """Return one row per (seed, arm): accuracies, log loss, what was left out or changed."""
    rows, given = [], test["given"].labels
    for trial in trials:
        base = fitted.get(f"{trial.name} {BASELINE}")
        for name, arm in arms[trial.name].items():
            probs = fitted[f"{trial.name} {name}"]["pred_probs"]
            predicted = probs.argmax(axis=1)
            row: dict[str, Any] = {
                "seed": trial.seed,
                "arm": name,
                "test_accuracy": None,
                "test_accuracy_corrected": None,
                "test_log_loss": scores(probs, given)["log_loss"],
                "left_out": len(arm.left_out),
                "relabelled": int((arm.labels != trial.given("train")).sum()),
                "mcnemar_p": None,
            }
            for version in test.values():
                right = (predicted == version.labels)[version.counts]
                row[version.column] = float(right.mean())
            if base is not None and name != BASELINE:
                before = base["pred_probs"].argmax(axis=1) == given
                row["mcnemar_p"] = mcnemar_p(predicted == given, before)
            rows.append(row)
    return rows


def arm_columns(rows: pa.Table) -> dict[str, dict[str, list[float]]]:
    """Return {arm: {score: one value per seed}}."""
    scored = [name for name in rows.column_names if name.startswith("test_")]
    columns: dict[str, dict[str, list[float]]] = {}
    for row in rows.to_pylist():
        arm = columns.setdefault(row["arm"], {})
        for key in scored:
            arm.setdefault(key, []).append(row[key])
    return columns


def compare_arms(
    trials: list[Trial], rows: pa.Table, fitted: dict[str, Arrays], test: dict[str, Version]
) -> list[dict[str, Any]]:
    """Return the paired differences of arms and their controls, on each version of the labels."""
    arms = arm_columns(rows)
    found = []
    for labels, version in test.items():

        def rights(arm: str, of: Version = version) -> np.ndarray:
            predicted = [fitted[f"{t.name} {arm}"]["pred_probs"].argmax(axis=1) for t in trials]
            right: np.ndarray = (np.array(predicted) == of.labels)[:, of.counts]
            return right

        for arm, control in comparisons(arms):
            values = (np.array(arms[name][version.column]) for name in (arm, control))
            found.append(
                {"arm": arm, "control": control, "labels": labels}
                | ({"key": version.key} if version.key else {})
                | paired_difference(*values)
                | {
                    "ci95_test_set": interval_over_test_sets(rights(arm), rights(control)),
                    "ci95_both": spread_of(rights(arm), rights(control)).interval()
                    if len(trials) >= FEWEST_SEEDS
                    else None,
                }
            )
    return found


def describe_stability(
    given: np.ndarray, pred_probs: list[np.ndarray], options: FindIssues, run: Run
) -> tuple[dict[str, Any], pa.Table]:
    """Return how far issues of scope all depend on the seed, and a row for each example."""
    ranked = [find_issues_ranked(given, probs, options) for probs in pred_probs]
    flagged = np.zeros((len(ranked), len(given)), bool)
    for row, issues in zip(flagged, ranked, strict=True):
        row[issues] = True
    averaged: np.ndarray = np.asarray(pred_probs, np.float64).mean(axis=0)
    from_average = find_issues_ranked(given, averaged, options)
    tops = [set(issues[:TOP].tolist()) for issues in ranked]
    shared = [len(top & set(from_average[:TOP].tolist())) for top in tops]
    description = stability(flagged) | {
        "issues_per_seed": [len(issues) for issues in ranked],
        "issues_from_averaged_probabilities": len(from_average),
        "log_loss_per_seed": [scores(probs, given)["log_loss"] for probs in pred_probs],
        "log_loss_of_averaged_probabilities": scores(averaged, given)["log_loss"],
        "top_100_shared_with_average": shared,
    }
    columns = artifacts.load_table(run.examples, ["row", "id"])
    confidence = averaged[np.arange(len(given)), given]
    examples = columns.append_column("flagged_by", pa.array(flagged.sum(axis=0), pa.int32()))
    return description, examples.append_column("mean_self_confidence", pa.array(confidence))
