"""Look at a file of labelled texts and write a complete, commented config for it."""

import functools
import json
import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import typer
from pydantic import TypeAdapter

from pipeline.cli import run_command
from pipeline.config import RUN_NAME, load_config
from pipeline.data.examples import Examples, count_per_class, group_texts
from pipeline.data.files import short, shown
from pipeline.data.guess import Chosen, Guess, guess_dataset
from pipeline.data.sections import Dataset
from pipeline.data.sources import read_examples
from pipeline.errors import ConfigError, DataError
from pipeline.words import split_words

SEED = 123456
MIN_FOLDS, MAX_FOLDS, MIN_COUNT = 2, 5, 3
PLAIN = re.compile(r"[A-Za-z/_][A-Za-z0-9/_.-]*")
NOT_TEXTS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
COMMENTS = {
    "source": "csv | jsonl | parquet | huggingface | folder | tfds | sample",
    "path": "of the training split, or of everything; .gz is read too",
    "columns": "null: the first line names them; or their names, in order",
    "delimiter": 'between columns: "," ";" "\\t" or "|"',
    "encoding": "utf-8 | utf-16 | latin-1 | cp1252",
    "text_columns": "several are joined by a line break",
    "label_column": "class names, or whole numbers from any base",
    "id_column": "null: train/0, train/1, ... by position in the file",
    "classes": "null: as found; a list gives their order, a map {1: World} their names",
    "split": "by: file (test_path) | column (column, train, test) | drawn (test_fraction)",
    "strip": "remove white space at both ends of each text",
    "order": "name: by file name | tfds: as TensorFlow Datasets reads the IMDb archive",
}


def init(
    data: Annotated[Path, typer.Argument(help="A CSV, TSV, JSONL or Parquet file, or a folder.")],
    output: Annotated[
        Path | None, typer.Option(help="The config to write; default configs/NAME.yaml.")
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option("--text", metavar="COLUMN", help="Column of texts; may be repeated."),
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", metavar="COLUMN", help="Column of labels.")
    ] = None,
    id_column: Annotated[
        str | None, typer.Option("--id", metavar="COLUMN", help="Column of unique ids.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option("--split", metavar="COLUMN", help="Column that says train or test."),
    ] = None,
) -> None:
    """Write a complete, commented config for a file of labelled texts.

    Columns that are not named, labels and splits are guessed and shown; the file is then read as
    `make all` will read it, so what is wrong with it is said now.
    """
    path = output or Path("configs") / f"{config_name(data)}.yaml"
    if path.exists():
        raise ConfigError(f"{path}: exists already; delete it, or write elsewhere with --output")
    guess = guess_dataset(data, Chosen(text or (), label, id_column, split))
    dataset: Any = TypeAdapter(Dataset).validate_python(guess.section)
    examples = read_examples(dataset, seed=SEED)
    sizes = training_sizes(examples)
    check_sizes(data, examples.class_names, sizes)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(write_config(data, guess, examples, sizes), encoding="utf-8")
    load_config(path)
    for line in describe(guess, examples, sizes):
        print(line)
    print(f"wrote {path}; look at it, then: make all CONFIG={path}")


def config_name(data: Path) -> str:
    """Return the name of the run: that of the file, with what a run name cannot hold replaced."""
    stem = data.resolve().name.split(".")[0] or "data"
    name = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in stem)[:64]
    return name if RUN_NAME.fullmatch(name) else f"data{name}"[:64]


def training_sizes(examples: Examples) -> np.ndarray:
    """Return (classes,) how many texts of each there are to train on, copies counted once.

    The smaller of the numbers that the two cross-validations have: over all, and inside train.
    """
    train = np.array([split == "train" for split in examples.splits])
    groups, labels = group_texts(examples.texts), examples.labels
    count = functools.partial(count_per_class, num_classes=len(examples.class_names))
    everywhere = count(labels, groups=groups)
    sizes: np.ndarray = np.minimum(everywhere, count(labels[train], groups=groups[train]))
    return sizes


