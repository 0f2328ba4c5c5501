"""The fast path of FastText does what Keras does with the same layers."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.models.network import FastText, LossIsNaN
from pipeline.models.optimizer import FusedAdam
from tests.models.dense_adam import DenseAdam

TEXTS, POSITIONS, VOCABULARY = 50, 7, 20


class InOrder(np.random.Generator):
    """A generator that does not shuffle."""

    def permutation(self, x: Any, axis: int = 0) -> Any:
        return np.arange(x)


@pytest.fixture
def unshuffled(monkeypatch: pytest.MonkeyPatch) -> None:
    def in_order(seed: Any) -> InOrder:
        return InOrder(np.random.PCG64(seed))

    monkeypatch.setattr(np.random, "default_rng", in_order)


def make_network(optimizer: Any = None, *, dropout: float = 0.0, seed: int = 1) -> FastText:
    network = FastText(
        vocabulary_size=VOCABULARY,
        num_classes=3,
        sequence_length=POSITIONS,
        embedding_dim=4,
        dropout=dropout,
        seed=seed,
    )
    network.compile(optimizer or FusedAdam(0.05), "sparse_categorical_crossentropy")
    return network


def make_data(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Token ids that repeat within a text, padded; the label is the kind of its tokens."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, TEXTS)
    tokens = 2 + labels[:, None] * 6 + rng.integers(0, 8, (TEXTS, POSITIONS))
    tokens = np.minimum(tokens, VOCABULARY - 1)
    tokens[np.arange(POSITIONS) >= rng.integers(0, POSITIONS + 1, TEXTS)[:, None]] = 0
    return tokens.astype(np.uint16), labels


def assert_same_weights(ours: FastText, theirs: FastText, tolerance: float = 1e-5) -> None:
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=tolerance, atol=tolerance)


SCHEDULE = {
    "initial_learning_rate": 0.1,
    "decay_steps": 2,
    "decay_rate": 0.7,
}


@pytest.mark.parametrize("batch_size", [TEXTS, 16, 1])
@pytest.mark.parametrize("weighted", [False, True])
def test_without_dropout_the_fast_path_is_keras_training(
    unshuffled: None, batch_size: int, weighted: bool
) -> None:
    tokens, labels = make_data()
    weights = np.random.default_rng(3).random(TEXTS) * 3 if weighted else None
    fast, plain = make_network(), make_network(DenseAdam(0.05))
    assert_same_weights(fast, plain, 0)
    options = {"batch_size": batch_size, "epochs": 2, "verbose": 0, "sample_weight": weights}
    ours = fast.fit(tokens, labels, **options)
    theirs = plain.fit(tokens, labels, shuffle=False, **options)
    assert_same_weights(fast, plain)
    if not weighted:  # Keras reports the mean over batches that the weights weigh again
        np.testing.assert_allclose(ours.history["loss"], theirs.history["loss"], rtol=1e-4)


def test_a_schedule_acts_on_the_fast_path(unshuffled: None) -> None:
    tokens, labels = make_data()
    decay = keras.optimizers.schedules.ExponentialDecay
    fast = make_network(FusedAdam(decay(**SCHEDULE)))
    plain = make_network(DenseAdam(decay(**SCHEDULE)))
    fast.fit(tokens, labels, batch_size=16, epochs=2, verbose=0)
    plain.fit(tokens, labels, batch_size=16, epochs=2, verbose=0, shuffle=False)
    assert int(fast.optimizer.iterations) == int(plain.optimizer.iterations) == 8
    assert_same_weights(fast, plain)


def test_fused_adam_in_keras_own_training_step_is_dense_adam() -> None:
    tokens, labels = make_data()
    fused, dense = make_network(), make_network(DenseAdam(0.05))
    for network in (fused, dense):
        network.fit(tokens, labels, batch_size=16, verbose=0, shuffle=False)
    assert_same_weights(fused, dense)


def test_predict_is_the_keras_graph() -> None:
    tokens, labels = make_data()
    network = make_network(dropout=0.3)
    network.fit(tokens, labels, epochs=3, verbose=0)
    ours = network.predict(tokens)
    graph = network(tf.constant(tokens, tf.int32), training=False).numpy()
    assert ours.shape == (TEXTS, 3)
    np.testing.assert_allclose(ours, graph, rtol=1e-5, atol=1e-6)
    through_keras = network.predict(tf.constant(tokens, tf.int32), batch_size=16, verbose=0)
    np.testing.assert_allclose(ours, through_keras, rtol=1e-5, atol=1e-6)


def test_more_texts_than_a_chunk_are_predicted_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, _ = make_data()
    network = make_network()
    whole = network.predict(tokens)
    monkeypatch.setattr("pipeline.models.network.CHUNK", 16)
    np.testing.assert_allclose(network.predict(tokens), whole, rtol=1e-6)


@pytest.mark.parametrize("optimizer", ["fused", "keras"])
def test_it_learns(optimizer: str) -> None:
    tokens, labels = make_data()
    adam = FusedAdam(0.1) if optimizer == "fused" else keras.optimizers.Adam(0.1)
    network = make_network(adam, dropout=0.2)
    losses = network.fit(tokens, labels, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]
    full = (tokens > 0).sum(axis=1) > 3
    assert (network.predict(tokens).argmax(axis=1) == labels)[full].mean() > 0.9


def test_the_same_seed_gives_the_same_bits_and_another_gives_others() -> None:
    tokens, labels = make_data()
    results = []
    for seed in (1, 1, 2):
        network = make_network(dropout=0.2, seed=seed)
        network.fit(tokens, labels, epochs=2, verbose=0)
        results.append(network.predict(tokens))
    assert results[0].tobytes() == results[1].tobytes()
    assert np.abs(results[0] - results[2]).max() > 1e-4


@pytest.mark.parametrize("token", [VOCABULARY + 1, 60000])
def test_a_token_outside_the_vocabulary_raises(token: int) -> None:
    tokens, labels = make_data()
    tokens[3, 0] = token
    with pytest.raises(ValueError, match=f"token id {token} is outside the vocabulary of 20"):
        make_network().fit(tokens, labels, verbose=0)
    with pytest.raises(tf.errors.InvalidArgumentError):
        make_network().predict(tokens)


def test_a_loss_that_is_not_finite_stops_with_its_epoch() -> None:
    tokens, labels = make_data()
    weights = np.ones(TEXTS)
    weights[5] = np.nan
    with pytest.raises(LossIsNaN, match="the loss became nan in epoch 1"):
        make_network().fit(tokens, labels, sample_weight=weights, verbose=0)


def test_callbacks_see_every_epoch_and_can_stop_training() -> None:
    tokens, labels = make_data()
    seen: list[tuple[int, float]] = []
    network = make_network()

    def note(epoch: int, logs: dict[str, float]) -> None:
        seen.append((epoch, logs["loss"]))
        network.stop_training = epoch == 2

    watch = keras.callbacks.LambdaCallback(on_epoch_end=note)
    history = network.fit(tokens, labels, epochs=9, verbose=0, callbacks=[watch])
    assert [epoch for epoch, _ in seen] == [0, 1, 2]
    assert history.history["loss"] == [loss for _, loss in seen]
    assert len(history.history["accuracy"]) == 3
    network.fit(tokens, labels, epochs=2, initial_epoch=1, verbose=0)
    assert int(network.optimizer.iterations) == 4 * 2


def test_a_callback_that_looks_sees_the_weights_of_its_epoch_and_its_changes_count() -> None:
    tokens, labels = make_data()
    biases: list[np.ndarray] = []
    network = make_network()

    def forget(epoch: int, logs: dict[str, float]) -> None:
        biases.append(network.dense.bias.numpy())
        network.dense.bias.assign(np.full_like(biases[-1], 9.0))

    watch = keras.callbacks.LambdaCallback(on_epoch_end=forget)
    network.fit(tokens, labels, epochs=3, verbose=0, callbacks=[watch])
    assert 0 < np.abs(biases[0]).max() < 1
    assert biases[1].min() > 8 and biases[2].min() > 8


def test_without_one_that_looks_the_training_is_the_same_and_an_interrupt_keeps_it() -> None:
    tokens, labels = make_data()
    results = []
    for looks in (True, False):
        network = make_network(dropout=0.2)

        def stop(epoch: int, logs: dict[str, float]) -> None:
            if epoch == 1:
                raise KeyboardInterrupt

        watch = keras.callbacks.LambdaCallback(on_epoch_end=stop)
        watch.looks_at_weights = looks
        with pytest.raises(KeyboardInterrupt):
            network.fit(tokens, labels, epochs=3, verbose=0, callbacks=[watch])
        results.append(network.predict(tokens))
    assert results[0].tobytes() == results[1].tobytes() != make_network().predict(tokens).tobytes()


def test_training_goes_on_after_saving_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    tokens, labels = make_data()
    network = make_network(dropout=0.2)
    network.fit(tokens, labels, epochs=2, verbose=0)
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    assert isinstance(loaded, FastText)
    assert isinstance(loaded.optimizer, FusedAdam)
    for one in (network, loaded):
        one.fit(tokens, labels, epochs=1, verbose=0)
    assert_same_weights(network, loaded, 0)


def test_the_initial_weights_are_those_of_the_published_network() -> None:
    embeddings, kernel, bias = make_network().get_weights()
    assert embeddings.shape == (VOCABULARY + 1, 4)
    assert kernel.shape == (4, 3)
    assert np.abs(embeddings).max() <= 0.05
    assert np.abs(kernel).max() <= np.sqrt(6 / 7)
    np.testing.assert_array_equal(bias, 0)
    kinds = [type(layer).__name__ for layer in make_network().layers]
    assert kinds == [
        "InputLayer", "Embedding", "Dropout", "GlobalAveragePooling1D", "Dropout", "Dense",
        "Softmax",
    ]  # fmt: skip


def test_no_epochs_train_nothing() -> None:
    network, before = make_network(FusedAdam()), make_network(FusedAdam()).get_weights()
    network.fit(*make_data(), epochs=0, verbose=0)
    for weight, expected in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, expected)
