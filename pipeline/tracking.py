"""The results of a run for MLflow or TensorBoard, when `tracking:` in the config asks for it.

Both write local files only: results/tracking/mlflow.db (SQLite) with artifacts beside it, or
results/tracking/tensorboard/<run>.
"""

import importlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from pipeline import artifacts
from pipeline.artifacts import Run
from pipeline.config import Loaded
from pipeline.errors import ConfigError

LONGEST_PARAMETER = 500
BATCH = 100  # the most parameters MLflow takes at once


def track(loaded: Loaded, run: Run, metrics: dict[str, Any]) -> None:
    """Log parameters, metrics, learning curves and files where the config says.

    Raises:
        ConfigError: the library is not installed.
    """
    folder = run.folder.parent / "tracking"
    if loaded.config.tracking == "mlflow":
        log_to_mlflow(_load("mlflow", "mlflow"), folder, loaded, run, metrics)
    elif loaded.config.tracking == "tensorboard":
        module = "tensorboard.summary.writer.event_file_writer"
        log_to_tensorboard(_load(module, "tensorboard"), folder, loaded, run, metrics)


def parameters(loaded: Loaded) -> dict[str, str]:
    """Return every leaf of the config as "section.key" and text."""
    leaves = flatten(loaded.config.model_dump(mode="json", exclude={"tracking"}))
    return {name: str(value)[:LONGEST_PARAMETER] for name, value in leaves}


def numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of metrics.json that are neither in a list nor true or false."""
    return {
        name: float(value)
        for name, value in flatten(metrics)
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def learning_curves(run: Run) -> dict[str, list[float]]:
    """Return {"train/loss/all_fold_1": value of each epoch, ...}."""
    crossval = artifacts.load_json(run.crossval_metrics)
    return {
        f"train/{measure}/{scope}_fold_{number + 1}": values
        for scope in artifacts.SCOPES
        for number, fold in enumerate(crossval[scope]["folds"])
        for measure, values in fold.get("training", {}).items()
    }


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def log_to_mlflow(
    mlflow: Any, folder: Path, loaded: Loaded, run: Run, metrics: dict[str, Any]
) -> None:
    """Add a run to the experiment named like ours, with the files of evaluate and health.json."""
    folder.mkdir(parents=True, exist_ok=True)
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{(folder / 'mlflow.db').resolve()}")
    found = client.get_experiment_by_name(loaded.run)
    experiment = (
        found.experiment_id
        if found
        else client.create_experiment(
            loaded.run, artifact_location=(folder / "artifacts").resolve().as_uri()
        )
    )
    tracked = client.create_run(experiment, run_name=loaded.run).info.run_id
    entities, now = mlflow.entities, int(time.time() * 1000)
    figures = [entities.Metric(name, value, now, 0) for name, value in numbers(metrics).items()]
    figures += [
        entities.Metric(name, value, now, epoch)
        for name, values in learning_curves(run).items()
        for epoch, value in enumerate(values, start=1)
    ]
    params = [entities.Param(name, text) for name, text in parameters(loaded).items()]
    for first in range(0, max(len(figures), len(params)), BATCH):
        some = slice(first, first + BATCH)
        client.log_batch(tracked, metrics=figures[some], params=params[some])
    for path in (run.metrics, run.report, run.health):
        client.log_artifact(tracked, str(path))
    client.set_terminated(tracked)


def log_to_tensorboard(
    writer_module: Any, folder: Path, loaded: Loaded, run: Run, metrics: dict[str, Any]
) -> None:
    """Write one event file: scalars, learning curves by epoch, the config as text."""
    summary = importlib.import_module("tensorboard.compat.proto.summary_pb2")
    event = importlib.import_module("tensorboard.compat.proto.event_pb2")
    tensor = importlib.import_module("tensorboard.compat.proto.tensor_pb2")
    writer = writer_module.EventFileWriter(str(folder / "tensorboard" / loaded.run))

    def add(values: list[Any], step: int) -> None:
        writer.add_event(event.Event(step=step, summary=summary.Summary(value=values)))

    for name, figure in numbers(metrics).items():
        add([summary.Summary.Value(tag=name.replace(".", "/"), simple_value=figure)], 0)
    for name, values in learning_curves(run).items():
        for epoch, value in enumerate(values, start=1):
            add([summary.Summary.Value(tag=name, simple_value=value)], epoch)
    lines = [f"    {name}: {value}" for name, value in parameters(loaded).items()]
    text = tensor.TensorProto(dtype=7, string_val=["\n".join(lines).encode()])
    plugin = summary.SummaryMetadata.PluginData(plugin_name="text")
    metadata = summary.SummaryMetadata(plugin_data=plugin)
    add([summary.Summary.Value(tag="config", tensor=text, metadata=metadata)], 0)
    writer.close()


def _load(module: str, package: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ConfigError(
            f"tracking: {package} is not installed; install it with "
            f"`pip install 'label-error-pipeline[tracking]'`, or set tracking: none"
        ) from None
