"""The sections of a config as types: every key, its kind and its range, and no defaults."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Folds = Annotated[int, Field(ge=2, le=1000)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
PathText = Annotated[str, Field(min_length=1, max_length=4000, pattern=r"^[^\x00\n\r]+$")]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


# --- where examples come from ---------------------------------------------------------------


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


# --- what the classifiers get ---------------------------------------------------------------


class Tokens(Section):
    """Token ids, as keras.layers.TextVectorization makes them."""

    kind: Literal["tokens"]
    max_tokens: Annotated[int, Field(ge=3, le=10_000_000)]
    sequence_length: Annotated[int, Field(ge=1, le=100_000)]


def check_pattern(pattern: str) -> str:
    """Return `pattern` if it is a regular expression with one group at most.

    Raises:
        ValueError: it is not.
    """
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"is no regular expression ({error})") from None
    if groups > 1:
        raise ValueError("must have one group at most; write (?:...) for the others")
    return pattern


class Counts(Section):
    """Word counts: the names and values of sklearn's CountVectorizer."""

    kind: Literal["counts"]
    lowercase: bool
    token_pattern: Annotated[
        str, Field(min_length=1, max_length=200), AfterValidator(check_pattern)
    ]
    max_ngram: Annotated[int, Field(ge=1, le=5)]
    min_df: Count
    max_features: Count | None


class Texts(Section):
    """The texts themselves."""

    kind: Literal["texts"]


Vectorize = Annotated[Tokens | Counts | Texts, Field(discriminator="kind")]


# --- classifiers ----------------------------------------------------------------------------

LearningRate = Annotated[float, Field(gt=0, le=10)]
Epochs = Annotated[int, Field(ge=1, le=10_000)]
BatchSize = Annotated[int, Field(ge=1, le=1_000_000)]
Width = Annotated[int, Field(ge=1, le=4096)]
Dropout = Annotated[float, Field(ge=0, lt=1)]


class FastTextModel(Section):
    name: Literal["fasttext"]
    embedding_dim: Width
    dropout: Dropout
    optimizer: Literal["adam", "keras_adam"]
    learning_rate: LearningRate
    epochs: Epochs
    batch_size: BatchSize


class CnnModel(Section):
    name: Literal["cnn"]
    embedding_dim: Width
    filters: Width
    kernel_size: Annotated[int, Field(ge=1, le=100)]
    dropout: Dropout
    learning_rate: LearningRate
    epochs: Epochs
    batch_size: BatchSize


class TransformerModel(Section):
    name: Literal["transformer"]
    embedding_dim: Width
    num_heads: Annotated[int, Field(ge=1, le=64)]
    feed_forward_dim: Width
    num_layers: Annotated[int, Field(ge=1, le=24)]
    dropout: Dropout
    learning_rate: LearningRate
    epochs: Epochs
    batch_size: BatchSize


class MultinomialNbModel(Section):
    """sklearn.naive_bayes.MultinomialNB on counts."""

    name: Literal["multinomial_nb"]
    alpha: Annotated[float, Field(gt=0, le=1e6)]


class LogisticRegressionModel(Section):
    """sklearn.linear_model.LogisticRegression on TF-IDF."""

    name: Literal["logistic_regression"]
    C: Annotated[float, Field(gt=0, le=1e9)]
    max_iter: Annotated[int, Field(ge=1, le=100_000)]


class CustomModel(Section):
    """A function of the user's that returns a Keras model or a scikit-learn classifier."""

    name: Literal["custom"]
    function: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$"
        ),
    ]
    options: dict[str, Any]
    epochs: Epochs
    batch_size: BatchSize


Model = Annotated[
    FastTextModel
    | CnnModel
    | TransformerModel
    | MultinomialNbModel
    | LogisticRegressionModel
    | CustomModel,
    Field(discriminator="name"),
]
# A custom model takes whichever kind the config gives it.
INPUT_KIND = {
    "fasttext": "tokens",
    "cnn": "tokens",
    "transformer": "tokens",
    "multinomial_nb": "counts",
    "logistic_regression": "counts",
}


