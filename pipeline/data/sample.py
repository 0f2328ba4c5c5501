"""Generated movie reviews with planted label errors: a corpus whose truth is known.

Sentences come from phrase banks, one (negative, positive) pair of banks for each thing a review
talks about; see pipeline.data.sample_phrases.
"""

import re
from collections import Counter
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from pipeline.data.examples import Examples
from pipeline.data.sample_phrases import (
    ASPECTS,
    COMPANIONS,
    CONTEXTS,
    EMOJI,
    FIRST_NAMES,
    GENRES,
    GOALS,
    LAST_NAMES,
    LENGTHS,
    MIXED_OPENINGS,
    MIXED_VERDICTS,
    OPENINGS,
    ROLES,
    SYNOPSES,
    TITLE_ADJECTIVES,
    TITLE_FORMS,
    TITLE_NOUNS,
    TONES,
    TOWNS,
    TURNS,
    VERDICTS,
    Phrases,
)
from pipeline.data.sources import SampleDataset

CLASS_NAMES = ["neg", "pos"]
MIXED_SHARE = 0.15
LINE_BREAK_SHARE = 0.2
EMOJI_SHARE = 0.3  # of the one-sided conversational reviews
MIN_WORDS, MAX_WORDS = 40, 180
MIN_SPLIT_SIZE = 20

T = TypeVar("T")


class SampleCorpus(NamedTuple):
    """Reviews with the labels they were given, the labels they should have, and their splits."""

    texts: list[str]
    given_labels: npt.NDArray[np.int64]
    true_labels: npt.NDArray[np.int64]
    splits: list[str]


_CHOICE = re.compile(r"\[([^\]]*)\]")
# By sound, not spelling: "an hour", "an honest lawyer", but "a university", "a one-armed pianist".
_AN_BEFORE_VOWEL = re.compile(r"\b(a)\(n\)(?= (?!uni|use|eu|one\b)(?:[aeiou]|hon|hour|heir))", re.I)
_A_BEFORE_CONSONANT = re.compile(r"\b(a)\(n\)", re.I)


def generate_reviews(
    *, num_train: int = 1600, num_test: int = 400, error_rate: float = 0.08, seed: int
) -> SampleCorpus:
    """All reviews, the train split first, with round(error_rate * n) wrong labels in each split.

    The true classes of a split are balanced (to within one review) and its order is random; texts
    are all distinct and 40 to 180 words long. The same arguments give the same bytes.

    Raises:
        ValueError: if error_rate is outside [0, 0.5) or a split has fewer than 20 reviews.
    """
    if not 0 <= error_rate < 0.5:
        raise ValueError(f"error_rate must be in [0, 0.5), got {error_rate}")
    if min(num_train, num_test) < MIN_SPLIT_SIZE:
        raise ValueError(f"splits need {MIN_SPLIT_SIZE} reviews or more: {num_train}, {num_test}")
    rng = np.random.default_rng(seed)
    pairs = [_draw_labels(rng, size, error_rate) for size in (num_train, num_test)]
    true_labels, given_labels = np.concatenate(pairs, axis=1)
    return SampleCorpus(
        texts=_distinct_reviews(rng, true_labels),
        given_labels=given_labels,
        true_labels=true_labels,
        splits=["train"] * num_train + ["test"] * num_test,
    )


def _draw_labels(rng: np.random.Generator, size: int, error_rate: float) -> npt.NDArray[np.int64]:
    """True labels, balanced and shuffled, then given ones, partly flipped; shape (2, size)."""
    true = rng.permutation(np.arange(size, dtype=np.int64) % 2)
    flipped = rng.permutation(size) < round(error_rate * size)
    return np.stack([true, np.where(flipped, 1 - true, true)])


def _distinct_reviews(rng: np.random.Generator, labels: npt.NDArray[np.int64]) -> list[str]:
    """One review per label, no two alike; a repeat or a review out of bounds is drawn again."""
    texts: list[str] = []
    seen: set[str] = set()
    for label in labels.tolist():
        mixed = bool(rng.random() < MIXED_SHARE)
        text = _write_review(rng, label, mixed)
        while text in seen or not MIN_WORDS <= length_in_words(text) <= MAX_WORDS:
            text = _write_review(rng, label, mixed)
        seen.add(text)
        texts.append(text)
    return texts


def length_in_words(text: str) -> int:
    """Number of whitespace-separated words, line-break tags left out."""
    return len(text.replace("<br />", " ").split())


def _write_review(rng: np.random.Generator, label: int, mixed: bool) -> str:
    """A review whose verdict is of class label; a mixed one argues for the other class as well."""
    tone = _pick(rng, TONES)
    phrases = _mixed_phrases(rng, label) if mixed else _one_sided_phrases(rng, label, tone)
    film = _draw_film(rng)
    sentences = [_realise(rng, phrase, film) for phrase in phrases]
    # A mixed review keeps its feelings to itself: an emoji would give the verdict away.
    if tone == "conversational" and not mixed and rng.random() < EMOJI_SHARE:
        sentences[-1] += " " + _pick(rng, EMOJI[label])
    return _join_sentences(rng, sentences)