def check_sizes(data: Path, class_names: list[str], sizes: np.ndarray) -> None:
    """Stop on a class that no number of folds can divide: no config would do for it.

    Raises:
        DataError: naming the classes.
    """
    small = np.flatnonzero(sizes < MIN_FOLDS).tolist()
    if small:
        names = [f"{shown(class_names[place], 16)} ({sizes[place]})" for place in small[:3]]
        more = f" and {len(small) - 3} more" if len(small) > 3 else ""
        raise DataError(
            f"{short(data)}: too few different texts to train on in {', '.join(names)}{more}; "
            f"each class needs {MIN_FOLDS} (copies count once); add texts, merge or delete it"
        )


def suggest_folds(sizes: np.ndarray) -> int:
    """Return at most 5 folds, and no more than the smallest class has texts."""
    return int(np.clip(sizes.min(), MIN_FOLDS, MAX_FOLDS))


def describe(guess: Guess, examples: Examples, sizes: np.ndarray) -> list[str]:
    """Return what was found, one fact a line.

    Args:
        sizes: (classes,) see training_sizes.
    """
    splits = Counter(examples.splits)
    classes = Counter(examples.class_names[label] for label in examples.labels.tolist())
    counts = ", ".join(f"{shown(name)} {count:,}" for name, count in classes.most_common(8))
    section = guess.section
    lines = [f"examples     {len(examples.texts):,}: {splits['train']:,} train, "
             f"{splits['test']:,} test ({section['split']['by']}; {guess.reasons['split']})",
             f"classes      {len(examples.class_names)}: {counts}"]  # fmt: skip
    if "text_columns" in section:
        texts = ", ".join(map(shown, section["text_columns"]))
        others = ", ".join(f"{shown(n)} ({c} different)" for n, c in guess.other_labels.items())
        also = f"; also possible: {others}; choose with --label" if others else ""
        lines += [f"text         {texts}", f"label        {shown(section['label_column'])}{also}"]
        lines += [f"id           {shown(section['id_column'])}"] if section["id_column"] else []
    if guess.nested:
        names = ", ".join(map(shown, guess.nested))
        lines.append(f"not read     {names} (lists and objects inside a record)")
    return lines + _why_few_folds(examples.class_names, sizes)


def _why_few_folds(class_names: list[str], sizes: np.ndarray) -> list[str]:
    """Return a line that says which classes keep the folds few, or none."""
    folds = suggest_folds(sizes)
    if folds == MAX_FOLDS:
        return []
    few, rest = np.flatnonzero(sizes == folds).tolist(), sizes[sizes > folds]
    names = ", ".join(shown(class_names[place], 20) for place in few[:3])
    names += f" and {len(few) - 3} more" if len(few) > 3 else ""
    who, without = (f"class {names} has", "it") if len(few) == 1 else (f"{names} have", "them")
    line = f"folds        {folds}, as {who} only {folds} different texts to train on"
    return [line + (f"; without {without} {suggest_folds(rest)} would do" if len(rest) > 1 else "")]


# --- the file -------------------------------------------------------------------------------


def write_config(data: Path, guess: Guess, examples: Examples, sizes: np.ndarray) -> str:
    """Return the text of a config in which every key is present and commented."""
    settings = suggest_settings(examples) | {"folds": suggest_folds(sizes)}
    dataset = "\n".join(_dataset_lines(guess))
    return TEMPLATE.format(name=shown(data.name)[1:-1], seed=SEED, dataset=dataset, **settings)


def _dataset_lines(guess: Guess) -> list[str]:
    lines = []
    for key, value in guess.section.items():
        if reason := guess.reasons.get(key):
            lines.append(f"  # {key}: {reason}")
        if isinstance(value, dict):
            lines.append(f"  {f'{key}:':<27} # {COMMENTS[key]}")
            lines += [f"    {part}: {_yaml(chosen)}" for part, chosen in value.items()]
        else:
            lines.append(f"  {f'{key}: {_yaml(value)}':<27} # {COMMENTS[key]}")
    return lines


def _yaml(value: Any) -> str:
    """Return a value as YAML on one line: a plain word where that is one, else JSON."""
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in NOT_TEXTS:
        return value
    return json.dumps(value, ensure_ascii=True)


