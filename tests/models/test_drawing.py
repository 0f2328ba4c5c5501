"""What is drawn ahead is what would have been drawn, one epoch ahead at most."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.frame.scratch import StoredArray, scratch_in
from pipeline.models import batches
from pipeline.models.batches import TrainingData, stack
from pipeline.models.drawing import draw_epochs, made_ahead

PATIENCE = 60  # seconds until a thread is said to be stuck


def new_data(texts: int, seed: int) -> TrainingData:
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, 30, (texts, 12)).astype(np.uint8)
    return TrainingData(tokens, rng.integers(0, 3, texts), rng.random(texts), keep=0.8, dim=4)


def new_rngs(count: int) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in range(count)]


@pytest.mark.parametrize("block", [16, 65536])
@pytest.mark.parametrize("sizes", [(50,), (50, 53, 56)])
def test_epochs_drawn_ahead_are_those_drawn_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, ...], block: int
) -> None:
    monkeypatch.setattr(batches, "BLOCK", block)
    data, rngs = [new_data(texts, seed) for seed, texts in enumerate(sizes)], new_rngs(len(sizes))
    expected = []
    for _ in range(3):
        alone = [list(each.draw_epoch(rng, 8)) for each, rng in zip(data, rngs, strict=True)]
        for parts in zip(*alone, strict=True):
            together = stack(parts, vocabulary_size=30, batch_size=8)
            expected.append(parts[0] if len(parts) == 1 else together)
    drawn = draw_epochs(data, new_rngs(len(sizes)), epochs=3, batch_size=8, vocabulary_size=30)
    with made_ahead(drawn) as blocks:
        found = list(blocks)
    assert len(found) == len(expected)
    for (pool, columns), (other_pool, other_columns) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(pool, other_pool)
        for column, other in zip(columns, other_columns, strict=True):
            assert column.dtype == other.dtype
            np.testing.assert_array_equal(column, other)


def test_one_is_made_while_the_one_before_it_is_used_and_no_more() -> None:
    begun = [threading.Event() for _ in range(5)]

    def numbers() -> Iterator[int]:
        for number, event in enumerate(begun):
            event.set()
            yield number

    with made_ahead(numbers()) as items:
        for number in items:
            assert all(event.wait(PATIENCE) for event in begun[: number + 2])
            assert not any(event.is_set() for event in begun[number + 2 :])


def test_an_error_of_the_thread_arrives_and_the_thread_ends() -> None:
    def numbers() -> Iterator[int]:
        yield 1
        raise OSError("no space left")

    threads, seen = threading.active_count(), []
    with pytest.raises(OSError, match="no space"), made_ahead(numbers()) as items:
        seen.extend(items)
    with made_ahead(iter(range(5))) as items:
        assert next(items) == 0  # training was stopped early
    assert seen == [1]
    assert threading.active_count() == threads


def test_scratch_of_the_thread_lies_where_that_of_the_training_does(tmp_path: Path) -> None:
    with scratch_in(tmp_path), made_ahead(StoredArray(int) for _ in range(2)) as items:
        assert [each._file.folder for each in items] == [tmp_path, tmp_path]
