"""What one word is in any language: Unicode's case folding and composition, spaces or not."""

import re
import unicodedata

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import scripts

# Each character of a script written without spaces is a word of its own, and so is a picture.
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\x{3005}\x{30FC}"
PICTURES = r"\p{So}"
# What joins or colours pictures, and marks above the letters of the scripts named above, belongs
# to the character before it.
JOINED = r"[\x{200D}\x{FE0E}\x{FE0F}\x{1F3FB}-\x{1F3FF}]"
JOINED_CHARACTERS = "[\u200d\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]"
ALONE = rf"([{UNSPACED}{PICTURES}]\p{{M}}*)"
# The dotless i of Turkish and the dot that folding leaves on its capital: one letter with i.
TURKISH = str.maketrans({"ı": "i", "\u0307": ""})


def is_ascii(texts: pa.Array) -> bool:
    """Return whether no text has a character beyond ASCII."""
    return bool(pc.all(pc.string_is_ascii(texts)).as_py())


def fold(texts: pa.Array) -> pa.Array:
    """Return texts without the differences that no reader sees: case, and how letters are composed.

    Unicode's full case folding and NFC; İ, I, ı and i are one letter. ASCII is lower-cased.
    """
    texts = texts.cast(pa.large_string())
    if is_ascii(texts):
        return pc.utf8_lower(texts)
    return pa.array(map(fold_text, texts.to_pylist()), pa.large_string())


def fold_text(text: str) -> str:
    """Return one text as `fold` does."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return folded.translate(TURKISH)


def stand_alone(texts: pa.Array) -> pa.Array:
    """Return texts with spaces around each character that is a word of its own."""
    texts = pc.replace_substring_regex(texts, JOINED, "")
    return pc.replace_substring_regex(texts, ALONE, r" \1 ")


def cut_words(text: str) -> list[str]:
    """Return a text cut where `plain_words` cuts it; joined the parts are the text again.

    What separates words is a part of its own.
    """
    parts: list[str] = []
    before = ""  # the kind of the part before
    for character in text:
        kind = _kind(character)
        if parts and (kind == "joined" or (kind == "mark" and before == "alone")):
            parts[-1] += character
            continue
        if kind in ("mark", "joined"):
            kind = "alone" if scripts.UNSPACED.match(character) else "run"
        if kind == before and kind != "alone":
            parts[-1] += character
        else:
            parts.append(character)
        before = kind
    return parts


def _kind(character: str) -> str:
    if character.isascii():
        return "space" if character.isspace() else "run"
    if re.fullmatch(JOINED_CHARACTERS, character):
        return "joined"
    category = unicodedata.category(character)
    if category[0] not in "LMN" and category != "So":
        return "space"
    if category[0] == "M":
        return "mark"
    return "alone" if category == "So" or scripts.UNSPACED.match(character) else "run"


def bare_word(part: str) -> str:
    """Return a part of `cut_words` as `plain_words` writes it."""
    return fold_text(re.sub(JOINED_CHARACTERS, "", part)) if _kind(part[0]) != "space" else ""


def plain_words(texts: pa.Array) -> pa.Array:
    """Return texts as `pipeline.models.tokens` reads them: folded, a space between words.

    What is neither letter, mark, digit, picture nor ASCII becomes a space. ASCII texts are as
    they were, lower-cased.
    """
    folded = fold(texts)
    if is_ascii(folded):
        return folded
    spaced = stand_alone(folded)
    return pc.replace_substring_regex(spaced, rf"[^\x00-\x7F\p{{L}}\p{{M}}\p{{N}}{PICTURES}]", " ")
