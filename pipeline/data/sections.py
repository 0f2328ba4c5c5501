"""The `dataset` section of a config as types, one for each source."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1, max_length=200)]
PathText = Annotated[str, Field(min_length=1, max_length=4000, pattern=r"^[^\x00\n\r]+$")]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def check_classes(classes: Any) -> Any:
    """Return `classes` if it is null, a list of names, or a map from label to name.

    Raises:
        ValueError: it is something else, or a name occurs twice.
    """
    if classes is None:
        return None
    names = list(classes.values()) if isinstance(classes, dict) else classes
    if not isinstance(names, list) or len(names) < 2:
        raise ValueError("must be null, a list of at least 2 names, or a map label: name")
    if not all(isinstance(name, str) and name for name in names):
        raise ValueError("must hold names only; put quotes around a number")
    if len(set(names)) < len(names):
        raise ValueError("must not name a class twice")
    return classes


Classes = Annotated[Any, AfterValidator(check_classes)]


class SplitByFile(Section):
    """The file of the dataset is the training split, another one the test split."""

    by: Literal["file"]
    test_path: PathText


class SplitByColumn(Section):
    """A column says of each example to which split it belongs."""

    by: Literal["column"]
    column: Name
    train: Name
    test: Name


class SplitByName(Section):
    """The splits have names in the source: folders, or the splits of a saved dataset."""

    by: Literal["name"]
    train: Name
    test: Name


class SplitDrawn(Section):
    """The test split is drawn, stratified by label, with the seed of the config."""

    by: Literal["drawn"]
    test_fraction: Annotated[float, Field(gt=0, lt=1)]


TableSplit = Annotated[SplitByFile | SplitByColumn | SplitDrawn, Field(discriminator="by")]
NamedSplit = Annotated[SplitByName | SplitDrawn, Field(discriminator="by")]
Encoding = Literal["utf-8", "utf-16", "latin-1", "cp1252"]


class TfdsDataset(Section):
    """A text set of TensorFlow Datasets."""

    source: Literal["tfds"]
    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+(/[A-Za-z0-9_.-]+)?(:\d+\.\d+\.\d+)?$")]
    text_keys: Annotated[list[Name], Field(min_length=1)]
    label_key: Name
    train_split: Name
    test_split: Name


class SampleDataset(Section):
    """The embedded corpus of generated reviews with planted label errors."""

    source: Literal["sample"]
    num_train: Annotated[int, Field(ge=20, le=1_000_000)]
    num_test: Annotated[int, Field(ge=20, le=1_000_000)]
    error_rate: Annotated[float, Field(ge=0, lt=0.5)]


class TableDataset(Section):
    """What the sources with columns have in common."""

    path: PathText
    text_columns: Annotated[list[Name], Field(min_length=1)]
    label_column: Name
    id_column: Name | None
    classes: Classes


class CsvDataset(TableDataset):
    """A CSV or TSV file, read strictly, gzip or not."""

    source: Literal["csv"]
    split: TableSplit
    columns: Annotated[list[Name], Field(min_length=2)] | None
    delimiter: Literal[",", ";", "\t", "|"]
    encoding: Encoding


class JsonlDataset(TableDataset):
    """One JSON object per line, UTF-8, gzip or not."""

    source: Literal["jsonl"]
    split: TableSplit


class ParquetDataset(TableDataset):
    """A Parquet file."""

    source: Literal["parquet"]
    split: TableSplit


class HuggingFaceDataset(TableDataset):
    """A folder written by Hugging Face `datasets`: save_to_disk, or Parquet files of splits."""

    source: Literal["huggingface"]
    split: NamedSplit


class FolderDataset(Section):
    """A folder tree split/class/*.txt, one example a file."""

    source: Literal["folder"]
    path: PathText
    split: NamedSplit
    classes: Annotated[list[Name], Field(min_length=2)] | None
    encoding: Encoding
    strip: bool
    order: Literal["name", "tfds"]


LocalDataset = CsvDataset | JsonlDataset | ParquetDataset | HuggingFaceDataset | FolderDataset
Dataset = Annotated[TfdsDataset | SampleDataset | LocalDataset, Field(discriminator="source")]


def find_dataset_contradictions(dataset: Any) -> list[tuple[tuple[str, ...], str]]:
    """Return (key, what is wrong) for keys that are right alone and wrong together."""
    problems: list[tuple[tuple[str, ...], str]] = []
    if isinstance(dataset, CsvDataset | JsonlDataset | ParquetDataset | HuggingFaceDataset):
        others = [dataset.label_column, dataset.id_column]
        if isinstance(dataset.split, SplitByColumn):
            others.append(dataset.split.column)
        problems += [
            (("dataset", "text_columns"), f"names {column!r}, which has another part already")
            for column in dataset.text_columns
            if column in others
        ]
        if len(set(dataset.text_columns)) < len(dataset.text_columns):
            problems.append((("dataset", "text_columns"), "names a column twice"))
    columns = getattr(dataset, "columns", None) or []
    if len(set(columns)) < len(columns):
        problems.append((("dataset", "columns"), "names a column twice"))
    split = getattr(dataset, "split", None)
    if isinstance(split, SplitByColumn | SplitByName) and split.train == split.test:
        problems.append((("dataset", "split", "test"), "must differ from train"))
    return problems
