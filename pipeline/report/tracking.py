"""The results of a run for MLflow or TensorBoard: `python -m pipeline.report.tracking`.

Both write local files only: results/tracking/mlflow.db (SQLite) with artifacts beside it, or
results/tracking/tensorboard/<run>.
"""

import importlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.config.load import Loaded, load_config
from pipeline.frame import artifacts
from pipeline.frame.cli import RESULTS, ConfigOption, ResultsOption, SetOption, run_command
from pipeline.frame.errors import ConfigError
from pipeline.frame.finished import check_finished
from pipeline.frame.run import SCOPES, Run
from pipeline.frame.tensorflow import load_tensorflow
from pipeline.frame.terminal import say
from pipeline.report.current import REPORTED

LONGEST_PARAMETER = 500
BATCH = 100  # the most parameters MLflow takes at once


def track(config: ConfigOption, set_: SetOption = None, results: ResultsOption = RESULTS) -> None:
    """Log parameters, metrics, learning curves and files of a finished run where the config says.

    tracking: mlflow writes results/tracking/mlflow.db, tensorboard an event file beside it.
    """
    loaded = load_config(config, set_ or [])
    run = Run(results / loaded.run)
    folder = results / "tracking"
    where = loaded.config.tracking
    if where == "none":
        raise ConfigError("tracking: is none; say where to, as in --set tracking=mlflow")
    check_finished(loaded.config, run, REPORTED)
    library = import_tracker(where)
    if where == "mlflow":
        log_to_mlflow(library, folder, loaded, run, artifacts.load_json(run.metrics))
    else:
        log_to_tensorboard(load_tensorflow(), folder, loaded, run, artifacts.load_json(run.metrics))
    say(folder)


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
        for scope in SCOPES
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
    """Add a run to the experiment named like ours, with metrics, health and, if made, the page."""
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
        if path.exists():
            client.log_artifact(tracked, str(path))
    client.set_terminated(tracked)


def log_to_tensorboard(
    tf: Any, folder: Path, loaded: Loaded, run: Run, metrics: dict[str, Any]
) -> None:
    """Write one event file: scalars, learning curves by epoch, the config as text."""
    writer = tf.summary.create_file_writer(str(folder / "tensorboard" / loaded.run))
    with writer.as_default():
        for name, figure in numbers(metrics).items():
            tf.summary.scalar(name.replace(".", "/"), figure, step=0)
        for name, values in learning_curves(run).items():
            for epoch, value in enumerate(values, start=1):
                tf.summary.scalar(name, value, step=epoch)
        lines = [f"    {name}: {value}" for name, value in parameters(loaded).items()]
        tf.summary.text("config", "\n".join(lines), step=0)
    writer.close()


def import_tracker(name: str) -> Any:
    """Return the module mlflow or tensorboard; tf.summary writes scalars only with the latter.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ConfigError(
            f"tracking: {name} is not installed; install it with `pip install "
            "'label-error-pipeline[tracking]'`"
        ) from None


if __name__ == "__main__":
    run_command(track)
