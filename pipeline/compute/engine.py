"""Which engine runs the trainings: processes of this machine, or Ray."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, Self

from pipeline.compute.local import WORKER_BYTES, R, T, Work, Workers
from pipeline.compute.sections import Compute
from pipeline.frame.progress import StageProgress


class Engine(Protocol):
    """Runs tasks side by side; which engine does changes no bit of their results.

    device: "cpu" or "gpu". count: how many tasks run side by side. Both are known once entered.
    """

    device: str
    count: int
    progress: StageProgress

    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None: ...
    def run(self, work: Work[T, R], tasks: Sequence[T]) -> Iterator[tuple[T, R]]: ...


def make_engine(
    compute: Compute,
    progress: StageProgress,
    *,
    needs_tensorflow: bool = True,
    worker_bytes: int = WORKER_BYTES,
) -> Engine:
    """Return the engine that compute.engine names.

    worker_bytes: what a task takes of this machine's memory. A Ray cluster runs one on each core.

    Raises:
        ConfigError: it is Ray, which is not installed.
    """
    make: Callable[..., Engine] = Workers
    if compute.engine == "ray":
        from pipeline.compute.ray_engine import RayWorkers

        make = RayWorkers
    return make(compute, progress, needs_tensorflow=needs_tensorflow, worker_bytes=worker_bytes)
