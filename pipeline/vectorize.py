"""Stage 2: texts to what the classifier takes: token ids, word counts, or the texts themselves.

Token ids are exactly those of Keras' TextVectorization, but faster.
Vocabularies: `all` from every text, `train` from the training texts only.
"""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import artifacts
from pipeline.artifacts import Labels, Run
from pipeline.compute.resources import (
    check_disk,
    check_memory,
    counts_bytes,
    texts_bytes,
    token_bytes,
)
from pipeline.errors import DataError
from pipeline.schema import Counts, Tokens
from pipeline.stage import Context, stage_main, start_afresh

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


ENCODED = {"all": ("all",), "train": ("train", "test")}  # vocabulary of -> scopes it encodes


def vectorize(context: Context) -> None:
    """Write what the classifier takes for every text, and the two vocabularies."""
    run, options = context.run, context.config.vectorize
    start_afresh(run.stage("vectorize"))
    texts = artifacts.load_table(run.examples, ["text"]).column("text").combine_chunks()
    labels = artifacts.load_labels(run)
    if isinstance(options, Tokens):
        said = write_tokens(run, texts, labels, options)
    elif isinstance(options, Counts):
        said = write_counts(run, texts, labels, options)
    else:
        said = write_texts(run, texts, labels)
    context.progress.say(said)


def write_tokens(run: Run, texts: pa.Array, labels: Labels, options: Tokens) -> str:
    """Write token ids and vocabularies; return a sentence about them."""
    words = split_words(texts)
    largest = min(options.max_tokens, len(words.distinct) + 2) - 1
    disk, memory = token_bytes(
        len(texts),
        sequence_length=options.sequence_length,
        itemsize=np.min_scalar_type(largest).itemsize,
    )
    check_disk(run.stage("vectorize"), disk, "lower vectorize.sequence_length, or free some")
    check_memory("vectorize", memory, "lower vectorize.sequence_length")
    sizes = []
    for scope, encoded in ENCODED.items():
        vocabulary = build_vocabulary(words, labels.rows(scope), max_tokens=options.max_tokens)
        artifacts.save_json(run.vocabulary(scope), vocabulary)
        sizes.append(len(vocabulary))
        for name in encoded:
            rows = labels.rows(name)
            tokens = encode(words, rows, vocabulary, sequence_length=options.sequence_length)
            artifacts.save_array(run.inputs(name, "tokens"), tokens)
    return (
        f"{len(words.codes):,} words, {len(words.distinct):,} different; "
        f"{sizes[0]:,} in the vocabulary (all), {sizes[1]:,} (train)"
    )


def write_counts(run: Run, texts: pa.Array, labels: Labels, options: Counts) -> str:
    """Write sparse word counts and vocabularies; return a sentence about them.

    Raises:
        DataError: no text has a word.
    """
    from pipeline.models.counts import make_vectorizer

    _, unpacked = artifacts.column_bytes(run.examples, "text")
    disk, memory = counts_bytes(len(labels.given), text_bytes=unpacked)
    check_disk(run.stage("vectorize"), disk, "free some")
    check_memory("vectorize", memory, "prepare fewer or shorter texts")
    strings = np.array([*texts.to_pylist(), None], dtype=object)[:-1]
    sizes = []
    for scope, encoded in ENCODED.items():
        vectorizer = make_vectorizer(options)
        try:
            matrices = [vectorizer.fit_transform(strings[labels.rows(scope)])]
        except ValueError as error:
            reason = str(error).split(";")[0]
            raise DataError(f"vectorize: {reason}; correct vectorize.token_pattern") from None
        matrices += [vectorizer.transform(strings[labels.rows(name)]) for name in encoded[1:]]
        for name, matrix in zip(encoded, matrices, strict=True):
            artifacts.save_arrays(run.inputs(name, "counts"), _csr_arrays(matrix))
        vocabulary = vectorizer.get_feature_names_out().tolist()
        artifacts.save_json(run.vocabulary(scope), vocabulary)
        sizes.append(len(vocabulary))
    return f"{sizes[0]:,} words in the vocabulary (all), {sizes[1]:,} (train)"


def _csr_arrays(matrix: Any) -> artifacts.Arrays:
    matrix.sort_indices()
    parts = {name: getattr(matrix, name) for name in ("data", "indices", "indptr")}
    return parts | {"shape": np.array(matrix.shape)}


def write_texts(run: Run, texts: pa.Array, labels: Labels) -> str:
    """Write the texts of each scope as they are; return a sentence about them."""
    packed, _ = artifacts.column_bytes(run.examples, "text")
    check_disk(run.stage("vectorize"), texts_bytes(packed_bytes=packed), "free some")
    for name in artifacts.SCOPES:
        table = pa.table({"text": texts.take(pa.array(labels.rows(name)))})
        artifacts.save_table(run.inputs(name, "texts"), table)
    return f"{len(texts):,} texts as they are"


if __name__ == "__main__":
    stage_main("vectorize", vectorize)
