"""The ways to train on labels of which some are suspected, and the control."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipeline.issues.ranking import find_issues_ranked
from pipeline.issues.sections import FindIssues


class TrainingSet(NamedTuple):
    """left_out: positions. labels: (n,). weights: (n,) sample weights or None for equal ones."""

    left_out: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None = None


class Suspicion(NamedTuple):
    """What an arm may use.

    labels: (n,) given class indices. pred_probs: (n, classes), out of sample. issues: positions
    of the label issues, ascending. rng: for what is drawn. human: the training set with people's
    corrections, where there are any.
    """

    labels: np.ndarray
    pred_probs: np.ndarray
    issues: np.ndarray
    rng: np.random.Generator
    human: TrainingSet | None


NOTHING = np.empty(0, int)


def train_on_everything(given: Suspicion) -> TrainingSet:
    """Return all examples as labelled."""
    return TrainingSet(NOTHING, given.labels)


def prune(given: Suspicion) -> TrainingSet:
    """Return what CleanLearning trains on: no issues, the rest weighted by its class's noise."""
    return TrainingSet(given.issues, given.labels, class_weights(given.labels, given.pred_probs))


def prune_at_random(given: Suspicion) -> TrainingSet:
    """Return a set with as many of each class left out, at random, and the weights of `prune`."""
    drawn = draw_alike(given.labels, given.issues, given.rng)
    return TrainingSet(drawn, given.labels, class_weights(given.labels, given.pred_probs))


def relabel(given: Suspicion) -> TrainingSet:
    """Return all examples, the issues with their most probable class."""
    suggested = given.labels.copy()
    suggested[given.issues] = given.pred_probs[given.issues].argmax(axis=1)
    return TrainingSet(NOTHING, suggested)


def weight(given: Suspicion) -> TrainingSet:
    """Return all examples, each weighted by its label quality (self-confidence)."""
    rows = np.arange(len(given.labels))
    quality = given.pred_probs[rows, given.labels].astype(np.float64)
    return TrainingSet(NOTHING, given.labels, quality / quality.mean())


def follow_people(given: Suspicion) -> TrainingSet | None:
    """Return the training set with people's corrections, None without any."""
    return given.human


@dataclass(frozen=True)
class Arm:
    """A way to train on labels of which some are suspected.

    make: its training set. words: what it is called in a sentence. control: what it is called
    where others are compared with it, "" for an arm that is not a control.
    """

    make: Callable[[Suspicion], TrainingSet | None]
    words: str
    control: str = ""


ARMS = {
    "baseline": Arm(train_on_everything, "training on everything", "training on everything"),
    "prune": Arm(prune, "CleanLearning"),
    "random_prune": Arm(
        prune_at_random, "dropping as many at random", "dropping the same number at random"
    ),
    "relabel": Arm(relabel, "relabelling the issues"),
    "weight": Arm(weight, "weighting by label quality"),
    "human": Arm(follow_people, "training on the labels people corrected"),
}
CONTROLS = tuple(name for name, arm in ARMS.items() if arm.control)


def make_arms(
    names: Sequence[str],
    labels: np.ndarray,
    pred_probs: np.ndarray,
    options: FindIssues,
    *,
    rng: np.random.Generator,
    human: TrainingSet | None = None,
) -> dict[str, TrainingSet]:
    """Return the training set of each arm that can be made.

    Args:
        labels: (n,) given class indices. pred_probs: (n, classes), out of sample.
        human: the training set with people's corrections, for the arm of that name.
    """
    issues = np.sort(find_issues_ranked(labels, pred_probs, options))
    given = Suspicion(labels, pred_probs, issues, rng, human)
    sets = {name: ARMS[name].make(given) for name in names}
    return {name: chosen for name, chosen in sets.items() if chosen is not None}


def draw_alike(labels: np.ndarray, chosen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return random positions, as many of each class as `chosen` has."""
    counts = np.bincount(labels[chosen])
    drawn = [
        rng.choice(np.flatnonzero(labels == k), size=count, replace=False)
        for k, count in enumerate(counts)
    ]
    return np.sort(np.concatenate([*drawn, np.empty(0, int)]).astype(int))


def class_weights(labels: np.ndarray, pred_probs: np.ndarray) -> np.ndarray:
    """Return the sample weights of cleanlab.classification.CleanLearning.

    1 / the estimated probability that an example truly of class k is given class k, so that
    pruning does not change the apparent sizes of the classes.
    """
    from cleanlab.count import compute_confident_joint, estimate_latent

    joint = compute_confident_joint(labels, pred_probs.astype(np.float64), calibrate=True)
    _, noise_matrix, _ = estimate_latent(joint, labels)
    weights: np.ndarray = (1 / np.clip(np.diag(noise_matrix), 1e-3, None))[labels]
    return weights
