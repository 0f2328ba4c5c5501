"""Which members suit a dataset, and what each is worth on a part of it."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import TypeAdapter

from pipeline.compute import trial
from pipeline.compute.trial import suggest_finder, try_members
from pipeline.models import judges
from pipeline.models.members import Finder

RNG = np.random.default_rng(0)
GIVEN = RNG.integers(0, 2, 80)
BANKS = ["good fine great film plot cast scene", "bad awful poor film plot cast scene"]
TEXTS = [" ".join(RNG.choice(BANKS[label].split(), 6)) for label in GIVEN]


def kinds(section: dict) -> list[str]:
    return [member["member"] for member in section["members"]]


def test_every_suggestion_is_a_finder() -> None:
    for count in (30, 20_000, 200_000, 2_000_000):
        for characters in (1_000, 10**9):
            section = suggest_finder(count, 3, characters)
            assert TypeAdapter(Finder).validate_python(section).by == "ensemble"


def test_characters_of_very_much_text_are_left_to_words() -> None:
    assert kinds(suggest_finder(1000, 2, 15_000_000)) == [
        "words", "characters", "naive_bayes", "model",
    ]  # fmt: skip
    several = suggest_finder(1000, 2, 15_000_001)
    assert kinds(several) == ["words", "words", "naive_bayes", "model"]
    assert [member["longest"] for member in several["members"][:2]] == [2, 1]


def test_more_texts_are_asked_about_less_often() -> None:
    repeats = [suggest_finder(n, 2, 1)["repeats"] for n in (20_000, 20_001, 200_000, 200_001)]
    assert repeats == [3, 2, 2, 1]


def try_on(texts: list[str], labels: np.ndarray) -> dict[str, trial.Tried]:
    finder = TypeAdapter(Finder).validate_python(suggest_finder(len(texts), 2, 1000))
    tried = try_members(finder, pa.array(texts, pa.large_string()), labels, num_classes=2, seed=1)
    return {each.name: each for each in tried}


def test_members_are_worth_what_they_say_of_held_out_texts() -> None:
    tried = try_on(TEXTS, GIVEN)
    assert set(tried) == {"words", "characters", "naive_bayes"}  # the model takes too long
    assert all(each.accuracy > 0.9 and each.log_loss < 0.4 for each in tried.values())
    noise = np.random.default_rng(9).permutation(GIVEN)
    assert all(each.log_loss > 0.6 for each in try_on(TEXTS, noise).values())


def test_a_member_with_nothing_to_read_is_not_tried() -> None:
    unique = [f"word{n}" for n in range(80)]
    assert set(try_on(unique, GIVEN)) == {"characters", "naive_bayes"}
    assert try_on([""] * 80, GIVEN) == {}


def test_of_many_texts_a_part_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = judges.ask_member

    def watched(member: Any, corpus: Any, labels: np.ndarray, *rest: Any, **options: Any) -> Any:
        seen.append(len(labels))
        assert [corpus.texts[i].as_py() in TEXTS for i in range(3)] == [True] * 3
        return real(member, corpus, labels, *rest, **options)

    monkeypatch.setattr(judges, "ask_member", watched)
    monkeypatch.setattr(trial, "MOST_TRIED", 50)
    tried = try_on(TEXTS, GIVEN)
    assert seen == [50, 50, 50]
    assert all(each.accuracy > 0.85 for each in tried.values())  # texts with their own labels
