"""Work in a process that takes its memory with it, forked from one that has imported enough.

Only on Linux: elsewhere a fork of a process that has used its libraries is not safe.
"""

import contextlib
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, NoReturn, Self

from pipeline.frame.cli import Terminated

HEARD = (signal.SIGINT, signal.SIGTERM)
Work = Callable[[], int]  # returns its exit code


def nothing(*given: object) -> None:
    pass


def run_forked(work: Work) -> int:
    """Run `work` in a fork; return its exit code, minus the signal that ended it.

    Raises:
        Terminated: see `hear_for`.
    """
    # Neither process shall hear a signal before it has an answer of its own.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    child = _fork(work, mask)
    return hear_for(child, mask, lambda: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def hear_for(child: int, mask: Iterable[int], wait: Callable[[], int]) -> int:
    """Return the exit code that `wait` gets of a child; until then signals are for the child.

    The terminal tells the child too of Ctrl-C; of SIGTERM this process alone may know.

    Raises:
        Terminated: SIGTERM came too late for the child.
    """
    told = []

    def tell(signum: int, frame: object) -> None:
        told.append(signum)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signum)

    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, tell),
    }
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    try:
        code = wait()
    finally:
        for each, answer in before.items():
            signal.signal(each, answer)
    if told and code == 0:
        raise Terminated
    return code


def _fork(work: Work, mask: Iterable[int]) -> int:
    """Return the process id of a fork that does `work`, hearing the signals in `mask` or not."""
    sys.stdout.flush()
    with warnings.catch_warnings():
        # Python 3.12 warns of any thread; those here are of NumPy and Arrow, which expect a fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child:
        return child
    code = 1
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        code = work()
        sys.stdout.flush()
    finally:
        os._exit(code)


class Nursery:
    """A process that has imported what is heavy, and forks once more for each work that needs it.

    So that is imported once, and in the memory of no other work. It is started when it is asked
    first, or by `start`, and ends with the `with` block or with this process, whatever ends that.
    """

    def __init__(
        self,
        load: Callable[[], object],
        works: Mapping[str, Work],
        meanwhile: Callable[[str], object] = nothing,
    ) -> None:
        """Keep what to do.

        Args:
            load: imports; no thread may be running after it. works: what can be asked for.
            meanwhile: called in the nursery while a work, of which it gets the name, is done: it
                may import what the next one needs.
        """
        self._load = load
        self._works = works
        self._meanwhile = meanwhile
        self._process = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process:
            os.kill(self._process, signal.SIGKILL)  # nothing runs in it
            self._lost()

    def run(self, name: str, meanwhile: Callable[[], object] = nothing) -> int:
        """Do a work in a process of its own; as `run_forked`.

        Args:
            meanwhile: called in this process while the work is done.

        Raises:
            Terminated: see `hear_for`.
        """
        self.start()
        if not self._answers.readline():
            return self._lost()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
        self._requests.write(name + "\n")
        self._requests.flush()
        child = int(self._answers.readline() or 0)
        if not child:
            return self._lost()

        def wait() -> int:
            meanwhile()
            return self._code_of(child)

        return hear_for(child, mask, wait)

    def start(self) -> None:
        """Import what is heavy, beside whatever else is done meanwhile; once."""
        if self._process:
            return
        requests, answers = os.pipe(), os.pipe()
        heard = {each: signal.getsignal(each) for each in HEARD}

        def work() -> int:
            os.close(requests[1])
            os.close(answers[0])
            self._serve(requests[0], answers[1], heard)

        self._process = _fork(work, signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        os.close(requests[0])
        os.close(answers[1])
        self._requests, self._answers = open(requests[1], "w"), open(answers[0])  # noqa: SIM115, PTH123

    def _serve(self, requests: int, answers: int, heard: Mapping[signal.Signals, Any]) -> NoReturn:
        for each in HEARD:
            signal.signal(each, signal.SIG_DFL)
        self._load()
        for each in HEARD:
            signal.signal(each, signal.SIG_IGN)  # they are for the work, which whoever asks tells
        asked = open(requests)  # noqa: SIM115
        while True:
            os.write(answers, b"ready\n")
            name = asked.readline().strip()
            if not name:
                os._exit(0)

            def work(name: str = name) -> int:
                os.close(requests)
                os.close(answers)  # else this process is thought alive when it is not
                for each, answer in heard.items():
                    signal.signal(each, answer)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
                return self._works[name]()

            child = _fork(work, signal.pthread_sigmask(signal.SIG_BLOCK, HEARD) | set(HEARD))
            os.write(answers, f"{child}\n".encode())
            self._meanwhile(name)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            os.write(answers, f"{code}\n".encode())

    def _code_of(self, child: int) -> int:
        answer = self._answers.readline()
        if answer:
            return int(answer)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        return self._lost()

    def _lost(self) -> int:
        """Return the signal that ended the nursery, as an exit code."""
        with contextlib.suppress(BrokenPipeError):
            self._requests.close()
        self._answers.close()
        process, self._process = self._process, 0
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
