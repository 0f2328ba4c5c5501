"""A trained network as one Keras model from raw text to class probabilities."""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.frame import artifacts
from pipeline.frame.files import atomic_write
from pipeline.frame.run import Run
from pipeline.models.learned import network_of
from pipeline.models.sections import Tokens
from pipeline.models.tokens import LINE_BREAK, PUNCTUATION

NO_DATE = "1980-01-01@00:00:00"  # the zero of zip files


@keras.saving.register_keras_serializable(package="pipeline")
def standardize(texts: Any) -> Any:
    """Do to a string tensor what pipeline.models.tokens.standardize does to a column."""
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


def deploy_network(
    run: Run, name: str, learned: dict[str, np.ndarray], classifier: Any, options: Tokens
) -> None:
    """Write cleanlearn/<name>.keras: the network of `classifier` with the weights in `learned`."""
    network = network_of(classifier)
    if network is None:
        return
    weights = [learned[f"weight_{i}"] for i in range(len(network.get_weights()))]
    network.set_weights(weights)
    vocabulary = artifacts.load_json(run.vocabulary("train"))
    model = deployable_model(network, vocabulary, sequence_length=options.sequence_length)
    save_model(run.keras_model(name), model)


def save_model(path: Path, model: keras.Model) -> None:
    """Write a model as Keras does, but without traces of when and where: same model, same bytes."""
    with atomic_write(path) as file:
        temporary = Path(file.name).with_suffix(".keras")
        try:
            model.save(temporary)
            with zipfile.ZipFile(temporary) as saved, zipfile.ZipFile(file, "w") as archive:
                for name in saved.namelist():
                    data = _without_traces(name, saved.read(name))
                    archive.writestr(zipfile.ZipInfo(name), data)
        finally:
            temporary.unlink(missing_ok=True)


def _without_traces(name: str, data: bytes) -> bytes:
    """Return a member of a .keras file without its date, and objects numbered from 1.

    Keras numbers the objects that occur twice by their addresses in memory.
    """
    if name == "metadata.json":
        return json.dumps(json.loads(data) | {"date_saved": NO_DATE}).encode()
    if name != "config.json":
        return data
    numbers: dict[bytes, int] = {}

    def renumber(match: re.Match[bytes]) -> bytes:
        number = numbers.setdefault(match[1], len(numbers) + 1)
        return b'"shared_object_id": %d' % number

    return re.sub(rb'"shared_object_id": (\d+)', renumber, data)
