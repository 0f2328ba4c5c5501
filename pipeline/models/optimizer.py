"""Adam as it was published, on TensorFlow's fused kernel."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf


class AdamConstants(NamedTuple):
    """The constants of Adam; a key for what is compiled with them."""

    beta_1: float
    beta_2: float
    epsilon: float

    def powers(self, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return beta_1 and beta_2 to the number of the step, which begins at 1."""
        return tf.pow(self.beta_1, step), tf.pow(self.beta_2, step)


def apply_adam(
    gradient: tf.Tensor,
    slots: Sequence[tf.Variable],
    learning_rate: tf.Tensor,
    powers: tuple[tf.Tensor, tf.Tensor],
    constants: AdamConstants,
) -> None:
    """Update a variable and its first and second moments (`slots`, in that order) in place."""
    variable, first_moment, second_moment = slots
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=first_moment.handle,
        v=second_moment.handle,
        beta1_power=powers[0],
        beta2_power=powers[1],
        lr=learning_rate,
        beta1=constants.beta_1,
        beta2=constants.beta_2,
        epsilon=constants.epsilon,
        grad=gradient,
    )


@keras.saving.register_keras_serializable(package="pipeline")
class FusedAdam(keras.optimizers.Adam):
    """Adam (Kingma & Ba 2015, algorithm 1) that sums repeated embedding rows before the update.

    An embedding's gradient is one row per token, so ids repeat. keras.optimizers.Adam of Keras 3
    squares the rows before it sums the repeats; its second moment is then a sum of squares and
    not the square of the sum (Keras 2 summed first; keras issue 19992 is about the slow side of
    it). This one gives what dense Adam gives, to float32 rounding.

    Raises:
        ValueError: `amsgrad` was asked for; the fused kernel has none.
    """

    def __init__(self, learning_rate: Any = 0.001, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        if self.amsgrad:
            raise ValueError("FusedAdam has no amsgrad")
        self.constants = AdamConstants(self.beta_1, self.beta_2, self.epsilon)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        if isinstance(gradient, tf.IndexedSlices):
            gradient = tf.convert_to_tensor(gradient)  # sums the rows of repeated ids
        powers = self.constants.powers(tf.cast(self.iterations.value, tf.float32) + 1.0)
        rate = tf.cast(learning_rate, tf.float32)
        apply_adam(gradient, self.slots(variable), rate, powers, self.constants)

    def slots(self, variable: Any) -> list[tf.Variable]:
        """Return the TensorFlow variables of a weight: itself and its two moments."""
        index = self._get_variable_index(variable)
        moments = (self._momentums[index], self._velocities[index])
        # Inside Keras' own training step variables arrive as TensorFlow's already.
        weight = variable.value if isinstance(variable, keras.Variable) else variable
        return [weight, *(moment.value for moment in moments)]

    def learning_rates(self, steps: int) -> list[float]:
        """Return the learning rate of each of the next `steps` steps."""
        if isinstance(self._learning_rate, keras.optimizers.schedules.LearningRateSchedule):
            now = int(self.iterations)
            return [float(self._learning_rate(now + step)) for step in range(steps)]
        return [float(self.learning_rate)] * steps
