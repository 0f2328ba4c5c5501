"""Artifacts: what is written comes back as it was, and a damaged file never does."""

import csv
import errno
import io
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data.prepared import Labels, load_class_names, load_labels
from pipeline.frame import artifacts
from pipeline.frame.artifacts import ISSUE_COLUMNS
from pipeline.frame.errors import ArtifactError, ResourceError
from pipeline.frame.files import TEMPORARY, atomic_write, sweep_temporary
from pipeline.frame.run import Run

ODD_TEXTS = [
    "", " ", "a,b", 'say "hi"', "two\nlines", "cr\rlf\r\n", "\ttab", "NA", "null", "007", "1e3",
    "=1+1", "#x", "é", "e\u0301", "\u2028line\u2029", "\u0085", "\u202eabc",
    "👩‍👩‍👧", "\x00", "x" * 200_000,
]  # fmt: skip


def issue(rank: int, text: str) -> tuple[Any, ...]:
    return (rank, rank * 7, f"train/{rank}", "train", "neg", "pos", 0.1 / 3, -1 / 3, text, "")


def test_issues_come_back_exactly(tmp_path: Path) -> None:
    rows = [issue(rank, text) for rank, text in enumerate(ODD_TEXTS, 1)]
    artifacts.save_issues(tmp_path / "issues.csv", iter(rows))
    loaded = artifacts.load_issues(tmp_path / "issues.csv")
    assert [row["text"] for row in loaded] == ODD_TEXTS
    assert [tuple(row) for row in loaded] == [ISSUE_COLUMNS] * len(rows)
    assert [float(row["self_confidence"]) for row in loaded] == [0.1 / 3] * len(rows)
    assert len(artifacts.load_issues(tmp_path / "issues.csv", limit=3)) == 3


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back_exactly(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    artifacts.save_issues(path, iter([issue(1, text)]))
    assert artifacts.load_issues(path)[0]["text"] == text


def test_every_field_of_an_issue_is_quoted(tmp_path: Path) -> None:
    artifacts.save_issues(tmp_path / "issues.csv", iter([issue(1, "text")]))
    header, line = (tmp_path / "issues.csv").read_text(encoding="utf-8").splitlines()
    assert header == ",".join(f'"{name}"' for name in ISSUE_COLUMNS)
    assert line.startswith('"1","7","train/1","train","neg","pos","0.0333')


def test_an_issue_file_with_other_columns_is_refused(tmp_path: Path) -> None:
    buffer = io.StringIO()
    csv.writer(buffer).writerows([["rank", "text"], [1, "x"]])
    (tmp_path / "issues.csv").write_text(buffer.getvalue())
    with pytest.raises(ArtifactError, match="has other columns than rank, row"):
        artifacts.load_issues(tmp_path / "issues.csv")


def test_arrays_come_back_and_their_bytes_do_not_depend_on_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "key": np.array("é" * 3)}
    artifacts.save_arrays(tmp_path / "1.npz", arrays)
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    artifacts.save_arrays(tmp_path / "2.npz", arrays)
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()
    loaded = artifacts.load_arrays(tmp_path / "1.npz")
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array)


def test_an_array_may_stay_on_disk(tmp_path: Path) -> None:
    artifacts.save_array(tmp_path / "a.npy", np.arange(5))
    mapped = artifacts.load_array(tmp_path / "a.npy", mapped=True)
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, np.arange(5))


def test_objects_are_never_stored_or_loaded(tmp_path: Path) -> None:
    objects = np.array([{"a": 1}], dtype=object)
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        artifacts.save_array(tmp_path / "a.npy", objects)
    assert list(tmp_path.iterdir()) == []
    np.save(tmp_path / "b.npy", objects)
    with pytest.raises(ArtifactError, match=r"b\.npy: cannot be read, it is damaged"):
        artifacts.load_array(tmp_path / "b.npy")


def test_json_holds_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        artifacts.save_json(tmp_path / "a.json", {"loss": float("nan")})
    artifacts.save_json(tmp_path / "a.json", {"text": "\u2028é"})
    assert artifacts.load_json(tmp_path / "a.json") == {"text": "\u2028é"}


