"""Bags and the pool of dropout numbers have the distribution they stand for."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.rows import TokenRows
from pipeline.frame import artifacts
from pipeline.models import batches, dropout
from pipeline.models.batches import Bags, Block, TrainingData, skip_draws
from pipeline.models.dropout import PoolLayout, draw_binomial

TOKENS = np.array([[3, 3, 5, 0, 0], [1, 1, 1, 1, 1], [4, 3, 2, 1, 0]], np.uint16)


def test_a_text_is_its_distinct_tokens_and_how_often_they_occur() -> None:
    bags = Bags(TOKENS)
    assert bags.starts.tolist() == [0, 3, 4, 9]
    assert bags.tokens.read().tolist() == [0, 3, 5, 1, 0, 1, 2, 3, 4]
    assert bags.counts.read().tolist() == [2, 2, 1, 5, 1, 1, 1, 1, 1]
    assert (bags.occurrences.tolist(), bags.largest_token) == ([1, 2, 5], 5)


def test_bags_do_not_depend_on_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = np.random.default_rng(0).integers(0, 9, (100, 20))
    whole = Bags(tokens)
    monkeypatch.setattr(batches, "CHUNK", 7)
    ours = Bags(tokens)
    np.testing.assert_array_equal(ours.tokens.read(), whole.tokens.read())
    np.testing.assert_array_equal(ours.counts.read(), whole.counts.read())
    np.testing.assert_array_equal(ours.starts, whole.starts)
    np.testing.assert_array_equal(ours.occurrences, whole.occurrences)


@pytest.mark.parametrize("keep", [0.8, 0.5])
@pytest.mark.parametrize("count", [1, 2, 8, 250])
def test_dropout_numbers_have_the_mean_and_variance_of_dropped_positions(
    keep: float, count: int
) -> None:
    """Binomial(count, keep) / (keep * positions): the sum of `count` dropped-out positions."""
    positions, dim = 250, 16
    layout, counts = PoolLayout.of(np.array([count])), np.full(4000, count)
    rng = np.random.default_rng(5)
    draws = []
    for _ in range(20):  # the pool of frequent tokens is small, and new every epoch
        pool = layout.draw(rng, keep=keep, positions=positions, dim=dim)
        draws.append(pool[layout.choose_rows(counts, rng)])
    values = np.concatenate(draws) * positions
    distinct = 20 * dim * layout.sizes[0]
    expected = count * (1 - keep) / keep
    assert values.dtype == np.float32
    assert abs(values.mean() - count) < 5 * np.sqrt(expected / distinct)
    assert abs(values.var() / expected - 1) < 5 * np.sqrt(4 / distinct)
    np.testing.assert_allclose(values * keep, np.rint(values * keep), atol=1e-4)


@pytest.mark.parametrize("keep", [0.0001, 0.1, 0.3, 0.5, 0.7, 0.8, 0.999, 1.0])
def test_tokens_are_dropped_by_the_numbers_numpy_would_use(keep: float) -> None:
    fast, numpys = np.random.default_rng(4), np.random.default_rng(4)
    counts = np.repeat([1, 2, 3, 8, 40, 100, 250], [3000, 500, 500, 100, 30, 30, 30])
    drawn = draw_binomial(fast, counts, keep, 16)
    np.testing.assert_array_equal(drawn, numpys.binomial(counts[:, None], keep, (len(counts), 16)))
    assert fast.random() == numpys.random()


@pytest.mark.parametrize("present", [[1], [2, 5], [1, 2, 9]])
def test_the_pool_is_drawn_from_the_same_numbers_row_by_row(present: list[int]) -> None:
    layout = PoolLayout.of(np.array(present))
    fast, numpys = np.random.default_rng(4), np.random.default_rng(4)
    counts = np.repeat(layout.present, layout.sizes)[:, None]
    expected = numpys.binomial(counts, 0.8, (len(counts), 4)) / (0.8 * 7)
    pool = layout.draw(fast, keep=0.8, positions=7, dim=4)
    np.testing.assert_array_equal(pool, expected.astype(np.float32))


def test_components_and_texts_are_dropped_independently() -> None:
    layout, counts = PoolLayout.of(np.array([1])), np.ones(20_000, int)
    rng = np.random.default_rng(5)
    masks = layout.draw(rng, keep=0.8, positions=1, dim=4)[layout.choose_rows(counts, rng)] > 0
    between = np.corrcoef(masks.T.astype(float))
    assert np.abs(between - np.eye(4)).max() < 0.1
    neighbours = np.corrcoef(masks[:-1, 0], masks[1:, 0])[0, 1]
    assert abs(neighbours) < 0.05


def test_without_dropout_the_pool_is_the_plain_mean() -> None:
    bags = Bags(TOKENS)
    layout, counts = PoolLayout.of(bags.occurrences), bags.counts.read()
    rng = np.random.default_rng(0)
    pool = layout.draw(rng, keep=1.0, positions=5, dim=3)
    chosen = pool[layout.choose_rows(counts, rng)]
    np.testing.assert_allclose(chosen, np.repeat(counts[:, None] / 5, 3, axis=1), rtol=1e-6)


def dealt_out(batch_size: int) -> list[Block]:
    labels, weights = np.array([0, 1, 2]), np.array([0.5, 1.0, 2.0])
    data = TrainingData(TOKENS, labels, weights, keep=1.0, dim=2)
    return [block for _, block in data.draw_epoch(np.random.default_rng(1), batch_size)]


@pytest.mark.parametrize(("batch_size", "block"), [(1, 1), (2, 2), (2, 65536), (3, 1), (7, 7)])
def test_every_text_is_dealt_out_once_with_its_label(
    monkeypatch: pytest.MonkeyPatch, batch_size: int, block: int
) -> None:
    monkeypatch.setattr(batches, "BLOCK", block)
    bags, seen = Bags(TOKENS), []
    tokens = bags.tokens.read()
    for part in dealt_out(batch_size):
        text = 0
        for low, high in zip(part.starts[:-1], part.starts[1:], strict=True):
            places = part.text_of[low:high]
            for place in range(places[-1] + 1):
                label = int(part.labels[text])
                first, last = bags.starts[label : label + 2]
                assert part.ids[low:high][places == place].tolist() == list(tokens[first:last])
                assert part.weights[text] == [0.5, 1.0, 2.0][label]
                seen.append(label)
                text += 1
    assert sorted(seen) == [0, 1, 2]


def test_every_epoch_has_another_order_and_another_pool() -> None:
    tokens = np.random.default_rng(0).integers(0, 9, (40, 6))
    data = TrainingData(tokens, np.arange(40), np.ones(40), keep=0.8, dim=2)
    rng = np.random.default_rng(0)
    (first_pool, first), (second_pool, second) = (next(data.draw_epoch(rng, 8)) for _ in range(2))
    assert first.labels.tolist() != second.labels.tolist()
    assert not np.array_equal(first_pool, second_pool)
    assert not np.array_equal(first.mean_masks, second.mean_masks)
    assert set(np.unique(first.mean_masks).round(4)) <= {0.0, 1.25}


@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("count", [1, 2, 3, 8, 1001])
def test_skipped_draws_leave_the_generator_where_drawing_would(before: int, count: int) -> None:
    drawn, skipped = np.random.default_rng(3), np.random.default_rng(3)
    for rng in (drawn, skipped):
        for _ in range(before):
            rng.bytes(4)
    drawn.bytes(4 * count)
    skip_draws(skipped, count)
    assert drawn.integers(0, 2**32, 5).tolist() == skipped.integers(0, 2**32, 5).tolist()
    assert drawn.permutation(99).tolist() == skipped.permutation(99).tolist()
    assert drawn.bytes(12) == skipped.bytes(12)


def in_memory(
    tokens: np.ndarray, rng: np.random.Generator, *, dim: int
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Return the order of the texts and of each its ids and pool rows: everything drawn at once."""
    bags = Bags(tokens)
    layout, starts, counts = PoolLayout.of(bags.occurrences), bags.starts, bags.counts.read()
    layout.draw(rng, keep=0.8, positions=tokens.shape[1], dim=dim)
    draw = np.frombuffer(rng.bytes(4 * len(counts)), np.int32)
    pool_rows = layout.starts[counts] + (draw & layout.masks[counts])
    order = rng.permutation(len(tokens))
    ids = bags.tokens.read()
    return (
        order,
        [ids[starts[text] : starts[text + 1]] for text in order],
        [pool_rows[starts[text] : starts[text + 1]] for text in order],
    )


