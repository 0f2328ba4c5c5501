"""Examples from tables: CSV, JSONL and Parquet files, and folders saved by Hugging Face."""

import bisect
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from pipeline.data.examples import Examples, group_texts
from pipeline.data.files import more_rows, short, shown
from pipeline.data.huggingface import read_split, saved_splits
from pipeline.data.labels import resolve_labels
from pipeline.data.records import Records, read_csv, read_jsonl, read_parquet
from pipeline.data.sections import (
    CsvDataset,
    HuggingFaceDataset,
    JsonlDataset,
    ParquetDataset,
    SplitByColumn,
    SplitByFile,
    SplitByName,
    SplitDrawn,
)
from pipeline.data.splits import check_splits, draw_test_split, name_splits
from pipeline.errors import DataError
from pipeline.scratch import StoredTexts

Table = CsvDataset | JsonlDataset | ParquetDataset | HuggingFaceDataset


def read_table(dataset: Table, *, seed: int) -> Examples:
    """Return the examples of a table in the order of its records, the training file first.

    Ids are the id column, or "train/17" for record 17 of the training split; where the split is
    a column or drawn, "NAME/17" for record 17 of NAME.csv, whatever its split.

    Raises:
        DataError: see pipeline.data.records and pipeline.data.labels; or an id is not unique.
    """
    parts = _read_parts(dataset)
    starts = list(itertools.accumulate((len(part) for _, part in parts), initial=0))

    def place(row: int) -> str:
        number = bisect.bisect_right(starts, row) - 1
        return parts[number][1].place(row - starts[number])

    def column(name: str) -> Sequence[str]:
        columns = [part.columns[name] for _, part in parts]
        return columns[0] if len(columns) == 1 else StoredTexts(itertools.chain(*columns))

    classes = dataset.classes
    if classes is None:
        classes = parts[0][1].class_names.get(dataset.label_column)
        classes = classes and {str(number): name for number, name in enumerate(classes)}
    class_names, labels = resolve_labels(
        column(dataset.label_column), classes=classes, place=place, column=dataset.label_column
    )
    if dataset.id_column is None:
        numbered = (f"{name}/{position}" for name, part in parts for position in range(len(part)))
        ids: Sequence[str] = StoredTexts(numbered)
    else:
        ids = column(dataset.id_column)
        check_ids(ids, place=place, column=dataset.id_column)
    splits = _split(dataset, parts, labels, seed=seed, column=column, place=place)
    check_splits(splits, short(dataset.path))
    texts = [column(name) for name in dataset.text_columns]
    name = Path(dataset.path).name
    return Examples(name, class_names, ids, splits, labels, join_texts(texts))


def _read_parts(dataset: Table) -> list[tuple[str, Records]]:
    path, split = Path(dataset.path), dataset.split
    names = list(dict.fromkeys([*dataset.text_columns, dataset.label_column]))
    names += [name for name in [dataset.id_column] if name is not None and name not in names]
    if isinstance(dataset, HuggingFaceDataset):
        files = saved_splits(path)
        if isinstance(split, SplitByName):
            return [
                (name, read_split(path, files, saved, names))
                for name, saved in (("train", split.train), ("test", split.test))
            ]
        return [(saved, read_split(path, files, saved, names)) for saved in files]
    if isinstance(split, SplitByFile):
        tested = Path(split.test_path)
        return [
            ("train", _read_file(dataset, path, names)),
            ("test", _read_file(dataset, tested, names)),
        ]
    if isinstance(split, SplitByColumn):
        names += [split.column] if split.column not in names else []
    return [(path.name.split(".")[0], _read_file(dataset, path, names))]


def _read_file(dataset: Table, path: Path, names: list[str]) -> Records:
    if isinstance(dataset, CsvDataset):
        return read_csv(
            path,
            names,
            columns=dataset.columns,
            delimiter=dataset.delimiter,
            encoding=dataset.encoding,
        )
    return (
        read_jsonl(path, names) if isinstance(dataset, JsonlDataset) else read_parquet(path, names)
    )


def _split(
    dataset: Table,
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
