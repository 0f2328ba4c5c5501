"""One live line per stage on a terminal, a few plain lines when piped."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from pipeline.frame.terminal import Terminal, say

SECONDS_BETWEEN_LINES = 5.0


class StageProgress:
    """Shows how far a stage is: `update(done, total, "fold 2, epoch 3, loss 0.31")`."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self._last_line = time.monotonic()
        self._first: tuple[float, float] | None = None  # what was done at the first update, when
        self._live: Progress | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._live = Progress(
                TextColumn(f"{self.stage:<12}", markup=False),
                BarColumn(),
                TaskProgressColumn(),
                TimeRemainingColumn(compact=True),
                TextColumn("{task.description}", markup=False),
                console=Terminal(stderr=True),
                transient=True,
            )
            self._live.start()
            self._task = self._live.add_task("", total=None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, done: float, total: float, text: str = "") -> None:
        if self._live is not None:
            self._live.update(self._task, completed=done, total=total, description=text)
            return
        now = time.monotonic()
        first_done, first_time = self._first = self._first or (done, now)
        if now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            left = ""
            if done > first_done:
                seconds = (now - first_time) * (total - done) / (done - first_done)
                left = f", {seconds:.0f} s left"
            say(f"{self.stage:<12} {100 * done / total:3.0f}%  {text}{left}", flush=True)

    def restart(self) -> None:
        """Begin another part of the stage: the time left is told from here on."""
        self._first = None

    def say(self, text: str) -> None:
        """Print a lasting line."""
        line = f"{self.stage:<12} {text}"
        if self._live is not None:
            self._live.console.print(line)
        else:
            say(line, flush=True)
