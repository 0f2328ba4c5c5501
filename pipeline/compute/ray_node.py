"""What runs on the nodes of a Ray cluster: a task with its files, and the keeper of its reports."""

import dataclasses
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.artifacts import atomic_write
from pipeline.compute.device import load_tensorflow
from pipeline.compute.local import R, T, Work
from pipeline.compute.versions import find_differences, installed_versions
from pipeline.errors import ConfigError

Report = tuple[str, int, float]  # name of a task, epoch from 1, loss


class Reports:
    """Keeps reports of epochs until they are taken: an actor beside the driver."""

    def __init__(self) -> None:
        self._waiting: list[Report] = []

    def tell(self, name: str, epoch: int, loss: float) -> None:
        self._waiting.append((name, epoch, loss))

    def take(self) -> list[Report]:
        taken, self._waiting = self._waiting, []
        return taken


def work_on_node(
    work: Work[T, R],
    tasks: Sequence[T],
    *,
    files: dict[str, Any],
    folder: str,
    device: str | None,
    own: dict[str, str],
    reports: Any,
) -> list[R]:
    """Return what `work` makes of `tasks`, whose files are fetched unless this node has them.

    Args:
        files: {name: reference}. folder: see node_folder. device: None without TensorFlow.
        own: versions of the driver. reports: see Reports.

    Raises:
        ConfigError: this node joined late and has other versions, or no GPU for TensorFlow.
    """
    import ray

    here = (ray.util.get_node_ip_address(), installed_versions(tuple(own)[2:]))
    if problems := find_differences(own, [here]):
        raise ConfigError(problems)
    if device is not None:
        start_device(device, here[0])
    place = node_folder(folder)
    for name, reference in files.items():
        if not (place / name).exists():
            with atomic_write(place / name) as file:
                file.write(ray.get(reference))
    tasks = [with_files(task, place) for task in tasks]
    return work(tasks, lambda *report: reports.tell.remote(*report))


def start_device(device: str, node: str) -> None:
    """Load TensorFlow for "cpu" or "gpu".

    Raises:
        ConfigError: it sees no GPU on this node, where Ray sees one.
    """
    tf = load_tensorflow(device)
    if device == "gpu" and not tf.config.list_physical_devices("GPU"):
        raise ConfigError(
            f"compute.device: Ray node {node} has a GPU and TensorFlow sees none; run `make gpu` "
            "there, or use compute.device=cpu"
        )


def file_fields(task: Any) -> dict[str, Path]:
    """Return {field: path} of a task's files."""
    fields = {field.name: getattr(task, field.name) for field in dataclasses.fields(task)}
    return {name: value for name, value in fields.items() if isinstance(value, Path)}


def with_files(task: T, folder: Path) -> T:
    """Return `task` with the names of its files as files in `folder`."""
    paths = {field: folder / name for field, name in file_fields(task).items()}
    return dataclasses.replace(task, **paths)  # type: ignore[type-var]


def node_folder(folder: str) -> Path:
    """Return the place of a run's files on this machine, for this user alone."""
    place = Path(tempfile.gettempdir()) / folder
    place.mkdir(mode=0o700, exist_ok=True)
    return place


def remove_files(folder: str) -> None:
    shutil.rmtree(Path(tempfile.gettempdir()) / folder, ignore_errors=True)
