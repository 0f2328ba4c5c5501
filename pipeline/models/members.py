"""Who judges the labels: the finders a config can name and the members of an ensemble, a row each.

A member is a cheap classifier with an input of its own, trained for every fold side by side.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pipeline.frame.section import Count, PathText, Section, about, chosen_by, one_of
from pipeline.models.sections import VectorsFile

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
    path: VectorsFile
    C: Strengths


MODEL, VECTORS = "model", "vectors"


class ModelMember(Section):
    """The classifier of `model`, on its own inputs."""

    member: Literal["model"]


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
        MemberKind(WordsMember, "pipeline.models.judges:judge_words"),
        MemberKind(CharactersMember, "pipeline.models.judges:judge_characters"),
        MemberKind(NaiveBayesMember, "pipeline.models.judges:judge_naive_bayes"),
        MemberKind(VectorsMember, "pipeline.models.judges:judge_vectors"),
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

    judge: "module:function", see pipeline.compute.finders. words: what it is called, with {model},
    {finder} and {members}, those that count. before: what is done before any training,
    "module:function". paths: the keys of the section that name files. is_the_model: whether what is
    known of the model holds for the finder.
    """

    section: type[Section]
    judge: str
    words: str
    before: str = ""
    paths: tuple[str, ...] = ()
    is_the_model: bool = False


FINDERS = {
    chosen_by(row.section, "by"): row
    for row in (
        FinderKind(
            ModelFinder,
            "pipeline.compute.finders:by_model",
            "the model itself ({model.name})",
            is_the_model=True,
        ),
        FinderKind(
            EnsembleFinder,
            "pipeline.compute.finders:by_ensemble",
            "an ensemble ({members})",
            before="pipeline.compute.finders:before_trainings",
        ),
        FinderKind(
            FileFinder,
            "pipeline.compute.finders:by_file",
            "the probabilities in {finder.path}",
            paths=("path",),
        ),
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


def named(members: list[Member]) -> list[tuple[str, Member]]:
    """Return (name, member): its kind, numbered where there are several of it."""
    kinds = [member.member for member in members]
    before = [kinds[:place].count(kind) for place, kind in enumerate(kinds)]
    names = [
        f"{kind}_{count + 1}" if count else kind for kind, count in zip(kinds, before, strict=True)
    ]
    return list(zip(names, members, strict=True))
