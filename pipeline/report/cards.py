"""Issues as the page shows them: texts cut into coloured stretches, numbers in words."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from markupsafe import escape

from pipeline.frame.messages import readable
from pipeline.models.explanation import Piece, WordEvidence, WordSum
from pipeline.report.issues import Issue
from pipeline.report.numbers import signed

LEVELS = 5
TERM = "+z.2f"  # of a sum of log-odds
FAINTEST = 0.08  # of the strongest word's part; below it a word is not coloured
EXCERPT = 150  # characters
MOST_BYTES = 60_000  # of one text, marked up
PAGE_BYTES = 700_000  # of all texts of a page
MARK_BYTES = 32  # what a coloured word adds


class Stretch(NamedTuple):
    """A part of a text. css: t1 to t5 towards the suggested label, a1 to a5 away from it."""

    text: str
    css: str
    title: str = ""


@dataclass(frozen=True)
class Card:
    """An issue, ready to be written down. wrong: "" where nothing is calibrated."""

    rank: int
    id: str
    row: int
    split: str
    given: str
    given_index: int
    suggested: str
    excerpt: str
    score: str
    wrong: str
    text: list[Stretch]
    left_out: str
    why: dict[str, Any] | None


def make_card(issue: Issue, class_names: list[str], most_bytes: int = MOST_BYTES) -> Card:
    """Return what the page says about an issue, its text cut at so many bytes of markup."""
    pieces, left_out = _cut(issue.pieces, most_bytes, issue.words is not None)
    return Card(
        rank=issue.rank,
        id=issue.id,
        row=issue.row,
        split=issue.split,
        given=issue.given,
        given_index=class_names.index(issue.given),
        suggested=issue.suggested,
        excerpt=excerpt(issue.text),
        score=f"{issue.self_confidence:.2g}",
        wrong="" if issue.wrong is None else chance(issue.wrong),
        text=colour_words(pieces, issue.words),
        left_out=f"{left_out:,} more characters are in the issues file." if left_out else "",
        why=_why(issue.words) if issue.words else None,
    )


def excerpt(text: str, characters: int = EXCERPT) -> str:
    """Return the beginning of a text on one line, cut at a word where there is one."""
    line = " ".join(readable(text[: 8 * characters]).split())
    if len(line) <= characters:
        return line
    cut = line[: characters - 1]
    head, _, tail = cut.rpartition(" ")
    return f"{(head if head and len(tail) < characters // 4 else cut).rstrip()}…"


def chance(probability: float) -> str:
    """Return a probability as a reader may take it: no surer than "over 99%"."""
    if probability > 0.99:
        return "over 99%"
    return "under 1%" if probability < 0.01 else f"{probability:.0%}"


def _cut(pieces: list[Piece], room: int, is_marked: bool) -> tuple[list[Piece], int]:
    """Return the pieces that fit into so many bytes, the last one cut; characters left out."""
    kept: list[Piece] = []
    total = sum(len(piece.text) for piece in pieces)
    for piece in pieces:
        text = piece.text
        room -= MARK_BYTES if is_marked and piece.position is not None else 0
        while text and len(escape(text).encode(errors="replace")) > room:
            text = text[: len(text) // 2]
        if text:
            kept.append(Piece(text, piece.position))
            room -= len(escape(text).encode(errors="replace"))
        if len(text) < len(piece.text):
            break
    return kept, total - sum(len(piece.text) for piece in kept)


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
    return Stretch(text, f"{'t' if part > 0 else 'a'}{level}", signed(part, TERM))


def _why(words: WordEvidence) -> dict[str, Any]:
    parts = words.explanation
    terms = [
        f"known words {signed(parts.known, TERM)}",
        f"{words.num_unknown} unknown words {signed(parts.unknown, TERM)}",
        f"padding {signed(parts.padding, TERM)}",
        f"bias {signed(parts.bias, TERM)}",
    ]
    unread = f" The last {words.num_unread:,} words are not read." if words.num_unread else ""
    return {
        "towards": words.towards,
        "away": words.away,
        "adding": [_word(word) for word in words.adding],
        "taking": [_word(word) for word in words.taking],
        "sum": f"Log-odds {signed(parts.total, TERM)} = {', '.join(terms)}.{unread}",
    }


def _word(entry: WordSum) -> dict[str, str]:
    times = f"×{entry.times}" if entry.times > 1 else ""
    return {"word": entry.word, "times": times, "part": signed(entry.part, TERM)}
