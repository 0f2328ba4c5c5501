"""Raw text to token ids with nothing but Keras' own layers, so that any Keras can load them.

No layer of Keras turns `<br />` into a space, or joins characters to words. So texts are split
into characters, which are numbers from there on: a word is the sum of its characters' codes, each
times a power of BASE, modulo 2**64 (the hash of Rabin and Karp), and looked up as that number.
Two words of the vocabulary never have the same number; that an unknown word has the number of a
known one happens once in about 2**64 / (size of the vocabulary) words.
"""

import itertools
from string import punctuation
from typing import Any

import keras
import numpy as np
from keras import ops

from pipeline.models.tokens import LINE_BREAK

BASE = 0x9E3779B97F4A7C15  # odd, so it has an inverse: 2**64 over the golden ratio
WHITE_SPACE = " \t\n\r\v\f"
PADDING, OTHER, FIRST = 0, 1, 2  # ids of characters: past the end, not in the alphabet, in it


def tokens_of_texts(texts: Any, vocabulary: list[str], *, sequence_length: int) -> Any:
    """Return (texts, sequence_length) token ids of a (texts,) symbolic tensor of strings.

    They are those of `tokens.encode`, for text that is valid UTF-8.
    """
    alphabet = alphabet_of(vocabulary)
    codes, numbers = number_words(vocabulary[2:], alphabet)
    characters = keras.layers.TextVectorization(
        standardize="lower", split="character", vocabulary=alphabet, name="characters"
    )(texts)
    # With the padding, each text ends in more separators than words are asked for.
    characters = ops.pad(characters, ((0, 0), (0, max(sequence_length, len(LINE_BREAK)))))
    characters = _without_line_breaks(characters, alphabet)
    words = _numbers_of_words(characters, alphabet, codes)[:, :sequence_length]
    lookup = keras.layers.IntegerLookup(vocabulary=numbers, mask_token=0, name="words")
    return lookup(ops.reshape(words, (-1, sequence_length)))


def alphabet_of(vocabulary: list[str]) -> list[str]:
    """Return the characters of the words, and those that separate words or are deleted."""
    marks = {*punctuation, *WHITE_SPACE, *LINE_BREAK}
    return sorted(marks.union(*vocabulary[2:]) - {"\0"})  # NUL ends a string of NumPy


def number_words(words: list[str], alphabet: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return codes of characters, by id, and the numbers of the words: no two of them the same."""
    ids = {character: place for place, character in enumerate(alphabet, FIRST)}
    spelled = [np.array([ids.get(one, OTHER) for one in word]) for word in words]
    powers = _powers(max(map(len, words), default=0))
    for seed in itertools.count():
        draw = np.random.default_rng(seed).integers
        codes = draw(-(2**63), 2**63, len(alphabet) + FIRST, dtype=np.int64)
        numbers = [(codes[word] * powers[: len(word)]).sum() for word in spelled]
        if len({0, -1, *numbers}) == len(words) + 2:  # padding and unknown words have these
            return codes, np.array(numbers, np.int64)
    raise AssertionError


def _powers(count: int) -> np.ndarray:
    return np.cumprod(np.full(count, BASE, np.uint64)).astype(np.int64)


def _numbers_of_words(characters: Any, alphabet: list[str], codes: np.ndarray) -> Any:
    """Return the number of each word in order, then 0, from ids of characters."""
    table = ["", "", *alphabet]  # the other characters are letters
    separates = np.array([one in WHITE_SPACE for one in table])
    separates[OTHER] = False
    is_letter = ~separates & [one not in punctuation for one in table]
    is_letter[OTHER] = True
    base, inverse = _powers(1)[0], np.int64(pow(BASE, -1, 2**64) - 2**64)

    # Running sums: a word is the difference of what they are at the separators around it.
    power = ops.cumprod(ops.take(np.where(is_letter, base, 1), characters), axis=1)
    unpower = ops.cumprod(ops.take(np.where(is_letter, inverse, 1), characters), axis=1)
    total = ops.cumsum(ops.take(np.where(is_letter, codes, 0), characters) * power, axis=1)
    ends = _places(ops.take(separates, characters))
    total, unpower = _at(ends, total), _at(ends, unpower)
    number = (total - _before(total, 0)) * _before(unpower, 1)
    return _at(_places(ops.not_equal(number, 0)), number)


def _without_line_breaks(characters: Any, alphabet: list[str]) -> Any:
    """Return the characters with those of each LINE_BREAK as padding."""
    last = len(LINE_BREAK) - 1
    begins = ops.ones_like(characters[:, last:], dtype="bool")
    for place, character in enumerate(LINE_BREAK):
        shifted = characters[:, place : place - last or None]
        begins = ops.logical_and(begins, ops.equal(shifted, alphabet.index(character) + FIRST))
    counts = ops.cast(begins, "int64")
    covers = [ops.pad(counts, ((0, 0), (place, last - place))) for place in range(last + 1)]
    return characters * (1 - sum(covers[1:], covers[0]))


def _places(where: Any) -> Any:
    """Return (texts, n) where a mask is true, from the left, then the last place again."""
    places = ops.cumsum(ops.ones_like(where, dtype="int64"), axis=1) - 1
    return ops.sort(ops.where(where, places, ops.max(places, axis=1, keepdims=True)), axis=1)


def _at(places: Any, values: Any) -> Any:
    return ops.take_along_axis(values, places, axis=1)


def _before(values: Any, first: int) -> Any:
    """Return each value's predecessor, and `first` for the first one."""
    return ops.pad(values[:, :-1], ((0, 0), (1, 0)), constant_values=first)
