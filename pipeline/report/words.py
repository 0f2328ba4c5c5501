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

from pipeline.artifacts import Arrays
from pipeline.words import LINE_BREAK, PUNCTUATION

SEPARATOR = re.compile(rf"((?:{re.escape(LINE_BREAK)}|[ \t\n\v\f\r])+)", re.IGNORECASE)
DELETED = re.compile(PUNCTUATION)
PADDING_TOKEN, UNKNOWN_TOKEN = 0, 1


class Piece(NamedTuple):
    """A stretch of a text. position: which word of the text it is, None if it is no word."""

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


def split_pieces(text: str) -> list[Piece]:
    """Return the text in order, cut where `vectorize` cuts it into words.

    Joined together the pieces are the text again. A stretch of punctuation is no word.
    """
    pieces, words = [], 0
    for index, part in enumerate(SEPARATOR.split(text)):
        is_word = index % 2 == 0 and DELETED.sub("", part) != ""
        if part:
            pieces.append(Piece(part, words if is_word else None))
        words += is_word
    return pieces


def standard_word(piece: str) -> str:
    """Return a word as the vocabulary spells it: ASCII lower case, ASCII punctuation deleted."""
    lower = "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in piece)
    return DELETED.sub("", lower)


def fits(pieces: list[Piece], tokens: np.ndarray, token_of: dict[str, int]) -> bool:
    """Return whether `pieces` cut the text into exactly these token ids."""
    words = [piece.text for piece in pieces if piece.position is not None][: len(tokens)]
    expected = [token_of.get(standard_word(word), UNKNOWN_TOKEN) for word in words]
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
