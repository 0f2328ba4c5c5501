"""Noise put in on purpose: how much of it is found, and what each arm makes of it."""

from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.compute.trainings import Trainings
from pipeline.config.load import Loaded
from pipeline.config.schema import Config
from pipeline.data.prepared import Labels, load_class_names, load_labels
from pipeline.frame import artifacts
from pipeline.frame.artifacts import Arrays
from pipeline.frame.errors import ConfigError
from pipeline.frame.run import Run
from pipeline.issues.arms import ARMS, make_arms
from pipeline.issues.ranking import find_issues_ranked
from pipeline.issues.truth import score_detection
from pipeline.models.members import finder_of
from pipeline.models.seeds import derive_seed
from pipeline.study.advice import advise
from pipeline.study.noise import flip_labels
from pipeline.study.trials import Trial, arm_trainings, ask_finder, tried_arms

NOISE_PATH = 7  # place of the noise in the tree of seeds


def plan_trials(loaded: Loaded, run: Run) -> list[tuple[Trial, str, float]]:
    """Return (trial, kind, rate) for every kind, rate and seed; at rate 0 all kinds are one."""
    noise = loaded.config.study.noise
    labels = load_labels(run)
    rows = labels.rows("train")
    given = labels.given[rows]
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
                everywhere = labels.given.copy()
                everywhere[rows] = noisy
                trials.append((Trial(name, seed, Labels(everywhere, labels.is_train)), kind, rate))
    return trials


def run_noise(loaded: Loaded, run: Run, trainings: Trainings) -> tuple[dict[str, Any], pa.Table]:
    """Return the noise part of study.json, and the truth: a row per example and trial.

    The truth is used for scoring alone: the trials have the noisy labels and nothing else.

    Raises:
        ConfigError: the finder is a file, and what made it cannot be asked about other labels.
    """
    if finder_of(loaded.config.finder).paths:
        raise ConfigError(
            "make noise: a file of probabilities says nothing of labels that are changed on "
            "purpose; use finder.by=ensemble or finder.by=model"
        )
    config, labels = loaded.config, load_labels(run)
    truth = labels.given[labels.rows("train")]
    test = labels.given[labels.rows("test")]
    num_classes = len(load_class_names(run))
    planned = plan_trials(loaded, run)
    trials = [trial for trial, _, _ in planned]
    said = ask_finder(trials, config, run, trainings, num_classes=num_classes)
    names = [name for name in config.study.arms if not ARMS[name].asks_people]
    finals, found = [], []
    for trial, kind, rate in planned:
        noisy, pred_probs = trial.given("train"), said[trial.name]["train"]
        arms = make_arms(
            names,
            noisy,
            pred_probs,
            config.find_issues,
            stream=trial.stream,
            max_class_weight=config.cleanlearn.max_class_weight,
        )
        finals += arm_trainings(trial, arms, config, run)
        scored = score_detection(noisy, pred_probs, noisy != truth, config.find_issues)
        found += [{"kind": kind, "rate": rate, "seed": trial.seed} | row for row in scored]
    fitted = {task.name: result for task, result in trainings.run(finals, "arms")}
    accuracy = [
        {
            "rate": rate,
            "kind": kind,
            "arm": name,
            "seed": trial.seed,
            "test_accuracy": float(
                (fitted[f"{trial.name} {name}"]["pred_probs"].argmax(axis=1) == test).mean()
            ),
        }
        for trial, kind, rate in planned
        for name in names
    ]
    part = {
        "noise": accuracy,
        "detection": found,
        "noise_advice": advise_cells(
            planned, fitted, test, share=issue_share(planned, said, config)
        ),
    }
    return part, truth_table(planned, truth)


def issue_share(
    planned: list[tuple[Trial, str, float]], said: dict[str, dict[str, np.ndarray]], config: Config
) -> dict[str, float]:
    """Return {trial: the share of its training labels that is listed}."""
    shares = {}
    for trial, _, _ in planned:
        given = trial.given("train")
        listed = find_issues_ranked(given, said[trial.name]["train"], config.find_issues)
        shares[trial.name] = len(listed) / len(given)
    return shares


def advise_cells(
    planned: list[tuple[Trial, str, float]],
    fitted: dict[str, Arrays],
    test: np.ndarray,
    *,
    share: dict[str, float],
) -> list[dict[str, Any]]:
    """Return what `make advise` would say of each kind and rate of noise: kind, rate and advice."""
    cells: dict[tuple[str, float], list[Trial]] = {}
    for trial, kind, rate in planned:
        cells.setdefault((kind, rate), []).append(trial)
    return [
        {"kind": kind, "rate": rate}
        | advise(
            tried_arms(trials, fitted, test),
            issue_share=float(np.mean([share[trial.name] for trial in trials])),
            wanted_seeds=len(trials),
        )
        for (kind, rate), trials in cells.items()
    ]


def truth_table(planned: list[tuple[Trial, str, float]], truth: np.ndarray) -> pa.Table:
    """Return which labels were changed in which trial: trial, position in train, true label."""
    columns: dict[str, list[Any]] = {"trial": [], "position": [], "true_label": []}
    for trial, _, _ in planned:
        changed = np.flatnonzero(trial.given("train") != truth)
        columns["trial"] += [trial.name] * len(changed)
        columns["position"] += changed.tolist()
        columns["true_label"] += truth[changed].tolist()
    return pa.table(columns)
