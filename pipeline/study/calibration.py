"""Every arm at one temperature: its log loss and calibration error before and after."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.compute.trainings import Trainings
from pipeline.config.schema import Config
from pipeline.frame.artifacts import Arrays
from pipeline.frame.run import Run
from pipeline.issues.scores import score_calibration
from pipeline.models.temperature import held_out_trainings, temperature_of
from pipeline.models.training import Training
from pipeline.study.trials import Trial


def calibrate_arms(
    trials: Sequence[Trial],
    finals: Sequence[Training],
    fitted: dict[str, Arrays],
    test_given: np.ndarray,
    config: Config,
    run: Run,
    trainings: Trainings,
) -> dict[str, dict[str, Any]]:
    """Return {arm: temperature, and log loss and calibration error before and after it}.

    The temperature is that of the first trial, from trainings without some of its folds inside
    train, and fits the labels given there, whatever the arm made of them. The scores are means over
    all trials.

    Args:
        finals: the final trainings, all arms of all trials. fitted: their results by name.
        test_given: (n,) labels.
    """
    first, plan = f"{trials[0].name} ", trials[0].plans(config, run)["train"]
    planned = {
        training.name.removeprefix(first): held_out_trainings(training, plan)
        for training in finals
        if training.name.startswith(first)
    }
    tasks = [task for found in planned.values() for task, _ in found]
    results = {task.name: result for task, result in trainings.run(tasks, "temperatures")}
    found = {}
    for name, held_out in planned.items():
        unseen = [(results[task.name], fold) for task, fold in held_out]
        temperature = temperature_of(unseen, trials[0].given("train"))
        probs = [fitted[f"{trial.name} {name}"]["pred_probs"] for trial in trials]
        bins = config.evaluate.calibration_bins
        of_trials = [score_calibration(each, test_given, temperature, bins=bins) for each in probs]
        found[name] = {
            "temperature": temperature,
            "before": _mean([each["before"] for each in of_trials]),
            "after": _mean([each["after"] for each in of_trials]) if temperature else None,
        }
    return found


def say_calibration(found: dict[str, dict[str, Any]]) -> list[str]:
    """Return a line with what each arm's probabilities are worth, the best ones first."""
    honest = {name: each for name, each in found.items() if each["after"]}
    ranked = sorted(honest, key=lambda name: float(honest[name]["after"]["log_loss"]))
    told = [
        f"{name} {honest[name]['after']['log_loss']:.4f} ({honest[name]['before']['log_loss']:.4f})"
        for name in ranked
    ]
    worst = max((each["after"]["ece"] for each in honest.values()), default=0.0)
    ending = f"; calibration error at most {worst:.3f}"
    return [f"log loss at one temperature each (as trained): {', '.join(told)}{ending}"] * bool(
        told
    )


def _mean(rows: list[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
