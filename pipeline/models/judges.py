"""What the members of an ensemble say of the texts, each on an input of its own."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import sparse
from scipy.special import softmax

from pipeline.frame.section import imported
from pipeline.models.calibration import LEAST, fit_temperature
from pipeline.models.members import (
    MEMBERS,
    CharactersMember,
    ClassifierMember,
    Member,
    NaiveBayesMember,
    VectorsMember,
    WordsMember,
)
from pipeline.models.ngrams import (
    chosen_columns,
    count_characters,
    count_ngrams,
    document_frequency,
    split_plain_words,
    split_runs,
    tfidf,
)
from pipeline.models.side_by_side import (
    Strength,
    choose_strength,
    distinct_features,
    fit_logistic,
    fit_naive_bayes,
    training_masks,
)
from pipeline.models.table import check_model, make_classifier
from pipeline.models.vectors import of_length_one


class Judgement:
    """What the members of one scope are asked: log probabilities of every text by every model.

    labels: (texts,) class indices. masks: (texts, models) which texts a model learns; the first
    `folds` of them are the folds of the first plan. learned: (texts,) the texts of the scope.
    """

    def __init__(
        self,
        corpus: "Corpus",
        labels: np.ndarray,
        masks: np.ndarray,
        *,
        folds: int,
        learned: np.ndarray,
        num_classes: int,
    ) -> None:
        self.corpus = corpus
        self.labels = labels
        self.masks = masks
        self.folds = folds
        self.learned = learned
        self.num_classes = num_classes

    def held_out(self, log_probs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what the first plan's models say of the texts they did not learn, and labels."""
        rows, models = np.nonzero(~self.masks[:, : self.folds] & self.learned[:, None])
        return log_probs[rows, models], self.labels[rows]


@dataclass
class Corpus:
    """Texts, and what was counted of them already."""

    load: Callable[[], pa.Array]  # its texts are not read unless something must be counted
    load_vectors: Callable[[str], np.ndarray] | None = None
    _counts: dict[tuple[Any, ...], sparse.csr_matrix] = field(default_factory=dict)

    @functools.cached_property
    def texts(self) -> pa.Array:
        return self.load()

    def vectors(self, path: str) -> np.ndarray:
        """Return the (texts, dim) vectors of a user's file.

        Raises:
            ValueError: these texts have none.
        """
        if self.load_vectors is None:
            raise ValueError("nothing reads its vectors here")
        return self.load_vectors(path).astype(np.float32)

    def words(self, *, longest: int, min_df: int) -> sparse.csr_matrix:
        """Return (texts, n-grams) counts of words and runs of them."""
        key = ("words", longest, min_df)
        if key not in self._counts:
            counts = count_ngrams(split_plain_words(self.texts), longest=longest, min_df=min_df)
            self._counts[key] = counts
        return self._counts[key]

    def characters(self, *, shortest: int, longest: int, min_df: int) -> sparse.csr_matrix:
        """Return (texts, n-grams) counts of runs of characters inside words."""
        key = ("characters", shortest, longest, min_df)
        if key not in self._counts:
            self._counts[key] = count_characters(
                split_runs(self.texts), shortest=shortest, longest=longest, min_df=min_df
            )
        return self._counts[key]


def frequent(counts: sparse.csr_matrix, learned: np.ndarray, options: Any) -> sparse.csr_matrix:
    """Return the columns that occur in enough of the texts learned from, the most frequent ones.

    Raises:
        ValueError: none does.
    """
    spread = document_frequency(counts, learned)
    chosen = spread >= options.min_df
    if not chosen.any():
        raise ValueError(f"nothing that it reads occurs in {options.min_df} texts (min_df)")
    if options.max_features is not None and chosen.sum() > options.max_features:
        order = np.argsort(-spread, kind="stable")
        chosen = np.zeros(len(spread), bool)
        chosen[order[: options.max_features]] = True
    return counts if chosen.all() else chosen_columns(counts, chosen).counts


def judge_words(member: WordsMember, asked: Judgement) -> np.ndarray:
    counts = asked.corpus.words(longest=member.longest, min_df=member.min_df)
    known = frequent(counts, asked.learned, member)
    return _logistic(tfidf(known, asked.learned), member.C, asked)


def judge_characters(member: CharactersMember, asked: Judgement) -> np.ndarray:
    counts = asked.corpus.characters(
        shortest=member.shortest, longest=member.longest, min_df=member.min_df
    )
    known = frequent(counts, asked.learned, member)
    return _logistic(tfidf(known, asked.learned), member.C, asked)


def judge_vectors(member: VectorsMember, asked: Judgement) -> np.ndarray:
    """Return what a linear model of the user's vectors says; each first gets the length 1."""
    features = sparse.csr_matrix(of_length_one(asked.corpus.vectors(member.path)))
    return _logistic(features, member.C, asked)


