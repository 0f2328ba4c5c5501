"""The one way out to a terminal: nothing that comes from a file reaches it as a command."""

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.segment import Segment

from pipeline.frame.messages import for_terminal


def say(*words: object, error: bool = False, end: str = "\n", flush: bool = False) -> None:
    """Print words, separated by spaces, on stdout, or on stderr."""
    text = for_terminal(" ".join(map(str, words)))
    print(text, end=end, file=sys.stderr if error else sys.stdout, flush=flush)


class Terminal(Console):
    """A console whose colors are its own: what it is given is only text, no markup."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render(self, *args: Any, **kwargs: Any) -> Iterable[Segment]:
        """Yield the pieces to be written, harmless."""
        for text, style, control in super().render(*args, **kwargs):
            yield Segment(text if control else for_terminal(text), style, control)
