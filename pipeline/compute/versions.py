"""Which libraries and which code of this package a machine has.

Only the standard library is imported: this also runs where the others are missing.
"""

import hashlib
import importlib.metadata
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path


def installed_versions(libraries: Sequence[str]) -> dict[str, str]:
    """Return {name: version} of Python, this package's code and `libraries`; "none" if missing."""
    versions = {"python": platform.python_version(), "the pipeline's code": code_hash()}
    for name in libraries:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "none"
    return versions


def code_hash() -> str:
    """Return the first digits of a hash of this package's modules."""
    root, digest = Path(__file__).parent.parent, hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def find_differences(
    own: Mapping[str, str], nodes: Iterable[tuple[str, Mapping[str, str]]]
) -> list[str]:
    """Return one line for each version that a node has and this machine has not.

    Args:
        nodes: (address of a node, its versions).
    """
    return [
        f"compute.address: node {node} has {name} {there} and this machine has {own[name]}; with "
        "both, results would differ. Install the same requirements on every node"
        for node, versions in nodes
        for name, there in versions.items()
        if there != own[name]
    ]
