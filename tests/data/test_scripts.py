"""The scripts of texts, and a guess that knows words without spaces."""

from pathlib import Path

import pytest

from pipeline.config.load import load_config
from pipeline.data.guess import Chosen, guess_dataset
from pipeline.data.scripts import (
    estimate_words,
    is_unspaced,
    language_among,
    language_of,
    scripts_of,
)
from pipeline.init import make_config

BANKS = {
    "zh": ["包裹来得太晚了，{n}号。", "质量特别好，{n}分。"],
    "ja": ["荷物が{n}日遅れました。", "品質がとても良いです{n}。"],
    "th": ["พัสดุมาช้ามาก{n}", "คุณภาพดีมาก{n}"],
}
SCRIPTS = {"zh": "Chinese", "ja": "kana", "th": "Thai"}


def test_words_are_counted_with_and_without_spaces() -> None:
    assert estimate_words("a b  c") == 3
    assert estimate_words("质量特别好非常满意") == 5
    assert estimate_words("") == 0


def test_scripts_are_named() -> None:
    assert list(scripts_of(["Привет мир", "ok", "12 !"])) == ["Cyrillic", "Latin"]
    assert scripts_of(["日本の"]) == {"Chinese": pytest.approx(2 / 3), "kana": pytest.approx(1 / 3)}
    assert scripts_of(["123"]) == {}
    assert is_unspaced(["荷物が遅い ok"]) and not is_unspaced(["Привет 世"])


def test_a_language_is_said_where_the_script_says_it() -> None:
    said = {
        "包裹来得太晚了": "zh",
        "荷物が遅れました": "ja",
        "พัสดุมาช้า OK": "th",
        "배송이 늦어요": "ko",
    }
    said |= {"Το δέμα άργησε": "el", "החבילה איחרה": "he"}
    said |= {
        "وصل الطرد متأخرا": "und-Arab",
        "Посылка опоздала": "und-Cyrl",
    }  # or Persian; Bulgarian
    said |= {"Das Paket kam zu spät": "", "12 !": "", "": ""}
    assert {text: language_of(text) for text in said} == said


def test_chinese_characters_among_japanese_texts_are_japanese() -> None:
    texts = ["荷物が遅れて届きました", "返金希望", "Where is it?"]
    assert list(map(language_among(texts), texts)) == ["ja", "ja", ""]
    assert language_among(["包裹来得太晚了", "が"])("退款") == "zh"


@pytest.mark.parametrize("language", BANKS)
def test_a_file_without_spaces_is_read_as_what_it_is(
    language: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "data.csv"
    bad, good = BANKS[language]
    rows = [f"{bad.format(n=n)},晚\n{good.format(n=n)},好\n" for n in range(40)]
    path.write_text("text,label\n" + "".join(rows), encoding="utf-8")
    section = guess_dataset(path, Chosen()).section
    assert (section["text_columns"], section["label_column"]) == (["text"], "label")
    make_config(tmp_path / "data.yaml", path, Chosen())
    said = capsys.readouterr().out
    assert f"script       {SCRIPTS[language]}" in said or SCRIPTS[language] in said
    assert "a character is a word" in said
    vectorize = load_config(tmp_path / "data.yaml").config.vectorize
    assert vectorize.words == "unicode"
    assert vectorize.sequence_length >= 20


def test_plain_english_stays_as_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "data.csv"
    rows = [f"the parcel number {n} is late,bad\nit is good {n} times,good\n" for n in range(40)]
    path.write_text("text,label\n" + "".join(rows), encoding="utf-8")
    make_config(tmp_path / "data.yaml", path, Chosen())
    assert "script" not in capsys.readouterr().out
    assert load_config(tmp_path / "data.yaml").config.vectorize.words == "ascii"
