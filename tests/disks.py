"""Disks that are full: a real file system of 64 KB where this machine lets one be mounted, and the
kernel's own limit on the size of a file everywhere. Both write short before they refuse."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FREE = 4096  # what is left of the disk


@contextmanager
def small_disk(folder: Path, *, size: str = "64k") -> Iterator[Path]:
    """Mount a file system of `size` at `folder`; skip the test where that is not allowed."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except OSError:
        pytest.skip("needs mount")
    if done.returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, *, leave: int = FREE) -> Path:
    """Fill the disk of `folder` but for `leave` bytes; return the file that does."""
    disk, path = os.statvfs(folder), folder / "others"
    path.write_bytes(b"x" * (disk.f_bavail * disk.f_frsize - leave))
    return path


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes: a write up to there is short."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