def _one_sided_phrases(rng: np.random.Generator, label: int, tone: str) -> list[str]:
    """Opening, neutral middle, five to eight points of class label, verdict."""
    points = _points(rng, [label] * int(rng.integers(5, 9)))
    opening, verdict = _pick(rng, OPENINGS[tone][label]), _pick(rng, VERDICTS[tone][label])
    return [opening, *_neutral_phrases(rng), *points, verdict]


def _mixed_phrases(rng: np.random.Generator, label: int) -> list[str]:
    """Neutral opening, points of both classes (two more of class label), verdict."""
    concessions = int(rng.integers(1, 4))
    own = concessions + 2
    points = _points(rng, [label] * own + [1 - label] * concessions)
    sides = [points[:own], points[own:]]
    first = int(rng.integers(2))
    body = [*sides[first], _pick(rng, TURNS), *sides[1 - first]]
    opening, verdict = _pick(rng, MIXED_OPENINGS), _pick(rng, MIXED_VERDICTS[label])
    return [opening, *_neutral_phrases(rng), *body, verdict]


def _neutral_phrases(rng: np.random.Generator) -> list[str]:
    """Mostly a synopsis and, as often as not, where or how the film was seen."""
    synopsis = [_pick(rng, SYNOPSES)] if rng.random() < 0.75 else []
    context = [_pick(rng, CONTEXTS)] if rng.random() < 0.5 else []
    return synopsis + context


def _points(rng: np.random.Generator, labels: list[int]) -> list[str]:
    """One phrase per label, each about another aspect of the film."""
    aspects = _pick_several(rng, ASPECTS, len(labels))
    return [_pick(rng, aspect[label]) for aspect, label in zip(aspects, labels, strict=True)]


def _draw_film(rng: np.random.Generator) -> dict[str, str]:
    """Slot values for one film: title, people, genre, roles, place, length in minutes."""
    firsts = _pick_several(rng, FIRST_NAMES, 4)
    lasts = _pick_several(rng, LAST_NAMES, 3)
    role, other_role = _pick_several(rng, ROLES, 2)
    title_town, town = _pick_several(rng, TOWNS, 2)
    title = _pick(rng, TITLE_FORMS).format(
        adjective=_pick(rng, TITLE_ADJECTIVES),
        noun=_pick(rng, TITLE_NOUNS),
        first=firsts[3],
        town=title_town,
    )
    return {
        "title": _pick(rng, (title, f'"{title}"', title.upper())),
        "lead": f"{firsts[0]} {lasts[0]}",
        "star": lasts[0],
        "other": f"{firsts[1]} {lasts[1]}",
        "director": f"{firsts[2]} {lasts[2]}",
        "genre": _pick(rng, GENRES),
        "role": role,
        "other_role": other_role,
        "goal": _pick(rng, GOALS),
        "town": town,
        "companion": _pick(rng, COMPANIONS),
        "minutes": _pick(rng, LENGTHS),
    }


def _realise(rng: np.random.Generator, phrase: str, film: dict[str, str]) -> str:
    """The finished sentence: choices made, slots filled, articles agreeing, capital first."""
    chosen = _CHOICE.sub(lambda match: _pick(rng, tuple(match[1].split("|"))), phrase)
    filled = chosen.format_map(film)
    agreed = _A_BEFORE_CONSONANT.sub(r"\1", _AN_BEFORE_VOWEL.sub(r"\1n", filled))
    return agreed[0].upper() + agreed[1:]


def _join_sentences(rng: np.random.Generator, sentences: list[str]) -> str:
    """The sentences as one text, now and then in three paragraphs with IMDb's line breaks."""
    if rng.random() >= LINE_BREAK_SHARE:
        return " ".join(sentences)
    paragraphs = [" ".join(sentences[:2]), " ".join(sentences[2:-1]), sentences[-1]]
    return "<br /><br />".join(paragraphs)


def _pick(rng: np.random.Generator, options: Phrases) -> str:
    """One of the options, each equally likely."""
    return options[int(rng.integers(len(options)))]


def _pick_several(rng: np.random.Generator, options: tuple[T, ...], count: int) -> list[T]:
    """Up to count options, all different, in random order."""
    return [options[position] for position in rng.permutation(len(options))[:count].tolist()]


def read_sample(dataset: SampleDataset, *, seed: int) -> Examples:
    """Return the generated corpus with its truth."""
    corpus = generate_reviews(**dataset.model_dump(exclude={"source"}), seed=seed)
    numbers: Counter[str] = Counter()
    ids = []
    for split in corpus.splits:
        ids.append(f"{split}/{numbers[split]}")
        numbers[split] += 1
    labels, truth = corpus.given_labels, corpus.true_labels
    return Examples("sample", CLASS_NAMES, ids, corpus.splits, labels, corpus.texts, truth)