# --- the stages -----------------------------------------------------------------------------


class Scope(Section):
    folds: Folds
    shuffle: bool


class Crossval(Section):
    group_duplicates: bool
    all: Scope
    train: Scope


FilterBy = Literal[
    "prune_by_noise_rate",
    "prune_by_class",
    "both",
    "confident_learning",
    "predicted_neq_given",
    "low_normalized_margin",
    "low_self_confidence",
]
RankedBy = Literal["self_confidence", "normalized_margin", "confidence_weighted_entropy"]


class FindIssues(Section):
    filter_by: FilterBy
    return_indices_ranked_by: RankedBy
    frac_noise: Annotated[float, Field(gt=0, le=1)]
    min_examples_per_class: Annotated[int, Field(ge=0)]
    neighbors: bool

    def filter_options(self) -> dict[str, Any]:
        """Return the arguments of cleanlab.filter.find_label_issues, apart from the ranking."""
        return self.model_dump(exclude={"return_indices_ranked_by", "neighbors"})


class Cleanlearn(Section):
    max_pruned_fraction: Annotated[float, Field(gt=0, le=1)]


class PublishedFigure(Section):
    figure: Name
    metric: Annotated[str, Field(pattern=r"^[a-z_0-9]+(\.[a-z_0-9]+)*$")]
    published: float
    tolerance: Annotated[float, Field(ge=0)]


class Evaluate(Section):
    top_rows: Count
    calibration_bins: Annotated[int, Field(ge=2, le=1000)]
    bootstrap_samples: Annotated[int, Field(ge=100, le=1_000_000)]
    published: list[PublishedFigure]
    published_top_rows: list[Annotated[int, Field(ge=0)]]
    verified_labels: Name | None


Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Seeds = Annotated[list[Seed], Field(min_length=1)]
Arm = Literal["baseline", "prune", "random_prune", "relabel", "weight", "human"]


class Noise(Section):
    rates: Annotated[list[Annotated[float, Field(ge=0, lt=1)]], Field(min_length=1)]
    kinds: Annotated[
        list[Literal["uniform", "class_dependent", "instance_dependent"]], Field(min_length=1)
    ]
    seeds: Seeds


class Study(Section):
    seeds: Seeds
    arms: Annotated[list[Arm], Field(min_length=1)]
    noise: Noise


class Compute(Section):
    workers: Literal["auto"] | Count
    device: Literal["auto", "cpu", "gpu"]


class Config(Section):
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)]
    dataset: Dataset
    vectorize: Vectorize
    model: Model
    crossval: Crossval
    find_issues: FindIssues
    cleanlearn: Cleanlearn
    evaluate: Evaluate
    study: Study
    compute: Compute


def find_contradictions(config: Config) -> list[tuple[tuple[str, ...], str]]:
    """Return (key, what is wrong) for keys that are right alone and wrong together."""
    problems: list[tuple[tuple[str, ...], str]] = []
    kind, needed = config.vectorize.kind, INPUT_KIND.get(config.model.name)
    if needed not in (None, kind):
        problems.append(
            (("vectorize", "kind"), f"must be {needed} for model.name {config.model.name}")
        )
    dataset = config.dataset
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
    for key, values in (
        (("study", "seeds"), config.study.seeds),
        (("study", "arms"), config.study.arms),
        (("study", "noise", "seeds"), config.study.noise.seeds),
        (("study", "noise", "rates"), config.study.noise.rates),
        (("study", "noise", "kinds"), config.study.noise.kinds),
    ):
        repeated = [value for place, value in enumerate(values) if value in values[:place]]
        if repeated:
            problems.append((key, f"names {repeated[0]!r} twice"))
    split = getattr(dataset, "split", None)
    if isinstance(split, SplitByColumn | SplitByName) and split.train == split.test:
        problems.append((("dataset", "split", "test"), "must differ from train"))
    return problems
