"""The deployable model gives raw text the probabilities the network gives its tokens."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.frame import artifacts
from pipeline.frame.files import TEMPORARY
from pipeline.frame.run import Run
from pipeline.models import deployable
from pipeline.models.deployable import deployable_model, save_model
from pipeline.models.network import FastText
from pipeline.models.raw_text import number_words, tokens_of_texts
from pipeline.models.sequence import build_cnn, build_transformer
from pipeline.models.tokens import as_read, encode, split_words
from pipeline.predict import load_network
from tests.models.vocabulary import build_vocabulary
from tests.tiny import ROOT, unmeasured

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
    model = deployable_model(network, vocabulary, ["neg", "pos"], sequence_length=6)
    expected = network.predict(tokens)
    np.testing.assert_allclose(model(tf.constant(TEXTS)).numpy(), expected, rtol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_allclose(loaded(tf.constant(TEXTS)).numpy(), expected, rtol=1e-5)


def test_a_network_of_any_language_is_asked_as_it_was_trained(tmp_path: Path) -> None:
    """Its file says that it takes folded text, and `predict` folds."""
    texts = ["КИНО хорошее", "很好 👍", "ÉTÉ chaud", "plain"]
    words = split_words(pa.array(texts), "unicode")
    vocabulary = build_vocabulary(words, np.arange(4), max_tokens=20)
    tokens = encode(words, np.arange(4), vocabulary, sequence_length=6)
    network = make_network(len(vocabulary))
    model = deployable_model(
        network, vocabulary, ["neg", "pos"], sequence_length=6, text_name=deployable.FOLDED_TEXT
    )
    save_model(tmp_path / "model.keras", model)
    labeler = load_network(tmp_path / "model.keras")
    others = ["кино ХОРОШЕЕ", "很好👍🏽", "e\u0301te\u0301 CHAUD", "PLAIN"]
    for asked in (texts, others):
        np.testing.assert_allclose(labeler.pred_probs(asked), network.predict(tokens), rtol=1e-5)
    documented = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    assert f"`{deployable.FOLDED_TEXT}`" in documented
    assert '`pipeline.models.tokens.as_read(pa.array(texts), "unicode").to_pylist()`' in documented
    folded = as_read(pa.array(others), "unicode").to_pylist()
    np.testing.assert_allclose(model(tf.constant(folded)), network.predict(tokens), rtol=1e-5)


ODD = [
    "A-B c's <br />D<BR />e", "\\ ] [ ^ _ ` {|}~", "É İ ß", "x\u2028y\u00a0z", "a\tb\nc", "<br/>",
    "<br /><br", "<br /", " <br /><br />", "a<br />", "-<br />-", "a\x0bb\x0cc\rd", "a\x1cb", "\0",
]  # fmt: skip
pieces = st.sampled_from(["<br />", "<BR />", "<br", "/>", *" \t\n\r\v\f.-'<>ab\u00a0É\0"])
odd_texts = st.lists(st.lists(pieces, max_size=12).map("".join), min_size=1, max_size=30)


@settings(max_examples=30, deadline=None)
@given(texts=odd_texts)
def test_raw_text_becomes_the_tokens_that_the_network_was_trained_on(texts: list[str]) -> None:
    texts = [*texts, *ODD, *TEXTS]
    words = split_words(pa.array(texts))
    vocabulary = build_vocabulary(words, np.arange(len(texts) - 5), max_tokens=20)
    expected = encode(words, np.arange(len(texts)), vocabulary, sequence_length=4)
    inputs = keras.Input((), dtype="string")
    model = keras.Model(inputs, tokens_of_texts(inputs, vocabulary, sequence_length=4))
    np.testing.assert_array_equal(model(tf.constant(texts)), expected)


def test_words_of_the_vocabulary_have_numbers_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes under which two words are one are drawn again."""
    draws = [np.array([0, 9, 5, 5]), np.array([0, 9, 5, 6])]
    rng = SimpleNamespace(integers=lambda *_, **__: draws.pop(0))
    monkeypatch.setattr(np.random, "default_rng", lambda seed: rng)
    codes, numbers = number_words(["a", "b", "ab"], ["a", "b"])
    assert codes.tolist() == [0, 9, 5, 6]
    assert len(set(numbers.tolist())) == 3


KERAS_ALONE = """
import importlib.util, json, sys
import numpy as np
import keras
import tensorflow as tf
assert importlib.util.find_spec("pipeline") is None
texts = json.load(open("texts.json", encoding="utf-8"))
for name in sys.argv[1:]:
    model = keras.models.load_model(name + ".keras")
    np.save(name + ".npy", model(tf.constant(texts)))
    names = model.get_layer("classes").get_layer("class_names").get_vocabulary()
    print(json.dumps([str(name) for name in names]))
"""
SIZES = {"vocabulary_size": 7, "num_classes": 3, "sequence_length": 6, "embedding_dim": 4}
NETWORKS = {
    "fast_text": lambda: FastText(**SIZES, dropout=0.2, seed=1),
    "cnn": lambda: build_cnn(**SIZES, filters=3, kernel_size=2, dropout=0.1),
    "transformer": lambda: build_transformer(
        **SIZES, num_heads=2, feed_forward_dim=5, num_layers=2, dropout=0.1
    ),
}


def test_keras_alone_loads_it(tmp_path: Path) -> None:
    """In a process that cannot import the project: probabilities as here, and class names."""
    words = split_words(pa.array(TEXTS))
    vocabulary = build_vocabulary(words, np.array([0, 1]), max_tokens=7)
    tokens = encode(words, np.arange(5), vocabulary, sequence_length=6)
    class_names = ["[UNK]", "naïve / 1", ""]
    expected = {}
    for name, build in NETWORKS.items():
        network = build()
        rng = np.random.default_rng(0)
        network.set_weights([rng.normal(size=w.shape) for w in network.get_weights()])
        expected[name] = network.predict(tokens, verbose=0)
        model = deployable_model(network, vocabulary, class_names, sequence_length=6)
        save_model(tmp_path / f"{name}.keras", model)
    (tmp_path / "texts.json").write_text(json.dumps(TEXTS))
    done = subprocess.run(
        [sys.executable, "-I", "-c", KERAS_ALONE, *NETWORKS],
        cwd=tmp_path,
        env=unmeasured(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == [class_names] * 3
    for name, pred_probs in expected.items():
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), pred_probs, rtol=1e-5)


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
        vocabulary = ["", "[UNK]", "x", "y", "z"]
        model = deployable_model(make_network(5), vocabulary, ["a", "b"], sequence_length=6)
        save_model(tmp_path / f"{name}.keras", model)
        saved.append((tmp_path / f"{name}.keras").read_bytes())
    assert saved[0] == saved[1]
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        assert json.loads(archive.read("metadata.json"))["date_saved"] == deployable.NO_DATE
    loaded = keras.models.load_model(tmp_path / "a.keras", compile=False)
    texts = tf.constant(["x y", "", "z"])
    np.testing.assert_array_equal(loaded(texts).numpy(), model(texts).numpy())
    assert not list(tmp_path.glob(f"{TEMPORARY}*"))
