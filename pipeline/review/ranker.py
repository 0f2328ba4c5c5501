"""Ranking again beside a review: a process that is asked, and a result that waits to be taken."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from pipeline.corrections.again import Asked, decided_issues, decided_so_far, reordered
from pipeline.corrections.queue import Queue
from pipeline.frame import artifacts
from pipeline.frame.artifacts import Arrays
from pipeline.frame.errors import DataError, ResourceError
from pipeline.frame.lock import Hold, hold
from pipeline.frame.run import Run

EVERY = 50  # decisions
PREFIX, IN_USE = "label-errors-ranked-", "in_use"  # its folder, and what it holds there
MOST_TEXTS = 100_000  # of more, a ranking takes minutes and gigabytes: when it is asked for


def remove_abandoned() -> None:
    """Remove the folders of rankers that were killed: nobody holds what they held."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, ResourceError):
            if folder.lstat().st_uid != os.getuid():
                continue
            with (folder / IN_USE).open("rb") as in_use:
                hold(in_use, Hold.NOW, folder)
                shutil.rmtree(folder, ignore_errors=True)


class Ranker:
    """Asks for one ranking at a time. Its files lie in a folder that goes with it.

    every: after so many decisions it asks unasked; 0: never. problem: why the last one failed, ""
    if it did not.
    """

    def __init__(self, run: Run, config: Any, *, every: int = 0) -> None:
        self.run = run
        self.config = config
        self.every = every
        self._lines = 0  # of the journal, when it was ranked last
        self.problem = ""
        remove_abandoned()
        self._folder = tempfile.TemporaryDirectory(prefix=PREFIX)
        self._in_use = Path(self._folder.name, IN_USE).open("wb")  # noqa: SIM115  # as long as it
        with contextlib.suppress(ResourceError):  # without locks nothing is ever taken away
            hold(self._in_use, Hold.NOW, Path(self._in_use.name))
        self._process: subprocess.Popen[str] | None = None
        self._result: Arrays | None = None
        self._lock = threading.Lock()

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def keep_up(self, queue: Queue) -> None:
        """Begin to rank again if enough was decided since it was ranked, or since the run was made.

        An order is kept in no file, so whoever goes on another day gets it anew at the start.
        """
        lines = queue.journal.lines
        self._lines = min(self._lines, lines)
        few = len(queue.source.texts) <= MOST_TEXTS
        if self.every and few and lines - self._lines >= self.every and not self.is_running:
            self._lines = lines
            with contextlib.suppress(DataError):  # all were right: nothing to learn from them
                self.start(queue)

    def start(self, queue: Queue) -> str:
        """Begin to rank again by what is decided now; return what to say.

        Raises:
            DataError: no label was corrected, so that nothing would move.
        """
        decided = decided_so_far(queue)
        given = queue.source.given
        if all(label == given[id_] for id_, label in decided.items()):
            raise DataError("No label is corrected yet: the list would stay as it is.")
        with self._lock:
            if self._process is None:
                asked = self._asked(queue, decided)
                self._lines = queue.journal.lines
                self._process = self._begin()
                threading.Thread(
                    target=self._wait, args=(self._process, asked), daemon=True
                ).start()
        return "ranking again; the new order comes with the next list or example"

    def take(self, queue: Queue) -> Queue | None:
        """Return the queue in its new order, once; None while there is no new one."""
        with self._lock:
            result, self._result = self._result, None
        return None if result is None else reordered(queue, result["pred_probs"], result["issues"])

    def close(self) -> None:
        """End what is running, and remove the files."""
        process = self._process
        if process is not None:
            process.kill()
            process.wait()
        self._in_use.close()
        self._folder.cleanup()

    def _asked(self, queue: Queue, decided: dict[str, str | None]) -> Asked:
        return Asked(
            run=str(self.run.folder),
            scope=queue.scope,
            finder=self.config.finder.model_dump(mode="json"),
            find_issues=self.config.find_issues.model_dump(mode="json"),
            seed=self.config.seed,
            decided=decided,
            kept=decided_issues(queue),
            folder=self._folder.name,
        )

    def _begin(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline.corrections.again"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the page, which ends it
        )

    def _wait(self, process: "subprocess.Popen[str]", asked: Asked) -> None:
        assert process.stdin is not None and process.stderr is not None
        result, problem = None, ""
        try:
            with process.stdin, process.stderr:
                process.stdin.write(json.dumps(asked._asdict()) + "\n")
                process.stdin.flush()
                problem = process.stderr.read().strip()[-300:]
            if process.wait() == 0:
                result, problem = artifacts.load_arrays(Path(asked.result)), ""
        except (OSError, ValueError) as error:
            problem = problem or str(error)
        with self._lock:
            self._process, self._result, self.problem = None, result, problem
