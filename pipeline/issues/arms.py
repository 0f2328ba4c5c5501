"""The ways to train on labels of which some are suspected, and what each is compared with."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import numpy as np

from pipeline.frame.section import Section, about
from pipeline.issues.ranking import find_issues_ranked
from pipeline.issues.sections import FindIssues


class TrainingSet(NamedTuple):
    """What a learner is trained on.

    left_out: positions. labels: (n,). weights: (n,) sample weights or None for equal ones.
    targets: (n, classes) the share of each class in an example, in place of its label; or None.
    """

    left_out: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None = None
    targets: np.ndarray | None = None


class Suspicion(NamedTuple):
    """What an arm may use.

    labels: (n,) given class indices. pred_probs: (n, classes), out of sample. issues: positions
    of the label issues, ascending. rng: for what is drawn. human: the training set with people's
    corrections, where there are any. most: weight of a class at most, None for any.
    """

    labels: np.ndarray
    pred_probs: np.ndarray
    issues: np.ndarray
    rng: np.random.Generator
    human: TrainingSet | None
    most: float | None = None

    def class_weights(self) -> np.ndarray:
        return class_weights(self.labels, self.pred_probs, most=self.most)


NOTHING = np.empty(0, int)
BLEND = 0.5  # of a soft label, the part of the given one; the rest is the finder's


def train_on_everything(given: Suspicion) -> TrainingSet:
    """Return all examples as labelled."""
    return TrainingSet(NOTHING, given.labels)


def prune(given: Suspicion) -> TrainingSet:
    """Return what CleanLearning trains on: no issues, the rest weighted by its class's noise."""
    return TrainingSet(given.issues, given.labels, given.class_weights())


def prune_at_random(given: Suspicion) -> TrainingSet:
    """Return a set with as many of each class left out, at random, and the weights of `prune`."""
    drawn = draw_alike(given.labels, given.issues, given.rng)
    return TrainingSet(drawn, given.labels, given.class_weights())


def relabel(given: Suspicion) -> TrainingSet:
    """Return all examples, the issues with their most probable class."""
    suggested = given.labels.copy()
    suggested[given.issues] = given.pred_probs[given.issues].argmax(axis=1)
    return TrainingSet(NOTHING, suggested)


def relabel_at_random(given: Suspicion) -> TrainingSet:
    """Return all examples, as many of each class moved to the same classes, whoever they are."""
    moved, order = given.labels.copy(), np.argsort(given.labels[given.issues], kind="stable")
    issues = given.issues[order]
    drawn = draw_alike(given.labels, issues, given.rng, ascending=False)
    moved[drawn] = given.pred_probs[issues].argmax(axis=1)
    return TrainingSet(NOTHING, moved)


def weight(given: Suspicion) -> TrainingSet:
    """Return all examples, each weighted by its label quality (self-confidence)."""
    quality = given.pred_probs[np.arange(len(given.labels)), given.labels].astype(np.float64)
    return TrainingSet(NOTHING, given.labels, quality / quality.mean())


def shuffle_weights(given: Suspicion) -> TrainingSet:
    """Return all examples with the weights of `weight`, each class's dealt out anew within it."""
    weights = weight(given).weights
    assert weights is not None
    return TrainingSet(NOTHING, given.labels, weights[shuffled(given.labels, given.rng)])


def soften(given: Suspicion) -> TrainingSet:
    """Return all examples, the label of each half the given one and half what the finder says."""
    return _blended(given, given.pred_probs)


def shuffle_softness(given: Suspicion) -> TrainingSet:
    """Return as `soften` does, each with the finder's word on another example of its class."""
    return _blended(given, given.pred_probs[shuffled(given.labels, given.rng)])


def _blended(given: Suspicion, said: np.ndarray) -> TrainingSet:
    hard = np.eye(said.shape[1])[given.labels]
    targets = BLEND * hard + (1 - BLEND) * said.astype(np.float64)
    return TrainingSet(NOTHING, given.labels, targets=targets)


def distil(given: Suspicion) -> TrainingSet:
    """Return all examples with the finder's word alone, which did not see the label of any.

    What this gains is a stronger teacher's, not a cleaner label's (Hinton et al. 2015).
    """
    return TrainingSet(NOTHING, given.labels, targets=given.pred_probs.astype(np.float64))


def follow_people(given: Suspicion) -> TrainingSet | None:
    """Return the training set with people's corrections, None without any."""
    return given.human


@dataclass(frozen=True)
class Arm:
    """A way to train on labels of which some are suspected.

    make: its training set. words: what it is called in a sentence. controls: the arms that do as
    much without looking at whose label is suspected. advice: what it asks a user to do, "" for an
    arm that is only compared with. doing: what a sentence about the issues calls it. option: what
    `cleanlearn.arm` says of it, "" for an arm that stage does not train. asks_people: whether it
    needs decisions of people.
    """

    make: Callable[[Suspicion], TrainingSet | None]
    words: str
    controls: tuple[str, ...] = ()
    advice: str = ""
    doing: str = ""
    option: str = ""
    asks_people: bool = False

    @property
    def is_cleanlearning(self) -> bool:
        """Return whether its training is the one of cleanlab's CleanLearning."""
        return self.make is prune

    @property
    def code(self) -> list[str]:
        """Return the code that decides how it trains, as "module:function"."""
        return [f"{__name__}:{Arm.__name__}", f"{self.make.__module__}:{self.make.__name__}"]


