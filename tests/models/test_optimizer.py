"""FusedAdam is dense Adam; Keras 3's own is not, where an id repeats."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.models.optimizer import FusedAdam
from tests.models.dense_adam import DenseAdam

IDS = [1, 1, 1, 2]
ROWS = [(1.0, -3.0), (2.0, 1.0), (3.0, 4.0), (1.0, 1.0)]


def sparse(rows: Any, ids: Any, size: int) -> tf.IndexedSlices:
    rows = tf.constant(rows, tf.float32)
    return tf.IndexedSlices(rows, tf.constant(ids), tf.constant([size, rows.shape[1]]))


def one_step(optimizer: keras.optimizers.Optimizer) -> tuple[np.ndarray, np.ndarray]:
    """Return the variable and its second moment after the gradient of FACTS."""
    variable = keras.Variable(np.zeros((4, 2), np.float32))
    optimizer.apply([sparse(ROWS, IDS, 4)], [variable])
    return variable.numpy(), optimizer._velocities[0].numpy()


def test_repeated_ids_are_summed_before_they_are_squared() -> None:
    weights, velocity = one_step(FusedAdam())
    np.testing.assert_allclose(velocity[1], [0.036, 0.004], rtol=1e-4)
    np.testing.assert_allclose(velocity[2], [0.001, 0.001], rtol=1e-4)
    np.testing.assert_array_equal(velocity[[0, 3]], 0)
    dense_weights, dense_velocity = one_step(DenseAdam())
    np.testing.assert_allclose(weights, dense_weights, atol=1e-7)
    np.testing.assert_allclose(velocity, dense_velocity, rtol=1e-4)


def test_keras_squares_repeated_ids_before_it_sums_them() -> None:
    """Why FusedAdam exists. When Keras mends this, the class can go."""
    _, velocity = one_step(keras.optimizers.Adam())
    np.testing.assert_allclose(velocity[1], [0.014, 0.026], rtol=1e-4)


@pytest.mark.parametrize("is_sparse", [True, False])
@pytest.mark.parametrize(
    "settings", [{}, {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}]
)
def test_200_steps_equal_dense_adam(is_sparse: bool, settings: dict[str, float]) -> None:
    rng = np.random.default_rng(1)
    start = rng.normal(size=(30, 4)).astype(np.float32)
    optimizers = [FusedAdam(**settings), DenseAdam(**settings)]
    variables = [keras.Variable(start) for _ in optimizers]
    for _ in range(200):
        rows = rng.normal(size=(40, 4)) * 10.0 ** rng.integers(-4, 3)
        gradient = sparse(rows, rng.integers(0, 20, 40), 30)
        for optimizer, variable in zip(optimizers, variables, strict=True):
            one = gradient if is_sparse else tf.convert_to_tensor(gradient)
            optimizer.apply([one], [variable])
    ours, theirs = (variable.numpy() for variable in variables)
    assert np.abs(ours - start).max() > 0.01
    np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)
    np.testing.assert_array_equal(ours[20:], start[20:])


def test_it_comes_back_from_its_config_with_its_state() -> None:
    fused = FusedAdam(0.02, beta_1=0.8)
    one_step(fused)
    same = keras.optimizers.deserialize(keras.optimizers.serialize(fused))
    assert isinstance(same, FusedAdam)
    assert same.get_config() == fused.get_config()
    same.build([keras.Variable(np.zeros((4, 2), np.float32))])
    state: dict[str, Any] = {}
    fused.save_own_variables(state)
    same.load_own_variables(state)
    assert int(same.iterations) == 1
    for ours, theirs in zip(same.variables, fused.variables, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_learning_rates_follow_a_schedule_from_where_training_is() -> None:
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    fused = FusedAdam(schedule)
    np.testing.assert_allclose(fused.learning_rates(3), [0.1, 0.05, 0.025])
    one_step(fused)
    np.testing.assert_allclose(fused.learning_rates(2), [0.05, 0.025])
    np.testing.assert_allclose(FusedAdam(0.3).learning_rates(2), [0.3, 0.3])


def test_amsgrad_is_refused() -> None:
    with pytest.raises(ValueError, match="no amsgrad"):
        FusedAdam(amsgrad=True)
