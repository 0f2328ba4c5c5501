"""One repetition of a study: a seed, its labels, its trainings."""

from dataclasses import dataclass

import numpy as np

from pipeline.config.schema import Config
from pipeline.data.prepared import Labels, text_groups
from pipeline.frame.artifacts import Arrays
from pipeline.frame.errors import ArtifactError
from pipeline.frame.run import Run
from pipeline.issues.arms import TrainingSet
from pipeline.models.folds import plan_folds
from pipeline.models.seeds import derive_seed
from pipeline.models.training import Training, plan_training

SPLIT_PATH = 8  # place of a trial's fold split in the tree of seeds


@dataclass(frozen=True, eq=False)
class Trial:
    """One repetition: a seed, and training labels that may have noise in them.

    given: {scope: (n,) labels} for the scopes that are cross-validated.
    """

    name: str
    seed: int
    given: dict[str, np.ndarray]


def fold_trainings(trial: Trial, config: Config, run: Run, labels: Labels) -> list[Training]:
    """Return the cross-validation of a trial in each scope it has labels for."""
    groups = text_groups(run) if config.crossval.group_duplicates else None
    planned = []
    for scope, given in trial.given.items():
        options = getattr(config.crossval, scope).model_dump()
        held_out = plan_folds(
            given,
            **options,
            seed=derive_seed(trial.seed, SPLIT_PATH),
            groups=None if groups is None else groups[labels.rows(scope)],
        )
        planned += [
            plan_training(
                run,
                config.vectorize,
                config.model,
                scope=scope,
                fold=fold,
                labels=given,
                held_out=positions,
                seed=trial.seed,
                name=f"{trial.name} {scope} fold {fold + 1}",
            )
            for fold, positions in enumerate(held_out)
        ]
    return planned


def arm_trainings(
    trial: Trial, sets: dict[str, TrainingSet], config: Config, run: Run
) -> list[Training]:
    """Return the final training of each arm; all of a trial start from the same weights."""
    return [
        plan_training(
            run,
            config.vectorize,
            config.model,
            scope="test",
            fold=0,
            labels=chosen.labels,
            held_out=chosen.left_out,
            seed=trial.seed,
            name=f"{trial.name} {name}",
            weights=chosen.weights,
        )
        for name, chosen in sets.items()
    ]


def pool(results: dict[str, Arrays], trial: Trial, scope: str, *, num_classes: int) -> np.ndarray:
    """Return the (n, classes) out-of-sample probabilities of a trial's scope."""
    pred_probs = np.full((len(trial.given[scope]), num_classes), np.nan, np.float32)
    for name, arrays in results.items():
        if name.startswith(f"{trial.name} {scope} fold "):
            pred_probs[arrays["held_out"]] = arrays["pred_probs"]
    if np.isnan(pred_probs).any():
        raise ArtifactError(f"{trial.name}: a fold of scope {scope} is missing")
    return pred_probs