def suggest_settings(examples: Examples) -> dict[str, Any]:
    """Return max_tokens, sequence_length and epochs that suit the dataset.

    Words in fewer than 3 places are left out: a network learns a label error by heart from
    a word that occurs nowhere else. A small set needs more epochs for the same number of steps.
    """
    words = split_words(pa.array(examples.texts, pa.large_string()))
    lengths = np.diff(words.starts)
    frequent = int((np.bincount(words.codes, minlength=1) >= MIN_COUNT).sum())
    return {
        "max_tokens": int(np.clip(frequent + 2, 100, 20_000)),
        "sequence_length": int(np.clip(np.ceil(np.percentile(lengths, 95) / 10) * 10, 20, 500)),
        "epochs": int(np.clip(60_000 // len(examples.texts), 5, 40)),
    }


TEMPLATE = """\
# Label errors in {name}. Written by pipeline.init from what it saw there; every key is here,
# none has a default elsewhere.

seed: {seed}                  # of folds, drawn splits, initial weights, shuffling and dropout

dataset:
{dataset}

corrections: null             # a journal of reviewed labels (make review), applied by prepare

vectorize:
  kind: tokens                # tokens: ids for networks | counts: for multinomial_nb and
                              # logistic_regression | texts: for a custom scikit-learn classifier
  max_tokens: {max_tokens:<16}# vocabulary size; leaves out words that occur once or twice
  sequence_length: {sequence_length:<11}# tokens kept per text; shorter texts are padded

model:                        # others: cnn, transformer, multinomial_nb, logistic_regression,
  name: fasttext              # custom; configs/ag_news.yaml shows the keys of each
  embedding_dim: 16
  dropout: 0.2                # at both places
  optimizer: adam             # adam: repeated tokens summed first | keras_adam: as Keras 3 does it
  learning_rate: 0.003
  epochs: {epochs:<20}# more of them learn the label errors by heart
  batch_size: 32

crossval:
  group_duplicates: true      # keep copies of a text in one fold, so that no model has seen them
  all:                        # over train + test: which labels in this dataset are wrong?
    folds: {folds}
    shuffle: true             # the file may be sorted
  train:                      # inside train only: what CleanLearning leaves out
    folds: {folds}
    shuffle: true

find_issues:                  # the names and values of cleanlab.filter.find_label_issues
  filter_by: prune_by_noise_rate   # prune_by_class | both | confident_learning |
                              # predicted_neq_given | low_normalized_margin | low_self_confidence
  return_indices_ranked_by: self_confidence   # normalized_margin | confidence_weighted_entropy
  frac_noise: 1.0             # share of the estimated errors that is listed
  min_examples_per_class: 1
  neighbors: true             # near duplicates and outliers among the network's document vectors
  batch_size: null            # above so many examples: cleanlab's batched finder, so many at once

cleanlearn:
  max_pruned_fraction: 0.5    # stop when more of the training set than this would be left out

evaluate:
  top_rows: 10                # how many of the top issues metrics.json lists
  calibration_bins: 15        # equal-width bins of the calibration error
  bootstrap_samples: 10000    # for the interval of the accuracy difference
  published: []               # figures to compare with; configs/imdb.yaml has some
  published_top_rows: []
  verified_labels: null       # labels people checked: CSV, see docs/study.md

study:                        # make study, make noise: is the gain real?
  seeds: [1, 2, 3, 4, 5]
  arms: [baseline, prune, random_prune, relabel, weight]   # and human: corrections of a journal
  noise:                      # labels of the training split flipped on purpose
    rates: [0, 0.1, 0.2]
    kinds: [uniform, class_dependent]
    seeds: [1, 2, 3]

compute:
  workers: auto               # processes, one training thread each: auto, or a number
  device: auto                # auto | cpu | gpu
  engine: local               # local: processes of this machine | ray: tasks of a Ray cluster
  address: null               # HOST:PORT of the Ray cluster to join; null: one on this machine

tracking: none                # none | mlflow | tensorboard: log the results under results/tracking
"""


if __name__ == "__main__":
    run_command(init)
