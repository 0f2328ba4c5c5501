"""Folders that Hugging Face `datasets` wrote: save_to_disk (Arrow) or Parquet files of splits."""

import json
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.data.columnar import BATCH, check_parquet, class_names_of_schema, records_of_batches
from pipeline.data.files import check_file
from pipeline.data.records import Records
from pipeline.data.splits import SPLIT_NAMES
from pipeline.frame.errors import DataError
from pipeline.frame.messages import short, shown

# train.parquet, train-00000-of-00002.parquet, train-00000-of-00002-3fa1.parquet
PARQUET = re.compile(r"(.+?)(?:-(\d{5})-of-(\d{5})(?:-.*)?)?\.parquet")
DEPTHS = ("*.parquet", "*/*.parquet", "*/*/*.parquet")  # data/, default/train/


def is_saved(path: Path) -> bool:
    """Return whether a folder looks as if `datasets` had written it."""
    marks = (path / "dataset_dict.json", path / "state.json")
    return any(mark.is_file() for mark in marks) or bool(_parquet_files(path))


def saved_splits(path: Path) -> dict[str, list[Path]]:
    """Return the files of each split in a saved folder, in order.

    Raises:
        DataError: no such folder, nothing in it that was saved by `datasets`, several sets of
            Parquet files, or a piece of one missing.
    """
    if not path.is_dir():
        raise DataError(f"{short(path)}: is not a folder; name the folder that was saved")
    if (path / "dataset_dict.json").is_file():
        names = _json(path / "dataset_dict.json").get("splits")
        if not isinstance(names, list) or not names or not all(map(_is_plain_name, names)):
            what = "dataset_dict.json names no splits"
            raise DataError(f"{short(path)}: {what}; save the set again")
        return {name: _arrow_files(path / name) for name in names}
    if (path / "state.json").is_file():
        return {"all": _arrow_files(path)}
    splits = _parquet_splits(path, _parquet_files(path))
    if not splits:
        raise DataError(
            f"{short(path)}: holds neither dataset_dict.json, state.json nor *.parquet; name a "
            "folder written by save_to_disk, or one of Parquet files"
        )
    for split, files in splits.items():
        _check_pieces(path, split, files)
    return splits


def read_split(
    path: Path,
    files: dict[str, list[Path]],
    split: str,
    wanted: list[str],
    *,
    optional: Collection[str] = (),
) -> Records:
    """Return the columns `wanted` of one saved split; optional: see read_parquet.

    Raises:
        DataError: no such split, damaged files, or see pipeline.data.columnar.read_parquet.
    """
    if split not in files:
        raise DataError(
            f"{short(path)}: has no split {shown(split)} (it has {', '.join(map(shown, files))}); "
            "correct dataset.split"
        )
    schemas = [schema_of(file) for file in files[split]]
    for file, schema in zip(files[split], schemas, strict=True):
        for name in wanted:
            if name not in schema.names:
                have = ", ".join(map(shown, schema.names[:6]))
                raise DataError(f"{short(path)}: has no column {shown(name)}; it has {have}")
            if schema.names.count(name) > 1:
                what = f"column {shown(name)} occurs twice"
                raise DataError(f"{short(file)}: {what}; rename one of them")
        if class_names_of_schema(schema) != class_names_of_schema(schemas[0]):
            raise DataError(
                f"{short(file)}: names its classes otherwise than {shown(files[split][0].name)}; "
                "write them as one set"
            )
    batches = (batch for file in files[split] for batch in batches_of(file, wanted))
    return records_of_batches(batches, schemas[0], wanted, path / split, optional=optional)


def schema_of(file: Path) -> Any:
    """Return the schema of a Parquet or Arrow file.

    Raises:
        DataError: missing, empty, a Git LFS pointer, or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not file.is_file():
        raise DataError(f"{short(file)}: is missing; save or fetch the set again")
    with _undamaged(file):
        if file.suffix == ".parquet":
            check_parquet(file)
            return pq.read_schema(file)
        check_file(file)
        with pa.memory_map(str(file)) as source:
            return pa.ipc.open_stream(source).schema


def batches_of(file: Path, names: list[str]) -> Iterator[Any]:
    """Yield the record batches of a Parquet or Arrow file, with these columns at least.

    Raises:
        DataError: damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _undamaged(file):
        if file.suffix == ".parquet":
            with pq.ParquetFile(file) as opened:
                yield from opened.iter_batches(batch_size=BATCH, columns=names)
            return
        with pa.memory_map(str(file)) as source:
            for batch in pa.ipc.open_stream(source):
                batch.validate(full=True)  # a place beyond the end would end the process
                for start in range(0, len(batch), BATCH):
                    yield batch.slice(start, BATCH)


