"""What confirmed errors have in common: found where it is planted, and not where chance decides."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.corrections.load import load_queue
from pipeline.corrections.patterns import Patterns, find_patterns, order_of
from pipeline.corrections.queue import Queue
from tests.review.site import load_tiny, make_examples, write_run

COUNT = 160


def queue_of(
    folder: Path, texts: list[str], metadata: dict[str, list[str]] | None = None, **options: int
) -> Queue:
    examples = replace(make_examples(texts), metadata=metadata or {})
    run = write_run(folder / "results" / "tiny", examples, num_issues=len(texts))
    return load_queue(load_tiny(folder), run, **options)


def decide(queue: Queue, wrong: np.ndarray) -> None:
    """Decide on the first len(wrong) examples; of the wrong ones every fourth is dropped."""
    source = queue.source
    made = []
    for number, (item, is_wrong) in enumerate(zip(queue.items, wrong, strict=False)):
        kind, label = "keep", item.given
        if is_wrong:
            kind, label = ("drop", None) if number % 4 == 0 else ("relabel", item.suggested)
        made.append(source.decide(item.id, kind, label, reviewer="Ann"))
    queue.journal.append(made)


def patterns_of(queue: Queue) -> Patterns:
    found = find_patterns(queue)
    assert found is not None
    return found


def plain(count: int = COUNT, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    words = [f"word{n}" for n in range(40)]
    return [f"{n} {' '.join(rng.choice(words, 12))}" for n in range(count)]


def test_a_planted_word_annotator_month_and_length_are_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    wrong = rng.random(COUNT) < 0.4
    has_fee = np.where(wrong, rng.random(COUNT) < 0.6, rng.random(COUNT) < 0.05)
    texts = [
        f"{text} {'the Transfer Fee was' if fee else 'it was'} {more * int(bad)}"
        for text, fee, bad, more in zip(plain(), has_fee, wrong, plain(seed=7), strict=True)
    ]
    bob = np.where(wrong, rng.random(COUNT) < 0.7, rng.random(COUNT) < 0.2)
    days = rng.integers(1, 28, COUNT)
    metadata = {
        "annotator": ["bob" if is_bob else "ann" for is_bob in bob],
        "day": [f"2024-0{3 if bad else 1}-{d:02d}" for bad, d in zip(wrong, days, strict=True)],
        "source": [("web", "mail", "")[n % 3] for n in range(COUNT)],
    }
    queue = queue_of(tmp_path, texts, metadata)
    decide(queue, wrong)
    found = patterns_of(queue)
    assert (found.decided, found.wrong) == (COUNT, wrong.sum())
    shared = {(each.column, each.value): each for each in found.shared}
    assert {("annotator", "bob"), ("day", "2024-03")} <= set(shared)
    words = {value for column, value in shared if not column}
    # Said once, and not each of its words and pairs.
    assert len([word for word in words if {"transfer", "fee", "the"} & set(word.split())]) == 1
    assert not any(column == "source" for column, _ in shared)
    bob_said = shared["annotator", "bob"]
    assert (bob_said.wrong, bob_said.decided) == ((wrong & bob).sum(), bob.sum())
    assert bob_said.wrong_without == wrong.sum() - bob_said.wrong
    shifts = {shift.column: shift for shift in found.shifts}
    assert shifts[""].is_higher and shifts["day"].is_higher
    lines = found.sentences()
    assert any("annotator is 'bob'" in line and "Look twice" in line for line in lines)
    assert any(line.startswith("Tell 'neg' from 'pos' with care") for line in lines)
    pairs = {(pair.given, pair.label): pair.wrong for pair in found.pairs}
    relabelled = [n for n in np.flatnonzero(wrong) if n % 4]
    assert pairs["neg", "pos"] == sum(n % 2 == 0 for n in relabelled)


def test_chance_is_no_pattern(tmp_path: Path) -> None:
    """Of 20 reviews in which nothing distinguishes errors hardly one tells anything."""
    told = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        who = [f"annotator {n}" for n in rng.integers(0, 6, COUNT)]
        queue = queue_of(tmp_path / str(seed), plain(seed=seed), {"who": who})
        decide(queue, rng.random(COUNT) < 0.5)
        found = patterns_of(queue)
        told.append(len(found.shared) + len(found.shifts))
    assert np.mean(np.array(told) > 0) <= 0.2


@pytest.mark.parametrize("wrong", [[True] * 12 + [False] * 7, [True] * 60, [False] * 60])
def test_of_too_few_nothing_is_said(tmp_path: Path, wrong: list[bool]) -> None:
    queue = queue_of(tmp_path, plain())
    decide(queue, np.array(wrong))
    assert find_patterns(queue) is None


def test_copies_count_once_and_right_labels_of_the_audit_do_not(tmp_path: Path) -> None:
    texts = plain(80)
    examples = make_examples([*texts, *texts])
    run = write_run(tmp_path / "results" / "tiny", examples, num_issues=120)
    queue = load_queue(load_tiny(tmp_path), run, audit=40)
    unlisted = [item for item in queue.items if item.rank is None]
    assert unlisted
    for number, item in enumerate(queue.items):
        kind, label = ("keep", item.given) if number % 2 else ("relabel", item.suggested)
        queue.journal.append([queue.source.decide(item.id, kind, label, reviewer="Ann")])
    assert patterns_of(queue).decided == 80


def test_scripts_without_spaces_have_words_too(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    wrong = rng.random(COUNT) < 0.5
    characters = list("天地人你我他上下左右来去")
    texts = [
        "".join(rng.choice(characters, 12)) + ("退款" if bad else "") + str(n)
        for n, bad in enumerate(wrong)
    ]
    queue = queue_of(tmp_path, texts)
    decide(queue, wrong)
    words = [each.value for each in patterns_of(queue).shared]
    assert {"退", "款", "退款"} & set(words) and len(words) <= 2


def test_an_order_is_of_numbers_or_dates_and_not_of_a_few_categories() -> None:
    numbers = [str(n) for n in range(30)]
    assert order_of([*numbers, ""])[3] == 3.0
    assert np.isnan(order_of([*numbers, ""])[-1])
    dates = [f"2024-01-{n:02d}" for n in range(1, 29)]
    assert order_of(dates) == sorted(order_of(dates))
    assert order_of(["1", "2", "3"] * 10) is None
    assert order_of([*numbers, "n/a"]) is None
