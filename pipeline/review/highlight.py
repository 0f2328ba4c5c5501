"""The words of a text that drove the model, as pieces with a side and a strength."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.corrections.queue import Item
from pipeline.frame.run import Run
from pipeline.models.counted_words import CountsExplainer, is_explained
from pipeline.models.explanation import Explainer
from pipeline.models.members import finder_of

STRENGTHS = (0.8, 0.5, 0.3)  # of the strongest word: levels 3, 2 and 1


@dataclass(frozen=True)
class Piece:
    """A stretch of a text. side: "given", "suggested" or "". level: 0 (plain) to 3."""

    text: str
    side: str = ""
    level: int = 0


class Highlighter:
    """Cuts texts into pieces; without a linear model of its fold a text stays one piece.

    config: without one only networks explain themselves. An ensemble's words are those of the
    model in it.
    """

    def __init__(self, run: Run, scope: str = "all", config: Any = None) -> None:
        self.explainer = Explainer(run, scope)
        self.counts: CountsExplainer | None = None
        if config and finder_of(config.finder).is_the_model and is_explained(config):
            self.counts = CountsExplainer(run, scope, config)

    def pieces(self, item: Item) -> list[Piece]:
        """Return the text of `item` in pieces that join to it again."""
        if item.position is None or item.suggested in (None, item.given):
            return [Piece(item.text)]
        index = self.explainer.class_names.index
        towards, away = index(item.suggested or ""), index(item.given)
        if self.counts:
            parts = self.counts.pieces_and_parts(
                item.position, item.text, towards=towards, away=away
            )
            return weigh(*parts) if parts else [Piece(item.text)]
        found, evidence = self.explainer.explain(
            item.position, item.text, towards=towards, away=away
        )
        return weigh(found, evidence.explanation.by_position) if evidence else [Piece(item.text)]


def weigh(found: list[Any], parts: np.ndarray) -> list[Piece]:
    """Return the pieces with the side each speaks for; neighbours that look alike are joined.

    Args:
        found: pieces with `text` and `position` (None: not a word).
        parts: (positions,) what each word adds to the suggested class against the given one.
    """
    most = float(np.abs(parts).max()) if len(parts) else 0.0
    joined: list[Piece] = []
    for piece in found:
        known = piece.position is not None and piece.position < len(parts) and most > 0
        part = float(parts[piece.position]) if known else 0.0
        level = sum(abs(part) >= share * most for share in STRENGTHS) if known else 0
        side = ("suggested" if part > 0 else "given") if level else ""
        if joined and not level and not joined[-1].level:
            joined[-1] = Piece(joined[-1].text + piece.text)
        else:
            joined.append(Piece(piece.text, side, level))
    return joined
