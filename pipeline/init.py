"""Look at a file of labelled texts and write a complete, commented config for it."""

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pyarrow as pa
import typer
from pydantic import TypeAdapter, ValidationError

from pipeline.compute.trial import try_members
from pipeline.config.describe import (
    describe,
    describe_script,
    describe_trial,
    describe_unread,
)
from pipeline.config.json_schema import place_schema
from pipeline.config.load import config_name, load_config, run_name
from pipeline.config.suggest import (
    SEED,
    UNREAD_SETTINGS,
    suggest_settings,
    suggest_values,
)
from pipeline.config.template import Notes, as_yaml, commented_yaml
from pipeline.data.examples import (
    Examples,
    check_examples,
    leave_out_small_classes,
    training_sizes,
)
from pipeline.data.guess import TO_DECIDE, Chosen, Guess, guess_dataset
from pipeline.data.sources import Dataset, read_examples
from pipeline.data.vectors import read_vectors
from pipeline.frame.cli import command_line, run_command
from pipeline.frame.errors import ConfigError, DataError
from pipeline.frame.files import atomic_write
from pipeline.frame.messages import for_terminal, short, shown, some
from pipeline.frame.terminal import say

MOST_TEXTS, MOST_CHARACTERS = 50_000, 30_000_000  # that tell lengths, words, worth of members
MIN_TEXTS, MOST_LEFT_OUT = 2, 0.2  # texts of a class; share of all that may be left out for it

DataArgument = Annotated[
    Path, typer.Argument(help="A CSV, TSV, JSONL or Parquet file, or a folder.")
]
TextOption = Annotated[
    list[str] | None,
    typer.Option("--text", metavar="COLUMN", help="Column of texts; may be repeated."),
]
LabelOption = Annotated[
    str | None, typer.Option("--label", metavar="COLUMN", help="Column of labels.")
]
IdOption = Annotated[
    str | None, typer.Option("--id", metavar="COLUMN", help="Column of unique ids.")
]
ClassesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--classes", metavar="NAME", help="A class, in order; may be repeated. Or: found."
    ),
]
SplitOption = Annotated[
    str | None, typer.Option("--split", metavar="COLUMN", help="Column that says train or test.")
]

VectorsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Vectors of the texts that you have: .npy or .parquet; no network."
    ),
]


def init(
    data: DataArgument,
    output: Annotated[
        Path | None, typer.Option(help="The config to write; default configs/NAME.yaml.")
    ] = None,
    text: TextOption = None,
    label: LabelOption = None,
    id_column: IdOption = None,
    split: SplitOption = None,
    vectors: VectorsOption = None,
    classes: ClassesOption = None,
) -> None:
    """Write a complete, commented config for a file of labelled texts.

    Columns that are not named, labels and splits are guessed and shown; the file is then read as
    `make all` will read it, so what is wrong with it is said now, and marked in the config.
    """
    path = output or Path("configs") / f"{config_name(data)}.yaml"
    if path.exists():
        raise ConfigError(f"{path}: exists already; delete it, or write elsewhere with --output")
    run_name(path)  # raises: it cannot name a run
    chosen = Chosen(text or (), label, id_column, split, classes or ())
    make_config(path, data, chosen, vectors)
    say(f"wrote {path}; look at it, then: {command_line('all', path)}")


def make_config(path: Path, data: Path, chosen: Chosen, vectors: Path | None = None) -> None:
    """Write a config for some data, and print what was found in them; see write_new_config."""
    write_new_config(path, data, chosen, vectors)()


def write_new_config(
    path: Path, data: Path, chosen: Chosen, vectors: Path | None = None
) -> Callable[[], None]:
    """Write a config for some data; return what tries its finder and prints what was found.

    Args:
        vectors: a file of vectors of the texts, which the classifier and the finder then take.

    Raises:
        ConfigError: see guess_dataset.
        DataError: see there, and read_vectors; or the data cannot be read with the config, which
            is written all the same, with what has to be decided marked.
    """
    guess = guess_dataset(data, chosen)
    examples, problem = read_guessed(data, guess)
    sample = None if examples is None else sample_texts(examples, vectors)
    with atomic_write(path) as file:
        file.write(write_config(path.parent, data, guess, examples, sample, vectors).encode())
    if examples is None or sample is None:
        raise DataError(f"{problem}; marked {TO_DECIDE} in {short(path)}")
    finder = load_config(path).config.finder
    material = [(guess, examples, sample, finder, vectors)]  # gone when told: it can be large
    return lambda: tell_found(*material.pop())


def tell_found(
    guess: Guess, examples: Examples, sample: "Sample", finder: Any, vectors: Path | None
) -> None:
    """Print what was found in some data, and what each member of the finder is worth on them."""
    tried = try_members(
        finder,
        sample.texts,
        sample.labels,
        vectors=sample.vectors,
        num_classes=len(examples.class_names),
        seed=SEED,
    )
    lines = describe(guess, examples, sample.sizes)
    lines += describe_script(sample.texts)
    if sample.vectors is not None:
        lines.append(
            f"vectors      {shown(str(vectors))}: {sample.vectors.shape[1]:,} numbers a text"
        )
    guess.unread |= {k: v for k, v in examples.not_read.items() if k in ("records", "classes")}
    for line in [*lines, *describe_trial(tried), *describe_unread(guess)]:
        say(line)


