"""Runs independent trainings as plain Ray tasks: on this machine, or on the cluster it is part of.

Every node sees the files of a task at the same path. Results come back, and artifacts are written
here. What a lost worker or node was at is done again elsewhere.
"""

import contextlib
import dataclasses
import os
import secrets
import signal
import socket
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import pipeline
from pipeline.compute import local
from pipeline.compute.local import Meter, R, T, Work
from pipeline.compute.ray_node import Reports, files_of, work_on_node
from pipeline.compute.sections import Compute
from pipeline.frame.errors import ConfigError, NetworkError, ResourceError
from pipeline.frame.progress import StageProgress
from pipeline.frame.tensorflow import quiet_start
from pipeline.frame.versions import versions
from pipeline.models.training import grouped

LIBRARIES = (
    *("tensorflow", "keras", "scikeras", "scikit-learn"),
    *("numpy", "scipy", "cleanlab", "pandas"),
)
RETRIES = 3  # of a task whose worker or node was lost
GPU_SHARE = 0.25  # a small network cannot fill a GPU
HEAD = {"node:__internal_head__": 0.001}  # Ray's name of the node without which no run goes on
ANSWER_SECONDS = 5.0
POLL_SECONDS = 0.1
LONGEST_FOLDER = 26  # bytes
SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")


class RayWorkers:
    """The engine `ray`: a cluster to which tasks are sent, see pipeline.compute.engine.Engine."""

    def __init__(
        self,
        compute: Compute,
        progress: StageProgress,
        *,
        needs_tensorflow: bool = True,
        worker_bytes: int = local.WORKER_BYTES,
    ) -> None:
        self.ray = import_ray(compute.address)
        self.compute = compute
        self.progress = progress
        self.needs_tensorflow = needs_tensorflow
        self.worker_bytes = worker_bytes
        self.device = "cpu"
        self.count = 0

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            address = self.compute.address
            options = self._own_cluster(stack) if address is None else cluster_at(address)
            stack.enter_context(connected(self.ray, **options))
            self._plan(self.ray.cluster_resources())
            kept = self.ray.remote(num_cpus=0, resources=HEAD, max_restarts=-1, max_task_retries=-1)
            self._reports = kept(Reports).remote()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def run(self, work: Work[T, R], tasks: Sequence[T]) -> Iterator[tuple[T, R]]:
        """Yield (task, its result) as they finish.

        Raises:
            ResourceError: the workers of a task were killed again and again.
            ConfigError: a node cannot do what this machine would, see work_on_node.
        """
        groups = grouped(tasks, exact=self.device == "cpu", workers=self.count)
        groups = local.in_starting_order(groups, self.count)
        limit = len(groups) if self.compute.workers == "auto" else self.count
        meter = Meter(tasks, self.progress)
        running: dict[Any, Sequence[T]] = {}
        while groups or running:
            while groups and len(running) < limit:
                started = groups.pop(0)
                running[self._submit(work, started)] = started
            for task, result in self._collect(running, meter):
                yield task, result
                meter.finished(task)

    def _own_cluster(self, stack: contextlib.ExitStack) -> dict[str, Any]:
        home = tempfile.TemporaryDirectory(
            prefix="ray-", dir=folder_for_sockets(), ignore_cleanup_errors=True
        )
        return {
            "address": "local",
            "num_cpus": local.count_workers(self.compute, self.progress, self.worker_bytes),
            "include_dashboard": False,
            "_temp_dir": stack.enter_context(home),
            "_system_config": {"task_oom_retries": RETRIES},
        }

    def _plan(self, resources: dict[str, float]) -> None:
        """Set device and count to what was asked for and the cluster has."""
        cpus, gpus = (int(resources.get(kind, 0)) for kind in ("CPU", "GPU"))
        asked = self.compute.device if self.needs_tensorflow else "cpu"
        if cpus == 0:
            raise NetworkError(f"compute.address: no Ray node at {self.compute.address} has a CPU")
        if asked == "gpu" and gpus == 0:
            raise ConfigError(
                "compute.device: gpu was asked for and no Ray node has one; use compute.device=auto"
            )
        self.device = "gpu" if asked != "cpu" and gpus > 0 else "cpu"
        self.count = cpus if self.compute.workers == "auto" else min(self.compute.workers, cpus)

    def _submit(self, work: Work[T, R], group: Sequence[T]) -> Any:
        gpus = GPU_SHARE if self.device == "gpu" else 0
        remote = self.ray.remote(num_cpus=1, num_gpus=gpus, max_retries=RETRIES)(work_on_node)
        return remote.remote(
            work,
            [dataclasses.replace(task, **files_of(task)) for task in group],  # type: ignore[type-var]
            device=self.device if self.needs_tensorflow else None,
            expected=versions(LIBRARIES),
            reports=self._reports,
        )

    def _collect(self, running: dict[Any, Sequence[T]], meter: Meter) -> list[tuple[T, Any]]:
        """Take what has finished out of `running`; return (task, its result).

        No reference is left then: Ray would train a finished task again if its node were lost.
        """
        finished, _ = self.ray.wait([*running], timeout=POLL_SECONDS, fetch_local=False)
        self._pass_on(meter, {task.name for group in running.values() for task in group})
        collected: list[tuple[T, Any]] = []
        for reference in finished:
            group = running.pop(reference)
            collected += zip(group, self._result_of(reference, group), strict=True)
        return collected

    def _pass_on(self, meter: Meter, running: set[str]) -> None:
        for name, epoch, loss in self.ray.get(self._reports.take.remote()):
            if name in running:
                if epoch == 1 and meter.done[name] > 0:
                    self.progress.say(f"{name} begins again: its worker or node was lost")
                meter.report(name, epoch, loss)

    def _result_of(self, reference: Any, group: Sequence[T]) -> Any:
        try:
            return self.ray.get(reference)
        except self.ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, self.ray.exceptions.RaySystemError):  # unreadable there
                reason = f"compute.address: on a Ray node: {first_line(error.cause)}"
                raise ConfigError(f"{reason}; install the same requirements there") from None
            raise error.cause from None
        except self.ray.exceptions.RayError as error:
            raise ResourceError(
                f"{group[0].name}: its worker was lost {RETRIES + 1} times, probably for memory; "
                "finished folds are kept. Run again with fewer compute.workers or a smaller "
                f"model.batch_size ({first_line(error)})"
            ) from None


