"""What each finder makes of the labels: out-of-sample probabilities of all, train and test."""

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.data.pred_probs import read_pred_probs
from pipeline.data.prepared import Labels, load_class_names, load_text_array
from pipeline.data.vectors import read_vectors
from pipeline.frame import artifacts
from pipeline.frame.artifacts import Arrays
from pipeline.frame.errors import ArtifactError, DataError
from pipeline.frame.progress import StageProgress
from pipeline.frame.run import SCOPES, Run
from pipeline.models.calibration import LEAST, at_temperature, fit_temperature, log_loss
from pipeline.models.folds import FoldPlans, load_fold
from pipeline.models.members import MODEL, Member, named

if TYPE_CHECKING:  # SciPy comes with them
    from pipeline.models.judges import Corpus

IN_SAMPLE_GAP = 0.05  # of accuracy on train over test: more is hardly out of sample
IN_SAMPLE_ACCURACY = 0.995
WORST = 1.25  # a member with more than this times the log loss of the best one is left out


@dataclass
class Judged:
    """What a finder says. pred_probs: {scope: (n, classes)}. members: what metrics.json tells.

    member_probs: {member: {scope: (n, classes)}}, calibrated, of an ensemble.
    """

    pred_probs: dict[str, np.ndarray]
    members: dict[str, Any] = field(default_factory=dict)
    member_probs: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)


class Asked(NamedTuple):
    """What every finder gets.

    key: a hash of all that decides the stage's result. scopes: those that are asked for; test
    comes with train. pooled: what the model says of a scope, where it is not in the run's fold
    files. member_path: where it is kept what a member says of a scope, likewise.
    """

    run: Run
    finder: Any
    labels: Labels
    plans: FoldPlans
    progress: StageProgress
    key: str
    scopes: tuple[str, ...] = SCOPES
    pooled: Callable[[str], np.ndarray] | None = None
    member_path: Callable[[str, str], Path] | None = None

    def model_says(self, scope: str) -> np.ndarray:
        """Return the (n, classes) probabilities of the model."""
        return pool_model(self, scope) if self.pooled is None else self.pooled(scope)


def by_model(asked: Asked) -> Judged:
    """Return what the model says in cross-validation, pooled from its folds."""
    return Judged({scope: asked.model_says(scope) for scope in asked.scopes})


def pool_model(asked: Asked, scope: str) -> np.ndarray:
    """Return the (n, classes) probabilities in the fold files of a scope."""
    count = 1 if scope == "test" else len(asked.plans[scope])
    size = len(asked.labels.rows(scope))
    pred_probs = np.full((size, len(load_class_names(asked.run))), np.nan, np.float32)
    for fold in range(count):
        arrays = load_fold(asked.run, asked.labels, scope, fold)
        pred_probs[arrays["held_out"]] = arrays["pred_probs"]
    return pred_probs


# --- the ensemble ---------------------------------------------------------------------------


def by_ensemble(asked: Asked) -> Judged:
    """Return the mean of the members' calibrated probabilities; what each is worth on the way.

    Raises:
        DataError: no member could be trained on these texts.
    """
    said = _ask_members(asked)
    for name, member in named(asked.finder.members):
        if member.member == MODEL:
            logs = {s: np.log(np.maximum(asked.model_says(s), LEAST)) for s in asked.scopes}
            said[name] = {s: log if s == "test" else log[None] for s, log in logs.items()}
    if not said:
        raise DataError(
            "finder.members: none of them can be trained on these texts: no word occurs often "
            "enough; lower min_df, or use finder.by=model"
        )
    return combine(said, asked.labels, asked.scopes)


def before_trainings(asked: Asked, corpus: "Corpus | None" = None) -> None:
    """Ask the members besides the model, and keep what they say.

    They need their memory for themselves: TensorFlow is not there yet, and what they counted is
    gone when it comes.

    Args:
        corpus: see `corpus_of`, for several that ask about the same texts.
    """
    _ask_members(asked, corpus, say=asked.progress.say)


