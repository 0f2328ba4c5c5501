"""Noise put in on purpose: how much of it is found, and what each arm makes of it."""

from typing import Any, get_args

import numpy as np
import pyarrow as pa

from pipeline import artifacts
from pipeline.artifacts import Run
from pipeline.config import Loaded
from pipeline.evaluate import score_against_truth
from pipeline.find_issues import find_issues_ranked
from pipeline.models.registry import derive_seed
from pipeline.schema import FilterBy, FindIssues, RankedBy
from pipeline.study.arms import make_arms
from pipeline.study.noise import flip_labels
from pipeline.study.trials import Trainings, Trial, arm_tasks, fold_tasks, pool

NOISE_PATH = 7  # place of the noise in the tree of seeds


def plan_trials(loaded: Loaded, run: Run) -> list[tuple[Trial, str, float]]:
    """Return (trial, kind, rate) for every kind, rate and seed; at rate 0 all kinds are one."""
    noise = loaded.config.study.noise
    labels = artifacts.load_labels(run)
    given = labels.given[labels.rows("train")]
    pred_probs = artifacts.load_array(run.pred_probs("train"))
    trials: list[tuple[Trial, str, float]] = []
    for kind in noise.kinds:
        for rate in noise.rates:
            if rate == 0 and kind != noise.kinds[0]:
                continue
            for seed in noise.seeds:
                place = (NOISE_PATH, list(noise.kinds).index(kind), round(rate * 10_000))
                noisy = flip_labels(
                    given,
                    rate=rate,
                    kind=kind,
                    num_classes=pred_probs.shape[1],
                    pred_probs=pred_probs,
                    rng=np.random.default_rng(derive_seed(seed, *place)),
                )
                name = f"noise {kind} {rate:g} seed {seed}"
                trials.append((Trial(name, seed, {"train": noisy}), kind, rate))
    return trials


def run_noise(loaded: Loaded, run: Run, trainings: Trainings) -> tuple[dict[str, Any], pa.Table]:
    """Return the noise part of study.json, and the truth: a row per example and trial.

    The truth is used for scoring alone: the trials have the noisy labels and nothing else.
    """
    config, labels = loaded.config, artifacts.load_labels(run)
    truth = labels.given[labels.rows("train")]
    test = labels.given[labels.rows("test")]
    num_classes = len(artifacts.load_class_names(run))
    planned = plan_trials(loaded, run)
    trials = [trial for trial, _, _ in planned]
    tasks = [task for trial in trials for task in fold_tasks(trial, loaded, run, labels)]
    folds = {task.name: result for task, result in trainings.run(tasks, "cross-validation")}
    names = [name for name in config.study.arms if name != "human"]
    finals, found = [], []
    for trial, kind, rate in planned:
        noisy = trial.given["train"]
        pred_probs = pool(folds, trial, "train", num_classes=num_classes)
        rng = np.random.default_rng([trial.seed, len(trial.name)])
        arms = make_arms(names, noisy, pred_probs, config.find_issues, rng=rng)
        finals += arm_tasks(trial, arms, config, run)
        scored = score_detection(noisy, pred_probs, noisy != truth, config.find_issues)
        found += [{"kind": kind, "rate": rate, "seed": trial.seed} | row for row in scored]
    fitted = {task.name: result["pred_probs"] for task, result in trainings.run(finals, "arms")}
    accuracy = [
        {
            "rate": rate,
            "kind": kind,
            "arm": name,
            "seed": trial.seed,
            "test_accuracy": float((fitted[f"{trial.name} {name}"].argmax(axis=1) == test).mean()),
        }
        for trial, kind, rate in planned
        for name in names
    ]
    return {"noise": accuracy, "detection": found}, truth_table(planned, truth)


def score_detection(
    noisy: np.ndarray, pred_probs: np.ndarray, is_error: np.ndarray, options: FindIssues
) -> list[dict[str, Any]]:
    """Return precision, recall, F1 of every filter and average precision of every score.

    Args:
        noisy: (n,) labels with noise. is_error: (n,) the truth. The filters' average precision
            is that of their list ranked by self-confidence.
    """
    rows = []
    for filter_by in get_args(FilterBy):
        chosen = options.model_copy(
            update={"filter_by": filter_by, "return_indices_ranked_by": "self_confidence"}
        )
        found = score_against_truth(find_issues_ranked(noisy, pred_probs, chosen), is_error)
        total = found["precision"] + found["recall"]
        f1 = 2 * found["precision"] * found["recall"] / total if total else 0.0
        rows.append({"filter_by": filter_by, "score": None} | found | {"f1": f1})
    from cleanlab.rank import get_label_quality_scores

    for method in get_args(RankedBy):
        quality = get_label_quality_scores(noisy, pred_probs.astype(np.float64), method=method)
        ranked = score_against_truth(np.argsort(quality, kind="stable"), is_error)
        only = {"precision": None, "recall": None, "f1": None}
        found = {"average_precision": ranked["average_precision"]}
        rows.append({"filter_by": None, "score": method} | only | found)
    return rows


def truth_table(planned: list[tuple[Trial, str, float]], truth: np.ndarray) -> pa.Table:
    """Return which labels were changed in which trial: trial, position in train, true label."""
    columns: dict[str, list[Any]] = {"trial": [], "position": [], "true_label": []}
    for trial, _, _ in planned:
        changed = np.flatnonzero(trial.given["train"] != truth)
        columns["trial"] += [trial.name] * len(changed)
        columns["position"] += changed.tolist()
        columns["true_label"] += truth[changed].tolist()
    return pa.table(columns)
