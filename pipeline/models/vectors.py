"""Texts as vectors: what a network knows about a text before it decides on a class."""

from typing import Any

import numpy as np

BATCH = 1024


def document_vectors(network: Any, inputs: Any) -> np.ndarray | None:
    """Return (texts, dim) what the last dense layer of `network` gets for each text, float32.

    Args:
        network: a Keras model made of layers. inputs: (texts, positions) token ids.

    None for a network without a dense layer.
    """
    import keras

    dense = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
    if not dense:
        return None
    below = keras.Model(network.inputs[0], dense[-1].input)
    vectors = np.empty((len(inputs), below.output.shape[-1]), np.float32)
    for first in range(0, len(inputs), BATCH):
        tokens = np.asarray(inputs[first : first + BATCH])
        vectors[first : first + BATCH] = below(tokens, training=False)
    return vectors
