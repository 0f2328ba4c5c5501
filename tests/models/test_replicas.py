"""Networks trained side by side come out as if each were trained alone."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.models.drawing import made_ahead
from pipeline.models.fast_step import BlockTrainer, Shape
from pipeline.models.network import FastText, LossIsNaN, Replica, fit_replicas
from pipeline.models.optimizer import FusedAdam

VOCABULARY, LENGTH, CLASSES = 30, 12, 3


def new_network(seed, *, classes=CLASSES, dim=5):
    network = FastText(
        vocabulary_size=VOCABULARY,
        num_classes=classes,
        sequence_length=LENGTH,
        embedding_dim=dim,
        dropout=0.2,
        seed=seed,
    )
    network.compile(FusedAdam(0.01), loss="sparse_categorical_crossentropy")
    return network


def new_data(texts, seed, classes=CLASSES):
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, VOCABULARY, (texts, LENGTH)).astype(np.uint8)
    return tokens, rng.integers(0, classes, texts)


def as_replica(network, tokens, labels):
    callbacks = keras.callbacks.CallbackList(add_history=True, model=network)
    return Replica(network, network.training_data(tokens, labels), callbacks)


def test_each_replica_is_trained_as_it_would_be_alone():
    sizes = (50, 53, 63)  # at batch size 8: seven, seven and eight batches, so two and one
    data = [new_data(texts, seed) for seed, texts in enumerate(sizes)]
    alone = [new_network(seed) for seed in range(3)]
    for network, (tokens, labels) in zip(alone, data, strict=True):
        network.fit(tokens, labels, batch_size=8, epochs=3, verbose=0)
    together = [new_network(seed) for seed in range(2)]
    replicas = [as_replica(n, *d) for n, d in zip(together, data, strict=False)]
    fit_replicas(replicas, batch_size=8, epochs=range(3))
    for one, other in zip(alone, together, strict=False):
        np.testing.assert_allclose(
            other.history.history["loss"], one.history.history["loss"], rtol=1e-5
        )
        assert other.history.history["accuracy"] == one.history.history["accuracy"]
        for expected, weight in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(weight, expected, atol=2e-6)
        assert int(other.optimizer.iterations) == int(one.optimizer.iterations)


@pytest.mark.parametrize("classes, dim", [(2, 16), (3, 1), (7, 10), (12, 5), (150, 16)])
@pytest.mark.parametrize("texts", [95, 96])
def test_replicas_with_as_many_texts_get_the_bits_they_have_alone(classes, dim, texts):
    data = [new_data(texts, seed, classes) for seed in range(4)]
    alone, together = ([new_network(s, classes=classes, dim=dim) for s in range(4)] for _ in "ab")
    for network, (tokens, labels) in zip(alone, data, strict=True):
        network.fit(tokens, labels, batch_size=32, epochs=2, verbose=0)
    replicas = [as_replica(network, *each) for network, each in zip(together, data, strict=True)]
    fit_replicas(replicas, batch_size=32, epochs=range(2))
    for one, other in zip(alone, together, strict=True):
        assert other.history.history == one.history.history
        for expected, weight in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(weight, expected)


def test_of_several_the_one_that_diverges_is_named():
    networks = [new_network(seed) for seed in range(3)]
    networks[1].embedding.embeddings.assign(np.full((VOCABULARY + 1, 5), np.inf))
    replicas = [as_replica(network, *new_data(20, 0)) for network in networks]
    with pytest.raises(LossIsNaN, match="in epoch 1") as caught:
        fit_replicas(replicas, batch_size=8, epochs=range(1))
    assert caught.value.place == 1


def test_the_sums_of_a_gpu_are_those_of_a_cpu(monkeypatch):
    trained = {}
    for on_gpu in (False, True):
        trainer = BlockTrainer(Shape(VOCABULARY + 1, 5, CLASSES, FusedAdam().constants, 2))
        trainer.on_gpu = on_gpu  # decides which ops it is made of; a CPU has both kinds
        monkeypatch.setattr("pipeline.models.network.block_trainer", lambda shape, t=trainer: t)
        networks = [new_network(seed) for seed in range(2)]
        replicas = [as_replica(n, *new_data(50 + i, i)) for i, n in enumerate(networks)]
        fit_replicas(replicas, batch_size=8, epochs=range(3))
        trained[on_gpu] = [weight for network in networks for weight in network.get_weights()]
    for expected, weight in zip(trained[False], trained[True], strict=True):
        np.testing.assert_allclose(weight, expected, atol=2e-6)


def test_drawing_ahead_for_a_gpu_changes_no_bit(monkeypatch):
    losses, weights = [], []
    for ahead in (made_ahead, contextlib.nullcontext):
        trainer = BlockTrainer(Shape(VOCABULARY + 1, 5, CLASSES, FusedAdam().constants, 2))
        trainer.on_gpu = True
        monkeypatch.setattr("pipeline.models.network.block_trainer", lambda shape, t=trainer: t)
        monkeypatch.setattr("pipeline.models.network.made_ahead", ahead)
        networks = [new_network(seed) for seed in range(2)]
        replicas = [as_replica(n, *new_data(50 + i, i)) for i, n in enumerate(networks)]
        fit_replicas(replicas, batch_size=8, epochs=range(3))
        losses.append([network.history.history["loss"] for network in networks])
        weights.append([weight for network in networks for weight in network.get_weights()])
    assert losses[0] == losses[1]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_too_many_for_a_gpu_is_an_error_of_memory(monkeypatch):
    def full(*arguments):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(BlockTrainer, "train", full)
    with pytest.raises(MemoryError, match="OOM"):
        fit_replicas([as_replica(new_network(0), *new_data(20, 0))], batch_size=8, epochs=range(1))


def test_different_numbers_of_batches_are_refused():
    replicas = [as_replica(new_network(s), *new_data(n, s)) for s, n in enumerate((50, 63))]
    with pytest.raises(ValueError, match="same number of batches"):
        fit_replicas(replicas, batch_size=8, epochs=range(1))


def test_different_shapes_are_refused():
    other = FastText(
        vocabulary_size=VOCABULARY + 1,
        num_classes=CLASSES,
        sequence_length=LENGTH,
        embedding_dim=5,
        dropout=0.2,
        seed=0,
    )
    other.compile(FusedAdam(), loss="sparse_categorical_crossentropy")
    replicas = [as_replica(n, *new_data(20, 0)) for n in (new_network(0), other)]
    with pytest.raises(ValueError, match="one shape"):
        fit_replicas(replicas, batch_size=8, epochs=range(1))
