"""Issues as the page shows them: texts cut into coloured stretches, numbers in words."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pipeline.frame.messages import readable
from pipeline.models.explanation import Piece, WordEvidence, WordSum
from pipeline.report.issues import Issue

LEVELS = 5
FAINTEST = 0.08  # of the strongest word's part; below it a word is not coloured
HEAD_WORDS = 80  # shown before a text is folded
MOST_CHARACTERS = 20_000  # of one text


class Stretch(NamedTuple):
    """A part of a text. css: t1 to t5 towards the suggested label, a1 to a5 away from it."""

    text: str
    css: str
    title: str = ""


@dataclass(frozen=True)
class Card:
    """An issue, ready to be written down."""

    rank: int
    id: str
    row: int
    split: str
    given: str
    given_index: int
    suggested: str
    bar: str
    bar_label: str
    shown_probability: str
    shown_confidence: str
    head: list[Stretch]
    rest: list[Stretch]
    fold: str
    left_out: str
    why: dict[str, Any] | None


def make_card(issue: Issue, class_names: list[str]) -> Card:
    """Return what the page says about an issue."""
    pieces, left_out = _cut(issue.pieces)
    head, rest = _fold(pieces)
    num_words = sum(piece.position is not None for piece in rest)
    probability, confidence = chance(issue.probability), chance(issue.self_confidence)
    return Card(
        rank=issue.rank,
        id=issue.id,
        row=issue.row,
        split=issue.split,
        given=issue.given,
        given_index=class_names.index(issue.given),
        suggested=issue.suggested,
        bar=f"{100 * issue.probability:.1f}",
        bar_label=f"probability: suggested label {probability}, given label {confidence}",
        shown_probability=probability,
        shown_confidence=confidence,
        head=colour_words(head, issue.words),
        rest=colour_words(rest, issue.words),
        fold=f"the other {num_words:,} words",
        left_out=f"{left_out:,} more characters are in the issues file." if left_out else "",
        why=_why(issue.words) if issue.words else None,
    )


def chance(probability: float) -> str:
    """Return a model's probability as a reader may take it: no surer than "over 99%"."""
    if probability > 0.99:
        return "over 99%"
    return "under 1%" if probability < 0.01 else f"{probability:.0%}"


def _cut(pieces: list[Piece]) -> tuple[list[Piece], int]:
    kept, room = [], MOST_CHARACTERS
    for piece in pieces:
        if room > 0:
            kept.append(Piece(piece.text[:room], piece.position))
        room -= len(piece.text)
    return kept, max(-room, 0)


def _fold(pieces: list[Piece]) -> tuple[list[Piece], list[Piece]]:
    num_words = sum(piece.position is not None for piece in pieces)
    if num_words <= HEAD_WORDS * 1.25:
        return pieces, []
    at = next(i for i, piece in enumerate(pieces) if piece.position == HEAD_WORDS)
    return pieces[:at], pieces[at:]


def colour_words(pieces: list[Piece], words: WordEvidence | None) -> list[Stretch]:
    """Return the text of `pieces` with each word that matters marked; plain runs are joined."""
    stretches: list[Stretch] = []
    for piece in pieces:
        stretch = _stretch(piece, words)
        last = stretches[-1].css if stretches else None
        if last == "unread" or (last == "" and not stretch.css):  # all after the unread is unread
            stretch = Stretch(stretches.pop().text + stretch.text, last)
        stretches.append(stretch)
    return stretches


def _stretch(piece: Piece, words: WordEvidence | None) -> Stretch:
    text = readable(piece.text)
    if words is None:
        return Stretch(text, "")
    parts = words.explanation.by_position
    if piece.position is None:
        return Stretch(text, "")
    if piece.position >= len(parts):
        return Stretch(text, "unread")
    part = float(parts[piece.position])
    strength = abs(part) / (float(np.abs(parts).max()) or 1.0)
    if strength < FAINTEST:
        return Stretch(text, "")
    level = max(math.ceil(strength * LEVELS - 1e-9), 1)
    return Stretch(text, f"{'t' if part > 0 else 'a'}{level}", signed(part))


def signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _why(words: WordEvidence) -> dict[str, Any]:
    parts = words.explanation
    terms = [
        f"known words {signed(parts.known)}",
        f"{words.num_unknown} unknown words {signed(parts.unknown)}",
        f"padding {signed(parts.padding)}",
        f"bias {signed(parts.bias)}",
    ]
    unread = f" The last {words.num_unread:,} words are not read." if words.num_unread else ""
    return {
        "towards": words.towards,
        "away": words.away,
        "adding": [_word(word) for word in words.adding],
        "taking": [_word(word) for word in words.taking],
        "sum": f"Log-odds {signed(parts.total)} = {', '.join(terms)}.{unread}",
    }


def _word(entry: WordSum) -> dict[str, str]:
    times = f"×{entry.times}" if entry.times > 1 else ""
    return {"word": entry.word, "times": times, "part": signed(entry.part)}
