"""Who judges the labels: the finders a config can name and the members of an ensemble, a row each.

A member is a cheap classifier with an input of its own, trained for every fold side by side.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import model_validator

from pipeline.frame.section import Count, PathText, Section, about, chosen_by, one_of
from pipeline.models.sections import Texts, Vectors, VectorsFile
from pipeline.models.table import CLASSIFIERS, code_of_model, row_of

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


class WordCounts(Section):
    """Counts of words and runs of them."""

    kind: Literal["words"]
    longest: Longest
    min_df: MinDf
    max_features: MaxFeatures


class CharacterCounts(Section):
    """Counts of runs of characters inside words."""

    kind: Literal["characters"]
    shortest: Annotated[int, about("characters of a run at least", ge=1, le=8)]
    longest: Longest
    min_df: MinDf
    max_features: MaxFeatures


OF_ITS_OWN = [row.section for row in CLASSIFIERS.values() if row.inputs != "tokens"]
if TYPE_CHECKING:
    MemberInputs = Any
    MemberModel = Any
else:
    MemberInputs = one_of("kind", [WordCounts, CharacterCounts, Texts, Vectors])
    MemberModel = one_of("name", OF_ITS_OWN)
TAKES = {"counts": ("words", "characters"), "vectors": ("vectors",)}  # of MemberInputs; "": any


class ClassifierMember(Section):
    """A classifier of `model` on an input of its own; one of token ids is the member `model`."""

    member: Literal["classifier"]
    model: Annotated[MemberModel, about("the classifier, with the keys that it has in `model`")]
    inputs: Annotated[MemberInputs, about("words | characters | texts | vectors")]

    @model_validator(mode="after")
    def check_inputs(self) -> "ClassifierMember":
        """Return the section if the classifier takes such inputs.

        Raises:
            ValueError: it takes others.
        """
        needed = row_of(self.model).inputs
        if needed and self.inputs.kind not in TAKES[needed]:
            raise ValueError(f"{self.model.name} takes inputs of {' or '.join(TAKES[needed])}")
        return self


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
        MemberKind(ClassifierMember, "pipeline.models.judges:judge_classifier"),
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
        list[Member],
        about("words, characters, naive_bayes, vectors, classifier, model", min_length=1),
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
    members = getattr(finder, "members", [])
    read = [*members, *(each.inputs for each in members if hasattr(each, "inputs"))]
    of_members = [each.path for each in read if hasattr(each, "path")]
    return [*(getattr(finder, key) for key in finder_of(finder).paths), *of_members]


def code_of_finder(finder: Finder) -> list[str]:
    """Return the code that judges, as "module:function"."""
    members = getattr(finder, "members", [])
    judges = [MEMBERS[member.member].judge for member in members]
    classifiers = [name for m in members if hasattr(m, "model") for name in code_of_model(m.model)]
    return [finder_of(finder).judge, *filter(None, judges), *classifiers]


def named(members: list[Member]) -> list[tuple[str, Member]]:
    """Return (name, member): its kind, numbered where there are several of it."""
    kinds = [member.member for member in members]
    before = [kinds[:place].count(kind) for place, kind in enumerate(kinds)]
    names = [
        f"{kind}_{count + 1}" if count else kind for kind, count in zip(kinds, before, strict=True)
    ]
    return list(zip(names, members, strict=True))
