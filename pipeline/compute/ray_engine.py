"""Runs independent trainings as plain Ray tasks: on this machine, or on the cluster it is part of.

Nodes share no disk with this machine: the files of a task travel as Ray objects, results come
back, and artifacts are written here. What a lost worker or node was at is done again elsewhere.
"""

import dataclasses
import os
import secrets
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

import pipeline
from pipeline.artifacts import sha256_file
from pipeline.compute.device import quiet_start
from pipeline.compute.local import (
    WORKER_BYTES,
    Meter,
    R,
    T,
    Work,
    count_workers,
    group_tasks,
    in_starting_order,
)
from pipeline.compute.ray_node import Reports, file_fields, remove_files, work_on_node
from pipeline.compute.versions import find_differences, installed_versions
from pipeline.errors import ConfigError, NetworkError, ResourceError
from pipeline.progress import StageProgress
from pipeline.schema import Compute
from pipeline.stage import LIBRARIES

RETRIES = 3  # of a task whose worker or node was lost
GPU_SHARE = 0.25  # a small network cannot fill a GPU
ANSWER_SECONDS = 5.0
NODE_SECONDS = 120.0  # to start a worker process on every node, also on a busy one
CLEANING_SECONDS = 2.0
POLL_SECONDS = 0.1
# Ray speaks gRPC, which is HTTP/2: a server answers this opening with its settings.
HTTP2_OPENING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
HTTP2_SETTINGS = 4


