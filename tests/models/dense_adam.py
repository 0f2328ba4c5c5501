"""What the fast code is held against: Keras' Adam on a dense gradient."""

from typing import Any

import keras
import tensorflow as tf


class DenseAdam(keras.optimizers.Adam):
    """Keras' own Adam, given the summed gradient."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        super().update_step(tf.convert_to_tensor(gradient), variable, learning_rate)
