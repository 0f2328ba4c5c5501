"""Texts as counts of words, word pairs and characters, whatever their script; fast.

Everything is counted once for all folds. No label is read here.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from pipeline.models.unicode_words import fold, is_ascii, plain_words


class SplitTexts(NamedTuple):
    """The tokens of some texts. codes: (tokens,) places in `distinct`.

    rows: (tokens,) the text of each. texts: how many texts.
    """

    codes: np.ndarray
    rows: np.ndarray
    distinct: pa.Array
    texts: int


def split_plain_words(texts: pa.Array) -> SplitTexts:
    """Return the words of folded texts: runs of letters, marks, digits and underscores.

    A character of a script without spaces (Chinese, Japanese, Thai, ...) is a word, and so is an
    emoji.
    """
    folded = plain_words(texts)
    blank = np.arange(256, dtype=np.uint8)
    word = np.array([chr(i).isalnum() or i == ord("_") for i in range(128)] + [True] * 128)
    blank[~word] = ord(" ")
    return split_at_spaces(replace_bytes(folded, blank))


def split_runs(texts: pa.Array) -> SplitTexts:
    """Return what white space separates in folded texts, punctuation included."""
    folded = fold(texts)
    if not is_ascii(folded):
        folded = pc.replace_substring_regex(folded, r"[\p{Z}]", " ")
    return split_at_spaces(folded)


def replace_bytes(texts: pa.Array, table: np.ndarray) -> pa.Array:
    """Return texts with each byte replaced by table[byte]."""
    _, offsets, data = texts.buffers()
    replaced = table[np.frombuffer(data, np.uint8)] if data else np.empty(0, np.uint8)
    return pa.Array.from_buffers(
        texts.type, len(texts), [None, offsets, pa.py_buffer(replaced)], offset=texts.offset
    )


def split_at_spaces(texts: pa.Array) -> SplitTexts:
    """Return what ASCII white space separates."""
    lists = pc.ascii_split_whitespace(texts)
    encoded = lists.flatten().dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(len(texts), dtype=np.int32), lengths)
    empty = pc.index(encoded.dictionary, "").as_py()
    if empty >= 0:  # pyarrow gives an empty word at the ends of a text
        kept = codes != empty
        codes, rows = codes[kept], rows[kept]
    return SplitTexts(codes.astype(np.int32), rows, encoded.dictionary, len(texts))


def count_ngrams(tokens: SplitTexts, *, longest: int = 2, min_df: int = 2) -> sparse.csr_matrix:
    """Return (texts, n-grams) counts of n-grams of up to `longest` words found in min_df texts."""
    rows = tokens.rows
    found = pruned(to_csr(rows, tokens.codes, tokens.texts, len(tokens.distinct)), min_df)
    blocks, known = [found.counts], len(found.kept)
    words = renumbered(tokens.codes, found.kept, len(tokens.distinct))
    places = np.flatnonzero(words >= 0).astype(np.int32)  # where an n-gram ends
    grams = words[places]  # the number of each n-gram of the length before
    for _ in range(longest - 1):
        # An n-gram is in min_df texts only if its first words and its last word are.
        goes_on = places < len(words) - 1
        grams, places = grams[goes_on], places[goes_on] + 1
        good = (words[places] >= 0) & (rows[places] == rows[places - 1])
        grams, places = grams[good], places[good]
        keys = grams * np.int64(known) + words[places]
        if min_df > 1:
            common = repeated(keys, min_df)
            keys, places = keys[common], places[common]
        numbers, distinct = factorize(keys)
        del keys
        found = pruned(to_csr(rows[places], numbers, tokens.texts, distinct), min_df)
        blocks.append(found.counts)
        grams = renumbered(numbers, found.kept, distinct)
        good = grams >= 0
        grams, places = grams[good], places[good]
    del words, grams, places
    return sparse.hstack(blocks, format="csr", dtype=np.float32)


def renumbered(numbers: np.ndarray, kept: np.ndarray, size: int) -> np.ndarray:
    """Return the place in `kept` of each number below size, -1 where it is not kept."""
    place_of = np.full(size, -1, np.int32)
    place_of[kept] = np.arange(len(kept), dtype=np.int32)
    return np.asarray(place_of[numbers])


def repeated(keys: np.ndarray, times: int, *, bits: int = 22) -> np.ndarray:
    """Return a mask of the keys that may occur so many times (others with the same hash count)."""
    mixed = keys.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    buckets = (mixed >> np.uint64(64 - bits)).astype(np.int32)
    return np.bincount(buckets, minlength=1 << bits)[buckets] >= times


def count_characters(
    tokens: SplitTexts,
    *,
    shortest: int = 2,
    longest: int = 5,
    min_df: int = 2,
) -> sparse.csr_matrix:
    """Return (texts, n-grams) counts of characters inside tokens, each padded with a space.

    The n-grams of each distinct token are made once (sklearn's char_wb, but faster).
    """
    points, starts = code_points(tokens.distinct)
    points = np.unique(points, return_inverse=True)[1].astype(np.uint64) + np.uint64(1)
    size = len(starts) - 1
    token_of = np.repeat(np.arange(size, dtype=np.int32), np.diff(starts))
    words = to_csr(tokens.rows, tokens.codes, tokens.texts, size)
    spread = words.getnnz(axis=0)  # of each token: in how many texts
    keys, last = points.copy(), np.arange(len(points), dtype=np.int32)
    all_keys, all_tokens = [], []
    for length in range(1, longest + 1):
        if length > 1:
            inside = last < len(points) - 1
            keys, last = keys[inside], last[inside] + 1
            same = token_of[last] == token_of[last - 1]
            keys, last = keys[same], last[same]
            keys = mixed(keys) + points[last]
        if length >= shortest:
            all_keys.append(mixed(keys + np.uint64(length << 40)).view(np.int64))
            all_tokens.append(token_of[last])
    del keys, last
    numbers, distinct = factorize(np.concatenate(all_keys))
    holders = np.concatenate(all_tokens)
    # The texts of an n-gram's tokens, added up, are at least the texts it is in.
    reach = np.bincount(numbers, weights=spread[holders], minlength=distinct)
    kept = np.flatnonzero(reach >= min_df)
    numbers = renumbered(numbers, kept, distinct)
    grams = to_csr(holders[numbers >= 0], numbers[numbers >= 0], size, len(kept))
    counts = words @ grams
    counts.sort_indices()  # else scipy sorts those of `tfidf` later on, which are the same array
    return pruned(counts, min_df).counts


def mixed(keys: np.ndarray) -> np.ndarray:
    """Return 64-bit keys scrambled one to one (the end of MurmurHash3)."""
    keys = (keys ^ (keys >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    keys = (keys ^ (keys >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return np.asarray(keys ^ (keys >> np.uint64(33)))


def code_points(strings: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the code points of strings, a space before and after each, and where each begins."""
    padded = [f" {string} " for string in strings.to_pylist()]
    points = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), np.uint32)
    return points, np.concatenate([[0], np.cumsum([len(string) for string in padded])])


