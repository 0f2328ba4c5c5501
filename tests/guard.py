"""A guard against what never ends. How fast something is belongs to the bench, not to a test."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 600  # seconds that nothing takes, on a busy machine either


@contextmanager
def ends() -> Iterator[None]:
    """Fail if the block has not ended after PATIENCE."""

    def give_up(signum: int, frame: object) -> None:
        raise AssertionError(f"still running after {PATIENCE} seconds")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
