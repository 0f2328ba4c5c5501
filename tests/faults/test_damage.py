"""Damage to any file of a finished run is found before the file is used, and named."""

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from pipeline.config.load import Loaded, load_config
from pipeline.frame import artifacts
from pipeline.frame.errors import ArtifactError
from pipeline.frame.record import RECORD
from pipeline.frame.run import Run
from pipeline.frame.stage import Context, RunState
from tests.faults.matrix import SETTINGS
from tests.tiny import STAGES, TINY, command, run_stages, run_work, sets


def no_work(context: Context) -> None:
    raise AssertionError("ran on damaged files")


def all_files(run: Run) -> list[Path]:
    return sorted(p for name in STAGES for p in run.stage(name).rglob("*") if p.is_file())


def flipped(data: bytes, place: int, mask: int = 1) -> bytes:
    return data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]


def mutations(path: Path, files: list[Path]) -> dict[str, bytes | None]:
    """Return {what happened: the content after it}; None: the file is gone."""
    data = path.read_bytes()
    others = [p for p in files if p.suffix == path.suffix and p.read_bytes() != data]
    swapped = others[0].read_bytes() if others else data[::-1]
    return {
        "emptied": b"",
        "one byte": data[:1],
        "half": data[: len(data) // 2],
        "one byte short": data[:-1],
        "first byte flipped": flipped(data, 0),
        "middle byte flipped": flipped(data, len(data) // 2),
        "last byte flipped": flipped(data, len(data) - 1),
        "appended": data + b"\0",
        "swapped": swapped,
        "deleted": None,
    }


@contextmanager
def damaged(path: Path, content: bytes | None) -> Iterator[None]:
    kept = path.read_bytes()
    try:
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        yield
    finally:
        path.write_bytes(kept)


def assert_found(run: Run, loaded: Loaded, path: Path, what: str) -> None:
    """The stage of `path` runs again; a stage that reads it refuses, and names both."""
    name = path.relative_to(run.folder).parts[0]
    reason = RunState(loaded.config, run).reason(name)
    assert reason, f"{path.name}: {what}"
    if path.name == RECORD:
        assert reason in (f"{path} is damaged", "has not been run"), f"{path}: {what}"
    else:
        assert reason.startswith(f"{path} is "), f"{path}: {what}"
    readers = [reader for reader, what in STAGES.items() if name in what.reads]
    for reader in readers[:1]:
        with pytest.raises(ArtifactError) as caught:
            run_work(reader, no_work, loaded, run)
        assert f"run `make {name}` first" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_ten_ways_to_damage_each_file(counts_run: Run, loaded: Loaded) -> None:
    files = all_files(counts_run)
    found = 0
    for path in files:
        for what, content in mutations(path, files).items():
            with damaged(path, content):
                assert_found(counts_run, loaded, path, what)
            found += 1
    print(f"{len(files)} files, {found} mutations found")
    assert found == 10 * len(files) >= 200
    assert not RunState(loaded.config, counts_run).reason("evaluate")


def test_random_flips_are_found(counts_run: Run, loaded: Loaded, long: bool) -> None:
    rng = random.Random(0)
    files = all_files(counts_run)
    for number in range(2000 if long else 100):
        path = rng.choice(files)
        data = path.read_bytes()
        place, mask = rng.randrange(len(data)), 1 << rng.randrange(8)
        with damaged(path, flipped(data, place, mask)):
            assert_found(counts_run, loaded, path, f"flip {number}: byte {place} ^ {mask}")


@pytest.mark.parametrize("name", ["fold.npz", "table.parquet", "value.json", "array.npy"])
def test_a_loader_gives_one_line_or_what_was_saved(tmp_path: Path, long: bool, name: str) -> None:
    """Files of an unfinished stage have no hash yet: the loader alone stands before a traceback.

    Only .npz files are used so, the folds of an interrupted run: never with another content.
    """
    arrays = {"a": np.arange(50.0), "held_out": np.arange(9), "key": np.array("f" * 64)}
    path = tmp_path / name
    if name == "fold.npz":
        artifacts.save_arrays(path, arrays)
    elif name == "array.npy":
        artifacts.save_array(path, arrays["a"])
    elif name == "value.json":
        artifacts.save_json(path, {"a": [1, "é", {"b": None}]})
    else:
        import pyarrow as pa

        artifacts.save_table(path, pa.table({"a": ["x", "y"] * 20, "b": range(40)}))
    load = {
        ".npz": artifacts.load_arrays,
        ".npy": artifacts.load_array,
        ".json": artifacts.load_json,
        ".parquet": artifacts.load_table,
    }[path.suffix]
    data = path.read_bytes()
    rng = random.Random(1)
    for _ in range(3000 if long else 300):
        place, mask = rng.randrange(len(data)), 1 << rng.randrange(8)
        path.write_bytes(flipped(data, place, mask))
        try:
            loaded = load(path)  # type: ignore[operator]
        except ArtifactError as error:
            assert "\n" not in str(error)
            continue
        if path.suffix == ".npz":
            for key, array in loaded.items():
                if key in arrays:
                    np.testing.assert_array_equal(array, arrays[key], f"byte {place} ^ {mask}")


# --- files of another run --------------------------------------------------------------------


@pytest.mark.parametrize("name", STAGES)
def test_the_folder_of_another_run_is_refused(
    counts_run: Run, loaded: Loaded, other_run: Run, name: str
) -> None:
    """Whole folders, records and all: other data or another vocabulary, the same config."""
    folder = counts_run.stage(name)
    kept = folder.rename(folder.with_name("kept"))
    try:
        shutil.copytree(other_run.stage(name), folder)
        reason = RunState(loaded.config, counts_run).reason(name)
        assert reason in ("seed 7 -> 123456", "its inputs changed")
    finally:
        shutil.rmtree(folder)
        kept.rename(folder)


@pytest.fixture(scope="module")
def other_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    results = tmp_path_factory.mktemp("other")
    other = load_config(TINY, [*SETTINGS, "seed=7"])
    run_stages(other, results)
    return Run(results / other.run)


@pytest.mark.parametrize("kind", ["another's", "swapped"])
def test_folds_of_another_run_or_place_are_trained_again(
    counts_run: Run, loaded: Loaded, other_run: Run, tmp_path: Path, kind: str
) -> None:
    """An interrupted crossval finds folds that are whole, and belong elsewhere."""
    run = Run(Path(shutil.copytree(counts_run.folder, tmp_path / "results" / loaded.run)))
    (run.stage("crossval") / RECORD).unlink()
    first, second = run.fold("all", 0), run.fold("all", 1)
    good = first.read_bytes(), second.read_bytes()
    if kind == "swapped":
        first.write_bytes(good[1])
        second.write_bytes(good[0])
    else:
        first.write_bytes(other_run.fold("all", 0).read_bytes())
    arguments = ["--config", TINY, *sets(*SETTINGS), "--results", tmp_path / "results"]
    done = command("crossval", *arguments)
    assert done.returncode == 0, done.stderr
    assert f"6 trainings, {4 if kind == 'swapped' else 5} of them kept" in done.stdout
    assert (first.read_bytes(), second.read_bytes()) == good
