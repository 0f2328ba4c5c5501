"""A trained network as one Keras model from raw text to class probabilities."""

from typing import Any

import keras
import tensorflow as tf

from pipeline.words import LINE_BREAK, PUNCTUATION


@keras.saving.register_keras_serializable(package="pipeline")
def standardize(texts: Any) -> Any:
    """Do to a string tensor what pipeline.vectorize.standardize does to a column."""
    texts = tf.strings.regex_replace(tf.strings.lower(texts), LINE_BREAK, " ")
    return tf.strings.regex_replace(texts, PUNCTUATION, "")


def deployable_model(
    network: keras.Model, vocabulary: list[str], *, sequence_length: int
) -> keras.Model:
    """Return a model (texts,) strings -> (texts, classes) with the weights of `network`."""
    vectorizer = keras.layers.TextVectorization(
        standardize=standardize,
        output_sequence_length=sequence_length,
        vocabulary=vocabulary[2:],  # Keras adds padding and unknown itself
    )
    texts = keras.Input((), dtype="string", name="text")
    # The same layers without the class of the network, which a reader of the file need not have.
    plain = keras.Model(network.inputs[0], network.outputs[0])
    return keras.Model(texts, plain(vectorizer(texts)))
