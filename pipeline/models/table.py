"""The classifiers a config can name, and what they can take, one row each.

Nothing else in the program compares names. Each classifier is one of scikit-learn's kind, with
`fit(X, y, sample_weight)` and `predict_proba(X)`. X is what the vectorize stage made.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pipeline.frame.run import Run
from pipeline.frame.section import Section, about, chosen_by, imported, one_of
from pipeline.models.sections import Counts, Texts, Tokens, Vectors

LearningRate = Annotated[float, about("step size of Adam", gt=0, le=10)]
Epochs = Annotated[int, about("more of them learn the label errors by heart", ge=1, le=10_000)]
BatchSize = Annotated[int, about("examples a training step looks at", ge=1, le=1_000_000)]
Width = Annotated[int, about("width of the token vectors", ge=1, le=4096)]
Dropout = Annotated[float, about("share of the numbers set to zero in training", ge=0, lt=1)]


class FastTextModel(Section):
    """embedding -> dropout -> mean over tokens -> dropout -> softmax: the published network."""

    name: Literal["fasttext"]
    embedding_dim: Width
    dropout: Annotated[float, about("at both places", ge=0, lt=1)]
    optimizer: Annotated[
        Literal["adam", "keras_adam"],
        about("adam: repeated tokens summed first | keras_adam: as Keras 3 does it"),
    ]
    learning_rate: LearningRate
    epochs: Epochs
    batch_size: BatchSize


class CnnModel(Section):
    """embedding -> convolution -> maximum over tokens -> dropout -> softmax."""

    name: Literal["cnn"]
    embedding_dim: Width
    filters: Annotated[int, about("how many patterns it looks for", ge=1, le=4096)]
    kernel_size: Annotated[int, about("tokens in a pattern", ge=1, le=100)]
    dropout: Dropout
    learning_rate: LearningRate
    epochs: Epochs
    batch_size: BatchSize


class TransformerModel(Section):
    """A small transformer encoder, mean over tokens -> softmax."""

    name: Literal["transformer"]
    embedding_dim: Width
    num_heads: Annotated[int, about("attention heads", ge=1, le=64)]
    feed_forward_dim: Annotated[int, about("width inside a layer", ge=1, le=4096)]
    num_layers: Annotated[int, about("layers", ge=1, le=24)]
    dropout: Dropout
    learning_rate: LearningRate
    epochs: Epochs
    batch_size: BatchSize


class MultinomialNbModel(Section):
    """sklearn.naive_bayes.MultinomialNB on word counts."""

    name: Literal["multinomial_nb"]
    alpha: Annotated[float, about("added to every count", gt=0, le=1e6)]


class LogisticRegressionModel(Section):
    """sklearn.linear_model.LogisticRegression on TF-IDF."""

    name: Literal["logistic_regression"]
    C: Annotated[float, about("the larger, the less is held back", gt=0, le=1e9)]
    max_iter: Annotated[int, about("steps of the solver at most", ge=1, le=100_000)]


class LinearModel(Section):
    """sklearn.linear_model.LogisticRegression on vectors of yours, each brought to length 1."""

    name: Literal["linear"]
    C: Annotated[float, about("the larger, the less is held back", gt=0, le=1e9)]
    max_iter: Annotated[int, about("steps of the solver at most", ge=1, le=100_000)]


class CustomModel(Section):
    """A function of yours that returns a Keras model or a scikit-learn classifier."""

    name: Literal["custom"]
    function: Annotated[
        str,
        about(
            "your code: package.module:function, run from the current folder",
            pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$",
        ),
    ]
    options: Annotated[dict[str, Any], about("passed to the function")]
    epochs: Epochs
    batch_size: BatchSize


def never(model: Any) -> bool:
    return False


def is_trained_by_blocks(model: Any) -> bool:
    return bool(model.optimizer == "adam")


def no_code(model: Any) -> list[str]:
    return []


@dataclass(frozen=True)
class Classifier:
    """All there is to know of one classifier.

    make: "module:function", imported when it is used, called as make(model, vocabulary_size=,
    seed=, callbacks=). inputs: the kind of `vectorize` it takes, "" for any. tensorflow: whether
    a training takes it. fast: whether a model of this section is trained block by block, its
    inputs on disk, and several as one. explained: whether what it makes of a text is a sum over
    words, so that the weights of every fold are kept. is_linear_in_counts: whether what a word did
    follows from its count. check: called before any training. code: what else decides the result,
    "module:function".
    """

    section: type[Section]
    make: str
    inputs: str
    tensorflow: bool = True
    fast: Callable[[Any], bool] = never
    explained: bool = False
    is_linear_in_counts: bool = False
    check: str = ""
    code: Callable[[Any], list[str]] = no_code


CLASSIFIERS = {
    chosen_by(row.section, "name"): row
    for row in (
        Classifier(
            FastTextModel,
            "pipeline.models.classifier:make_fasttext",
            "tokens",
            fast=is_trained_by_blocks,
            explained=True,
        ),
        Classifier(CnnModel, "pipeline.models.sequence:make_cnn", "tokens"),
        Classifier(TransformerModel, "pipeline.models.sequence:make_transformer", "tokens"),
        Classifier(
            MultinomialNbModel,
            "pipeline.models.counts:make_naive_bayes",
            "counts",
            tensorflow=False,
            is_linear_in_counts=True,
        ),
        Classifier(
            LogisticRegressionModel,
            "pipeline.models.counts:make_logistic_regression",
            "counts",
            tensorflow=False,
            is_linear_in_counts=True,
        ),
        Classifier(LinearModel, "pipeline.models.linear:make_linear", "vectors", tensorflow=False),
        Classifier(
            CustomModel,
            "pipeline.models.custom:make_custom",
            "",
            check="pipeline.models.custom:check_custom",
            code=lambda model: [model.function],
        ),
    )
}


@dataclass(frozen=True)
class InputKind:
    """All there is to know of one kind of X; the functions are "module:function".

    suffix: of its files. load: file -> X. write: called as write(context, labels, options), it
    writes what is needed for every scope and returns a sentence. deploy: called as deploy(run,
    name, learned, classifier, options), it writes the model that takes raw text. are_vectors:
    whether X itself tells how near texts are.
    """

    section: type[Section]
    suffix: str
    load: str
    write: str
    deploy: str
    are_vectors: bool = False


INPUTS = {
    chosen_by(row.section, "kind"): row
    for row in (
        InputKind(
            Tokens,
            "npy",
            "pipeline.models.inputs:load_rows",
            "pipeline.compute.encoding:write_tokens",
            "pipeline.models.deployable:deploy_network",
        ),
        InputKind(
            Counts,
            "npz",
            "pipeline.models.inputs:load_counts",
            "pipeline.compute.encoding:write_counts",
            "pipeline.models.counts:deploy_linear",
        ),
        InputKind(
            Texts,
            "parquet",
            "pipeline.models.inputs:load_texts",
            "pipeline.compute.encoding:write_texts",
            "pipeline.models.inputs:deploy_nothing",
        ),
        InputKind(
            Vectors,
            "npy",
            "pipeline.models.inputs:load_rows",
            "pipeline.compute.encoding:write_vectors",
            "pipeline.models.inputs:deploy_nothing",
            are_vectors=True,
        ),
    )
}

if TYPE_CHECKING:
    Model = Any
    Vectorize = Any
else:
    Model = one_of("name", [row.section for row in CLASSIFIERS.values()])
    Vectorize = one_of("kind", [row.section for row in INPUTS.values()])


def row_of(model: Model) -> Classifier:
    """Return what there is to know of the classifier of a config's `model` section."""
    return CLASSIFIERS[model.name]


