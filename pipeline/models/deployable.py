"""A trained network as one Keras model from raw text to class probabilities."""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from pipeline.data.prepared import load_class_names
from pipeline.frame import artifacts
from pipeline.frame.files import atomic_write
from pipeline.frame.run import Run
from pipeline.models.learned import network_of
from pipeline.models.raw_text import tokens_of_texts
from pipeline.models.sections import Tokens
from pipeline.models.sequence import PositionEmbedding, with_plain_positions

FOLDED_TEXT = "folded_text"
NO_DATE = "1980-01-01@00:00:00"  # the zero of zip files


def deployable_model(
    network: keras.Model,
    vocabulary: list[str],
    class_names: list[str],
    *,
    sequence_length: int,
    text_name: str = "text",
) -> keras.Model:
    """Return a model (texts,) strings -> (texts, classes) with the weights of `network`.

    It is made of Keras' own layers alone (but for those of a user's own model), and holds the
    class names: see `class_names_of`. Its input has the name `text_name`, FOLDED_TEXT for texts
    that pipeline.models.tokens.as_read has made ready: Keras has no layer that folds Unicode.
    """
    texts = keras.Input((), dtype="string", name=text_name)
    tokens = tokens_of_texts(texts, vocabulary, sequence_length=sequence_length)
    # The same layers without the class of the network, which a reader of the file need not have.
    plain = keras.Model(network.inputs[0], network.outputs[0])
    if any(isinstance(layer, PositionEmbedding) for layer in plain.layers):
        plain = with_plain_positions(plain)
    return keras.Model(texts, named(class_names)(plain(tokens))["probabilities"])


def named(class_names: list[str]) -> keras.Model:
    """Return a model from probabilities to them and the most probable class by name."""
    probabilities = keras.Input((len(class_names),), name="of_classes")
    none_of_them = "?" * (1 + max(map(len, class_names)))
    lookup = keras.layers.StringLookup(
        vocabulary=class_names,
        num_oov_indices=0,
        oov_token=none_of_them,
        invert=True,
        name="class_names",
    )
    label = lookup(keras.ops.argmax(probabilities, axis=1))
    outputs = {"probabilities": probabilities, "label": label}
    return keras.Model(probabilities, outputs, name="classes")


def class_names_of(model: keras.Model) -> list[str]:
    """Return the names of the classes of a model as `deployable_model` made it.

    Raises:
        ValueError: it is another model.
    """
    names = model.get_layer("classes").get_layer("class_names").get_vocabulary()
    return [str(name) for name in names]


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
    length = options.sequence_length
    model = deployable_model(
        network,
        vocabulary,
        load_class_names(run),
        sequence_length=length,
        text_name="text" if options.words == "ascii" else FOLDED_TEXT,
    )
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
