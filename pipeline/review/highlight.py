"""The words of a text that drove the model, as pieces with a side and a strength."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline import artifacts
from pipeline.artifacts import Run
from pipeline.report.words import explain, fits, linear_weights, split_pieces
from pipeline.review.queue import Item

STRENGTHS = (0.8, 0.5, 0.3)  # of the strongest word: levels 3, 2 and 1


@dataclass(frozen=True)
class Piece:
    """A stretch of a text. side: "given", "suggested" or "". level: 0 (plain) to 3."""

    text: str
    side: str = ""
    level: int = 0


class Highlighter:
    """Cuts texts into pieces; without a linear model of its fold a text stays one piece."""

    def __init__(self, run: Run, class_names: list[str], scope: str = "all") -> None:
        self.class_names = class_names
        self._weights: dict[int, Any] = {}
        self._fold_of: dict[int, int] = {}
        if not run.tokens(scope).is_file():
            return
        vocabulary = artifacts.load_json(run.vocabulary("all" if scope == "all" else "train"))
        self._token_of = {word: token for token, word in enumerate(vocabulary) if token > 1}
        self._tokens = artifacts.load_array(run.tokens(scope), mapped=True)
        for fold, path in enumerate(sorted(run.fold(scope, 0).parent.glob("fold_*.npz"))):
            arrays = artifacts.load_arrays(path)
            self._weights[fold] = linear_weights(arrays)
            self._fold_of |= dict.fromkeys(arrays["held_out"].tolist(), fold)

    def pieces(self, item: Item) -> list[Piece]:
        """Return the text of `item` in pieces that join to it again."""
        if item.position is None or item.suggested in (None, item.given):
            return [Piece(item.text)]
        weights = self._weights.get(self._fold_of.get(item.position, -1))
        if weights is None:
            return [Piece(item.text)]
        tokens = np.asarray(self._tokens[item.position])
        found = split_pieces(item.text)
        if not fits(found, tokens, self._token_of):
            return [Piece(item.text)]
        explanation = explain(
            tokens,
            weights,
            towards=self.class_names.index(item.suggested or ""),
            away=self.class_names.index(item.given),
        )
        return weigh(found, explanation.by_position)


def weigh(found: list[Any], parts: np.ndarray) -> list[Piece]:
    """Return the pieces with the side each speaks for; neighbours that look alike are joined.

    Args:
        found: pieces with `text` and `position` (None: no word).
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
