"""One repetition of a study: a seed, its labels, what the finder says of them, its trainings."""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.compute.cleaning import plan_arm
from pipeline.compute.finders import Asked, corpus_of
from pipeline.compute.trainings import Trainings
from pipeline.config.schema import Config
from pipeline.data.prepared import Labels, text_groups
from pipeline.frame.artifacts import Arrays
from pipeline.frame.errors import ArtifactError
from pipeline.frame.run import Run
from pipeline.frame.section import imported
from pipeline.issues.arms import ARMS, TrainingSet
from pipeline.issues.scores import scores
from pipeline.models.folds import FoldPlans
from pipeline.models.members import asks_the_model, finder_of
from pipeline.models.seeds import derive_seed
from pipeline.models.training import Training, plan_training
from pipeline.study.advice import Tried

SPLIT_PATH = 8  # place of a trial's fold split in the tree of seeds


@dataclass(frozen=True, eq=False)
class Trial:
    """One repetition: a seed, and labels that may have noise in the training split.

    scopes: those that the finder judges.
    """

    name: str
    seed: int
    labels: Labels
    scopes: tuple[str, ...] = ("train",)

    def given(self, scope: str) -> np.ndarray:
        """Return the (n,) labels of a scope."""
        labels: np.ndarray = self.labels.given[self.labels.rows(scope)]
        return labels

    def plans(self, config: Config, run: Run) -> FoldPlans:
        seed = derive_seed(self.seed, SPLIT_PATH)
        return FoldPlans(self.labels, text_groups(run), config.crossval, seed)

    def stream(self, name: str) -> np.random.Generator:
        """Return the random numbers of what has this name, in this trial alone."""
        return np.random.default_rng([self.seed, *f"{self.name} {name}".encode()])


def ask_finder(
    trials: list[Trial], config: Config, run: Run, trainings: Trainings, *, num_classes: int
) -> dict[str, dict[str, np.ndarray]]:
    """Return {trial: {scope: (n, classes)}}: what the finder says in each trial, out of sample.

    A finder that has its word from a file says the same in all of them.
    """
    finder, folds = finder_of(config.finder), dict[str, Arrays]()
    asked = {
        trial.name: Asked(
            run,
            config.finder,
            trial.labels,
            trial.plans(config, run),
            trainings.engine.progress,
            _key_of(trial, trainings),
            trial.scopes,
            functools.partial(pool, folds, trial, num_classes=num_classes),
            functools.partial(kept_member, run, trial),
        )
        for trial in trials
    }
    if finder.paths:
        told = imported(finder.judge)(asked[trials[0].name]).pred_probs
        return dict.fromkeys(asked, told)
    if finder.before:
        corpus = corpus_of(run, trials[0].labels)  # what is counted serves all trials
        for each in asked.values():
            imported(finder.before)(each, corpus)
        del corpus
    if asks_the_model(config.finder):
        tasks = [task for trial in trials for task in fold_trainings(trial, config, run)]
        folds |= {task.name: result for task, result in trainings.run(tasks, "cross-validation")}
    return {name: imported(finder.judge)(each).pred_probs for name, each in asked.items()}


def _key_of(trial: Trial, trainings: Trainings) -> str:
    labels = hashlib.sha256(trial.labels.given.tobytes()).hexdigest()
    return f"{trainings.key} {trial.seed} {labels}"


def kept_member(run: Run, trial: Trial, member: str, scope: str) -> Path:
    """Return the file that keeps what a member of the finder says in a trial."""
    return run.study / "members" / f"{trial.name} {member} {scope}.npz".replace(" ", "_")


def fold_trainings(trial: Trial, config: Config, run: Run) -> list[Training]:
    """Return the cross-validation of the model in each scope of a trial."""
    plans = trial.plans(config, run)
    return [
        plan_training(
            run,
            config.vectorize,
            config.model,
            scope=scope,
            fold=fold,
            labels=trial.given(scope),
            held_out=positions,
            seed=trial.seed,
            name=f"{trial.name} {scope} fold {fold + 1}",
        )
        for scope in trial.scopes
        for fold, positions in enumerate(plans[scope])
    ]


def arm_trainings(
    trial: Trial, sets: dict[str, TrainingSet], config: Config, run: Run
) -> list[Training]:
    """Return the final training of each arm; all of a trial start from the same weights."""
    return [
        plan_arm(run, config, chosen, seed=trial.seed, name=f"{trial.name} {name}")
        for name, chosen in sets.items()
    ]


def pool(results: dict[str, Arrays], trial: Trial, scope: str, *, num_classes: int) -> np.ndarray:
    """Return the (n, classes) out-of-sample probabilities of a trial's scope."""
    pred_probs = np.full((len(trial.given(scope)), num_classes), np.nan, np.float32)
    for name, arrays in results.items():
        if name.startswith(f"{trial.name} {scope} fold "):
            pred_probs[arrays["held_out"]] = arrays["pred_probs"]
    if np.isnan(pred_probs).any():
        raise ArtifactError(f"{trial.name}: a fold of scope {scope} is missing")
    return pred_probs


def tried_arms(
    trials: list[Trial], fitted: dict[str, Arrays], given: np.ndarray
) -> dict[str, Tried]:
    """Return how each arm that all trials have did on the test labels as given."""
    names = [name.removeprefix(f"{trials[0].name} ") for name in fitted]
    found = {}
    for name in ARMS:
        if name in names:
            probs = [fitted[f"{trial.name} {name}"]["pred_probs"] for trial in trials]
            right = np.array([each.argmax(axis=1) == given for each in probs])
            losses = np.array([scores(each, given)["log_loss"] for each in probs])
            found[name] = Tried(right, losses)
    return found
