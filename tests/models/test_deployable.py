"""The deployable model gives raw text the probabilities the network gives its tokens."""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pyarrow as pa
import tensorflow as tf

from pipeline.frame import artifacts
from pipeline.frame.files import TEMPORARY
from pipeline.frame.run import Run
from pipeline.models import deployable
from pipeline.models.deployable import deployable_model, save_model
from pipeline.models.network import FastText
from pipeline.models.tokens import build_vocabulary, encode, split_words
from pipeline.models.tokens import standardize as standardize_column

TEXTS = ["The good, the bad", "GOOD film<br /><br />bad end", "", "unseen words é", "bad " * 20]


def make_network(size: int) -> FastText:
    network = FastText(
        vocabulary_size=size, num_classes=2, sequence_length=6, embedding_dim=3, dropout=0.2, seed=1
    )
    rng = np.random.default_rng(0)
    network.set_weights([rng.normal(size=w.shape) for w in network.get_weights()])
    return network


def test_raw_text_and_tokens_give_the_same(tmp_path: Path) -> None:
    words = split_words(pa.array(TEXTS))
    vocabulary = build_vocabulary(words, np.array([0, 1]), max_tokens=7)
    tokens = encode(words, np.arange(5), vocabulary, sequence_length=6)
    network = make_network(len(vocabulary))
    model = deployable_model(network, vocabulary, sequence_length=6)
    expected = network.predict(tokens)
    np.testing.assert_allclose(model(tf.constant(TEXTS)).numpy(), expected, rtol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_allclose(loaded(tf.constant(TEXTS)).numpy(), expected, rtol=1e-5)


def test_both_standardizations_are_one() -> None:
    texts = ["A-B c's <br />D<BR />e", "\\ ] [ ^ _ ` {|}~", "É İ ß", "x\u2028y\u00a0z", "<br/>", "a\tb\nc"]  # fmt: skip # noqa: E501
    ours = standardize_column(pa.array(texts, pa.large_string())).to_pylist()
    theirs = [text.decode() for text in deployable.standardize(tf.constant(texts)).numpy()]
    assert ours == theirs


def test_the_shipped_models_give_the_test_probabilities(tiny_run: Run) -> None:
    table = artifacts.load_table(tiny_run.examples, ["split", "text"]).to_pylist()
    texts = [row["text"] for row in table if row["split"] == "test"]
    expected = artifacts.load_arrays(tiny_run.test_pred_probs)
    for name, key in (("baseline", "baseline"), ("cleaned", "cleanlearning")):
        model = keras.models.load_model(tiny_run.keras_model(name), compile=False)
        np.testing.assert_allclose(model(tf.constant(texts)).numpy(), expected[key], atol=1e-5)


def test_a_saved_model_is_the_same_bytes_whenever_and_wherever(tmp_path: Path) -> None:
    """Objects lie at other addresses, and names count up, from one process to the next."""
    saved = []
    for name in ("a", "b"):
        keras.utils.clear_session()
        model = deployable_model(make_network(5), ["", "[UNK]", "x", "y", "z"], sequence_length=6)
        save_model(tmp_path / f"{name}.keras", model)
        saved.append((tmp_path / f"{name}.keras").read_bytes())
    assert saved[0] == saved[1]
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        assert json.loads(archive.read("metadata.json"))["date_saved"] == deployable.NO_DATE
    loaded = keras.models.load_model(tmp_path / "a.keras", compile=False)
    texts = tf.constant(["x y", "", "z"])
    np.testing.assert_array_equal(loaded(texts).numpy(), model(texts).numpy())
    assert not list(tmp_path.glob(f"{TEMPORARY}*"))
