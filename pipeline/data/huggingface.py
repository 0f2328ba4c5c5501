"""Folders that Hugging Face `datasets` wrote: save_to_disk (Arrow) or Parquet files of splits."""

import json
import re
from pathlib import Path
from typing import Any

from pipeline.data.columnar import BATCH, records_of_batches
from pipeline.data.records import Records
from pipeline.frame.errors import DataError
from pipeline.frame.messages import short, shown

# train.parquet, train-00000-of-00002.parquet, train-00000-of-00002-3fa1.parquet
PARQUET = re.compile(r"([A-Za-z0-9_.]+?)(-\d{5}-of-\d{5}.*)?\.parquet")


def saved_splits(path: Path) -> dict[str, list[Path]]:
    """Return the files of each split in a saved folder, in order.

    Raises:
        DataError: no such folder, or nothing in it that was saved by `datasets`.
    """
    if not path.is_dir():
        raise DataError(f"{short(path)}: is not a folder; name the folder that was saved")
    if (path / "dataset_dict.json").is_file():
        names = _json(path / "dataset_dict.json").get("splits", [])
        return {name: _arrow_files(path / name) for name in names}
    if (path / "state.json").is_file():
        return {"all": _arrow_files(path)}
    files: dict[str, list[Path]] = {}
    for file in sorted([*path.glob("*.parquet"), *path.glob("*/*.parquet")]):
        if match := PARQUET.fullmatch(file.name):
            files.setdefault(match[1], []).append(file)
    if not files:
        raise DataError(
            f"{short(path)}: holds neither dataset_dict.json, state.json nor *.parquet; name a "
            "folder written by save_to_disk, or one of Parquet files"
        )
    return files


def read_split(path: Path, files: dict[str, list[Path]], split: str, wanted: list[str]) -> Records:
    """Return the columns `wanted` of one saved split.

    Raises:
        DataError: no such split, damaged files, or see pipeline.data.records.read_parquet.
    """
    import pyarrow as pa

    if split not in files:
        raise DataError(
            f"{short(path)}: has no split {shown(split)} (it has {', '.join(map(shown, files))}); "
            "correct dataset.split"
        )
    try:
        tables = [_read_arrow(file) for file in files[split]]
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:80]
        raise DataError(
            f"{short(path)}: split {shown(split)}: damaged ({reason}); save the set again"
        ) from None
    for table in tables:
        for name in wanted:
            if name not in table.column_names:
                have = ", ".join(map(shown, table.column_names[:6]))
                raise DataError(f"{short(path)}: has no column {shown(name)}; it has {have}")
    joined = pa.concat_tables([table.select(wanted) for table in tables], promote_options="none")
    batches = joined.to_batches(max_chunksize=BATCH)
    return records_of_batches(batches, joined.schema, wanted, path / split)


def _arrow_files(folder: Path) -> list[Path]:
    return [folder / item["filename"] for item in _json(folder / "state.json")["_data_files"]]


def _read_arrow(file: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if file.suffix == ".parquet":
        return pq.ParquetFile(file).read()
    with pa.memory_map(str(file)) as source:
        return pa.ipc.open_stream(source).read_all()


def _json(path: Path) -> Any:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        return value if isinstance(value, dict) else {}
    except (OSError, ValueError) as error:
        raise DataError(f"{short(path)}: cannot be read ({error}); save the set again") from None