def judge_classifier(member: ClassifierMember, asked: Judgement) -> np.ndarray:
    """Return what a classifier says that is fitted anew for each mask.

    Raises:
        ConfigError: a custom function cannot be imported. ValueError: a fit failed.
    """
    check_model(member.model)
    features = features_of(member.inputs, asked)
    said = np.empty((*asked.masks.shape, asked.num_classes), np.float32)
    for place, learned in enumerate(asked.masks.T):
        rows = np.flatnonzero(learned)
        classifier = make_classifier(member.model, vocabulary_size=0, seed=place)
        try:
            classifier.fit(features[rows], asked.labels[rows])
        except ArithmeticError as error:
            raise ValueError(f"{member.model.name}: {error}") from None
        probs = np.asarray(classifier.predict_proba(features))
        if probs.shape != said[:, place].shape:
            raise ValueError(f"{member.model.name}: a fold has no example of one of the classes")
        if not np.isfinite(probs).all():
            raise ValueError(f"{member.model.name}: gives probabilities that are no numbers")
        said[:, place] = np.log(np.maximum(probs, LEAST))
    return said


def features_of(inputs: Any, asked: Judgement) -> Any:
    """Return what a classifier takes: (texts, n-grams) counts, (texts,) texts, or vectors."""
    if inputs.kind == "texts":
        return np.array([*asked.corpus.texts.to_pylist(), None], dtype=object)[:-1]
    if inputs.kind == "vectors":
        return asked.corpus.vectors(inputs.path)
    count = asked.corpus.words if inputs.kind == "words" else asked.corpus.characters
    counts = count(**inputs.model_dump(exclude={"kind", "max_features"}))
    return frequent(counts, asked.learned, inputs)


def judge_naive_bayes(member: NaiveBayesMember, asked: Judgement) -> np.ndarray:
    """Return the mean of one naive Bayes for words, one for words and pairs, and so on."""
    probs = []
    for longest in range(1, member.longest + 1):
        counts = asked.corpus.words(longest=longest, min_df=member.min_df)
        logs = fit_naive_bayes(
            frequent(counts, asked.learned, member),
            asked.labels,
            asked.masks,
            num_classes=asked.num_classes,
            alpha=member.alpha,
        )
        temperature = fit_temperature(*asked.held_out(logs))
        probs.append(softmax(logs / temperature, axis=2))
    mean: np.ndarray = np.mean(probs, axis=0)
    return np.asarray(np.log(np.maximum(mean, LEAST)))


def _logistic(features: sparse.csr_matrix, strengths: list[float], asked: Judgement) -> np.ndarray:
    distinct = distinct_features(features, asked.learned)
    best = Strength(strengths[0], None)
    if len(strengths) > 1:
        best = choose_strength(
            distinct,
            asked.labels,
            asked.masks[:, : asked.folds],
            learned=asked.learned,
            num_classes=asked.num_classes,
            candidates=strengths,
        )
    known = [] if best.said is None else [best.said]
    rest = asked.masks[:, asked.folds if known else 0 :]
    if rest.shape[1]:
        known.append(
            fit_logistic(distinct, asked.labels, rest, num_classes=asked.num_classes, C=best.C)
        )
    return np.concatenate(known, axis=1)


def judge(member: Member, asked: Judgement) -> np.ndarray:
    """Return (texts, models, classes) log probabilities of one member."""
    found: np.ndarray = imported(MEMBERS[member.member].judge)(member, asked)
    return found


def ask_member(
    member: Member,
    corpus: Corpus,
    labels: np.ndarray,
    learned: np.ndarray,
    plans: Sequence[Sequence[np.ndarray]],
    *,
    num_classes: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what a member says of each text, by a model that did not learn it.

    Args:
        labels: (texts,) class indices. learned: (texts,) the texts that are learned; of the
            others only the texts are looked at.
        plans: for each repetition the held-out positions of each fold, among those learned.

    Returns:
        Log probabilities: (repetitions, learned, classes), and (others, classes) by one model of
        all that are learned.

    Raises:
        ValueError: no word or character occurs often enough.
    """
    rows = np.flatnonzero(learned)
    fold_of = np.full((len(plans), len(labels)), -1)
    for repetition, plan in enumerate(plans):
        for fold, positions in enumerate(plan):
            fold_of[repetition, rows[positions]] = fold
    masks = [training_masks(folds) for folds in fold_of]
    if len(rows) < len(labels):
        masks.append(learned[:, None])
    question = Judgement(
        corpus,
        labels,
        np.concatenate(masks, axis=1),
        folds=len(plans[0]),
        learned=learned,
        num_classes=num_classes,
    )
    said = judge(member, question)
    firsts = np.cumsum([0, *(len(plan) for plan in plans)])[: len(plans)]
    held_out = [said[rows, at + folds[rows]] for at, folds in zip(firsts, fold_of, strict=True)]
    return np.array(held_out, np.float32), said[~learned, -1].astype(np.float32)