BASELINE, PRUNE = "baseline", "prune"
ARMS = {
    BASELINE: Arm(train_on_everything, "training on everything"),
    PRUNE: Arm(
        prune,
        "CleanLearning",
        ("random_prune",),
        "train without the issues (CleanLearning; cleanlearn.arm=prune)",
        "training without them",
        "without the issues",
    ),
    "random_prune": Arm(prune_at_random, "dropping the same number at random"),
    "relabel": Arm(
        relabel,
        "relabelling the issues",
        ("random_relabel",),
        "train with the labels that issues_train.csv suggests (cleanlearn.arm=relabel)",
        "training on the suggested labels",
        "as suggested",
    ),
    "random_relabel": Arm(relabel_at_random, "moving as many labels at random"),
    "weight": Arm(
        weight,
        "weighting by label quality",
        ("shuffled_weight",),
        "train on everything, each example weighted by the probability of its label in "
        "crossval/pred_probs_train.npy (cleanlearn.arm=weight)",
        "weighting each text by the quality of its label",
        "by the probability of the label",
    ),
    "shuffled_weight": Arm(shuffle_weights, "the same weights shuffled within each class"),
    "soft": Arm(
        soften,
        "labels softened by the finder",
        ("shuffled_soft", "distil"),
        "train on everything, each label half the given one and half what "
        "crossval/pred_probs_train.npy says (cleanlearn.arm=soft)",
        "training on labels softened by the finder",
        "half given, half the finder's",
    ),
    "shuffled_soft": Arm(shuffle_softness, "as soft labels of others of the class"),
    "distil": Arm(distil, "the finder's probabilities alone"),
    "human": Arm(follow_people, "training on the labels people corrected", asks_people=True),
}
OPTIONS = " | ".join(f"{name}: {arm.option}" for name, arm in ARMS.items() if arm.option)

if TYPE_CHECKING:
    ArmName = str
    CleaningArm = str
else:
    ArmName = Literal[tuple(ARMS)]
    CleaningArm = Literal[tuple(name for name, arm in ARMS.items() if arm.option)]


class Cleanlearn(Section):
    arm: Annotated[CleaningArm, about(f"{OPTIONS}; make advise says which pays")] = PRUNE
    max_pruned_fraction: Annotated[
        float, about("stop when more of the training set than this would be left out", gt=0, le=1)
    ]
    even_if_unfit: Annotated[
        bool, about("prune by a finder that is not fit to judge these labels")
    ] = False
    same_updates: Annotated[
        bool, about("smaller batches, so that fewer examples take as many steps as all do")
    ] = False
    max_class_weight: Annotated[
        float | None, about("cleanlab's class weights at most; 1: none, null: any", ge=1)
    ] = None
    calibrate: Annotated[
        bool, about("bring both models to honest probabilities by one temperature each")
    ] = False


def comparisons(names: Collection[str]) -> list[tuple[str, str]]:
    """Return (arm, control): each arm against everything, then against the controls it has."""
    pairs = [(name, BASELINE) for name in names if name != BASELINE]
    pairs += [(name, control) for name in names for control in ARMS[name].controls]
    return [(arm, control) for arm, control in pairs if control in names]


def make_arms(
    names: Sequence[str],
    labels: np.ndarray,
    pred_probs: np.ndarray,
    options: FindIssues,
    *,
    stream: Callable[[str], np.random.Generator],
    human: TrainingSet | None = None,
    max_class_weight: float | None = None,
) -> dict[str, TrainingSet]:
    """Return the training set of each arm that can be made.

    Args:
        labels: (n,) given class indices. pred_probs: (n, classes), out of sample.
        stream: name -> the random numbers of the arm of that name, of nobody else.
        human: the training set with people's corrections, for the arm of that name.
        max_class_weight: see Cleanlearn.
    """
    issues = np.sort(find_issues_ranked(labels, pred_probs, options))
    sets = {
        name: ARMS[name].make(
            Suspicion(labels, pred_probs, issues, stream(name), human, max_class_weight)
        )
        for name in names
    }
    return {name: chosen for name, chosen in sets.items() if chosen is not None}


def draw_alike(
    labels: np.ndarray, chosen: np.ndarray, rng: np.random.Generator, *, ascending: bool = True
) -> np.ndarray:
    """Return random positions, as many of each class as `chosen` has.

    Args:
        ascending: whether they are sorted; else they come class by class.
    """
    counts = np.bincount(labels[chosen])
    drawn = [
        rng.choice(np.flatnonzero(labels == k), size=count, replace=False)
        for k, count in enumerate(counts)
    ]
    positions = np.concatenate([*drawn, NOTHING]).astype(int)
    return np.sort(positions) if ascending else positions


def shuffled(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return (n,) positions, those of each class dealt out at random to its own places."""
    order = np.empty(len(labels), int)
    for k in np.unique(labels):
        of_class = np.flatnonzero(labels == k)
        order[of_class] = rng.permutation(of_class)
    return order


def class_weights(
    labels: np.ndarray, pred_probs: np.ndarray, *, most: float | None = None
) -> np.ndarray:
    """Return (n,) the sample weights of cleanlab.classification.CleanLearning, or `most` at most.

    1 / the estimated probability that an example truly of class k is given class k, so that
    pruning does not change the apparent sizes of the classes.
    """
    from cleanlab.count import compute_confident_joint, estimate_latent

    joint = compute_confident_joint(labels, pred_probs.astype(np.float64), calibrate=True)
    _, noise_matrix, _ = estimate_latent(joint, labels)
    weights = 1 / np.clip(np.diag(noise_matrix), 1e-3, None)
    of_examples: np.ndarray = np.minimum(weights, np.inf if most is None else most)[labels]
    return of_examples
