"""A training is done once: its result is kept, with a hash of all it was made from."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.compute.trainings import Trainings
from pipeline.frame.artifacts import Arrays
from pipeline.frame.progress import StageProgress
from pipeline.frame.run import Run
from pipeline.models.training import Training, plan_training
from tests.tiny import load_tiny

LABELS = np.array([0, 1, 0, 1])


class FakeEngine:
    """Gives every training its seed for a result, and remembers which it was given."""

    device, count = "cpu", 1

    def __init__(self) -> None:
        self.progress = StageProgress("crossval")
        self.trained: list[str] = []

    def run(self, work: Any, trainings: Sequence[Training]) -> Iterator[tuple[Training, Arrays]]:
        for training in trainings:
            self.trained.append(training.name)
            yield training, {"seed": np.array(training.seed)}


@pytest.fixture
def planned(tiny_run: Run) -> list[Training]:
    config = load_tiny().config
    return [
        plan_training(
            tiny_run,
            config.vectorize,
            config.model,
            scope="all",
            fold=fold,
            labels=LABELS,
            held_out=np.array([fold]),
            seed=7,
            name=f"all fold {fold + 1}",
        )
        for fold in range(3)
    ]


def run(
    tiny_run: Run, folder: Path, planned: list[Training], *, key: str = "key", device: str = "cpu"
) -> list[str]:
    """Return the names of the trainings that were done; all of them have a result."""
    engine: Any = FakeEngine()
    engine.device = device
    trainings = Trainings(tiny_run, key, engine, lambda t: folder / f"{t.name}.npz")
    results = {training.name: result for training, result in trainings.run(planned, "folds")}
    assert set(results) == {training.name for training in planned}
    assert all(result["seed"] == planned[0].seed for result in results.values())
    trained: list[str] = engine.trained
    return trained


def test_what_is_kept_is_not_trained_again(
    tiny_run: Run, tmp_path: Path, planned: list[Training], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tiny_run, tmp_path, planned) == ["all fold 1", "all fold 2", "all fold 3"]
    assert run(tiny_run, tmp_path, planned) == []
    (tmp_path / "all fold 2.npz").write_bytes(b"half of a file")
    assert run(tiny_run, tmp_path, planned) == ["all fold 2"]
    told = capsys.readouterr().out
    assert "folds: 3 trainings\n" in told
    assert "folds: 3 trainings, 2 of them kept\n" in told


@pytest.mark.parametrize(
    "change",
    [
        {"labels": 1 - LABELS},
        {"held_out": np.array([3])},
        {"weights": np.ones(4)},
        {"seed": 8},
        {"path": (0, 9)},
    ],
)
def test_what_was_made_from_anything_else_is_trained_again(
    tiny_run: Run, tmp_path: Path, planned: list[Training], change: dict[str, Any]
) -> None:
    run(tiny_run, tmp_path, planned[:1])
    changed = [replace(planned[0], **change)]
    assert run(tiny_run, tmp_path, changed) == ["all fold 1"]
    assert run(tiny_run, tmp_path, changed) == []


def test_results_of_another_device_or_stage_are_not_kept(
    tiny_run: Run, tmp_path: Path, planned: list[Training]
) -> None:
    run(tiny_run, tmp_path, planned)
    assert len(run(tiny_run, tmp_path, planned, device="gpu")) == 3
    assert len(run(tiny_run, tmp_path, planned, key="other")) == 3