def corpus_of(run: Run, labels: Labels) -> "Corpus":
    """Return what members read of a run, in the order in which they do; see `train_first`."""
    from pipeline.models.judges import Corpus

    return Corpus(lambda: _texts_train_first(run, labels), functools.partial(_vectors, run, labels))


def _ask_members(
    asked: Asked, corpus: "Corpus | None" = None, say: Callable[[str], None] = lambda line: None
) -> dict[str, dict[str, np.ndarray]]:
    """Return the log probabilities of each member besides the model, those kept from before first.

    all, train: (repetitions, n, classes). test: (n, classes).
    """
    said: dict[str, Arrays] = {}
    corpus = corpus or corpus_of(asked.run, asked.labels)
    for name, member in named(asked.finder.members):
        if member.member == MODEL:
            continue
        try:
            fitted = [s for s in ("all", "train") if s in asked.scopes]
            found = [_fitted(name, member, scope, asked, corpus) for scope in fitted]
            said[name] = {key: array for arrays in found for key, array in arrays.items()}
        except ValueError as error:
            say(f"member {name} is left out: {error}")
    return said


def _fitted(name: str, member: Member, scope: str, asked: Asked, corpus: "Corpus") -> Arrays:
    """Return {"all"} or {"train", "test"}: what the models of a scope say, or said before."""
    path = (asked.member_path or asked.run.member)(name, scope)
    key = hashlib.sha256(f"{asked.key} {name} {scope} {member!r}".encode()).hexdigest()
    try:
        kept = artifacts.load_arrays(path)
        if str(kept.pop("key")) == key:
            return kept
    except (ArtifactError, KeyError):
        pass
    asked.progress.say(f"{name}: the models of scope {scope}")
    found = _judge(member, scope, asked, corpus)
    artifacts.save_arrays(path, found | {"key": np.array(key)})
    return found


def train_first(labels: Labels) -> np.ndarray:
    """Return (n,) the rows of train, then those of test.

    Columns are numbered as they appear, so no text of test moves one that train has, not even by
    the last bit of a sum.
    """
    return np.argsort(~labels.is_train, kind="stable")


def _texts_train_first(run: Run, labels: Labels) -> pa.Array:
    texts, order = load_text_array(run), train_first(labels)
    in_order = bool((np.diff(order) == 1).all())
    return texts if in_order else texts.take(pa.array(order))  # a copy, which takes its memory


def _vectors(run: Run, labels: Labels, path: str) -> np.ndarray:
    ids = artifacts.load_table(run.examples, ["id"]).column("id").to_pylist()
    return np.asarray(read_vectors(Path(path), ids)[train_first(labels)])


def _judge(member: Member, scope: str, asked: Asked, corpus: "Corpus") -> Arrays:
    """Return what a member says, each scope in the order of its rows; see `train_first`."""
    from pipeline.models.judges import ask_member

    order = train_first(asked.labels)
    place_of, is_train = np.argsort(order), asked.labels.is_train[order]
    plans = asked.plans.repeats(scope, asked.finder.repeats)
    if scope == "all":
        plans = [[place_of[positions] for positions in plan] for plan in plans]
    held_out, unseen = ask_member(
        member,
        corpus,
        asked.labels.given[order],
        np.ones(len(order), bool) if scope == "all" else is_train,
        plans,
        num_classes=len(load_class_names(asked.run)),
    )
    return {scope: held_out[:, place_of]} if scope == "all" else {scope: held_out, "test": unseen}


