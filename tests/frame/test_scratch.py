"""Scratch: what is put on disk comes back as it was, and nothing is left behind."""

import errno
import gc
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from pipeline.frame import scratch
from pipeline.frame.errors import ResourceError
from pipeline.frame.scratch import StoredArray, StoredTexts, each_encoded, encoded, scratch_in
from tests.guard import PATIENCE
from tests.tiny import ROOT

TEXTS = ["", "a", "café 😀", "line\nbreak\r\n\x00nul", "", "x" * 5000, "\u202eend", "b"]


@pytest.mark.parametrize("buffer", [1, 7, 1 << 20])
def test_texts_come_back_in_order_and_one_by_one(
    monkeypatch: pytest.MonkeyPatch, buffer: int
) -> None:
    monkeypatch.setattr(scratch, "BUFFER", buffer)
    stored = StoredTexts(TEXTS)
    assert list(stored) == TEXTS and len(stored) == len(TEXTS)
    assert [stored[i] for i in (5, 0, -1, 2)] == [TEXTS[i] for i in (5, 0, -1, 2)]
    assert stored[2:5] == TEXTS[2:5]
    stored.append("one more")
    assert stored == [*TEXTS, "one more"] and stored != TEXTS
    with pytest.raises(IndexError):
        stored[len(stored)]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_texts_are_had_as_bytes_from_memory_and_from_disk(size: int) -> None:
    for texts in (TEXTS, StoredTexts(TEXTS)):
        again, sizes = StoredTexts(["before"]), []
        for part in encoded(texts, size):
            again.extend_encoded(part)
            sizes.append(len(part.ends) - 1)
        assert again == ["before", *TEXTS]
        assert sizes == [len(TEXTS[first : first + size]) for first in range(0, len(TEXTS), size)]
        assert [bytes(text).decode() for text in each_encoded(texts)] == TEXTS
    assert [*encoded([], size)] == [*encoded(StoredTexts(), size)] == []


def test_an_array_is_written_and_read_in_pieces() -> None:
    numbers = np.random.default_rng(0).integers(0, 999, 1000).astype(np.uint16)
    stored = StoredArray(np.uint16)
    stored.write(600, numbers[600:])
    stored.write(0, numbers[:600])
    np.testing.assert_array_equal(stored.read(), numbers)
    np.testing.assert_array_equal(stored.read(590, 610), numbers[590:610])
    assert len(stored.read(5, 5)) == 0
    stored.append(numbers[:3])
    assert len(stored) == 1003


def count_open() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def test_scratch_has_no_name_and_goes_with_its_object(tmp_path: Path) -> None:
    gc.collect()  # what other tests left open
    before = count_open()
    with scratch_in(tmp_path):
        stored = StoredTexts(["x" * 2_000_000])
    assert list(tmp_path.iterdir()) == []
    assert count_open() == before + 1
    del stored
    gc.collect()
    assert count_open() == before


AT_EXIT = """
import sys, threading, time
from pipeline.frame.scratch import StoredArray, StoredTexts

class Held: ...

held = Held()
held.texts, held.array, held.itself = StoredTexts(["a"]), StoredArray("i4"), held
sys.modules["builtins"].held = held  # outlives the modules of the program
if sys.argv[1] == "thread":
    threading.Thread(target=time.sleep, args=(0.1,)).start()
if sys.argv[1] == "error":
    raise SystemExit(3)
"""


@pytest.mark.parametrize("ending", ["plain", "thread", "error"])
def test_scratch_that_lasts_to_the_end_of_the_program_goes_without_a_word(ending: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_EXIT, ending],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=PATIENCE,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("", "")


def test_a_text_takes_a_number_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "BUFFER", 1000)
    tracemalloc.start()
    stored = StoredTexts(f"{number:05} " + "x" * 500 for number in range(20_000))
    for text in stored:
        assert len(text) == 506
    assert tracemalloc.get_traced_memory()[1] < 20_000 * 20
    tracemalloc.stop()


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with scratch_in(tmp_path):
        stored = StoredTexts(["a"])
    with pytest.raises(ResourceError, match=f"{tmp_path}: scratch .* No space left on device"):
        list(stored)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with (
        scratch_in(tmp_path / "none"),
        pytest.raises(ResourceError, match=r"none: scratch files cannot be written"),
    ):
        StoredTexts()


def test_a_disk_that_takes_a_little_at_a_time_gets_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: write(file, data[:3], at))
    stored = StoredTexts(TEXTS)
    assert list(stored) == TEXTS
    array = StoredArray("int32")
    array.append(np.arange(7))
    assert array.read().tolist() == list(range(7))
