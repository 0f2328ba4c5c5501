"""A vocabulary of some texts, as the vectorize stage makes it of all."""

import numpy as np
import pyarrow as pa

from pipeline.models.tokens import Words, count_words, rank_words


def build_vocabulary(words: Words, texts: np.ndarray, *, max_tokens: int) -> list[str]:
    """Return padding, unknown and the most frequent words of the chosen texts.

    Args:
        texts: (n,) indices of the texts that count.
        max_tokens: the size of the vocabulary, padding and unknown included.
    """
    chosen = np.zeros(len(words.starts) - 1, bool)
    chosen[texts] = True
    names = pa.array(words.distinct, pa.large_string())
    return rank_words(names, count_words(words, chosen), max_tokens=max_tokens)
