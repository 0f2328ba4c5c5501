"""Examples that belong to several classes in part, as labels with weights."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.data.prepared import load_labels
from pipeline.frame.run import Run
from pipeline.models.table import with_updates_of
from pipeline.models.training import Training, plan_training, share_out, train, training_set
from tests.tiny import load_tiny, run_stages


def test_shares_sum_to_what_the_targets_sum_to() -> None:
    targets = np.array([[0.7, 0.295, 0.005], [0, 1, 0], [0.4, 0.3, 0.3]])
    shares = share_out(targets)
    assert shares.rows.tolist() == [0, 0, 1, 2, 2, 2]
    assert shares.labels.tolist() == [0, 1, 1, 0, 1, 2]
    np.testing.assert_allclose(np.bincount(shares.rows, shares.weights), 1)
    assert shares.weights[0] / shares.weights[1] == pytest.approx(0.7 / 0.295)


def test_no_class_and_no_example_is_lost() -> None:
    classes = 250
    shares = share_out(np.full((3, classes), 1 / classes))
    assert set(shares.rows.tolist()) == {0, 1, 2}
    rare = share_out(np.array([[0.995, 0.005], [0.999, 0.001]]))
    assert rare.rows[rare.labels == 1].tolist() == [0]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    loaded = load_tiny()
    results = tmp_path_factory.mktemp("targets")
    run_stages(loaded, results, upto="vectorize")
    return Run(results / loaded.run)


def planned(run: Run, targets: np.ndarray | None, batch_size: int = 32) -> Training:
    config = load_tiny("model.epochs=10", f"model.batch_size={batch_size}").config
    labels = load_labels(run).fitted("test")
    return plan_training(
        run,
        config.vectorize,
        config.model,
        scope="test",
        fold=0,
        labels=labels,
        held_out=np.arange(20),
        seed=1,
        name="one",
        targets=targets,
    )


def test_hard_targets_are_the_labels(run: Run) -> None:
    labels = load_labels(run).fitted("test")
    _, given, weights = training_set(planned(run, np.eye(2)[labels]))
    assert given.tolist() == labels[20:].tolist()
    assert weights is not None and set(weights.tolist()) == {1.0}


def test_a_network_learns_what_the_targets_say_and_not_the_labels(run: Run) -> None:
    labels = load_labels(run).fitted("test")
    told = np.where(np.eye(2, dtype=bool)[labels], 0.2, 0.8)
    (learned,) = train([planned(run, told, batch_size=64)], lambda *_: None)
    (opposite,) = train([planned(run, None)], lambda *_: None)
    agree = learned["pred_probs"].argmax(axis=1) == opposite["pred_probs"].argmax(axis=1)
    assert agree.mean() < 0.2
    assert np.median(learned["pred_probs"].max(axis=1)) < 0.9


def test_the_batch_size_follows_the_rows(tmp_path: Path) -> None:
    model = load_tiny("model.batch_size=32").config.model
    assert with_updates_of(model, rows=75, everything=100).batch_size == 24
    assert with_updates_of(model, rows=200, everything=100).batch_size == 64
    assert with_updates_of(model, rows=1, everything=1000).batch_size == 1
    assert with_updates_of(model, rows=100, everything=100) == model
