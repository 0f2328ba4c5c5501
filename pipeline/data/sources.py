"""The sources a dataset can come from, one row each: the `dataset` section in, examples out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field

from pipeline.data.examples import Examples, leave_out_small_classes
from pipeline.data.labels import FOUND
from pipeline.data.records import Quoting
from pipeline.data.tfds_folder import files_of_tfds
from pipeline.frame.section import Name, PathText, Section, about, chosen_by, imported, one_of


def check_classes(classes: Any) -> Any:
    """Return `classes` if it is null, FOUND, a list of names, or a map from label to name.

    Raises:
        ValueError: it is something else, or a name occurs twice.
    """
    if classes is None or classes == FOUND:
        return classes
    names = list(classes.values()) if isinstance(classes, dict) else classes
    if not isinstance(names, list) or len(names) < 2:
        raise ValueError(f"must be null, {FOUND}, a list of at least 2 names, or a map label: name")
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


LeftOut = Annotated[list[Name], about("splits that are not read", default_factory=list)]


class SplitByColumn(Section):
    """A column says of each example to which split it belongs."""

    by: Literal["column"]
    column: Name
    train: Name
    test: Name
    left_out: LeftOut


class SplitByName(Section):
    """The splits have names in the source: folders, or the splits of a saved dataset."""

    by: Literal["name"]
    train: Name
    test: Name


class SplitDrawn(Section):
    """The test split is drawn, stratified by label, with the seed of the config."""

    by: Literal["drawn"]
    test_fraction: Annotated[float, Field(gt=0, lt=1)]


class SavedSplitDrawn(SplitDrawn):
    """The same, from the splits of a saved dataset."""

    left_out: LeftOut


TableSplit = Annotated[SplitByFile | SplitByColumn | SplitDrawn, Field(discriminator="by")]
NamedSplit = Annotated[SplitByName | SplitDrawn, Field(discriminator="by")]
SavedSplit = Annotated[SplitByName | SavedSplitDrawn, Field(discriminator="by")]
MinClassSize = Annotated[
    int, about("different texts to train on; classes with fewer are left out, which is said", ge=1)
]
Encoding = Literal["utf-8", "utf-16", "latin-1", "cp1252"]


class TfdsDataset(Section):
    """A text set of TensorFlow Datasets."""

    source: Literal["tfds"]
    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+(/[A-Za-z0-9_.-]+)?(:\d+\.\d+\.\d+)?$")]
    text_keys: Annotated[list[Name], about("several are joined by a line break", min_length=1)]
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

    path: Annotated[PathText, about("of the training split, or of everything; .gz is read too")]
    text_columns: Annotated[list[Name], about("several are joined by a line break", min_length=1)]
    label_column: Annotated[Name, about("class names, or whole numbers from any base")]
    id_column: Annotated[Name | None, about("null: train/0, train/1, ... by position in the file")]
    metadata_columns: Annotated[
        list[Name],
        about(
            "shown in the review, and what errors have in common there; no model sees them",
            default_factory=list,
        ),
    ]
    classes: Annotated[
        Classes,
        about(
            f"null: as found; {FOUND}: however many; a list gives their order, a map {{1: World}} "
            "their names"
        ),
    ]
    min_class_size: MinClassSize = 1

    unlabelled: Annotated[
        Literal["refuse", "leave_out"], about("rows without a label: refuse | leave_out")
    ] = "refuse"
    split: Any  # which kinds there are depends on the source


class CsvDataset(TableDataset):
    """A CSV or TSV file, read strictly, gzip or not."""

    source: Literal["csv"]
    split: Annotated[
        TableSplit,
        about("by: file (test_path) | column (column, train, test) | drawn (test_fraction)"),
    ]
    columns: Annotated[
        Annotated[list[Name], Field(min_length=2)] | None,
        about("null: the first line names them; or their names, in order"),
    ]
    delimiter: Annotated[
        Literal[",", ";", "\t", "|"], about('between columns: "," ";" "\\t" or "|"')
    ]
    quoting: Annotated[
        Quoting, about('minimal: " encloses fields | none: a quote is a character like others')
    ] = "minimal"
    encoding: Annotated[Encoding, about("utf-8 | utf-16 | latin-1 | cp1252")]


class JsonlDataset(TableDataset):
    """One JSON object per line, UTF-8, gzip or not."""

    source: Literal["jsonl"]
    split: Annotated[
        TableSplit,
        about("by: file (test_path) | column (column, train, test) | drawn (test_fraction)"),
    ]


class ParquetDataset(TableDataset):
    """A Parquet file."""

    source: Literal["parquet"]
    split: Annotated[
        TableSplit,
        about("by: file (test_path) | column (column, train, test) | drawn (test_fraction)"),
    ]


class HuggingFaceDataset(TableDataset):
    """A folder written by Hugging Face `datasets`: save_to_disk, or Parquet files of splits."""

    source: Literal["huggingface"]
    split: Annotated[SavedSplit, about("by: name (train, test) | drawn (test_fraction)")]


class FolderDataset(Section):
    """A folder tree split/class/*.txt, one example a file."""

    source: Literal["folder"]
    path: Annotated[PathText, about("the folder that holds the splits")]
    split: Annotated[NamedSplit, about("by: name (train, test) | drawn (test_fraction)")]
    classes: Annotated[
        Annotated[list[Name], Field(min_length=2)] | None, about("null: the folders there are")
    ]
    min_class_size: MinClassSize = 1
    encoding: Annotated[Encoding, about("utf-8 | utf-16 | latin-1 | cp1252")]
    strip: Annotated[bool, about("remove white space at both ends of each text")]
    order: Annotated[
        Literal["name", "tfds"],
        about("name: by file name | tfds: as TensorFlow Datasets reads the IMDb archive"),
    ]


def local_files(dataset: Any) -> list[str]:
    """Return the path of a dataset, and that of its test split if it has one of its own."""
    test_path = getattr(dataset.split, "test_path", None)
    return [dataset.path, *([test_path] if test_path else [])]


def no_files(dataset: Any) -> list[str]:
    return []


@dataclass(frozen=True)
class Source:
    """All there is to know of one source.

    read: "module:function", imported when it is used, called as read(dataset, seed=); it returns
    Examples. files: the files and folders it reads, so that a change in them is seen. tensorflow:
    whether it calls TensorFlow.
    """

    section: type[Section]
    read: str
    files: Callable[[Any], list[str]] = local_files
    tensorflow: bool = False


SOURCES = {
    chosen_by(row.section, "source"): row
    for row in (
        Source(TfdsDataset, "pipeline.data.tfds:read_tfds", files_of_tfds, tensorflow=True),
        Source(SampleDataset, "pipeline.data.sample:read_sample", no_files),
        Source(CsvDataset, "pipeline.data.tables:read_csv_dataset"),
        Source(JsonlDataset, "pipeline.data.tables:read_jsonl_dataset"),
        Source(ParquetDataset, "pipeline.data.tables:read_parquet_dataset"),
        Source(HuggingFaceDataset, "pipeline.data.tables:read_saved_dataset"),
        Source(FolderDataset, "pipeline.data.folder:read_folder"),
    )
}

if TYPE_CHECKING:
    Dataset = Any
else:
    Dataset = one_of("source", [row.section for row in SOURCES.values()])


def read_examples(dataset: Dataset, *, seed: int) -> Examples:
    """Return the examples the `dataset` section of a config names.

    Args:
        seed: of a drawn test split and of the generated corpus.
    """
    examples: Examples = imported(SOURCES[dataset.source].read)(dataset, seed=seed)
    least = getattr(dataset, "min_class_size", 1)
    return examples if least == 1 else leave_out_small_classes(examples, least)


def files_of_source(dataset: Dataset) -> list[str]:
    """Return the local files and folders a dataset is read from."""
    return SOURCES[dataset.source].files(dataset)


def code_of_source(dataset: Dataset) -> list[str]:
    """Return the code that reads it, as "module:function"."""
    return [SOURCES[dataset.source].read]


def source_calls_tensorflow(dataset: Dataset) -> bool:
    return SOURCES[dataset.source].tensorflow


def find_dataset_contradictions(dataset: Any) -> list[tuple[tuple[str, ...], str]]:
    """Return (key, what is wrong) for keys that are right alone and wrong together."""
    problems: list[tuple[tuple[str, ...], str]] = []
    if texts := getattr(dataset, "text_columns", []):
        others = [dataset.label_column, dataset.id_column]
        if isinstance(dataset.split, SplitByColumn):
            others.append(dataset.split.column)
        for key, taken in (("text_columns", others), ("metadata_columns", [*others, *texts])):
            named = getattr(dataset, key)
            problems += [
                (("dataset", key), f"names {column!r}, which has another part already")
                for column in named
                if column in taken
            ]
            if len(set(named)) < len(named):
                problems.append((("dataset", key), "names a column twice"))
    columns = getattr(dataset, "columns", None) or []
    if len(set(columns)) < len(columns):
        problems.append((("dataset", "columns"), "names a column twice"))
    split = getattr(dataset, "split", None)
    if isinstance(split, SplitByColumn | SplitByName) and split.train == split.test:
        problems.append((("dataset", "split", "test"), "must differ from train"))
    return problems
