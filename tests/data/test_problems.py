"""Copies, empty texts, near duplicates and outliers."""

import numpy as np

from pipeline.data.problems import find_by_neighbors, find_copies, find_unreadable
from pipeline.data.splits import draw_test_split


def test_copies() -> None:
    groups = np.array([0, 1, 0, 2, 1, 3, 2])
    labels = np.array([0, 0, 0, 1, 1, 1, 1])
    is_train = np.array([True, True, False, True, True, True, True])
    found = find_copies(groups, labels, is_train)
    assert found["exact_duplicate"].rows.tolist() == [0, 2, 1, 4, 3, 6]
    assert found["exact_duplicate"].groups.tolist() == [0, 0, 1, 1, 2, 2]
    assert found["conflicting_labels"].rows.tolist() == [1, 4]
    assert found["train_and_test"].rows.tolist() == [0, 2]


def test_texts_without_words() -> None:
    texts = ["good film", "", " \n", "unheard", "!!!"]
    tokens = np.array([[2, 3], [0, 0], [0, 0], [1, 0], [0, 0]])
    found = find_unreadable(texts, tokens)
    assert found["empty_text"].rows.tolist() == [1, 2]
    assert found["no_known_word"].rows.tolist() == [3, 4]


def test_neighbors_find_the_planted_pair_and_the_stranger() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal([5, 0, 0, 0, 0, 0, 0, 0], 1, (300, 8)).astype(np.float32)
    vectors[7] = vectors[200] * 1.0001
    vectors[50] = -vectors.mean(axis=0)
    found = find_by_neighbors(vectors)
    near = found["near_duplicate"]
    pair = near.groups[near.rows == 7]
    assert set(near.rows[near.groups == pair[0]]) == {7, 200}
    assert near.scores[near.rows == 7][0] < 0.01
    assert found["outlier"].rows[0] == 50
    assert (np.diff(found["outlier"].scores) >= 0).all()


def test_equal_vectors_do_not_divide_by_zero() -> None:
    found = find_by_neighbors(np.zeros((20, 8), np.float32))
    assert len(set(found["near_duplicate"].groups)) == 1
    assert np.isfinite(found["near_duplicate"].scores).all()


def test_drawn_split_is_stratified() -> None:
    labels = np.array([0] * 100 + [1] * 10)
    tested = np.array(draw_test_split(labels, test_fraction=0.2, seed=3)) == "test"
    assert tested[:100].sum() == 20
    assert tested[100:].sum() == 2
