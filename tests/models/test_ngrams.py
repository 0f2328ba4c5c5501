"""Counts of words and characters: scikit-learn's on ASCII, and sensible in every other script."""

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from pipeline.models.ngrams import (
    SplitTexts,
    count_characters,
    count_ngrams,
    split_plain_words,
    split_runs,
    tfidf,
)

WORDS = ["Good", "bad", "film", "it's", "the", "a", "over-long", "2nd", "snake_case", "...", "\t"]
RNG = np.random.default_rng(0)
TEXTS = [" ".join(RNG.choice(WORDS, RNG.integers(0, 12))) for _ in range(40)] + ["", "  ", "a"]


def columns(counts: sparse.csr_matrix) -> list[tuple[int, ...]]:
    """Return the columns in an order that says nothing of their names."""
    return sorted(map(tuple, counts.toarray().astype(int).T.tolist()))


def tokens_of(tokens: SplitTexts) -> list[list[str]]:
    """Return the tokens of each text."""
    found: list[list[str]] = [[] for _ in range(tokens.texts)]
    for code, row in zip(tokens.codes, tokens.rows, strict=True):
        found[row].append(tokens.distinct[int(code)].as_py())
    return found


def words_of(*texts: str) -> list[list[str]]:
    return tokens_of(split_plain_words(pa.array(texts)))


@pytest.mark.parametrize("min_df", [1, 2, 5])
@pytest.mark.parametrize("longest", [1, 2, 3])
def test_words_are_counted_as_scikit_learn_counts_them(longest: int, min_df: int) -> None:
    ours = count_ngrams(split_plain_words(pa.array(TEXTS)), longest=longest, min_df=min_df)
    theirs = CountVectorizer(token_pattern=r"\w+", ngram_range=(1, longest), min_df=min_df)
    assert columns(ours) == columns(theirs.fit_transform(TEXTS))


@pytest.mark.parametrize("min_df", [1, 2, 5])
@pytest.mark.parametrize(("shortest", "longest"), [(1, 1), (2, 5), (3, 3)])
def test_characters_are_counted_as_scikit_learn_counts_them(
    shortest: int, longest: int, min_df: int
) -> None:
    tokens = split_runs(pa.array(TEXTS))
    ours = count_characters(tokens, shortest=shortest, longest=longest, min_df=min_df)
    theirs = CountVectorizer(analyzer="char_wb", ngram_range=(shortest, longest), min_df=min_df)
    assert columns(ours) == columns(theirs.fit_transform(TEXTS))


def test_an_n_gram_never_reaches_into_the_next_text() -> None:
    counts = count_ngrams(split_plain_words(pa.array(["a b", "c a", "b c"])), longest=2, min_df=1)
    assert counts.shape == (3, 6)  # a, b, c, and the pairs ab, ca, bc: neither bc of 1 and 2 nor aa
    assert counts.sum(axis=1).A1.tolist() == [3, 3, 3]


def test_a_script_without_spaces_has_a_word_a_character() -> None:
    assert words_of("這部電影", "今日はいい天気", "ดี", "日本ABC語 12", "人々") == [
        ["這", "部", "電", "影"],
        ["今", "日", "は", "い", "い", "天", "気"],
        ["ดี"],
        ["日", "本", "abc", "語", "12"],
        ["人", "々"],
    ]


def test_every_alphabet_is_lower_cased_and_split_at_punctuation() -> None:
    assert words_of("ΚΑΛΗΜΕΡΑ, Κόσμε!", "ПРИВЕТ—Мир", "Naïve CAFÉ…", "हिन्दी भाषा", "👍Good👍") == [
        ["καλημερα", "κόσμε"],
        ["привет", "мир"],
        ["naïve", "café"],
        ["हिन्दी", "भाषा"],
        ["👍", "good", "👍"],
    ]


def test_every_white_space_separates_and_punctuation_stays_in_runs() -> None:
    runs = tokens_of(split_runs(pa.array(["Don't!\u00a0a\u3000b\n", "", " \t "])))
    assert runs == [["don't!", "a", "b"], [], []]


def test_a_part_of_an_array_is_counted_as_what_it_is() -> None:
    assert tokens_of(split_plain_words(pa.array(["other", "good film", "好 film"])[1:])) == [
        ["good", "film"],
        ["好", "film"],
    ]
    assert tokens_of(split_plain_words(pa.array(["other", "good film"])[1:])) == [["good", "film"]]


def test_texts_without_a_word_have_no_column() -> None:
    assert count_ngrams(split_plain_words(pa.array(["", "!!!"])), min_df=1).shape == (2, 0)
    assert count_characters(split_runs(pa.array(["", " "])), min_df=1).shape == (2, 0)


def test_tfidf_is_scikit_learns_and_knows_only_what_is_learned() -> None:
    texts = ["good good film", "bad film", "good plot", "plot plot film bad", "good good bad"]
    learned = np.array([True, True, True, True, False])
    theirs = TfidfVectorizer(sublinear_tf=True)
    theirs.fit(texts[:4])
    counts = CountVectorizer(vocabulary=theirs.vocabulary_).transform(texts).astype(np.float32)
    ours = tfidf(counts.tocsr(), learned)
    np.testing.assert_allclose(ours.toarray(), theirs.transform(texts).toarray(), rtol=1e-6)
    assert ours.dtype == np.float32


def test_an_empty_text_stays_empty_by_tfidf() -> None:
    counts = sparse.csr_matrix(np.array([[1, 2], [0, 0], [0, 1], [0, 0]], np.float32))
    lengths = np.linalg.norm(tfidf(counts, np.ones(4, bool)).toarray(), axis=1)
    np.testing.assert_allclose(lengths, [1, 0, 1, 0], rtol=1e-6)
