"""The scripts that texts are written in, and about how many words they hold, spaces or not."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

# Thai, Lao, Myanmar, Khmer, kana and Chinese characters are written without spaces.
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)
CHARACTERS_A_WORD = 2  # of a script without spaces, about
NAMES = {"CJK": "Chinese", "HIRAGANA": "kana", "KATAKANA": "kana", "KATAKANA-HIRAGANA": "kana"}
MENTIONED = 0.01  # share of the letters
KANA = 0.2  # of kana and Chinese characters: with more the text is Japanese
# BCP 47: the language that has a script to itself, else the script (ISO 15924).
LANGUAGES = {
    **{"Hangul": "ko", "Thai": "th", "Lao": "lo", "Khmer": "km", "Myanmar": "my", "Greek": "el"},
    **{"Hebrew": "he", "Armenian": "hy", "Georgian": "ka", "Sinhala": "si", "Tamil": "ta"},
    **{"Telugu": "te", "Kannada": "kn", "Malayalam": "ml", "Gujarati": "gu", "Gurmukhi": "pa"},
    **{"Oriya": "or", "Arabic": "und-Arab", "Cyrillic": "und-Cyrl", "Devanagari": "und-Deva"},
    **{"Bengali": "und-Beng", "Ethiopic": "und-Ethi"},
}


def estimate_words(text: str) -> int:
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


def language_of(text: str, *, chinese: str = "zh") -> str:
    """Return the BCP 47 tag of most of a text, "" (unknown) where its script does not say it.

    chinese: what Chinese characters without kana are.
    """
    shares = scripts_of([text])
    kana, han = shares.pop("kana", 0.0), shares.pop("Chinese", 0.0)
    if kana + han > max(shares.values(), default=0.0):
        return "ja" if kana > KANA * (kana + han) else chinese
    return LANGUAGES.get(next(iter(shares), ""), "")


def language_among(texts: Iterable[str]) -> Callable[[str], str]:
    """Return `language_of` for texts like these: a Japanese one may be all Chinese characters."""
    is_japanese = language_of("".join(texts)) == "ja"
    return partial(language_of, chinese="ja" if is_japanese else "zh")


def is_unspaced(texts: Iterable[str]) -> bool:
    """Return whether most letters are of a script without spaces."""
    joined = "".join(texts)
    letters = sum(map(str.isalpha, joined))
    return 2 * len(UNSPACED.findall(joined)) > letters
