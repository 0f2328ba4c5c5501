"""Who judges the labels: the finders a config can name and the members of an ensemble, a row each.

A member is a cheap classifier with an input of its own, trained for every fold side by side.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from scipy import sparse
from scipy.special import softmax

from pipeline.frame.section import Count, PathText, Section, about, chosen_by, imported, one_of
from pipeline.models.calibration import LEAST, fit_temperature
from pipeline.models.ngrams import (
    chosen_columns,
    count_characters,
    count_words,
    split_runs,
    split_words,
    spread_of,
    tfidf,
)
from pipeline.models.side_by_side import choose_strength, fit_logistic, fit_naive_bayes

Longest = Annotated[int, about("counted together at most", ge=1, le=8)]
MinDf = Annotated[Count, about("texts one must occur in")]
MaxFeatures = Annotated[Count | None, about("how many at most, the most frequent ones")]
Strengths = Annotated[
    list[Annotated[float, about("", gt=0, le=1e6)]],
    about("the larger, the less is held back; held-out texts choose among several", min_length=1),
]


class WordsMember(Section):
    """Words and runs of them by TF-IDF, logistic regression."""

    member: Literal["words"]
    longest: Longest
    min_df: MinDf
    max_features: MaxFeatures
    C: Strengths


class CharactersMember(Section):
    """Runs of characters inside words by TF-IDF, logistic regression."""

    member: Literal["characters"]
    shortest: Annotated[int, about("characters of a run at least", ge=1, le=8)]
    longest: Longest
    min_df: MinDf
    max_features: MaxFeatures
    C: Strengths


class NaiveBayesMember(Section):
    """Multinomial naive Bayes on counts of words and runs of them."""

    member: Literal["naive_bayes"]
    longest: Longest
    min_df: MinDf
    max_features: MaxFeatures
    alpha: Annotated[float, about("added to every count", gt=0, le=1e6)]


class VectorsMember(Section):
    """Vectors of the texts that you have, logistic regression on them."""

    member: Literal["vectors"]
    path: Annotated[
        PathText, about(".npy in row order; .parquet with `vector`, lists of numbers, and `id`")
    ]
    C: Strengths


MODEL = "model"


class ModelMember(Section):
    """The classifier of `model`, on its own inputs."""

    member: Literal["model"]


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

    def words(self, *, longest: int, min_df: int) -> sparse.csr_matrix:
        """Return (texts, n-grams) counts of words and runs of them."""
        key = ("words", longest, min_df)
        if key not in self._counts:
            counts = count_words(split_words(self.texts), longest=longest, min_df=min_df)
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
    spread = spread_of(counts, learned)
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
    if asked.corpus.load_vectors is None:
        raise ValueError("nothing reads its vectors here")
    vectors = asked.corpus.load_vectors(member.path).astype(np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    features = sparse.csr_matrix(vectors / np.where(lengths > 0, lengths, 1))
    return _logistic(features, member.C, asked)


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
    best = strengths[0]
    if len(strengths) > 1:
        best = choose_strength(
            features,
            asked.labels,
            asked.masks[:, : asked.folds],
            learned=asked.learned,
            num_classes=asked.num_classes,
            candidates=strengths,
        )
    return fit_logistic(features, asked.labels, asked.masks, num_classes=asked.num_classes, C=best)


# --- the tables -----------------------------------------------------------------------------


@dataclass(frozen=True)
class MemberKind:
    """All there is to know of one kind of member.

    judge: "module:function" of (section, Judgement) -> (texts, models, classes) log
    probabilities; "" for the model, which is trained like every model.
    """

    section: type[Section]
    judge: str


MEMBERS = {
    chosen_by(row.section, "member"): row
    for row in (
        MemberKind(WordsMember, "pipeline.models.members:judge_words"),
        MemberKind(CharactersMember, "pipeline.models.members:judge_characters"),
        MemberKind(NaiveBayesMember, "pipeline.models.members:judge_naive_bayes"),
        MemberKind(VectorsMember, "pipeline.models.members:judge_vectors"),
        MemberKind(ModelMember, ""),
    )
}

if TYPE_CHECKING:
    Member = Any
else:
    Member = one_of("member", [row.section for row in MEMBERS.values()])


class ModelFinder(Section):
    """The model itself in cross-validation, as in the published experiment."""

    by: Literal["model"]


class EnsembleFinder(Section):
    """The mean of different members, each first brought to honest confidence."""

    by: Literal["ensemble"]
    repeats: Annotated[int, about("fold plans whose probabilities are averaged", ge=1, le=20)]
    members: Annotated[
        list[Member], about("words, characters, naive_bayes, vectors, model", min_length=1)
    ]


class FileFinder(Section):
    """Out-of-sample probabilities that a model of yours gave."""

    by: Literal["file"]
    path: Annotated[
        PathText, about(".npy in row order; .csv or .parquet with a column a class, and `id`")
    ]


@dataclass(frozen=True)
class FinderKind:
    """All there is to know of one way to judge the labels.

    judge: "module:function", see pipeline.compute.finders. before: what is done before any
    training, "module:function". paths: the keys of the section that name files. is_the_model:
    whether what is known of the model holds for the finder.
    """

    section: type[Section]
    judge: str
    before: str = ""
    paths: tuple[str, ...] = ()
    is_the_model: bool = False


FINDERS = {
    chosen_by(row.section, "by"): row
    for row in (
        FinderKind(ModelFinder, "pipeline.compute.finders:by_model", is_the_model=True),
        FinderKind(
            EnsembleFinder,
            "pipeline.compute.finders:by_ensemble",
            before="pipeline.compute.finders:before_trainings",
        ),
        FinderKind(FileFinder, "pipeline.compute.finders:by_file", paths=("path",)),
    )
}

if TYPE_CHECKING:
    Finder = Any
else:
    Finder = one_of("by", [row.section for row in FINDERS.values()])


def finder_of(finder: Finder) -> FinderKind:
    """Return what there is to know of the finder of a config."""
    return FINDERS[finder.by]


def asks_the_model(finder: Finder) -> bool:
    """Return whether the model must be cross-validated for the finder."""
    members = getattr(finder, "members", [])
    return finder_of(finder).is_the_model or any(each.member == MODEL for each in members)


def files_of_finder(finder: Finder) -> list[str]:
    """Return the files that the finder reads, as written in the config."""
    of_members = [each.path for each in getattr(finder, "members", []) if hasattr(each, "path")]
    return [*(getattr(finder, key) for key in finder_of(finder).paths), *of_members]


def code_of_finder(finder: Finder) -> list[str]:
    """Return the code that judges, as "module:function"."""
    judges = [MEMBERS[member.member].judge for member in getattr(finder, "members", [])]
    return [finder_of(finder).judge, *filter(None, judges)]


def judge(member: Member, asked: Judgement) -> np.ndarray:
    """Return (texts, models, classes) log probabilities of one member."""
    found: np.ndarray = imported(MEMBERS[member.member].judge)(member, asked)
    return found


def named(members: list[Member]) -> list[tuple[str, Member]]:
    """Return (name, member): its kind, numbered where there are several of it."""
    kinds = [member.member for member in members]
    before = [kinds[:place].count(kind) for place, kind in enumerate(kinds)]
    names = [
        f"{kind}_{count + 1}" if count else kind for kind, count in zip(kinds, before, strict=True)
    ]
    return list(zip(names, members, strict=True))
