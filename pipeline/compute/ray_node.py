"""What runs on the nodes of a Ray cluster: tasks, and the keeper of their reports."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.frame.errors import ConfigError
from pipeline.frame.tensorflow import load_tensorflow
from pipeline.frame.versions import versions


class Reports:
    """Keeps (task, epoch, loss) until they are taken: an actor beside the driver."""

    def __init__(self) -> None:
        self._waiting: list[tuple[str, int, float]] = []

    def tell(self, name: str, epoch: int, loss: float) -> None:
        self._waiting.append((name, epoch, loss))

    def take(self) -> list[tuple[str, int, float]]:
        taken, self._waiting = self._waiting, []
        return taken


def work_on_node(
    work: Callable[..., list[Any]],
    tasks: Sequence[Any],
    *,
    device: str | None,
    expected: Mapping[str, str],
    reports: Any,
) -> list[Any]:
    """Return what `work` makes of `tasks` on this node.

    Args:
        device: None without TensorFlow. expected: {library: version} of the driver. reports: see
            Reports.

    Raises:
        ConfigError: naming the node and why it cannot do what the driver would.
    """
    import ray

    node = f"Ray node {ray.util.get_node_ip_address()}"
    if problems := [*find_differences(expected), *find_unreadable(tasks)]:
        raise ConfigError([f"compute.address: {node} {problem}" for problem in problems])
    if device is not None:
        tf = load_tensorflow(device)
        if device == "gpu" and not tf.config.list_physical_devices("GPU"):
            raise ConfigError(
                f"compute.device: {node} has a GPU and TensorFlow sees none; run `make gpu` there, "
                "or use compute.device=cpu"
            )
    return work(tasks, reports.tell.remote)


def find_differences(expected: Mapping[str, str]) -> list[str]:
    """Return a line for each library of which this machine has another version."""
    return [
        f"has {name} {version} and this machine has {expected[name]}; with both, results would "
        "differ. Install the same requirements on every node"
        for name, version in versions(expected).items()
        if version != expected[name]
    ]


def find_unreadable(tasks: Sequence[Any]) -> list[str]:
    """Return a line for the first file of `tasks` that this machine cannot read."""
    files = (path for task in tasks for path in files_of(task).values())
    return [
        f"cannot read {path}; put --results on a folder that every node shares at the same path"
        for path in files
        if not os.access(path, os.R_OK)
    ][:1]


def files_of(task: Any) -> dict[str, Path]:
    """Return {field: absolute path} of the files that a task names."""
    return {name: value.absolute() for name, value in vars(task).items() if isinstance(value, Path)}
