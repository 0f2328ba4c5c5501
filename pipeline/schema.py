"""The sections of a config as types: every key, its kind and its range, and no defaults."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from pipeline.data.sections import Dataset, Name, Section, find_dataset_contradictions

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Folds = Annotated[int, Field(ge=2, le=1000)]


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
BATCHED_FILTERS = ("low_self_confidence", "low_normalized_margin")  # of cleanlab's batched finder
RankedBy = Literal["self_confidence", "normalized_margin", "confidence_weighted_entropy"]


class FindIssues(Section):
    filter_by: FilterBy
    return_indices_ranked_by: RankedBy
    frac_noise: Annotated[float, Field(gt=0, le=1)]
    min_examples_per_class: Annotated[int, Field(ge=0)]
    neighbors: bool
    batch_size: Count | None

    def is_batched(self, count: int) -> bool:
        """Return whether so many examples go through cleanlab's batched finder."""
        return self.batch_size is not None and count > self.batch_size

    def filter_options(self) -> dict[str, Any]:
        """Return the arguments of cleanlab.filter.find_label_issues, apart from the ranking."""
        return self.model_dump(exclude={"return_indices_ranked_by", "neighbors", "batch_size"})


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


def check_address(address: str) -> str:
    """Return `address` if it is HOST:PORT.

    Raises:
        ValueError: it is not.
    """
    host, _, port = address.rpartition(":")
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\]", host):
        raise ValueError("must be HOST:PORT")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise ValueError("must be HOST:PORT, with a port from 1 to 65535")
    return address


class Compute(Section):
    workers: Literal["auto"] | Count
    device: Literal["auto", "cpu", "gpu"]
    engine: Literal["local", "ray"]
    address: Annotated[str, AfterValidator(check_address)] | None


class Config(Section):
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)]
    dataset: Dataset
    corrections: Name | None
    vectorize: Vectorize
    model: Model
    crossval: Crossval
    find_issues: FindIssues
    cleanlearn: Cleanlearn
    evaluate: Evaluate
    study: Study
    compute: Compute
    tracking: Literal["none", "mlflow", "tensorboard"]


def find_contradictions(config: Config) -> list[tuple[tuple[str, ...], str]]:
    """Return (key, what is wrong) for keys that are right alone and wrong together."""
    problems: list[tuple[tuple[str, ...], str]] = []
    kind, needed = config.vectorize.kind, INPUT_KIND.get(config.model.name)
    if needed not in (None, kind):
        problems.append(
            (("vectorize", "kind"), f"must be {needed} for model.name {config.model.name}")
        )
    issues = config.find_issues
    if issues.batch_size is not None and issues.filter_by not in BATCHED_FILTERS:
        allowed = " or ".join(BATCHED_FILTERS)
        problems.append(
            (("find_issues", "batch_size"), f"must be null unless filter_by is {allowed}")
        )
    if config.compute.address is not None and config.compute.engine != "ray":
        problems.append((("compute", "address"), "must be null for compute.engine local"))
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
    return [*problems, *find_dataset_contradictions(config.dataset)]
