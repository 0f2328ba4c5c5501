"""Stage 2: texts to token ids, exactly as Keras' TextVectorization makes them, but faster.

Vocabularies: `all` from every text, `train` from the training texts only.
"""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import artifacts
from pipeline.config import Vectorize
from pipeline.stage import Context, stage_main

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


def split_words(texts: pa.Array) -> Words:
    """Return the words of the standardized texts, split at ASCII white space."""
    lists = pc.ascii_split_whitespace(standardize(texts.cast(pa.large_string())))
    encoded = lists.flatten().dictionary_encode()
    distinct = encoded.dictionary.to_pylist()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    starts = np.concatenate([[0], np.cumsum(pc.list_value_length(lists).to_numpy())])
    if "" in distinct:  # pyarrow gives an empty word at the ends of a text, TensorFlow does not
        kept = codes != distinct.index("")
        starts = np.concatenate([[0], np.cumsum(kept)])[starts]
        codes = codes[kept]
    return Words(codes, starts, distinct)


def build_vocabulary(words: Words, texts: np.ndarray, *, max_tokens: int) -> list[str]:
    """Return padding, unknown and the most frequent words of the chosen texts.

    Args:
        texts: (n,) indices of the texts that count.
        max_tokens: the size of the vocabulary, padding and unknown included.

    Ties in frequency go to the word that sorts last, as in keras.layers.IndexLookup. A word that
    ends in NUL is left out: Keras holds vocabularies in NumPy strings, which would cut it off.
    """
    lengths = np.diff(words.starts)
    chosen = np.zeros(len(lengths), bool)
    chosen[texts] = True
    counts = np.bincount(words.codes[np.repeat(chosen, lengths)], minlength=len(words.distinct))
    counts *= np.array([not word.endswith("\0") for word in words.distinct], bool)
    present = np.flatnonzero(counts)
    names = np.array(words.distinct, dtype=object)[present]
    order = np.lexsort((names, counts[present]))[::-1]
    return [PADDING, UNKNOWN, *names[order[: max_tokens - 2]]]


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


def vectorize(context: Context) -> None:
    """Write the token ids of every text and the two vocabularies."""
    run, options = context.run, context.config.vectorize
    texts = artifacts.load_table(run.examples, ["text"]).column("text").combine_chunks()
    labels = artifacts.load_labels(run)
    words = split_words(texts)
    sizes = []
    for scope, encoded in (("all", ["all"]), ("train", ["train", "test"])):
        sizes.append(_vectorize_scope(context, words, labels, scope, encoded, options))
    context.progress.say(
        f"{len(words.codes):,} words, {len(words.distinct):,} different; "
        f"{sizes[0]:,} in the vocabulary (all), {sizes[1]:,} (train)"
    )


def _vectorize_scope(
    context: Context,
    words: Words,
    labels: artifacts.Labels,
    scope: str,
    encoded: list[str],
    options: Vectorize,
) -> int:
    vocabulary = build_vocabulary(words, labels.rows(scope), max_tokens=options.max_tokens)
    artifacts.save_json(context.run.vocabulary(scope), vocabulary)
    for name in encoded:
        rows = labels.rows(name)
        tokens = encode(words, rows, vocabulary, sequence_length=options.sequence_length)
        artifacts.save_array(context.run.tokens(name), tokens)
    return len(vocabulary)


if __name__ == "__main__":
    stage_main("vectorize", vectorize)