def device_for(model: Model, asked: str) -> str:
    """Return the `compute.device` of a model: for auto the CPU, if it is trained by blocks.

    A GPU trains such a network as fast as two cores do and not to the same bits each time.
    """
    return "cpu" if asked == "auto" and row_of(model).fast(model) else asked


def make_classifier(model: Model, *, vocabulary_size: int, seed: int, callbacks: Any = None) -> Any:
    """Return an unfitted classifier with the settings of the config's `model` section.

    Args:
        vocabulary_size: token ids are below it; 0 where there are none.
        seed: of every random draw of the fit.
        callbacks: of Keras, for the models that train in epochs.

    Raises:
        ConfigError: a custom function cannot be imported.
    """
    make = imported(row_of(model).make)
    return make(model, vocabulary_size=vocabulary_size, seed=seed, callbacks=callbacks)


def check_model(model: Model) -> None:
    """Stop before any training on what can be known to fail.

    Raises:
        ConfigError: a custom function cannot be imported.
    """
    if check := row_of(model).check:
        imported(check)(model)


def code_of_model(model: Model) -> list[str]:
    """Return the code that decides what is trained, as "module:function"."""
    row = row_of(model)
    start = [f"pipeline.frame.tensorflow:{name}" for name in ("choose_device", "load_tensorflow")]
    checks = [row.check] if row.check else []
    fast = f"{__name__}:{row.fast.__name__}"
    return [row.make, fast, *checks, *(start if row.tensorflow else []), *row.code(model)]


def count_epochs(model: Model) -> int:
    """Return the epochs of one training; 1 for a model that is fit in one go."""
    return getattr(model, "epochs", 1)


def with_updates_of(model: Model, *, rows: int, everything: int) -> Model:
    """Return the model with the batch size at which `rows` take the steps that `everything` takes.

    So that two that are compared differ in what they learn from, not in how long they learn.
    """
    if not hasattr(model, "batch_size"):
        return model
    size = max(1, round(model.batch_size * rows / everything))
    return model.model_copy(update={"batch_size": size})


def kind_of(options: Vectorize) -> InputKind:
    """Return what there is to know of the kind that a config's `vectorize` section names."""
    return INPUTS[options.kind]


def files_of_inputs(options: Vectorize) -> list[str]:
    """Return the files that the vectorize stage reads besides the texts, as in the config."""
    return [options.path] if hasattr(options, "path") else []


def inputs_of(run: Run, scope: str, options: Vectorize) -> Path:
    """Return the file of what the classifier takes for the texts of a scope."""
    return run.inputs(scope, kind_of(options).suffix)


def load_inputs(path: Path) -> Any:
    """Return X from a file of the vectorize stage, by its kind."""
    by_suffix = {f".{row.suffix}": row.load for row in INPUTS.values()}
    return imported(by_suffix[path.suffix])(path)
