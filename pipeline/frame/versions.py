"""The versions of the libraries that compute."""

import functools
import importlib.metadata
from collections.abc import Iterable


def versions(names: Iterable[str]) -> dict[str, str]:
    """Return {distribution: version}; "none" for one that is not installed."""
    return {name: _version(name) for name in names}


@functools.cache
def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"
