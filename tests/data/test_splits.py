"""Which examples are train and which are test."""

import numpy as np

from pipeline.data.splits import draw_test_split


def test_drawn_split_is_stratified() -> None:
    labels = np.array([0] * 100 + [1] * 10)
    tested = np.array(draw_test_split(labels, test_fraction=0.2, seed=3)) == "test"
    assert tested[:100].sum() == 20
    assert tested[100:].sum() == 2
