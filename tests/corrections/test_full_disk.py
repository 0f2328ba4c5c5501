"""What is said to be saved is on disk: a full disk, and disks that write a part of what they are
told, in every way decisions are taken."""

import fcntl
import io
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.corrections.decision import Source
from pipeline.corrections.journal import Journal, encode_line
from pipeline.corrections.load import load_queue
from pipeline.corrections.merge import take_back
from pipeline.exchange.__main__ import export, import_
from pipeline.frame.cli import exit_code_of
from pipeline.frame.errors import ResourceError
from pipeline.frame.files import write_all
from pipeline.review.terminal import Session
from tests.corrections.test_journal import decide
from tests.disks import files_of_at_most, fill, small_disk
from tests.review.site import load_tiny, make_examples, serving, write_run

RUNS = range(20)
IDS = [f"train/{i}" for i in range(40)]


@pytest.fixture
def corrections(tmp_path: Path) -> Iterator[Path]:
    """The folder of the journal, on a disk of its own with one block left."""
    with small_disk(tmp_path / "corrections") as folder:
        yield folder


def lines_of(path: Path) -> int:
    """Return the number of whole lines; what follows the last must be nothing."""
    data = path.read_bytes()
    assert data == b"" or data.endswith(b"\n")
    return data.count(b"\n")


class Unbuffered(io.RawIOBase):
    """A file that takes three bytes at a time, and then `room` bytes in all."""

    def __init__(self, room: int) -> None:
        self.taken = bytearray()
        self.room = room

    def write(self, data) -> int:
        if not self.room:
            raise OSError(28, "No space left on device")
        part = bytes(data)[: min(3, self.room)]
        self.taken += part
        self.room -= len(part)
        return len(part)


@pytest.mark.parametrize("size", [0, 1, 3, 100])
def test_all_is_written_to_a_file_that_takes_a_part(size: int) -> None:
    file = Unbuffered(size)
    write_all(file, b"x" * size)
    assert bytes(file.taken) == b"x" * size
    with pytest.raises(OSError, match="No space"):
        write_all(Unbuffered(size), b"x" * (size + 1))


# --- every way to save ---------------------------------------------------------------------


@pytest.mark.parametrize("number", RUNS)
def test_the_page(tmp_path: Path, corrections: Path, number: int) -> None:
    """Acknowledged decisions are lines of the journal, however the last one ends."""
    with serving(tmp_path) as start:
        site = start(make_examples())
        fill(corrections)
        notes = itertools.cycle(["", "x" * (number * 37 % 301)])
        answers = [site.decide(i, "drop", note=n) for i, n in zip(IDS, notes, strict=False)]
        saved = [said["saved"] for status, said in answers if status == 200]
        assert 0 < len(saved) < len(IDS)
        assert {status for status, _ in answers} == {200, 507}
        assert "No space left" in next(said["error"] for code, said in answers if code == 507)
        assert [line["id"] for line in site.lines()] == saved
        assert lines_of(site.journal) == len(saved)
        (corrections / "others").unlink()
        again = [i for i in IDS if i not in saved]
        assert all(site.decide(i, "drop")[0] == 200 for i in again)
        assert sorted(line["id"] for line in site.lines()) == sorted(IDS)


@pytest.mark.parametrize("number", RUNS)
def test_the_terminal(tmp_path: Path, corrections: Path, number: int) -> None:
    run = write_run(tmp_path / "results" / "tiny", make_examples())
    queue = load_queue(load_tiny(tmp_path), run)
    fill(corrections, leave=4096 * (1 + number % 3))
    shown = io.StringIO()
    console = Console(file=shown, width=100)
    notes = itertools.cycle([f"m {'y' * (1 + number * 53 % 201)}", "d"])
    console.input = lambda *_: next(notes)  # type: ignore[method-assign, assignment]
    with pytest.raises(ResourceError, match="cannot be written: No space left"):
        Session(queue, console, reviewer="Ann").run()
    saved = shown.getvalue().count("saved: ")
    assert 0 < saved == lines_of(queue.journal.path)
    assert len(Journal(queue.journal.path, queue.source).standing.all()) == saved


