"""Numbers in words, texts folded and made visible."""

import numpy as np
import pytest
from markupsafe import escape

from pipeline.frame.messages import readable
from pipeline.models.explanation import Explanation, WordEvidence, split_pieces
from pipeline.report.cards import Stretch, _cut, chance, colour_words, excerpt
from pipeline.report.chart import Scale, number, percent, spanning


@pytest.mark.parametrize(
    ("probability", "words"),
    [
        (1.0, "over 99%"),
        (0.973, "97%"),
        (0.01, "1%"),
        (0.0042, "under 1%"),
        (0.0, "under 1%"),
    ],
)
def test_chance(probability: float, words: str) -> None:
    assert chance(probability) == words


def words_with(parts: list[float]) -> WordEvidence:
    explanation = Explanation(np.array(parts), known=sum(parts), unknown=0, padding=0, bias=0)
    return WordEvidence("pos", "neg", explanation, [], [], num_unknown=0, num_unread=0)


def test_words_are_coloured_by_sign_and_strength_and_the_unread_marked() -> None:
    found = colour_words(split_pieces("good so bad rest of it"), words_with([2.0, 0.01, -1.0]))
    assert found == [
        Stretch("good", "t5", "+2.00"),
        Stretch(" so ", ""),
        Stretch("bad", "a3", "−1.00"),
        Stretch(" ", ""),
        Stretch("rest of it", "unread"),
    ]


def test_line_break_tags_break_the_line_and_control_characters_are_seen() -> None:
    shown = "".join(readable(piece.text) for piece in split_pieces("a<br /><BR />b \x1b[2J"))
    assert shown == "a\n\nb ␛[2J"


def test_ticks_are_round_and_within_the_axis() -> None:
    assert Scale(0, 1).ticks() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert Scale(0.8, 30_000, log=True).ticks() == [1, 10, 100, 1000, 10_000]
    for low, high in [(0.8701, 0.8745), (-3e-4, 2e-3), (12, 90_000), (0, 0.011)]:
        ticks = Scale(low, high).ticks()
        assert 2 <= len(ticks) <= 8
        assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)


def test_equal_values_still_make_an_axis() -> None:
    for value in (0.0, 0.7):
        scale = spanning([value, value])
        assert scale.low < value < scale.high or value == 0
        assert scale.ticks()


def test_numbers_on_axes() -> None:
    assert [number(v) for v in (0, 1000, 0.25, 0.6000000001)] == ["0", "1,000", "0.25", "0.6"]
    assert percent(0.05) == "5%"


def test_an_excerpt_is_one_line_cut_at_a_word() -> None:
    assert excerpt("a<br />b\n\n c") == "a b c"
    cut = excerpt("word " * 100, 30)
    assert cut == "word word word word word…"
    assert len(excerpt("x" * 400, 30)) == 30


def test_a_text_is_cut_where_its_markup_would_not_fit() -> None:
    """Escapes and marks count, not characters: "<" is four bytes on the page."""
    for text in ("plain words " * 400, "<&> " * 2000, "字" * 5000):
        kept, left_out = _cut(split_pieces(text), 3000, is_marked=True)
        shown = "".join(piece.text for piece in kept)
        assert text.startswith(shown)
        assert len(text) - len(shown) == left_out > 0
        marked = sum(len(escape(piece.text).encode()) for piece in kept)
        assert marked + 32 * sum(piece.position is not None for piece in kept) <= 3000
