"""The lock of a results folder: no door to other files, and one line where there are no locks."""

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.clean import clean
from pipeline.config.load import load_config
from pipeline.corrections.decision import Source
from pipeline.corrections.journal import Journal
from pipeline.frame.cli import exit_code_of
from pipeline.frame.errors import ConfigError, ResourceError
from pipeline.frame.lock import LOCK, locked
from pipeline.frame.run import Run
from tests.disks import fill, small_disk
from tests.tiny import TINY

SOURCE = Source("sha256:" + "1" * 64, ["neg", "pos"], {"train/0": "neg"}, {"train/0": "text"})


def append(folder: Path) -> None:
    decision = SOURCE.decide("train/0", "drop", None, reviewer="Ann")
    Journal(folder / "j.jsonl", SOURCE).append([decision])


def read(folder: Path) -> None:
    (folder / "j.jsonl").touch()
    Journal(folder / "j.jsonl", SOURCE)


def lock(folder: Path) -> None:
    with locked(Run(folder)):
        pass


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EIO])
@pytest.mark.parametrize("work", [append, read, lock])
def test_a_file_system_without_locks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Callable[[Path], None], code: int
) -> None:
    """As NFS without its lock daemon, FUSE and some network disks are."""

    def refuse(file: object, how: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(ResourceError, match=r"gives no locks .*use a folder on a local") as e:
        work(tmp_path)
    assert str(e.value).startswith(str(tmp_path))


@pytest.mark.parametrize("kind", ["link", "dangling link", "second name", "pipe"])
def test_the_lock_is_written_into_no_other_file(tmp_path: Path, kind: str) -> None:
    run, other = Run(tmp_path / "run"), tmp_path / "precious"
    run.folder.mkdir()
    if kind != "dangling link":
        other.write_text("kept")
    path = run.folder / LOCK
    if kind == "second name":
        path.hardlink_to(other)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(other)
    with pytest.raises(ConfigError, match=r"\.lock: is a link or not a plain file"):
        locked(run).__enter__()
    assert (other.read_text() == "kept") if kind != "dangling link" else not other.exists()


def test_results_can_be_deleted_from_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as results:
        run = Run(results / load_config(TINY).run)
        with locked(run):
            pass
        (run.folder / LOCK).write_bytes(b"")
        fill(results, leave=0)
        assert exit_code_of(clean, config=TINY, results=results) == 0
        assert not run.folder.exists()