def combine(
    said: Mapping[str, Mapping[str, np.ndarray]],
    labels: Labels,
    scopes: Sequence[str] = SCOPES,
) -> Judged:
    """Return the mean of the members, each at the temperature that fits the given labels best.

    The labels are those of the scope itself; for test, those of train. A member that is much
    worse than the best one of a scope is left out of it.

    Args:
        said: {member: {"all", "train": (repeats, n, classes), "test": (n, classes)}}, logarithms.
        scopes: those that are asked for; test takes train.
    """
    judged = Judged({}, {name: {} for name in said}, {name: {} for name in said})
    for scope in (each for each in ("all", "train") if each in scopes):
        logs = {name: each[scope] for name, each in said.items()}
        combined = combine_scope(logs, labels.given[labels.rows(scope)])
        judged.pred_probs[scope] = combined.pred_probs
        for name in said:
            judged.member_probs[name][scope] = combined.member_probs[name]
            judged.members[name][scope] = combined.members[name]
    if "test" not in scopes:
        return judged
    for name, each in said.items():
        temperature = combined.members[name]["temperature"]
        probs = np.exp(at_temperature(each["test"], temperature))
        judged.member_probs[name]["test"] = probs.astype(np.float32)
    kept = [judged.member_probs[name]["test"] for name in combined.kept]
    judged.pred_probs["test"] = _as_probs(_mean(kept), combined.temperature)
    return judged


class Combined(NamedTuple):
    """The members of one scope as one. members: {member: log_loss, accuracy, temperature, weight}.

    pred_probs: (n, classes). member_probs: {member: (n, classes)}, calibrated. kept: members that
    count. temperature: of their mean.
    """

    pred_probs: np.ndarray
    member_probs: dict[str, np.ndarray]
    members: dict[str, dict[str, float]]
    kept: list[str]
    temperature: float


def combine_scope(said: Mapping[str, np.ndarray], given: np.ndarray) -> Combined:
    """Return the mean of the members in one scope; see `combine`.

    Args:
        said: {member: (repeats, n, classes)}, logarithms. given: (n,) class indices.
    """
    member_probs, members = {}, {}
    for name, logs in said.items():
        temperatures = [fit_temperature(each, given) for each in logs]
        honest = map(at_temperature, logs, temperatures)
        probs = np.mean([np.exp(each) for each in honest], axis=0)
        member_probs[name] = probs.astype(np.float32)
        members[name] = {
            "log_loss": log_loss(np.log(np.maximum(probs, LEAST)), given),
            "accuracy": float((probs.argmax(axis=1) == given).mean()),
            "temperature": float(np.mean(temperatures)),
        }
    best = min(each["log_loss"] for each in members.values())
    kept = [name for name in said if members[name]["log_loss"] <= WORST * best]
    for name in said:
        members[name]["weight"] = (name in kept) / len(kept)
    mean = _mean([member_probs[name] for name in kept])
    together = fit_temperature(mean, given)  # a mean of honest members is less sure than right
    return Combined(_as_probs(mean, together), member_probs, members, kept, together)


def _mean(probs: Sequence[np.ndarray]) -> np.ndarray:
    """Return (n, classes) the logarithm of the mean of the members that are kept."""
    mean: np.ndarray = np.mean([each.astype(np.float64) for each in probs], axis=0)
    return np.asarray(np.log(np.maximum(mean, LEAST)))


def _as_probs(log_probs: np.ndarray, temperature: float) -> np.ndarray:
    return np.asarray(np.exp(at_temperature(log_probs, temperature)), np.float32)


# --- a file ---------------------------------------------------------------------------------


def by_file(asked: Asked) -> Judged:
    """Return the probabilities in the user's file for each scope; warn if they seem in-sample.

    Raises:
        DataError: see read_pred_probs.
    """
    labels = asked.labels
    ids = artifacts.load_table(asked.run.examples, ["id"]).column("id").to_pylist()
    everything = read_pred_probs(Path(asked.finder.path), ids, load_class_names(asked.run))
    right = everything.argmax(axis=1) == labels.given
    trained, tested = right[labels.is_train].mean(), right[~labels.is_train].mean()
    if trained - tested > IN_SAMPLE_GAP or right.mean() > IN_SAMPLE_ACCURACY:
        asked.progress.say(
            f"warning: {asked.finder.path} agrees with {trained:.1%} of the training labels and "
            f"{tested:.1%} of the test labels; if its model was trained on the labels it judges "
            "here, it has learned the wrong ones too: use out-of-sample probabilities"
        )
    return Judged({scope: everything[labels.rows(scope)] for scope in asked.scopes})
