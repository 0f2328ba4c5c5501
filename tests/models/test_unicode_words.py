"""Words of any language: what no reader tells apart is one word, and nothing else is."""

import unicodedata

import pyarrow as pa
import pytest

from pipeline.models.tokens import as_read, split_words
from pipeline.models.unicode_words import fold, fold_text, plain_words


def words_of(text: str) -> list[str]:
    found = split_words(pa.array([text, "x"]), "unicode")
    return [found.distinct[code] for code in found.codes[: found.starts[1]]]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("КИНО", "кино"),
        ("ΣΟΦΌΣ", "σοφός"),
        ("STRASSE", "straße"),
        ("İSTANBUL ISPARTA", "istanbul ısparta"),
        ("É", "e\u0301"),
        ("が", "か\u3099"),
    ],
)
def test_what_a_reader_takes_for_one_is_one(first: str, second: str) -> None:
    assert words_of(first) == words_of(second) != []
    assert fold(pa.array([first]))[0] == fold(pa.array([second]))[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("這部電影，很好", ["這", "部", "電", "影", "很", "好"]),
        ("ที่ดี", ["ที่", "ดี"]),
        ("日本ABC語 12", ["日", "本", "abc", "語", "12"]),
        ("صَباحٌ جميل،", ["صَباحٌ", "جميل"]),
        ("שָׁלוֹם עולם", [unicodedata.normalize("NFC", "שָׁלוֹם"), "עולם"]),
        ("ok👍🏽👍 ❤️", ["ok", "👍", "👍", "❤"]),
        ("«Привет»—мир…да", ["привет", "мир", "да"]),
        ("हिन्दी", ["हिन्दी"]),
        ("don't, A.B.<br />c", ["dont", "ab", "c"]),
    ],
)
def test_what_a_word_is(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_ascii_is_read_as_published() -> None:
    texts = pa.array(["It's GOOD<br />no-one", " a  b\tc "], pa.large_string())
    plain, any_language = (split_words(texts, kind) for kind in ("ascii", "unicode"))
    assert plain.distinct == any_language.distinct
    assert plain.codes.tolist() == any_language.codes.tolist()


def test_the_published_experiment_is_not_touched() -> None:
    texts = pa.array(["КИНО É STRAßE"], pa.large_string())
    assert as_read(texts, "ascii") == texts
    assert split_words(texts).distinct == ["КИНО", "É", "straße"]


def test_folding_twice_is_folding_once() -> None:
    every = "".join(chr(code) for code in range(0x3000) if not 0xD800 <= code < 0xE000)
    for text in (every, every[::-1]):
        once = fold_text(text)
        assert fold_text(once) == once
    texts = pa.array([every])
    assert plain_words(plain_words(texts)).to_pylist()[0].split() == (
        plain_words(texts).to_pylist()[0].split()
    )
