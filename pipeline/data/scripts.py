"""The scripts that texts are written in, and about how many words they hold, spaces or not."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

# Thai, Lao, Myanmar, Khmer, kana and Chinese characters are written without spaces.
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)
CHARACTERS_A_WORD = 2  # of a script without spaces, about
NAMES = {"CJK": "Chinese", "HIRAGANA": "kana", "KATAKANA": "kana", "KATAKANA-HIRAGANA": "kana"}
MENTIONED = 0.01  # share of the letters


def count_words(text: str) -> int:
    """Return about how many words a text has."""
    return len(text.split()) + len(UNSPACED.findall(text)) // CHARACTERS_A_WORD


def scripts_of(texts: Iterable[str]) -> dict[str, float]:
    """Return the share of the letters that are of each script, the most frequent first."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    scripts: Counter[str] = Counter()
    for character, times in counts.items():
        if character.isalpha():
            first = unicodedata.name(character, "?").split()[0]
            scripts[NAMES.get(first, first.capitalize())] += times
    total = max(scripts.total(), 1)
    shares = {script: times / total for script, times in scripts.most_common()}
    return {script: share for script, share in shares.items() if share >= MENTIONED}


def is_unspaced(texts: Iterable[str]) -> bool:
    """Return whether most letters are of a script without spaces."""
    joined = "".join(texts)
    letters = sum(map(str.isalpha, joined))
    return 2 * len(UNSPACED.findall(joined)) > letters