class RayWorkers:
    """The engine `ray`: a cluster to which tasks are sent, see pipeline.compute.engine.Engine."""

    def __init__(
        self,
        compute: Compute,
        progress: StageProgress,
        *,
        needs_tensorflow: bool = True,
        worker_bytes: int = WORKER_BYTES,
    ) -> None:
        if compute.address is not None:
            check_answer(compute.address)
        self.ray = import_ray(compute.address)
        self.compute = compute
        self.progress = progress
        self.needs_tensorflow = needs_tensorflow
        self.worker_bytes = worker_bytes
        self.device = "cpu"
        self.count = 0
        self._own = installed_versions((*LIBRARIES, "ray"))
        self._folder = f"label-errors-{secrets.token_hex(8)}"  # of files, in each node's temporary
        self._files: dict[str, Any] = {}
        self._home: Path | None = None
        self._reports: Any = None
        self._asked: Any = None
        self._epochs: dict[str, int] = {}
        self._terminated = False

    def __enter__(self) -> Self:
        self._sigterm = signal.getsignal(signal.SIGTERM)
        try:
            self._connect()
            self._check_nodes()
            self.device = self._choose_device()
            cpus = int(self.ray.cluster_resources()["CPU"])
            asked = self.compute.workers
            self.count = cpus if asked == "auto" else min(asked, cpus)
            self._reports = self._on_node(self.ray.get_runtime_context().get_node_id(), Reports)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        if self.compute.address is not None and self.ray.is_initialized():
            for removal in (removals := list(self._on_every_node(remove_files, self._folder))):
                self.ray.wait([removal], timeout=CLEANING_SECONDS / len(removals))
        self.ray.shutdown()
        remove_files(self._folder)
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
        signal.signal(signal.SIGTERM, self._sigterm)
        if self._terminated:
            signal.raise_signal(signal.SIGTERM)

    def run(self, work: Work[T, R], tasks: Sequence[T]) -> Iterator[tuple[T, R]]:
        """Yield (task, its result) as they finish.

        Raises:
            ResourceError: the workers of a task were killed again and again.
        """
        if self.device == "gpu":
            groups = group_tasks(tasks)
        else:
            groups = [[task] for task in in_starting_order(tasks, self.count)]
        meter = Meter(tasks, self.progress)
        self._epochs = {}
        limit = len(groups) if self.compute.workers == "auto" else self.count
        running: dict[Any, Sequence[T]] = {}
        while groups or running:
            while groups and len(running) < limit:
                started = groups.pop(0)
                running[self._submit(work, started)] = started
            for group, results in self._collect(running, meter):
                for task, result in zip(group, results, strict=True):
                    yield task, result
                    meter.finished(task)

    def _collect(
        self, running: dict[Any, Sequence[T]], meter: Meter
    ) -> list[tuple[Sequence[T], list[Any]]]:
        """Take what has finished out of `running`; return (tasks, results).

        No reference is left when this returns: Ray would train a finished task again if the node
        that did it were lost.
        """
        finished, _ = self.ray.wait(list(running), timeout=POLL_SECONDS, fetch_local=False)
        self._pass_on(meter, running.values())
        collected = []
        for reference in finished:
            group = running.pop(reference)
            collected.append((group, self._result_of(reference, group)))
        return collected

    def _connect(self) -> None:
        options: dict[str, Any] = {"configure_logging": False, "log_to_driver": False}
        address = self.compute.address
        if address is None:
            self._home = Path(tempfile.mkdtemp(prefix="ray-"))
            options |= {
                "address": "local",
                "num_cpus": count_workers(self.compute, self.progress, self.worker_bytes),
                "include_dashboard": False,
                "_temp_dir": str(self._home),
                "_system_config": {"task_oom_retries": RETRIES},
            }
        else:
            modules = {"py_modules": [str(Path(pipeline.__file__).parent)]}
            options |= {"address": address, "runtime_env": modules | {"excludes": ["__pycache__"]}}
        refused = ""
        with quiet_start():
            try:
                self.ray.init(**options)
            except SystemExit:  # how Ray takes SIGTERM while it starts
                self._terminated = True
            except (self.ray.exceptions.RayError, OSError, RuntimeError, ValueError) as error:
                refused = str(error).strip().partition("\n")[0]
        signal.signal(signal.SIGTERM, self._terminate)
        if self._terminated:
            raise KeyboardInterrupt
        if refused:
            raise NetworkError(f"compute.address: cannot join {address}: {refused}")

    def _terminate(self, signum: int, frame: object) -> None:
        self._terminated = True
        raise KeyboardInterrupt  # the one exception that Ray lets through while it waits

    def _check_nodes(self) -> None:
        """Stop when a node would compute with other libraries.

        Raises:
            ConfigError: naming the node, the library and both versions.
            NetworkError: a node does not answer.
        """
        asked = self._on_every_node(installed_versions, tuple(self._own)[2:])
        if not asked:
            raise NetworkError(f"{self.compute.address}: no node of this Ray cluster has a CPU")
        try:
            answers = self.ray.get(list(asked), timeout=NODE_SECONDS)
        except self.ray.exceptions.RayError as error:
            reason = str(error).strip().partition("\n")[0]
            raise NetworkError(
                f"a Ray node of {', '.join(asked.values())} does not answer: {reason}"
            ) from None
        answered = zip(asked.values(), answers, strict=True)
        if problems := find_differences(self._own, answered):
            raise ConfigError(problems)
        self.progress.say(f"Ray: {len(asked)} {'node' if len(asked) == 1 else 'nodes'}")

    def _choose_device(self) -> str:
        asked = self.compute.device if self.needs_tensorflow else "cpu"
        if asked == "cpu" or self.ray.cluster_resources().get("GPU", 0) > 0:
            return "cpu" if asked == "cpu" else "gpu"
        if asked == "gpu":
            raise ConfigError(
                "compute.device: gpu was asked for and no Ray node has one; use compute.device=auto"
            )
        return "cpu"

    def _on_every_node(self, function: Callable[..., Any], *arguments: Any) -> dict[Any, str]:
        """Start `function` on every node that gets tasks; return {reference: address}."""
        return {
            self._on_node(node["NodeID"], function, *arguments): node["NodeManagerAddress"]
            for node in self.ray.nodes()
            if node["Alive"] and node["Resources"].get("CPU", 0) >= 1
        }

    def _on_node(self, node: str, function: Callable[..., Any], *arguments: Any) -> Any:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = NodeAffinitySchedulingStrategy(node, soft=False)
        remote = self.ray.remote(num_cpus=0, scheduling_strategy=there)(function)
        return remote.remote(*arguments)

    def _submit(self, work: Work[T, R], group: Sequence[T]) -> Any:
        files: dict[str, Any] = {}
        sent = [self._without_files(task, files) for task in group]
        gpus = GPU_SHARE if self.device == "gpu" else 0
        remote = self.ray.remote(num_cpus=1, num_gpus=gpus, max_retries=RETRIES)(work_on_node)
        return remote.remote(
            work,
            sent,
            files=files,
            folder=self._folder,
            device=self.device if self.needs_tensorflow else None,
            own=self._own,
            reports=self._reports,
        )

    def _without_files(self, task: T, files: dict[str, Any]) -> T:
        """Return `task` with its files named by their content, and add them to `files`."""
        names = {}
        for field, path in file_fields(task).items():
            names[field] = Path(sha256_file(path)[7:39] + path.suffix)
            name = str(names[field])
            if name not in self._files:
                # Mapped, so that Ray copies it from disk into its store and nowhere else.
                self._files[name] = self.ray.put(np.asarray(np.memmap(path, np.uint8, "r")))
            files[name] = self._files[name]
        return dataclasses.replace(task, **names)  # type: ignore[type-var]

    def _result_of(self, reference: Any, group: Sequence[T]) -> Any:
        try:
            return self.ray.get(reference)
        except self.ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except self.ray.exceptions.RayError as error:
            reason = str(error).strip().partition("\n")[0]
            raise ResourceError(
                f"{group[0].name}: its worker was lost {RETRIES + 1} times, probably for memory; "
                "finished folds are kept. Run again with fewer compute.workers or a smaller "
                f"model.batch_size ({reason})"
            ) from None

    def _pass_on(self, meter: Meter, running: Iterable[Sequence[T]]) -> None:
        if self._asked is None:
            self._asked = self._reports.take.remote()
        if not self.ray.wait([self._asked], timeout=0)[0]:
            return
        names = {task.name for group in running for task in group}
        for name, epoch, loss in self.ray.get(self._asked):
            if name in names:
                if epoch <= self._epochs.get(name, 0):
                    self.progress.say(f"{name} begins again: its worker or node was lost")
                self._epochs[name] = epoch
                meter.told(name, epoch, loss)
        self._asked = None


def import_ray(address: str | None) -> Any:
    """Return the ray module, told to be quiet.

    Raises:
        ConfigError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    if address is None:
        # A cluster for this run alone: on loopback, and for who knows its token.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    try:
        import ray
    except ImportError:
        raise ConfigError(
            "compute.engine: ray is not installed; add it with `make ray`, or use "
            "compute.engine=local"
        ) from None
    # Ray prints pages about a lost node and has no public switch for that.
    ray._private.worker._worker_logs_enabled = False
    return ray


def check_answer(address: str) -> None:
    """Stop in seconds when nothing like Ray answers at HOST:PORT; Ray itself waits for minutes.

    Raises:
        NetworkError: naming the address and why.
    """
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS) as connection:
            connection.sendall(HTTP2_OPENING)
            answer = connection.recv(9)
    except OSError as error:
        reason = error.strerror or str(error)
    else:
        if answer[3:4] == bytes([HTTP2_SETTINGS]):
            return
        reason = "what answers is not Ray"
    raise NetworkError(
        f"compute.address: no Ray cluster at {address}: {reason}; start one with `ray start --head`"
        ", or set compute.address to null for one on this machine alone"
    )
