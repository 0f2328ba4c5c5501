"""Examples from tables: CSV, JSONL and Parquet files, and folders saved by Hugging Face."""

import bisect
import functools
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from pipeline.data.columnar import read_parquet
from pipeline.data.examples import Examples, group_texts
from pipeline.data.huggingface import read_split, saved_splits
from pipeline.data.labels import FOUND, likeness, named_numbers, resolve_labels
from pipeline.data.records import Records, read_csv, read_jsonl
from pipeline.data.sources import (
    CsvDataset,
    HuggingFaceDataset,
    JsonlDataset,
    ParquetDataset,
    SplitByColumn,
    SplitByFile,
    SplitByName,
    SplitDrawn,
    TableDataset,
)
from pipeline.data.splits import check_splits, draw_test_split, name_splits, splits_beside
from pipeline.frame.errors import DataError
from pipeline.frame.messages import more_rows, short, shown
from pipeline.frame.scratch import StoredTexts

Parts = list[tuple[str, Records]]


def read_csv_dataset(dataset: CsvDataset, *, seed: int) -> Examples:
    """Return the examples of a CSV or TSV file; see read_table."""

    def read(path: Path, names: list[str]) -> Records:
        return read_csv(
            path,
            names,
            columns=dataset.columns,
            delimiter=dataset.delimiter,
            encoding=dataset.encoding,
            quoting=dataset.quoting,
        )

    return read_table(dataset, _read_files(dataset, read), seed=seed)


def read_jsonl_dataset(dataset: JsonlDataset, *, seed: int) -> Examples:
    """Return the examples of a file of JSON lines; see read_table."""
    read = functools.partial(read_jsonl, optional=_optional(dataset))
    return read_table(dataset, _read_files(dataset, read), seed=seed)


def read_parquet_dataset(dataset: ParquetDataset, *, seed: int) -> Examples:
    """Return the examples of a Parquet file; see read_table."""
    read = functools.partial(read_parquet, optional=_optional(dataset))
    return read_table(dataset, _read_files(dataset, read), seed=seed)


def read_saved_dataset(dataset: HuggingFaceDataset, *, seed: int) -> Examples:
    """Return the examples of a folder saved by Hugging Face `datasets`; see read_table."""
    path, split, names = Path(dataset.path), dataset.split, _wanted(dataset)
    files = saved_splits(path)
    if isinstance(split, SplitByName):
        chosen = {"train": split.train, "test": split.test}
    else:
        chosen = {name: name for name in files if name not in split.left_out}
    if not chosen:
        raise DataError(f"{short(path)}: dataset.split.left_out leaves nothing; shorten it")
    optional = _optional(dataset)
    parts = [
        (name, read_split(path, files, saved, names, optional=optional))
        for name, saved in chosen.items()
    ]
    left = [name for name in files if name not in chosen.values()]
    return read_table(dataset, parts, seed=seed, left=left)


def read_table(
    dataset: TableDataset, parts: Parts, *, seed: int, left: Sequence[str] = ()
) -> Examples:
    """Return the examples of a table in the order of its records, the training file first.

    Ids are the id column, or "train/17" for record 17 of the training split; where the split is
    a column or drawn, "NAME/17" for record 17 of NAME.csv, whatever its split.

    Args:
        parts: (name for the ids, records) of each part that was read. left: splits that were not.

    Raises:
        DataError: see pipeline.data.records and pipeline.data.labels; or an id is not unique.
    """
    read = parts
    parts = [(name, _labelled(dataset, part)) for name, part in parts]
    starts = list(itertools.accumulate((len(part) for _, part in parts), initial=0))

    def place(row: int) -> str:
        number = bisect.bisect_right(starts, row) - 1
        return parts[number][1].place(row - starts[number])

    def column(name: str) -> Sequence[str]:
        columns = [part.columns[name] for _, part in parts]
        return columns[0] if len(columns) == 1 else StoredTexts(itertools.chain(*columns))

    written = column(dataset.label_column)
    classes = dataset.classes
    if classes in (None, FOUND) and (names := _names_in_files(dataset, parts)):
        classes = named_numbers(names, written)
    class_names, labels = resolve_labels(
        written, classes=classes, place=place, column=dataset.label_column
    )
    if dataset.id_column is None:
        numbered = (f"{name}/{number}" for name, part in parts for number in part.numbers)
        ids: Sequence[str] = StoredTexts(numbered)
    else:
        ids = column(dataset.id_column)
        check_ids(ids, place=place, column=dataset.id_column)
    splits = _split(dataset, parts, labels, seed=seed, column=column, place=place)
    check_splits(splits, short(dataset.path))
    texts = [column(name) for name in dataset.text_columns]
    name = Path(dataset.path).name
    joined = join_texts(texts)
    return Examples(
        name,
        class_names,
        ids,
        splits,
        labels,
        joined,
        place=place,
        metadata={name: column(name) for name in dataset.metadata_columns},
        not_read=_not_read(dataset, read, parts, left),
    )