class Pruned(NamedTuple):
    """Counts of the columns that are kept, and which they were."""

    counts: sparse.csr_matrix
    kept: np.ndarray


def factorize(keys: np.ndarray) -> tuple[np.ndarray, int]:
    """Return a number from 0 for each key, and how many different keys there are."""
    import pandas as pd

    numbers, distinct = pd.factorize(keys)
    return numbers, len(distinct)


def to_csr(rows: np.ndarray, columns: np.ndarray, height: int, width: int) -> sparse.csr_matrix:
    """Return counts of (row, column) pairs."""
    ones = np.ones(len(rows), np.float32)
    places = (rows.astype(np.int32, copy=False), columns.astype(np.int32, copy=False))
    return sparse.coo_matrix((ones, places), shape=(height, width)).tocsr()


def pruned(counts: sparse.csr_matrix, min_df: int) -> Pruned:
    """Return the columns that at least min_df rows have."""
    return chosen_columns(counts, counts.getnnz(axis=0) >= min_df)


def chosen_columns(counts: sparse.csr_matrix, chosen: np.ndarray) -> Pruned:
    """Return the columns of a (columns,) mask; faster than indexing."""
    kept = np.flatnonzero(chosen)
    number = np.cumsum(chosen, dtype=np.int32) - 1
    stays = chosen[counts.indices]
    indptr = np.concatenate([[0], np.cumsum(stays, dtype=np.int64)])[counts.indptr]
    arrays = (counts.data[stays], number[counts.indices[stays]], indptr.astype(np.int32))
    return Pruned(sparse.csr_matrix(arrays, shape=(counts.shape[0], len(kept))), kept)


def document_frequency(counts: sparse.csr_matrix, learned: np.ndarray) -> np.ndarray:
    """Return (columns,) how many of the texts learned from have each n-gram.

    Args:
        learned: (texts,) mask.
    """
    inside = np.repeat(learned, np.diff(counts.indptr))
    return np.bincount(counts.indices[inside], minlength=counts.shape[1])


def tfidf(counts: sparse.csr_matrix, learned: np.ndarray) -> sparse.csr_matrix:
    """Return sublinear TF-IDF with rows of length 1, float32 (sklearn's formulas).

    Args:
        learned: (texts,) the texts that say how much each n-gram weighs; the others are weighted
            by what is known from these.
    """
    idf = np.log((1 + learned.sum()) / (1 + document_frequency(counts, learned))) + 1
    data = (1 + np.log(counts.data)) * idf.astype(np.float32)[counts.indices]
    lengths = np.sqrt(np.add.reduceat(np.append(data**2, 0), counts.indptr[:-1]))
    lengths[np.diff(counts.indptr) == 0] = 1
    data /= np.repeat(lengths, np.diff(counts.indptr)).astype(np.float32)
    return sparse.csr_matrix((data, counts.indices, counts.indptr), shape=counts.shape)
