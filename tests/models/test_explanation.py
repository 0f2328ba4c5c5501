"""Word contributions: the text is cut as the vectorizer cuts it, and the parts add up."""

import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.models.explanation import (
    LinearWeights,
    explain,
    fits,
    linear_weights,
    split_pieces,
    standard_word,
    strongest_words,
)
from pipeline.models.tokens import split_words

ODD = st.text(
    st.sampled_from(list("aAzZ é߀<>/br \t\n\r\v\f-.'\"İſK_\u00a0\u2028\x1c🙂"))
    | st.characters(codec="utf-8"),
    max_size=60,
).filter(lambda text: "\x00" not in text)
RNG = np.random.default_rng(0)


@settings(max_examples=300, deadline=None)
@given(ODD)
@example("One<br /><br />two <BR />three")
@example("<br <br />/>")
@example(" leading, trailing ")
@example("")
def test_pieces_are_the_text_and_the_words_of_the_vectorizer(text: str) -> None:
    pieces = split_pieces(text)
    words = split_words(pa.array([text]))
    assert "".join(piece.text for piece in pieces) == text
    ours = [standard_word(piece.text) for piece in pieces if piece.position is not None]
    assert ours == [words.distinct[code] for code in words.codes]


WORLD = (  # no ß: a mark after it composes with the second s that it is folded to
    "aZ ÄİıΣςЖжøée\u0301שלםسلام品質特别かなカー々พัสดุมาช้ານ\u0301ខ្មែរ🙂👍🏽👩\u200d❤\ufe0f"
    "。、・，!-.'(7)٣\n\u00a0"
)


@settings(max_examples=500, deadline=None)
@given(st.text(st.sampled_from(WORLD), max_size=40).map(lambda t: unicodedata.normalize("NFC", t)))
@example("cafe\u0301 İstanbul ıssız")
@example("КИНО и кино<br />Straße STRASSE")
@example("質量特別好。荷物が遅れました・返金希望")
@example("พัสดุมาช้ามาก.คุณภาพดี(12)")
@example("good👍🏽👩\u200d❤\ufe0fday")
def test_pieces_of_any_language_are_those_of_the_vectorizer(text: str) -> None:
    """But for marks out of their order, of which a run shows no words."""
    pieces = split_pieces(text, unicode=True)
    words = split_words(pa.array([text]), "unicode")
    assert "".join(piece.text for piece in pieces) == text
    shown = [piece.text for piece in pieces if piece.position is not None]
    ours = [standard_word(word, unicode=True) for word in shown]
    assert ours == [words.distinct[code] for code in words.codes]


def random_weights(num_tokens: int = 30, classes: int = 3) -> LinearWeights:
    shapes = [(num_tokens, 5), (5, classes), (classes,)]
    return LinearWeights(*(RNG.normal(size=shape).astype(np.float32) for shape in shapes))


def test_the_parts_add_up_to_the_logit_difference() -> None:
    weights, tokens = random_weights(), np.array([5, 1, 9, 9, 1, 0, 0, 0], np.uint16)
    logits = weights.embeddings[tokens].mean(axis=0) @ weights.kernel + weights.bias
    found = explain(tokens, weights, towards=2, away=0)
    assert found.total == pytest.approx(logits[2] - logits[0], abs=1e-5)
    assert found.by_position.sum() == pytest.approx(found.known + found.unknown + found.padding)
    assert found.unknown == pytest.approx(found.by_position[[1, 4]].sum())
    assert found.padding == pytest.approx(found.by_position[5:].sum())


def test_the_trained_network_computes_what_is_explained() -> None:
    from pipeline.models.network import FastText

    network = FastText(
        vocabulary_size=20, num_classes=3, sequence_length=9, embedding_dim=4, dropout=0.2, seed=1
    )
    network.set_weights([RNG.normal(0, 2, w.shape) for w in network.get_weights()])
    arrays = {f"weight_{i}": w for i, w in enumerate(network.get_weights())}
    tokens = RNG.integers(0, 20, (50, 9)).astype(np.int32)
    log_probs = np.log(network.predict(tokens).astype(np.float64))
    weights = linear_weights(arrays)
    assert weights is not None
    for row, log_prob in zip(tokens, log_probs, strict=True):
        total = explain(row, weights, towards=0, away=2).total
        assert total == pytest.approx(log_prob[0] - log_prob[2], abs=1e-4)


def test_other_weights_have_no_explanation() -> None:
    three = {f"weight_{i}": w for i, w in enumerate(random_weights())}
    assert linear_weights(three) is not None
    assert linear_weights({}) is None
    assert linear_weights(three | {"weight_3": np.zeros(2)}) is None
    assert linear_weights(three | {"weight_2": np.zeros((2, 2))}) is None


def test_tokens_of_another_text_do_not_fit() -> None:
    token_of = {"good": 2, "bad": 3}
    pieces = split_pieces("Good, bad; unheard")
    assert fits(pieces, np.array([2, 3, 1, 0]), token_of)
    assert fits(pieces, np.array([2, 3]), token_of)
    assert not fits(pieces, np.array([3, 2, 1, 0]), token_of)
    assert not fits(pieces, np.array([2, 3, 1, 1]), token_of)


def test_strongest_words_sum_all_their_occurrences() -> None:
    embeddings = np.array([[9.0], [9.0], [1.0], [2.0], [-5.0]])
    weights = LinearWeights(embeddings, np.array([[1.0, 0.0]]), np.zeros(2))
    tokens = np.array([2, 2, 2, 3, 4, 1, 0])
    found = explain(tokens, weights, towards=0, away=1)
    adding, taking = strongest_words(tokens, found, ["", "[UNK]", "so", "two", "no"], limit=5)
    assert [(w.word, w.times) for w in adding] == [("so", 3), ("two", 1)]
    assert [w.part * 7 for w in taking] == pytest.approx([-5.0])