LOADERS = {
    "a.json": artifacts.load_json,
    "a.npy": artifacts.load_array,
    "a.npz": artifacts.load_arrays,
    "a.parquet": artifacts.load_table,
    "a.csv": artifacts.load_issues,
}


def save_each(folder: Path) -> None:
    artifacts.save_json(folder / "a.json", {"a": [1, 2, 3]})
    artifacts.save_array(folder / "a.npy", np.arange(100.0))
    artifacts.save_arrays(folder / "a.npz", {"a": np.arange(100.0)})
    artifacts.save_table(folder / "a.parquet", pa.table({"a": ["x", "y"]}))
    artifacts.save_issues(folder / "a.csv", iter([issue(1, 'with "quotes"')]))


@pytest.mark.parametrize("name", LOADERS)
def test_a_missing_file_names_what_makes_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArtifactError, match="is missing; run `make crossval`"):
        LOADERS[name](tmp_path / "crossval" / name)  # type: ignore[operator]


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("kept", ["none", "one byte", "half", "all but one"])
def test_a_truncated_file_is_one_line(tmp_path: Path, name: str, kept: str) -> None:
    save_each(tmp_path)
    path = tmp_path / name
    data = path.read_bytes()
    if kept == "all but one" and name in ("a.json", "a.csv"):
        data = data.rstrip()  # the last byte is a line break
    length = {"none": 0, "one byte": 1, "half": len(data) // 2, "all but one": len(data) - 1}[kept]
    path.write_bytes(data[:length])
    with pytest.raises(ArtifactError) as caught:
        LOADERS[name](path)  # type: ignore[operator]
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_truncated_mapped_array_is_one_line(tmp_path: Path) -> None:
    save_each(tmp_path)
    path = tmp_path / "a.npy"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ArtifactError, match="is damaged"):
        artifacts.load_array(path, mapped=True)


# --- atomic writes -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt])
def test_a_failed_write_leaves_the_old_file(tmp_path: Path, kind: type[BaseException]) -> None:
    path = tmp_path / "deep" / "a.txt"
    with atomic_write(path) as file:
        file.write(b"old")
    with pytest.raises(kind), atomic_write(path) as file:
        file.write(b"new")
        raise kind
    assert path.read_bytes() == b"old"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_file_then_name_then_folder_reach_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the last a power cut may take back the new name, and what was said to be done."""
    done, sync, replace = [], os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def replaced(path: Path, target: Path) -> Path:
        done.append("name")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    artifacts.save_json(tmp_path / "a.json", {})
    assert done == ["file", "name", "folder"]


@pytest.mark.parametrize("operation", ["fsync", "replace"])
def test_a_full_disk_is_one_line_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    def fail(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    target = "os.fsync" if operation == "fsync" else "pathlib.Path.replace"
    monkeypatch.setattr(target, fail)
    with pytest.raises(ResourceError, match=r"a\.json: cannot be written: No space left on device"):
        artifacts.save_json(tmp_path / "a.json", {})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResourceError, match="cannot be written"):
        artifacts.save_json(tmp_path / "file" / "a.json", {})


def test_only_what_is_temporary_is_swept(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / f"{TEMPORARY}a").touch()
    (tmp_path / "deep" / "a").touch()
    sweep_temporary(tmp_path)
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a"]


# --- what the stages share -----------------------------------------------------------------


def test_labels_know_the_rows_of_each_scope() -> None:
    labels = Labels(np.array([0, 1, 1, 0]), np.array([True, False, False, True]))
    assert labels.rows("all").tolist() == [0, 1, 2, 3]
    assert labels.rows("train").tolist() == [0, 3]
    assert labels.rows("test").tolist() == [1, 2]


def test_the_schema_of_the_examples(tiny_run: Run) -> None:
    table = artifacts.load_table(tiny_run.examples)
    assert table.schema.remove_metadata() == artifacts.EXAMPLES_SCHEMA
    assert table.column("row").to_pylist() == list(range(280))
    labels = load_labels(tiny_run)
    assert labels.is_train.sum() == 200
    assert load_class_names(tiny_run) == ["neg", "pos"]
