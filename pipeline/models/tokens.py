"""Texts as words and token ids, exactly those of Keras' TextVectorization, but faster."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.models.unicode_words import plain_words

PADDING, UNKNOWN = "", "[UNK]"
LINE_BREAK = "<br />"
PUNCTUATION = r'[!"#$%&()*+,\-./:;<=>?@\[\]^_`{|}~\\' + "']"


class Words(NamedTuple):
    """All words of some texts. codes: (number of words,) indices into `distinct`.

    starts: (number of texts + 1,) where each text begins in `codes`.
    """

    codes: np.ndarray
    starts: np.ndarray
    distinct: list[str]


def standardize(texts: pa.Array) -> pa.Array:
    """Return lower-cased (ASCII) texts, `<br />` as a space, ASCII punctuation deleted.

    The standardization of the published experiment, and of the model that takes raw text.
    """
    texts = pc.replace_substring(pc.ascii_lower(texts), LINE_BREAK, " ")
    return pc.replace_substring_regex(texts, PUNCTUATION, "")


def as_read(texts: pa.Array, words: str) -> pa.Array:
    """Return texts as the network reads them: as they are or, of any language, as `plain_words`."""
    texts = texts.cast(pa.large_string())
    if words == "ascii":
        return texts
    return plain_words(pc.replace_substring(texts, LINE_BREAK, " "))


def split_words(texts: pa.Array, words: str = "ascii") -> Words:
    """Return the words of the standardized texts, split at ASCII white space.

    Args:
        words: "unicode" for those of any language, see `as_read`.
    """
    lists = pc.ascii_split_whitespace(standardize(as_read(texts, words)))
    encoded = lists.flatten().dictionary_encode()
    distinct = encoded.dictionary.to_pylist()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    starts = np.concatenate([[0], np.cumsum(pc.list_value_length(lists).to_numpy())])
    if "" in distinct:  # pyarrow gives an empty word at the ends of a text, TensorFlow does not
        kept = codes != distinct.index("")
        starts = np.concatenate([[0], np.cumsum(kept)])[starts]
        codes = codes[kept]
    return Words(codes, starts, distinct)


def count_words(words: Words, chosen: np.ndarray) -> np.ndarray:
    """Return how often each of the distinct words occurs in the chosen texts, a (n,) mask."""
    counted = np.repeat(chosen, np.diff(words.starts))
    return np.bincount(words.codes[counted], minlength=len(words.distinct))


def rank_words(names: Any, counts: np.ndarray, *, max_tokens: int) -> list[str]:
    """Return padding, unknown and the words that occur, the most frequent ones first.

    Ties in frequency go to the word that sorts last, as in keras.layers.IndexLookup. A word that
    ends in NUL is left out: Keras holds vocabularies in NumPy strings, which would cut it off.
    """
    counts = counts * ~pc.ends_with(names, "\0").to_numpy(zero_copy_only=False)
    places, size = np.flatnonzero(counts), max_tokens - 2
    if len(places) > size:  # most words are rare: they need not be sorted
        least = np.partition(counts[places], len(places) - size)[len(places) - size]
        places = places[counts[places] >= least]
    strings = np.array([*names.take(pa.array(places)).to_pylist(), None], dtype=object)[:-1]
    order = np.lexsort((strings, counts[places]))[::-1]
    return [PADDING, UNKNOWN, *strings[order[:size]]]


def encode(
    words: Words, texts: np.ndarray, vocabulary: list[str], *, sequence_length: int
) -> np.ndarray:
    """Return (len(texts), sequence_length) token ids: cut or padded with 0, unknown words 1."""
    index = {word: token for token, word in enumerate(vocabulary) if token > 1}
    token_of = np.array([index.get(word, 1) for word in words.distinct], token_dtype(vocabulary))
    lengths = np.minimum(np.diff(words.starts)[texts], sequence_length)
    tokens = np.zeros((len(texts), sequence_length), token_dtype(vocabulary))
    filled = np.arange(sequence_length) < lengths[:, None]
    row, column = np.nonzero(filled)
    tokens[filled] = token_of[words.codes[words.starts[texts][row] + column]]
    return tokens


def token_dtype(vocabulary: list[str]) -> np.dtype[Any]:
    """Return the smallest unsigned integer type that holds every token id."""
    return np.min_scalar_type(len(vocabulary) - 1)
