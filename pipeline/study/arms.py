"""The ways to train on labels of which some are suspected, and the control."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.find_issues import find_issues_ranked
from pipeline.schema import FindIssues


class Arm(NamedTuple):
    """A training set. left_out: positions. labels: (n,). weights: (n,) or None for equal."""

    left_out: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None = None


def make_arms(
    names: Sequence[str],
    labels: np.ndarray,
    pred_probs: np.ndarray,
    options: FindIssues,
    *,
    rng: np.random.Generator,
    human: Arm | None = None,
) -> dict[str, Arm]:
    """Return the training set of each arm.

    baseline: everything as labelled. prune: what CleanLearning does, the issues left out and the
    rest weighted by the noise of its class. random_prune: as many of each class left out, at
    random, with the same weights: the control. relabel: issues get the most probable class.
    weight: nothing left out, each example weighted by its label quality (self-confidence).

    Args:
        labels: (n,) given class indices. pred_probs: (n, classes), out of sample.
        human: the training set with people's corrections, for the arm of that name.
    """
    issues = np.sort(find_issues_ranked(labels, pred_probs, options))
    nothing = np.empty(0, int)
    suggested = labels.copy()
    suggested[issues] = pred_probs[issues].argmax(axis=1)
    weights = class_weights(labels, pred_probs)
    quality = pred_probs[np.arange(len(labels)), labels].astype(np.float64)
    arms = {
        "baseline": Arm(nothing, labels),
        "prune": Arm(issues, labels, weights),
        "random_prune": Arm(draw_alike(labels, issues, rng), labels, weights),
        "relabel": Arm(nothing, suggested),
        "weight": Arm(nothing, labels, quality / quality.mean()),
    }
    if human is not None:
        arms["human"] = human
    return {name: arms[name] for name in names if name in arms}


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
