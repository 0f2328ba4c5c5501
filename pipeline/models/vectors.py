"""Texts as vectors: the user's, or what a network knows of a text before it decides."""

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


def of_length_one(vectors: np.ndarray) -> np.ndarray:
    """Return (n, dim) vectors, each brought to length 1; one without a length stays as it is."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units: np.ndarray = vectors / np.where(lengths > 0, lengths, 1)
    return units
