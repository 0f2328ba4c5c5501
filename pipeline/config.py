"""Typed configuration: one complete YAML file per experiment.

Every problem of a file is found in one pass and reported as `file:line:column: key: what`.
There are no defaults: a value that a run used can be read in its YAML.
"""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.config_file import Key, load_yaml, plain, read_document
from pipeline.errors import ConfigError

RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Folds = Annotated[int, Field(ge=2, le=1000)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


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


Dataset = Annotated[TfdsDataset | SampleDataset, Field(discriminator="source")]


class Vectorize(Section):
    max_tokens: Annotated[int, Field(ge=3, le=10_000_000)]
    sequence_length: Annotated[int, Field(ge=1, le=100_000)]


class Model(Section):
    name: Literal["fasttext"]
    embedding_dim: Annotated[int, Field(ge=1, le=4096)]
    dropout: Annotated[float, Field(ge=0, lt=1)]
    optimizer: Literal["adam", "keras_adam"]
    learning_rate: Annotated[float, Field(gt=0, le=10)]
    epochs: Annotated[int, Field(ge=1, le=10_000)]
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)]


class Scope(Section):
    folds: Folds
    shuffle: bool


class Crossval(Section):
    all: Scope
    train: Scope


class FindIssues(Section):
    filter_by: Literal[
        "prune_by_noise_rate",
        "prune_by_class",
        "both",
        "confident_learning",
        "predicted_neq_given",
        "low_normalized_margin",
        "low_self_confidence",
    ]
    return_indices_ranked_by: Literal[
        "self_confidence", "normalized_margin", "confidence_weighted_entropy"
    ]
    frac_noise: Annotated[float, Field(gt=0, le=1)]
    min_examples_per_class: Annotated[int, Field(ge=0)]


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
    compute: Compute


@dataclass(frozen=True)
class Loaded:
    """A validated config with the run it names and where it came from."""

    config: Config
    run: str
    path: Path
    overrides: tuple[str, ...] = ()

    @property
    def arguments(self) -> str:
        """The command-line arguments that give this config again."""
        sets = "".join(f" --set {override}" for override in self.overrides)
        return f"--config {self.path}{sets}"


def load_config(path: Path, overrides: list[str] | tuple[str, ...] = ()) -> Loaded:
    """Return the validated config in `path` with `overrides` ("model.epochs=3") applied.

    Raises:
        ConfigError: with every problem found, one a line.
    """
    run = _run_name(path)
    values, positions, problems = read_document(path)
    sources = _apply_overrides(values, overrides, problems)

    def where(key: Key) -> str:
        if key in sources:
            return f"--set {sources[key]}"
        while key and key not in positions:
            key = key[:-1]
        line, column = positions.get(key, (1, 1))
        return f"{path}:{line}:{column}"

    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        problems += [_describe(problem, where) for problem in _each_once(error.errors())]
        raise ConfigError(problems) from None
    if problems:
        raise ConfigError(problems)
    return Loaded(config, run, path, tuple(overrides))


def stage_slice(config: Config, sections: tuple[str, ...]) -> dict[str, Any]:
    """Return the part of `config` in `sections` as plain JSON values: what a stage depends on."""
    return {name: config.model_dump(mode="json")[name] for name in sections}


def changed_keys(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return one line `key old -> new` for each leaf that differs between two slices."""
    lines = []
    for key in dict.fromkeys([*old, *new]):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            lines += changed_keys(before, after, f"{prefix}{key}.")
        elif before != after:
            lines.append(f"{prefix}{key} {_shown(before)} -> {_shown(after)}")
    return lines


def _run_name(path: Path) -> str:
    run = path.name.removesuffix(".yaml").removesuffix(".yml")
    if not RUN_NAME.fullmatch(run) or path.suffix not in (".yaml", ".yml"):
        raise ConfigError(
            f"{path}: a config is named NAME.yaml, and NAME names its results folder: letters, "
            "digits, '.', '_', '-', at most 64 of them, starting with a letter or digit"
        )
    return run


def _apply_overrides(
    values: dict[str, Any], overrides: list[str] | tuple[str, ...], problems: list[str]
) -> dict[Key, str]:
    sources: dict[Key, str] = {}
    for override in overrides:
        name, equals, text = override.partition("=")
        key = tuple(name.strip().split("."))
        if not equals or not all(key):
            problems.append(f"--set {override}: write it as section.key=value")
            continue
        section = values
        for part in key[:-1]:
            section = section.get(part) if isinstance(section, dict) else None  # type: ignore[assignment]
        if not isinstance(section, dict) or key[-1] not in section:
            close = difflib.get_close_matches(name, list(_leaves(values)), n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            problems.append(f"--set {override}: {name}: unknown key{hint}")
            continue
        try:
            section[key[-1]] = plain(load_yaml(text, f"--set {override}")[0])
        except ConfigError:
            problems.append(f"--set {override}: the value is not plain YAML")
        sources[key] = override
    return sources


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")


# What pydantic calls a problem -> our words; everything else keeps its own message.
_WORDS = {
    "missing": "is missing",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "model_type": "must be a section with keys",
    "model_attributes_type": "must be a section with keys",
    "finite_number": "must be a finite number",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "too_short": "must have at least {min_length} item(s)",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "union_tag_invalid": "must be one of {expected_tags}",
    "union_tag_not_found": "needs the key `source`",
}
# pydantic names the member of a union in the location; the user's file does not.
_UNION_TAGS = {("dataset", "tfds"), ("dataset", "sample")}
_UNION_MEMBERS = {"literal['auto']", "constrained-int", "int"}


def _each_once(problems: Iterable[Any]) -> Iterator[Any]:
    """Yield the problems without the second that pydantic has for `auto` or a number."""
    return (problem for problem in problems if problem["loc"][-1] != "literal['auto']")


def _describe(problem: Any, where: Any) -> str:
    location = [part for part in problem["loc"] if part not in _UNION_MEMBERS]
    key: Key = tuple(
        part
        for index, part in enumerate(location)
        if index == 0 or (location[index - 1], part) not in _UNION_TAGS
    )
    name = ".".join(map(str, key))
    if problem["type"] == "extra_forbidden":
        return f"{where(key)}: {name}: unknown key{_did_you_mean(location)}"
    context = problem.get("ctx", {})
    words = _WORDS.get(problem["type"], problem["msg"]).format_map(context)
    if problem["loc"][-1] in _UNION_MEMBERS:
        words = words.replace("must be", "must be auto or", 1)
    got = "" if problem["type"] in ("missing", "union_tag_not_found") else problem["input"]
    shown = f" (got {_shown(got)})" if got != "" or problem["type"] == "string_too_short" else ""
    return f"{where(key)}: {name}: {words}{shown}"


def _did_you_mean(location: list[Any]) -> str:
    schema: Any = Config
    for part in location[:-1]:
        if (location[0], part) in _UNION_TAGS:
            schema = TfdsDataset if part == "tfds" else SampleDataset
        elif part in getattr(schema, "model_fields", {}):
            schema = schema.model_fields[part].annotation
        elif isinstance(part, int):
            schema = PublishedFigure
    names = list(getattr(schema, "model_fields", {}))
    close = difflib.get_close_matches(str(location[-1]), names, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=True)
    except (TypeError, ValueError):
        text = ascii(value)
    return text if len(text) <= 80 else text[:77] + "..."
