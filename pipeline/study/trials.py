"""Many trainings, each kept in a file of its own, so that a killed study goes on where it was."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline import artifacts
from pipeline.artifacts import SCOPES, Arrays, Labels, Run
from pipeline.compute.engine import Engine
from pipeline.compute.training_task import Task, train
from pipeline.config import Loaded
from pipeline.crossval import plan_folds, text_groups
from pipeline.errors import ArtifactError
from pipeline.models.registry import derive_seed
from pipeline.provenance import check_made_for, made_for
from pipeline.schema import Config
from pipeline.study.arms import Arm

SPLIT_PATH = 8  # place of a trial's fold split in the tree of seeds


@dataclass(frozen=True, eq=False)
class Trial:
    """One repetition: a seed, and training labels that may have noise in them.

    given: {scope: (n,) labels} for the scopes that are cross-validated.
    """

    name: str
    seed: int
    given: dict[str, np.ndarray]


class Trainings:
    """Runs tasks and keeps each result under its name, with a hash of all it was made from."""

    def __init__(self, run: Run, key: str, workers: Engine) -> None:
        self.results = run
        self.folder = run.study / "trainings"
        self.key = key
        self.workers = workers

    def run(self, tasks: Sequence[Task], what: str) -> Iterator[tuple[Task, Arrays]]:
        """Yield (task, its result), those kept from before first; say `what` they are."""
        missing = []
        for task in tasks:
            if (kept := self._kept(task)) is not None:
                yield task, kept
            else:
                missing.append(task)
        kept_count = len(tasks) - len(missing)
        kept_words = f", {kept_count} of them kept" if kept_count else ""
        self.workers.progress.say(f"{what}: {len(tasks)} trainings{kept_words}")
        self.workers.progress.restart()
        for task, result in self.workers.run(train, missing):
            stamp = made_for(self.results, task.labels)
            stamp |= {"key": np.array(self._key_of(task))}
            artifacts.save_arrays(self._path(task), result | stamp)
            yield task, result

    def _path(self, task: Task) -> Path:
        return self.folder / (task.name.replace(" ", "_") + ".npz")

    def _kept(self, task: Task) -> Arrays | None:
        path = self._path(task)
        try:
            arrays = artifacts.load_arrays(path)
            check_made_for(arrays, made_for(self.results, task.labels), path, "study")
            return arrays if str(arrays["key"]) == self._key_of(task) else None
        except (ArtifactError, KeyError):
            return None

    def _key_of(self, task: Task) -> str:
        made_from = (self.key, self.workers.device, task.name, task.seed, task.path)
        digest = hashlib.sha256(" ".join(map(str, made_from)).encode())
        for array in (task.labels, task.held_out, task.weights):
            digest.update(b"\0" if array is None else array.tobytes())
        return digest.hexdigest()


def fold_tasks(trial: Trial, loaded: Loaded, run: Run, labels: Labels) -> list[Task]:
    """Return the cross-validation of a trial in each scope it has labels for."""
    config, tasks = loaded.config, []
    groups = text_groups(run) if config.crossval.group_duplicates else None
    for scope, given in trial.given.items():
        options = getattr(config.crossval, scope).model_dump()
        held_out = plan_folds(
            given,
            **options,
            seed=derive_seed(trial.seed, SPLIT_PATH),
            groups=None if groups is None else groups[labels.rows(scope)],
        )
        for fold, positions in enumerate(held_out):
            tasks.append(
                _task(
                    config,
                    run,
                    scope=scope,
                    name=f"{trial.name} {scope} fold {fold + 1}",
                    arm=Arm(positions, given),
                    seed=trial.seed,
                    path=(SCOPES.index(scope), fold),
                )
            )
    return tasks


def arm_tasks(trial: Trial, arms: dict[str, Arm], config: Config, run: Run) -> list[Task]:
    """Return the final training of each arm; all of a trial start from the same weights."""
    return [
        _task(
            config,
            run,
            scope="test",
            name=f"{trial.name} {name}",
            arm=arm,
            seed=trial.seed,
            path=(SCOPES.index("test"), 0),
        )
        for name, arm in arms.items()
    ]


def _task(
    config: Config,
    run: Run,
    *,
    scope: str,
    name: str,
    arm: Arm,
    seed: int,
    path: tuple[int, ...],
) -> Task:
    kind = config.vectorize.kind
    vocabulary = run.vocabulary("all" if scope == "all" else "train")
    return Task(
        scope=scope,
        fold=path[1],
        tokens=run.inputs("train" if scope == "test" else scope, kind),
        predict=run.inputs("test", kind) if scope == "test" else None,
        vocabulary=vocabulary if vocabulary.exists() else None,
        labels=arm.labels,
        held_out=arm.left_out,
        model=config.model,
        seed=seed,
        path=path,
        name=name,
        weights=arm.weights,
    )


def pool(results: dict[str, Arrays], trial: Trial, scope: str, *, num_classes: int) -> np.ndarray:
    """Return the (n, classes) out-of-sample probabilities of a trial's scope."""
    pred_probs = np.full((len(trial.given[scope]), num_classes), np.nan, np.float32)
    for name, arrays in results.items():
        if name.startswith(f"{trial.name} {scope} fold "):
            pred_probs[arrays["held_out"]] = arrays["pred_probs"]
    if np.isnan(pred_probs).any():
        raise ArtifactError(f"{trial.name}: a fold of scope {scope} is missing")
    return pred_probs
