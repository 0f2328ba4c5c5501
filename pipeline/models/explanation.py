"""Which words drove a prediction. Exact, because the network is linear in its mean embedding.

With embeddings E, kernel W and bias b, the logit of class k for a text of P positions is
``sum over positions of E[token] @ W[:, k] / P + b[k]``; so each position adds its own part to the
difference of two logits, which is the log of the ratio of the two probabilities.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipeline.data.prepared import load_class_names
from pipeline.frame import artifacts
from pipeline.frame.artifacts import Arrays
from pipeline.frame.run import Run
from pipeline.models.tokens import LINE_BREAK, PUNCTUATION
from pipeline.models.unicode_words import bare_word, cut_words

SEPARATOR = re.compile(rf"((?:{re.escape(LINE_BREAK)}|[ \t\n\v\f\r])+)", re.IGNORECASE)
DELETED = re.compile(PUNCTUATION)
PADDING_TOKEN, UNKNOWN_TOKEN = 0, 1


class Piece(NamedTuple):
    """A stretch of a text. position: which word of the text it is, None if it is not a word."""

    text: str
    position: int | None


@dataclass(frozen=True)
class Explanation:
    """The parts of a logit difference, class `towards` minus class `away`; they add up to total.

    by_position: (positions,) what the token at each position adds. The rest sums it by kind.
    """

    by_position: np.ndarray
    known: float
    unknown: float
    padding: float
    bias: float

    @property
    def total(self) -> float:
        return self.known + self.unknown + self.padding + self.bias


class LinearWeights(NamedTuple):
    """embeddings: (tokens, dim). kernel: (dim, classes). bias: (classes,)."""

    embeddings: np.ndarray
    kernel: np.ndarray
    bias: np.ndarray


def linear_weights(fold: Arrays) -> LinearWeights | None:
    """Return the weights in a fold file, or None when they are not of the linear network."""
    names = [f"weight_{i}" for i in range(3)]
    if any(name not in fold for name in names) or "weight_3" in fold:
        return None
    weights = LinearWeights(*(fold[name] for name in names))
    shapes = [weight.ndim for weight in weights]
    return weights if shapes == [2, 2, 1] else None


def explain(tokens: np.ndarray, weights: LinearWeights, *, towards: int, away: int) -> Explanation:
    """Return what each of the (positions,) tokens adds to logit[towards] - logit[away]."""
    direction = np.subtract(*(weights.kernel[:, k].astype(np.float64) for k in (towards, away)))
    parts = weights.embeddings[tokens].astype(np.float64) @ direction / len(tokens)
    is_padding, is_unknown = tokens == PADDING_TOKEN, tokens == UNKNOWN_TOKEN
    return Explanation(
        by_position=parts,
        known=float(parts[~is_padding & ~is_unknown].sum()),
        unknown=float(parts[is_unknown].sum()),
        padding=float(parts[is_padding].sum()),
        bias=float(weights.bias[towards]) - float(weights.bias[away]),
    )


def split_pieces(text: str, *, unicode: bool = False) -> list[Piece]:
    """Return the text in order, cut where `vectorize` cuts it into words, or where it does by
    `words: unicode`.

    Joined together the pieces are the text again. A stretch of punctuation is not a word.
    """
    pieces, words = [], 0
    for index, between in enumerate(SEPARATOR.split(text)):
        parts = cut_words(between) if unicode and index % 2 == 0 else [between]
        for part in filter(None, parts):
            is_word = index % 2 == 0 and standard_word(part, unicode=unicode) != ""
            pieces.append(Piece(part, words if is_word else None))
            words += is_word
    return pieces


def standard_word(piece: str, *, unicode: bool = False) -> str:
    """Return a word as the vocabulary spells it: ASCII lower case, ASCII punctuation deleted."""
    if unicode:
        return DELETED.sub("", bare_word(piece))
    lower = "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in piece)
    return DELETED.sub("", lower)


def fits(
    pieces: list[Piece], tokens: np.ndarray, token_of: dict[str, int], *, unicode: bool = False
) -> bool:
    """Return whether `pieces` cut the text into exactly these token ids."""
    words = [piece.text for piece in pieces if piece.position is not None][: len(tokens)]
    expected = [token_of.get(standard_word(word, unicode=unicode), UNKNOWN_TOKEN) for word in words]
    return bool(tokens.tolist() == expected + [PADDING_TOKEN] * (len(tokens) - len(expected)))


class WordSum(NamedTuple):
    """A word of the vocabulary, what all its occurrences add, and how many there are."""

    word: str
    part: float
    times: int


def strongest_words(
    tokens: np.ndarray, explanation: Explanation, vocabulary: list[str], *, limit: int
) -> tuple[list[WordSum], list[WordSum]]:
    """Return the words that add most and those that take away most, the strongest first."""
    sums: defaultdict[int, float] = defaultdict(float)
    counts: defaultdict[int, int] = defaultdict(int)
    for token, part in zip(tokens.tolist(), explanation.by_position.tolist(), strict=True):
        if token not in (PADDING_TOKEN, UNKNOWN_TOKEN):
            sums[token] += part
            counts[token] += 1
    found = [WordSum(vocabulary[token], part, counts[token]) for token, part in sums.items()]
    found.sort(key=lambda entry: (-entry.part, entry.word))
    adding = [entry for entry in found if entry.part > 0][:limit]
    taking = [entry for entry in reversed(found) if entry.part < 0][:limit]
    return adding, taking


NAMED_WORDS = 5  # in each direction
VECTORS = ("train_vectors", "test_vectors")  # of a fold, not needed to explain


@dataclass(frozen=True)
class WordEvidence:
    """Why the network prefers class `towards` to class `away`, word by word.

    adding, taking: the strongest words for and against. num_unread: words after the last position.
    """

    towards: str
    away: str
    explanation: Explanation
    adding: list[WordSum]
    taking: list[WordSum]
    num_unknown: int
    num_unread: int


class Explainer:
    """Explains the examples of a scope, each with the model that has not seen it.

    Without weights of the linear network every explanation is None.
    """

    def __init__(self, run: Run, scope: str) -> None:
        self.class_names = load_class_names(run)
        self.models: list[LinearWeights] = []
        paths = sorted(run.fold(scope, 0).parent.glob("fold_*.npz"))
        folds = [artifacts.load_arrays(path, without=VECTORS) for path in paths]
        weights = [linear_weights(fold) for fold in folds]
        known = [each for each in weights if each is not None]
        if not known or len(known) < len(folds) or not run.tokens(scope).is_file():
            return
        self.models = known
        self.tokens = artifacts.load_array(run.tokens(scope), mapped=True)
        self.model_of = np.zeros(len(self.tokens), int)
        for number, fold in enumerate(folds):
            self.model_of[fold["held_out"]] = number
        self.vocabulary = artifacts.load_json(run.vocabulary("all" if scope == "all" else "train"))
        self.token_of = {word: token for token, word in enumerate(self.vocabulary) if token > 1}

    def explain(
        self, position: int, text: str, *, towards: int, away: int
    ) -> tuple[list[Piece], WordEvidence | None]:
        """Return the text of the example at `position` of the scope in pieces, and its words."""
        for unicode in (False, True) if self.models else ():
            pieces = split_pieces(text, unicode=unicode)
            tokens = np.asarray(self.tokens[position])
            if fits(pieces, tokens, self.token_of, unicode=unicode):
                return pieces, self._evidence(position, tokens, pieces, towards, away)
        return split_pieces(text), None

    def _evidence(
        self, position: int, tokens: np.ndarray, pieces: list[Piece], towards: int, away: int
    ) -> WordEvidence:
        model = self.models[self.model_of[position]]
        explanation = explain(tokens, model, towards=towards, away=away)
        adding, taking = strongest_words(tokens, explanation, self.vocabulary, limit=NAMED_WORDS)
        num_words = sum(piece.position is not None for piece in pieces)
        return WordEvidence(
            towards=self.class_names[towards],
            away=self.class_names[away],
            explanation=explanation,
            adding=adding,
            taking=taking,
            num_unknown=int((tokens == 1).sum()),
            num_unread=max(num_words - len(tokens), 0),
        )