@contextmanager
def _undamaged(file: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # the last: column names
        reason = " ".join(str(error).split())[:80]
        raise DataError(f"{short(file)}: damaged ({reason}); save the set again") from None


# --- which files there are ----------------------------------------------------------------


def _parquet_files(root: Path) -> list[Path]:
    """Return the Parquet files of a folder and those below it, hidden ones left out."""
    found = sorted(file for depth in DEPTHS for file in root.glob(depth))
    return [file for file in found if not _is_hidden(file.relative_to(root))]


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "__")) for part in path.parts)


def _parquet_splits(root: Path, files: list[Path]) -> dict[str, list[Path]]:
    """Return the files of each split: named after it, or in a folder named after it.

    Raises:
        DataError: files in several folders that are not the splits of one set, as two subsets of
            a set or a backup of one are.
    """
    folders = {file.parent for file in files}
    parents = {f.parent for f in folders if f != root and f.name.lower() in SPLIT_NAMES}
    sets: dict[tuple[Path, bool], dict[str, list[Path]]] = {}
    for file in files:
        folder, by_folder = file.parent, file.parent != root and file.parent.parent in parents
        match = PARQUET.fullmatch(file.name)
        name = folder.name if by_folder else match[1] if match else file.stem
        key = (folder.parent if by_folder else folder, by_folder)
        sets.setdefault(key, {}).setdefault(name, []).append(file)
    if len(sets) > 1:
        names = [str(folder.relative_to(root)) for folder, _ in sets][:4]
        listed = ", ".join("the folder itself" if n == "." else shown(n) for n in names)
        raise DataError(
            f"{short(root)}: Parquet files lie in {len(sets)} places that are not the splits of "
            f"one set: {listed}{', ...' if len(sets) > 4 else ''}; name one of them, or move the "
            "others"
        )
    return next(iter(sets.values()), {})


def _check_pieces(root: Path, split: str, files: list[Path]) -> None:
    """Stop on a split of which a piece is missing or there twice.

    Raises:
        DataError: naming it.
    """
    found = [match for file in files if (match := PARQUET.fullmatch(file.name)) and match[3]]
    count = int(found[0][3]) if found else 0
    if found and len(found) < len(files):
        others = [
            file.name for file in files if not (m := PARQUET.fullmatch(file.name)) or not m[3]
        ]
        what = f"{shown(others[0])} and {shown(found[0][0])} are both split {shown(split)}"
        raise DataError(f"{short(root)}: {what}; keep one of them")
    numbers = [int(match[2]) for match in found]
    if len(set(numbers)) < len(numbers) or any(int(match[3]) != count for match in found):
        what = f"pieces of two versions of split {shown(split)}, as {shown(found[-1][0])}"
        raise DataError(f"{short(root)}: holds {what}; keep those of one version")
    if missing := sorted(set(range(count)) - set(numbers)):
        what = f"piece {missing[0]:05d} of {count:05d} of split {shown(split)} is missing"
        raise DataError(f"{short(root)}: {what}; fetch it")


def _arrow_files(folder: Path) -> list[Path]:
    items = _json(folder / "state.json").get("_data_files")
    names: list[Any] = []
    if isinstance(items, list):
        names = [item.get("filename") for item in items if isinstance(item, dict)]
    if not names or not all(map(_is_plain_name, names)):
        raise DataError(f"{short(folder)}: state.json names no files; save the set again")
    return [folder / name for name in names]


def _is_plain_name(name: Any) -> bool:
    return isinstance(name, str) and name not in ("", ".", "..") and Path(name).name == name


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{short(path)}: cannot be read ({error}); save the set again") from None
    return value if isinstance(value, dict) else {}