def folder_for_sockets() -> str:
    """Return a folder for temporary files whose name is short enough for the sockets in it.

    Ray puts "/ray-xxxxxxxx/session_2026-01-31_23-59-59_999999_1234567/sockets/plasma_store" below
    it, and the name of a socket has at most 103 bytes on macOS, 107 on Linux.

    Raises:
        ConfigError: there is none.
    """
    for folder in (tempfile.gettempdir(), *SHORT_FOLDERS):
        if len(os.fsencode(folder)) <= LONGEST_FOLDER and os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise ConfigError(
        f"compute.engine: ray needs a folder for its sockets whose name has at most "
        f"{LONGEST_FOLDER} bytes; set TMPDIR to one, or use compute.engine=local"
    )


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
    else:
        # What answers and is not Ray is given up in a minute, not in a quarter of an hour.
        os.environ.setdefault("RAY_gcs_server_port_wait_time_s", "1")
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


def cluster_at(address: str) -> dict[str, Any]:
    """Return how to join the cluster at HOST:PORT, whose nodes then run this code.

    Raises:
        NetworkError: nothing answers there.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS).close()
    except OSError as error:
        raise NetworkError(
            f"compute.address: no Ray cluster at {address}: {error.strerror or error}; start one "
            "with `ray start --head`, or set compute.address to null for one on this machine alone"
        ) from None
    code = {"py_modules": [str(Path(pipeline.__file__).parent)], "excludes": ["__pycache__"]}
    return {"address": address, "runtime_env": code}


@contextlib.contextmanager
def connected(ray: Any, **options: Any) -> Iterator[None]:
    """Be part of a cluster in this block.

    SIGTERM becomes a KeyboardInterrupt, the one exception that Ray lets through while it waits,
    and is raised again at the end.

    Raises:
        NetworkError: Ray's own reason.
    """
    handler, terminated = signal.getsignal(signal.SIGTERM), False

    def interrupt(*_: object) -> None:
        nonlocal terminated
        terminated = True
        raise KeyboardInterrupt

    try:
        failed = start(ray, **options)
        signal.signal(signal.SIGTERM, interrupt)
        if isinstance(failed, SystemExit):  # how Ray takes SIGTERM while it starts
            interrupt()
        if failed is not None:
            address, reason = options["address"], " ".join(str(failed).split())[:300]
            if address == "local":
                raise NetworkError(f"compute.engine: ray does not start here: {reason}")
            raise NetworkError(f"compute.address: cannot join {address}: {reason}")
        yield
    finally:
        ray.shutdown()
        signal.signal(signal.SIGTERM, handler)
        if terminated:
            signal.raise_signal(signal.SIGTERM)


def start(ray: Any, **options: Any) -> BaseException | None:
    """Start Ray without a word; return why that failed."""
    with quiet_start():
        try:
            ray.init(configure_logging=False, log_to_driver=False, **options)
        except (SystemExit, Exception) as error:  # Ray has its reasons in all kinds
            return error
    return None


def first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
