"""Tracking: what is logged, and one clear line when the library is not there."""

import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.load import Loaded, load_config
from pipeline.frame import artifacts
from pipeline.frame.errors import ArtifactError, ConfigError
from pipeline.frame.record import RECORD
from pipeline.frame.run import SCOPES, Run
from pipeline.frame.tensorflow import load_tensorflow
from pipeline.report.tracking import log_to_mlflow, numbers, parameters, track
from tests.tiny import save_records

SAMPLE = Path("configs/sample.yaml")
METRICS = {
    "run": "sample",
    "crossval": {"log_loss": 0.25},
    "issues": {"all": {"count": 7, "top_rows": [1, 2]}},
    "published": [{"within": True}],
}


def load(tracking: str) -> Loaded:
    return load_config(SAMPLE, [f"tracking={tracking}"])


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path / "results" / "sample")
    fold = {"log_loss": 0.3, "training": {"loss": [0.7, 0.5], "accuracy": [0.5, 0.6]}}
    artifacts.save_json(run.crossval_metrics, {s: {"folds": [fold]} for s in SCOPES})
    artifacts.save_json(run.metrics, METRICS)
    artifacts.save_json(run.health, {})
    save_records(run)
    run.report.parent.mkdir()
    run.report.write_text("<!doctype html>")
    return run


def track_as(tracking: str, run: Run) -> None:
    track(SAMPLE, [f"tracking={tracking}"], run.folder.parent)


def test_numbers_and_parameters_are_flat() -> None:
    assert numbers(METRICS) == {"crossval.log_loss": 0.25, "issues.all.count": 7.0}
    found = parameters(load("none"))
    assert found["model.epochs"] == "12"
    assert found["crossval.all.folds"] == "5"
    assert "tracking" not in found


def test_none_imports_and_writes_nothing(run: Run) -> None:
    with pytest.raises(ConfigError, match="tracking: is none; say where"):
        track_as("none", run)
    assert not (run.folder.parent / "tracking").exists()


@pytest.mark.parametrize("name", ["mlflow", "tensorboard"])
def test_a_missing_library_is_named_with_the_remedy(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=rf"tracking: {name} is not installed.*\[tracking\]"):
        track_as(name, run)


def test_only_a_finished_run_is_logged(run: Run) -> None:
    run.metrics.write_text("{}")
    with pytest.raises(ArtifactError, match=r"metrics\.json is damaged.*`make evaluate`"):
        track_as("tensorboard", run)
    (run.stage("evaluate") / RECORD).unlink()
    with pytest.raises(ArtifactError, match="is missing; run `make evaluate`"):
        track_as("tensorboard", run)
    assert not (run.folder.parent / "tracking").exists()


class Client:
    """Stands in for mlflow.MlflowClient and remembers what it was given."""

    def __init__(self) -> None:
        self.logged: dict[str, list[Any]] = {"metrics": [], "params": [], "files": []}

    def __call__(self, tracking_uri: str) -> "Client":
        self.uri = tracking_uri
        return self

    def get_experiment_by_name(self, name: str) -> None:
        return None

    def create_experiment(self, name: str, artifact_location: str) -> str:
        return "1"

    def create_run(self, experiment: str, run_name: str) -> Any:
        return type("Run", (), {"info": type("Info", (), {"run_id": "r"})})

    def log_batch(self, run_id: str, metrics: list[Any], params: list[Any]) -> None:
        self.logged["metrics"] += metrics
        self.logged["params"] += params

    def log_artifact(self, run_id: str, path: str) -> None:
        self.logged["files"].append(Path(path).name)

    def set_terminated(self, run_id: str) -> None:
        self.ended = run_id


def test_mlflow_gets_every_parameter_metric_epoch_and_file(run: Run) -> None:
    client = Client()
    entities = type("E", (), {"Metric": lambda *a: a, "Param": lambda *a: a})
    mlflow = type("M", (), {"MlflowClient": client, "entities": entities})
    loaded = load("mlflow")
    log_to_mlflow(mlflow, run.folder.parent / "tracking", loaded, run, METRICS)
    values = {(name, step): value for name, value, _, step in client.logged["metrics"]}
    assert values["issues.all.count", 0] == 7
    assert values["train/loss/train_fold_1", 2] == 0.5
    assert dict(client.logged["params"]) == parameters(loaded)
    assert client.logged["files"] == ["metrics.json", "report.html", "health.json"]
    assert client.uri.startswith("sqlite:///")
    assert client.ended == "r"


def test_mlflow_gets_what_there_is_of_a_run_without_a_page(run: Run) -> None:
    run.report.unlink()
    client = Client()
    entities = type("E", (), {"Metric": lambda *a: a, "Param": lambda *a: a})
    mlflow = type("M", (), {"MlflowClient": client, "entities": entities})
    log_to_mlflow(mlflow, run.folder.parent / "tracking", load("mlflow"), run, METRICS)
    assert client.logged["files"] == ["metrics.json", "health.json"]


def test_tensorboard_reads_back_what_was_written(run: Run) -> None:
    pytest.importorskip("tensorboard", reason="the extra `tracking` is not installed")
    tf = load_tensorflow()
    from tensorflow.core.util import event_pb2

    track_as("tensorboard", run)
    (path,) = (run.folder.parent / "tracking" / "tensorboard" / "sample").iterdir()
    events = [event_pb2.Event.FromString(e.numpy()) for e in tf.data.TFRecordDataset(str(path))]
    values = {
        (value.tag, event.step): tf.make_ndarray(value.tensor)
        for event in events
        for value in event.summary.value
    }
    assert values["crossval/log_loss", 0] == pytest.approx(0.25)
    assert values["train/loss/all_fold_1", 2] == pytest.approx(0.5)
    assert b"model.epochs: 12" in values["config", 0].item()
