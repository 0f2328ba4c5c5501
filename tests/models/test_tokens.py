"""Token ids are those that keras.layers.TextVectorization gives."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.config.load import load_config
from pipeline.data.sources import TfdsDataset
from pipeline.frame.tensorflow import load_tensorflow
from pipeline.models.tokens import (
    LINE_BREAK,
    PUNCTUATION,
    encode,
    split_words,
    standardize,
    token_dtype,
)
from tests.imdb import needs_imdb
from tests.models.vocabulary import build_vocabulary

ODD_TEXTS = [
    "", " ", "\n", ".", "<br />", "<br />" * 3, "<BR />", "<br/>", "a<br />b", "The CAT, the cat!",
    "don't do-it e.g. 3.14", "tab\there", "line\nbreak\r\nand\x0bvertical\x0cfeed\x1cfile\x1dgs",
    "  leading and trailing  ", "É é e\u0301 Ü İ ı ß ẞ Σ ς", "no\u00a0break thin\u2009space",
    "line\u2028separator next\u0085line", "zero\u200bwidth \ufeffbom", "emoji 😀👍🏽 👩‍👩‍👧",
    "中文 字",
    "\u202eright to left\u202c", "nul\x00inside", "a" * 5000,
    "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'",
    "— “curly” ‘quotes’ … ¿", "x y z " * 100, "same same same", "ＦＵＬＬ width", "\x1f\x1e\x7f",
]  # fmt: skip


def keras_tokens(
    texts: list[str], *, adapted: list[str], max_tokens: int, sequence_length: int
) -> tuple[np.ndarray, list[str]]:
    """Return the ids and the vocabulary of Keras' own layer, as the published experiment has it."""
    tf = load_tensorflow()
    import keras

    def published(texts: Any) -> Any:
        texts = tf.strings.regex_replace(tf.strings.lower(texts), LINE_BREAK, " ")
        return tf.strings.regex_replace(texts, PUNCTUATION, "")

    layer = keras.layers.TextVectorization(
        standardize=published,
        max_tokens=max_tokens,
        output_mode="int",
        output_sequence_length=sequence_length,
    )
    layer.adapt(tf.data.Dataset.from_tensor_slices(adapted).batch(256))
    return layer(tf.constant(texts)).numpy(), layer.get_vocabulary()


def our_tokens(
    texts: list[str], adapted: np.ndarray, *, max_tokens: int, sequence_length: int
) -> tuple[np.ndarray, list[str]]:
    words = split_words(pa.array(texts))
    vocabulary = build_vocabulary(words, adapted, max_tokens=max_tokens)
    every = np.arange(len(texts))
    return encode(words, every, vocabulary, sequence_length=sequence_length), vocabulary


@pytest.mark.parametrize("max_tokens", [3, 10, 5000])
@pytest.mark.parametrize("sequence_length", [1, 7, 250])
def test_odd_texts_as_keras(max_tokens: int, sequence_length: int) -> None:
    sizes = {"max_tokens": max_tokens, "sequence_length": sequence_length}
    adapted = np.arange(0, len(ODD_TEXTS), 2)
    chosen = [ODD_TEXTS[i] for i in adapted]
    expected, vocabulary = keras_tokens(ODD_TEXTS, adapted=chosen, **sizes)
    tokens, ours = our_tokens(ODD_TEXTS, adapted, **sizes)
    assert ours == [str(word) for word in vocabulary]
    np.testing.assert_array_equal(tokens, expected)


def test_words_that_are_equally_frequent_as_keras() -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{n}" for n in rng.integers(0, 300, 40)) for _ in range(50)]
    sizes = {"max_tokens": 100, "sequence_length": 30}
    expected, vocabulary = keras_tokens(texts, adapted=texts, **sizes)
    tokens, ours = our_tokens(texts, np.arange(50), **sizes)
    assert ours == [str(word) for word in vocabulary]
    np.testing.assert_array_equal(tokens, expected)


@needs_imdb
def test_real_reviews_as_keras() -> None:
    from pipeline.data.tfds import read_tfds

    dataset = load_config(Path("configs/imdb.yaml")).config.dataset
    assert isinstance(dataset, TfdsDataset)
    part = {"train_split": "train[:3000]", "test_split": "test[:1000]"}
    examples = read_tfds(dataset.model_copy(update=part))
    train = np.flatnonzero(np.array(examples.splits) == "train")
    chosen = [examples.texts[row] for row in train]
    sizes = {"max_tokens": 10000, "sequence_length": 250}
    expected, vocabulary = keras_tokens(examples.texts, adapted=chosen, **sizes)
    tokens, ours = our_tokens(examples.texts, train, **sizes)
    assert ours == [str(word) for word in vocabulary]
    np.testing.assert_array_equal(tokens, expected)


def test_standardization_on_literals() -> None:
    texts = pa.array(["It's GOOD<br />no-one", "É", "a.b"], pa.large_string())
    assert standardize(texts).to_pylist() == ["its good noone", "É", "ab"]


def test_words_of_each_text() -> None:
    words = split_words(pa.array(["b a b", "", " . ", "a\nc"]))
    named = [words.distinct[code] for code in words.codes]
    assert named == ["b", "a", "b", "a", "c"]
    assert words.starts.tolist() == [0, 3, 3, 3, 5]


def test_the_vocabulary_is_by_frequency_then_backwards() -> None:
    words = split_words(pa.array(["a b c b", "d d d"]))
    vocabulary = build_vocabulary(words, np.array([0, 1]), max_tokens=6)
    assert vocabulary == ["", "[UNK]", "d", "b", "c", "a"]
    assert build_vocabulary(words, np.array([0]), max_tokens=4) == ["", "[UNK]", "b", "c"]


def test_ids_are_cut_padded_and_unknown() -> None:
    words = split_words(pa.array(["a b c b", "zz", ""]))
    tokens = encode(words, np.arange(3), ["", "[UNK]", "b", "c", "a"], sequence_length=3)
    assert tokens.tolist() == [[4, 2, 3], [1, 0, 0], [0, 0, 0]]
    picked = encode(words, np.array([2, 0]), ["", "[UNK]", "b"], sequence_length=4)
    assert picked.tolist() == [[0, 0, 0, 0], [1, 2, 1, 2]]


def test_a_word_that_ends_in_nul_is_unknown() -> None:
    """Keras would cut the NUL off and refuse the vocabulary for a repeated word."""
    load_tensorflow()
    import keras

    words = split_words(pa.array(["a a\0 \0 b\0c"]))
    vocabulary = build_vocabulary(words, np.array([0]), max_tokens=9)
    assert vocabulary == ["", "[UNK]", "b\0c", "a"]
    assert encode(words, np.array([0]), vocabulary, sequence_length=4).tolist() == [[3, 1, 1, 2]]
    layer = keras.layers.TextVectorization(standardize=None, vocabulary=vocabulary[2:])
    assert layer(["a a\0 \0 b\0c"]).numpy().tolist() == [[3, 1, 1, 2]]


@pytest.mark.parametrize(
    ("size", "dtype"), [(3, np.uint8), (256, np.uint8), (257, np.uint16), (10000, np.uint16)]
)
def test_ids_take_the_smallest_type(size: int, dtype: type) -> None:
    assert token_dtype([""] * size) == dtype