def read_guessed(data: Path, guess: Guess) -> tuple[Examples | None, str]:
    """Return the examples as `make all` will read them; or None, what is wrong, and mark it.

    Raises:
        ConfigError: a config cannot name the file.
    """
    if guess.decide:
        key, what = next(iter(guess.decide.items()))
        if key == "encoding":
            return None, what
        columns = guess.reasons["columns"].removeprefix("of: ")
        return (
            None,
            f"{short(data)}: {what} (columns: {columns[:100]}); name them with --text and --label",
        )
    try:
        dataset: Any = TypeAdapter(Dataset).validate_python(guess.section)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"][1:])
        what = f"{shown(first['input'], 60)} cannot stand in a config as dataset.{key}"
        raise ConfigError(f"{what}: {first['msg']}; rename it") from None
    try:
        examples = read_examples(dataset, seed=SEED)
        check_examples(examples)
        rest = leave_out_small_classes(examples, MIN_TEXTS)
        check_left_out(data, examples, rest)
    except DataError as error:
        guess.decide[key_in_question(str(error), guess.section)] = str(error)
        return None, str(error)
    if len(rest.ids) < len(examples.ids):
        guess.section["min_class_size"] = MIN_TEXTS
        guess.reasons["min_class_size"] = f"leaves out {some(rest.not_read['classes'])}"
    return rest, ""


def key_in_question(message: str, section: dict[str, Any]) -> str:
    """Return the key of the `dataset` section that an error of reading is about."""
    named = re.findall(r"dataset\.([a-z_]+)", message)
    wanted: list[str] = [*reversed(named), "label_column", "path"]
    return next(name for name in wanted if name in section)


class Sample(NamedTuple):
    """Some of the texts, all through the data.

    texts: (n,). labels: (n,) class indices. sizes: (classes,) of all data, see training_sizes.
    vectors: (n, dim), None where there are none.
    """

    texts: pa.Array
    labels: np.ndarray
    sizes: np.ndarray
    vectors: np.ndarray | None


def sample_texts(examples: Examples, vectors: Path | None) -> Sample:
    """Return as many texts as MOST_TEXTS and MOST_CHARACTERS allow, evenly spaced.

    Raises:
        DataError: see read_vectors.
    """
    count, characters = len(examples.texts), sum(map(len, examples.texts))
    most = min(count, MOST_TEXTS, max(1, int(MOST_CHARACTERS / max(1, characters / count))))
    chosen = np.zeros(count, bool)
    chosen[np.linspace(0, count - 1, most).astype(int)] = True
    texts = pa.array(itertools.compress(examples.texts, chosen), pa.large_string())
    known = None if vectors is None else read_vectors(vectors, examples.ids)[chosen]
    return Sample(texts, examples.labels[chosen], training_sizes(examples), known)


def check_left_out(data: Path, examples: Examples, rest: Examples) -> None:
    """Stop where leaving out the classes that no number of folds can divide leaves too little.

    Raises:
        DataError: naming the classes.
    """
    lost = len(examples.ids) - len(rest.ids)
    if len(rest.class_names) < 2 or lost > MOST_LEFT_OUT * len(examples.ids):
        raise DataError(
            f"{short(data)}: too few different texts to train on in the classes "
            f"{some(rest.not_read['classes'])}; each needs {MIN_TEXTS} (copies count once); add "
            "texts, merge classes, or name another column with --label"
        )


# --- the file -------------------------------------------------------------------------------


def write_config(
    folder: Path,
    data: Path,
    guess: Guess,
    examples: Examples | None,
    sample: Sample | None,
    vectors: Path | None,
) -> str:
    """Return the text of a config in which every key is present and commented.

    What has to be decided is marked above its key.

    Args:
        folder: that of the config, which names its schema from there.
    """
    told = {key: f"{key}: {reason}" for key, reason in guess.reasons.items()}
    for key, what in guess.decide.items():
        told[key] = f"{TO_DECIDE}: {what}" + (f"\n{told[key]}" if key in told else "")
        if key == "classes" and guess.labels:
            told[key] += f"\nall that are written: classes: {as_yaml(guess.labels)}"
    notes: Notes = {("dataset", key): for_terminal(line) for key, line in told.items()}
    head = (
        f"{place_schema(folder)}\n# Label errors in {shown(data.name)[1:-1]}. Written by "
        "pipeline.init from what it saw there; every key is\n# here, none has a default "
        "elsewhere.\n\n"
    )
    settings = UNREAD_SETTINGS
    if examples is not None and sample is not None:
        settings = suggest_settings(examples, sample.texts, sample.sizes)
    return head + commented_yaml(suggest_values(guess.section, settings, vectors), notes)


if __name__ == "__main__":
    run_command(init)