def _labelled(dataset: TableDataset, records: Records) -> Records:
    """Return the records that have a label, where the others are to be left out.

    -1 is no label where a file names the classes of its numbers: so `datasets` writes it.

    Raises:
        DataError: none has one.
    """
    if dataset.unlabelled == "refuse":
        return records
    column = dataset.label_column
    none = {value for value in set(records.columns[column]) if not likeness(value)}
    none |= {"-1"} if column in records.class_names else set()
    labelled = records.without(column, none)
    if not len(labelled):
        raise DataError(f"{short(records.path)}: no record has a label; name another file")
    return labelled


def _not_read(
    dataset: TableDataset, read: Parts, kept: Parts, left: Sequence[str]
) -> dict[str, list[str]]:
    """Return what lies in the files and beside them and is not part of the examples."""
    path, split = Path(dataset.path), dataset.split
    second = Path(getattr(split, "test_path", path)).absolute()
    lost = sum(len(part) for _, part in read) - sum(len(part) for _, part in kept)
    others = dict.fromkeys(name for _, part in read for name in part.others)
    beside = [] if path.is_dir() else [file for file in splits_beside(path) if file != second]
    found = {
        "records": [f"{lost:,} without a label"] if lost else [],
        "columns": [name for name in others if name != getattr(split, "column", None)],
        "splits": [*(left or getattr(split, "left_out", ()))],
        "files": [file.name for file in beside],
    }
    return {kind: names for kind, names in found.items() if names}


def _read_files(
    dataset: TableDataset, read: Callable[[Path, list[str]], Records]
) -> list[tuple[str, Records]]:
    path, split, names = Path(dataset.path), dataset.split, _wanted(dataset)
    if isinstance(split, SplitByFile):
        return [("train", read(path, names)), ("test", read(Path(split.test_path), names))]
    if isinstance(split, SplitByColumn):
        names += [split.column] if split.column not in names else []
    records = read(path, names)
    if isinstance(split, SplitByColumn) and split.left_out:
        records = records.without(split.column, split.left_out)
        if not len(records):
            raise DataError(f"{short(path)}: dataset.split.left_out leaves nothing; shorten it")
    return [(path.name.split(".")[0], records)]


def _names_in_files(dataset: TableDataset, parts: Parts) -> list[str] | None:
    """Return the class names that the files themselves give the numbers of the label column.

    Raises:
        DataError: two files give them other names.
    """
    found = [part.class_names.get(dataset.label_column) for _, part in parts]
    for (name, _), names in zip(parts, found, strict=True):
        if names != found[0]:
            raise DataError(
                f"{short(dataset.path)}: {shown(name)} gives the labels of column "
                f"{shown(dataset.label_column)} other names than {shown(parts[0][0])} does; write "
                "them with one list of names"
            )
    return found[0]


def _optional(dataset: TableDataset) -> list[str]:
    """Return the columns in which a value may be missing."""
    label = [dataset.label_column] if dataset.unlabelled == "leave_out" else []
    return [*dataset.metadata_columns, *label]


def _wanted(dataset: TableDataset) -> list[str]:
    """Return the columns to read, each once."""
    names = [*dataset.text_columns, dataset.label_column]
    names += [dataset.id_column] if dataset.id_column is not None else []
    return list(dict.fromkeys([*names, *dataset.metadata_columns]))


def _split(
    dataset: TableDataset,
    parts: list[tuple[str, Records]],
    labels: np.ndarray,
    *,
    seed: int,
    column: Callable[[str], Sequence[str]],
    place: Callable[[int], str],
) -> list[str]:
    split = dataset.split
    if isinstance(split, SplitDrawn):
        return draw_test_split(labels, test_fraction=split.test_fraction, seed=seed)
    if isinstance(split, SplitByColumn):
        return name_splits(
            column(split.column),
            train=split.train,
            test=split.test,
            place=place,
            column=split.column,
        )
    return [name for name, part in parts for _ in range(len(part))]


def check_ids(ids: Sequence[str], *, place: Callable[[int], str], column: str) -> None:
    """Stop on an id that is blank or occurs twice.

    Raises:
        DataError: naming both places.
    """
    firsts = group_texts(ids)  # of n different ids: 0, 1, 2, ...
    repeats = np.flatnonzero(firsts != np.arange(len(firsts)))
    repeat = int(repeats[0]) if len(repeats) else len(ids)
    for row, id_ in enumerate(itertools.islice(ids, repeat)):
        if not id_.strip():
            more = more_rows(sum(not other.strip() for other in ids) - 1)
            raise DataError(f"{place(row)}: column {shown(column)}: id is blank{more}; give it one")
    if repeat < len(ids):
        more = more_rows(len(ids) - (int(firsts.max()) + 1) - 1)
        raise DataError(
            f"{place(repeat)}: column {shown(column)}: id {shown(ids[repeat])} is also at "
            f"{place(int(firsts[repeat]))[-60:]}{more}; make ids unique, or set "
            "dataset.id_column: null"
        )


def join_texts(columns: Sequence[Sequence[str]]) -> Sequence[str]:
    """Return the texts of several columns joined by a line break; one column as it is."""
    if len(columns) == 1:
        return columns[0]
    return StoredTexts(map("\n".join, zip(*columns, strict=True)))