@pytest.mark.parametrize("number", RUNS)
def test_an_import(
    tmp_path: Path, corrections: Path, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """All or none: what was there before stays, and nothing is said to be added."""
    run = write_run(tmp_path / "results" / "sample", make_examples())
    loaded = load_tiny(tmp_path)
    queue = load_queue(loaded, run)
    many = [decide(queue.source, id_, "drop") for id_ in IDS]
    take_back(queue.journal, many)
    options = {"config": loaded.path, "set_": list(loaded.overrides), "results": run.folder.parent}
    told = options | {"format_": "csv"}
    assert exit_code_of(export, out=tmp_path / "out", **told) == 0
    queue.journal.path.unlink()
    kept = number % 5
    for id_ in IDS[:kept]:
        queue.journal.append([decide(queue.source, id_, "keep", who="Bob")])
    fill(corrections)
    capsys.readouterr()
    file = tmp_path / "out" / "decisions.csv"
    assert exit_code_of(import_, file=file, **told) == 7
    said = capsys.readouterr()
    assert said.out == "" and "No space left" in said.err and said.err.count("\n") == 1
    assert not queue.journal.path.exists() or lines_of(queue.journal.path) == kept
    (corrections / "others").unlink()
    assert exit_code_of(import_, file=file, **told) == 0
    assert f"{len(IDS)} decisions added" in capsys.readouterr().out
    assert lines_of(queue.journal.path) == kept + len(IDS)


@pytest.mark.parametrize("room", range(1, 900, 67))
def test_a_short_write_is_no_save(source: Source, tmp_path: Path, room: int) -> None:
    """Where no disk can be mounted: the kernel writes up to the limit, then refuses."""
    journal = Journal(tmp_path / "j.jsonl", source)
    journal.append([decide(source, "train/0")])
    before = journal.path.read_bytes()
    made = [decide(source, i, "drop") for i in ("train/1", "train/2", "train/3")]
    with files_of_at_most(len(before) + room), pytest.raises(ResourceError):
        journal.append(made)
    assert journal.path.read_bytes() == before
    journal.append(made)
    assert Journal(journal.path, source).lines == 4


def test_a_line_without_its_end_is_not_lost_to_a_full_disk(source: Source, tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(encode_line(decide(source, "train/0")).rstrip(b"\n"))
    journal, before = Journal(path, source), path.read_bytes()
    with files_of_at_most(len(before)), pytest.raises(ResourceError):
        journal.append([decide(source, "train/1")])
    assert path.read_bytes() == before
    journal.append([decide(source, "train/1")])
    assert lines_of(path) == 2


# --- locks ---------------------------------------------------------------------------------


def is_locked(path: Path, how: int) -> bool:
    """Return whether somebody else could not lock the file so now."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_a_journal_is_read_again_and_written_under_one_lock(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two pages could both see version 0 and both save version 1."""
    journal = Journal(tmp_path / "j.jsonl", source)
    held: dict[str, bool] = {}
    read, sync = journal._read_new, os.fsync

    def reads(file) -> bytes:
        held["while it is read"] = is_locked(journal.path, fcntl.LOCK_SH)
        return read(file)

    def syncs(descriptor: int) -> None:
        held["until it is on disk"] = is_locked(journal.path, fcntl.LOCK_SH)
        sync(descriptor)

    monkeypatch.setattr(journal, "_read_new", reads)
    journal.append([decide(source, "train/0")])
    monkeypatch.setattr(os, "fsync", syncs)
    journal.append([decide(source, "train/1")], seen=[0])
    assert held == {"while it is read": True, "until it is on disk": True}
    assert not is_locked(journal.path, fcntl.LOCK_EX)


def test_a_journal_is_not_read_while_it_is_written(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "j.jsonl", source)
    journal.append([decide(source, "train/0")])
    held = []
    read = journal._read_new

    def reads(file) -> bytes:
        held.append(
            (is_locked(journal.path, fcntl.LOCK_EX), is_locked(journal.path, fcntl.LOCK_SH))
        )
        return read(file)

    monkeypatch.setattr(journal, "_read_new", reads)
    journal.refresh()
    assert held == [(True, False)]  # no writer, but other readers