@pytest.mark.parametrize("block", [16, 64, 65536])
@pytest.mark.parametrize("texts", [200, 203])
def test_an_epoch_on_disk_is_the_epoch_in_memory(
    monkeypatch: pytest.MonkeyPatch, block: int, texts: int
) -> None:
    monkeypatch.setattr(batches, "BLOCK", block)
    monkeypatch.setattr(dropout, "IN_CACHE", 100)
    tokens = np.random.default_rng(0).integers(0, 40, (texts, 15)).astype(np.uint8)
    data = TrainingData(tokens, np.arange(texts), np.ones(texts), keep=0.8, dim=3)
    rng, expected = np.random.default_rng(9), np.random.default_rng(9)
    for _ in range(2):
        order, ids, pool_rows = in_memory(tokens, expected, dim=3)
        parts = [part for _, part in data.draw_epoch(rng, 16)]
        expected.random((texts, 3), np.float32)
        assert np.concatenate([part.labels for part in parts]).tolist() == order.tolist()
        for name, whole in (("ids", ids), ("pool_rows", pool_rows)):
            joined = np.concatenate([getattr(part, name) for part in parts])
            np.testing.assert_array_equal(joined, np.concatenate(whole))


def test_memory_of_an_epoch_grows_by_a_few_numbers_a_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text of 60 distinct tokens took 16 bytes for each of them, and 8 more in an epoch."""
    monkeypatch.setattr(batches, "BLOCK", 256)
    monkeypatch.setattr(batches, "CHUNK", 256)

    def peak(texts: int) -> int:
        tokens = np.tile(np.arange(60, dtype=np.uint16), (texts, 1))
        artifacts.save_array(tmp_path / "tokens.npy", tokens)
        del tokens
        rows = TokenRows(tmp_path / "tokens.npy")
        tracemalloc.start()
        data = TrainingData(rows, np.zeros(texts), np.ones(texts), keep=0.8, dim=2)
        for _ in data.draw_epoch(np.random.default_rng(0), 32):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(2_000)
    assert (peak(18_000) - peak(2_000)) / 16_000 < 100
