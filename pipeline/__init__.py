"""Which labels in a text dataset are wrong, and does cleaning them help?"""

from typing import TYPE_CHECKING, Any

from pipeline.frame import start

if TYPE_CHECKING:
    from pipeline.library import find_label_errors

__all__ = ["find_label_errors"]
__version__ = "0.1.0"

start.guard()


def __getattr__(name: str) -> Any:
    """Import what is asked for, and nothing for those who ask for the version alone."""
    if name in __all__:
        start.check_platform()
        from pipeline import library

        return getattr(library, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
