from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pipeline.review.highlight import Piece, weigh


@dataclass
class Cut:
    text: str
    position: int | None


WORDS = [Cut("A ", None), Cut("dull", 0), Cut(" but ", None), Cut("fine", 1), Cut(" film", 2)]


def test_words_are_marked_by_side_and_strength():
    pieces = weigh(WORDS, np.array([1.0, -0.6, 0.01]))
    assert pieces == [
        Piece("A "),
        Piece("dull", "suggested", 3),
        Piece(" but "),
        Piece("fine", "given", 2),
        Piece(" film"),
    ]


def test_the_pieces_join_to_the_text_and_plain_neighbours_are_one():
    for parts in (np.zeros(3), np.array([]), np.array([0.0, 0.0, 1.0])):
        pieces = weigh(WORDS, parts)
        assert "".join(piece.text for piece in pieces) == "A dull but fine film"
        assert not any(a.level == b.level == 0 for a, b in pairwise(pieces))
