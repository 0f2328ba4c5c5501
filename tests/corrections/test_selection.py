"""Filters and orders of the list, on literal arrays."""

import numpy as np

from pipeline.corrections.queue import Item, Shares, chance_of
from pipeline.corrections.selection import View, columns_of, filtered, order_of, pair_counts

NAMES = ["a", "b", "c"]
INDEX = {name: i for i, name in enumerate(NAMES)}


def item(number: int, given: str, probs: list[float] | None, split: str = "train") -> Item:
    suggested = None if probs is None else NAMES[int(np.argmax(probs))]
    array = None if probs is None else np.array(probs, np.float32)
    return Item(f"i{number}", split, number + 1, number, given, given, suggested, array, "t")


ITEMS = [
    item(0, "a", [0.1, 0.8, 0.1]),
    item(1, "b", [0.45, 0.3, 0.25], "test"),
    item(2, "a", [0.05, 0.9, 0.05]),
    item(3, "c", None),
]
COLUMNS = columns_of(ITEMS, INDEX)


def places(**fields: object) -> list[int]:
    return np.flatnonzero(filtered(COLUMNS, View(**fields), INDEX)).tolist()  # type: ignore[arg-type]


def test_each_filter_lets_through_what_it_says() -> None:
    assert places() == [0, 1, 2, 3]
    assert places(given="a") == [0, 2]
    assert places(given="a", suggested="b") == [0, 2]
    assert places(given="no such class") == []
    assert places(split="test") == [1]
    assert places(low=8.0, high=40.0) == [0, 1]
    exact = columns_of([item(0, "a", [0.25, 0.5, 0.25])], INDEX)  # the bounds are let through
    assert filtered(exact, View(low=25.0, high=25.0), INDEX).all()
    assert places(kind="mixed") == [1]
    assert places(kind="plain") == [0, 2, 3]


def test_orders() -> None:
    assert order_of(COLUMNS, "rank").tolist() == [0, 1, 2, 3]
    assert order_of(COLUMNS, "probability").tolist() == [2, 0, 1, 3]
    assert order_of(COLUMNS, "pair").tolist()[:2] == [0, 2]
    assert order_of(COLUMNS, "like", np.array([0.1, 0.9, 0.5, -1])).tolist() == [1, 2, 0, 3]
    assert order_of(COLUMNS, "like", None).tolist() == [0, 1, 2, 3]


def test_the_most_frequent_pair_comes_first_whatever_the_classes_are_called() -> None:
    to_a, to_c = [0.9, 0.05, 0.05], [0.05, 0.05, 0.9]
    columns = columns_of([item(0, "a", to_c), item(1, "b", to_a), item(2, "b", to_a)], INDEX)
    assert order_of(columns, "pair").tolist() == [1, 2, 0]


def test_pairs_are_counted_as_the_data_confuses_them() -> None:
    assert pair_counts(COLUMNS, np.ones(4, bool)) == [(0, 1, 2), (1, 0, 1)]
    assert pair_counts(COLUMNS, np.zeros(4, bool)) == []
    agreed = columns_of([*ITEMS, item(4, "a", [0.9, 0.05, 0.05])], INDEX)  # nothing is confused
    assert pair_counts(agreed, np.ones(5, bool)) == [(0, 1, 2), (1, 0, 1)]


def test_a_dealt_queue_is_everybody_once_but_for_the_overlap() -> None:
    ids = [f"train/{i}" for i in range(2000)]
    shares = Shares(("Ann", "Bob", "Cleo"), overlap=0.2)
    parts = np.stack([shares.of(name, ids) for name in shares.reviewers])
    times = parts.sum(axis=0)
    assert set(times.tolist()) == {1, 3}
    assert abs((times == 3).mean() - 0.2) < 0.04
    assert all(abs(part.mean() - (0.2 + 0.8 / 3)) < 0.04 for part in parts)
    assert shares.of("Dora", ids).all()
    assert chance_of("a", "b") == chance_of("a", "b") != chance_of("b", "a")
