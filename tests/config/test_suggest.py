"""What `init` writes for data of any size."""

import numpy as np
import pytest

from pipeline.config.suggest import (
    BATCH_SIZE,
    LARGE_STEP,
    LEAST_EPOCHS,
    SMALL_STEP,
    STEPS,
    suggest_training,
)


@pytest.mark.parametrize("num_classes", [2, 12, 150])
def test_training_is_never_shorter_than_it_takes_to_learn(num_classes: int) -> None:
    """Steps times their size; of a few hundred texts the epochs are many instead."""
    for count in np.geomspace(50, 1e6, 60).astype(int):
        found = suggest_training(int(count), num_classes)
        assert found["epochs"] >= LEAST_EPOCHS
        assert found["learning_rate"] in (LARGE_STEP, SMALL_STEP)
        way = found["epochs"] * count / BATCH_SIZE * found["learning_rate"]
        assert way >= 0.6 * STEPS * LARGE_STEP or found["epochs"] >= 40


def test_more_texts_take_no_more_epochs_at_one_step_size() -> None:
    found = [suggest_training(count, 5) for count in (600, 1200, 2400, 6000, 12_000, 10**6)]
    rates = [each["learning_rate"] for each in found]
    assert rates == sorted(rates, reverse=True)
    for rate in (LARGE_STEP, SMALL_STEP):
        epochs = [each["epochs"] for each in found if each["learning_rate"] == rate]
        assert epochs == sorted(epochs, reverse=True)
