"""The sections `vectorize` and `crossval` of a config as types."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator

from pipeline.frame.section import Count, PathText, Section, about

Folds = Annotated[int, about("parts; each is judged by a model of the others", ge=2, le=1000)]


class Tokens(Section):
    """Token ids, as keras.layers.TextVectorization makes them."""

    kind: Literal["tokens"]
    max_tokens: Annotated[
        int, about("vocabulary size; words that are rarer are unknown", ge=3, le=10_000_000)
    ]
    sequence_length: Annotated[
        int, about("tokens kept per text; shorter texts are padded", ge=1, le=100_000)
    ]
    words: Annotated[
        Literal["ascii", "unicode"],
        about("ascii: as published, between spaces | unicode: of any language, folded"),
    ] = "ascii"


def check_pattern(pattern: str) -> str:
    """Return `pattern` if it is a regular expression with one group at most.

    Raises:
        ValueError: it is not.
    """
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"is not a regular expression ({error})") from None
    if groups > 1:
        raise ValueError("must have one group at most; write (?:...) for the others")
    return pattern


class Counts(Section):
    """Word counts: the names and values of sklearn's CountVectorizer."""

    kind: Literal["counts"]
    lowercase: Annotated[bool, about("every letter in lower case")]
    token_pattern: Annotated[
        str,
        about("what a word is: a regular expression", min_length=1, max_length=200),
        AfterValidator(check_pattern),
    ]
    max_ngram: Annotated[int, about("words that are counted together at most", ge=1, le=5)]
    min_df: Annotated[Count, about("texts a word must occur in")]
    max_features: Annotated[Count | None, about("words at most, the most frequent ones")]


class Texts(Section):
    """The texts themselves."""

    kind: Literal["texts"]


VectorsFile = Annotated[
    PathText, about(".npy in row order; .parquet with `vector`, lists of numbers, and `id`")
]


class Vectors(Section):
    """Vectors of the texts that you have, of any encoder."""

    kind: Literal["vectors"]
    path: VectorsFile


class Scope(Section):
    folds: Folds
    shuffle: Annotated[bool, about("false: in data order; a file may be sorted")]


class Crossval(Section):
    group_duplicates: Annotated[
        bool, about("keep copies of a text in one fold, so that no model has seen them")
    ]
    all: Annotated[Scope, about("over train + test: which labels in this dataset are wrong?")]
    train: Annotated[Scope, about("inside train only: what CleanLearning leaves out")]
