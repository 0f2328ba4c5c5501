"""What `make detect` scores on: sets whose wrong labels are known, or are put in on purpose.

A CSV of checked labels, files that are generated here, and errors planted in a set that is believed
clean: a CSV with `text` and `label`, or any text set of TensorFlow Datasets.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from benchmarks import planted
from benchmarks.detect_peers import FOLDS, MODELS
from pipeline.frame.errors import ConfigError, DataError
from pipeline.frame.messages import short
from pipeline.study.noise import flip_labels

COLUMNS = ("text", "label", "gt")
MOST = 20_000  # rows of a set in which errors are planted
RATES = (0.05, 0.2)
KINDS = {"uniform": "uniform", "similar": "uniform", "hard": "instance_dependent"}


@dataclass(frozen=True)
class LabelSet:
    """rows: the columns of COLUMNS. checked: (n,) those to score. wrong: (checked,)."""

    name: str
    rows: pd.DataFrame
    checked: np.ndarray
    wrong: np.ndarray


def read_folder(folder: Path) -> list[LabelSet]:
    """Return the CSV files of a folder, by name.

    Raises:
        DataError: there are none, or one is not as it must be.
    """
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        raise DataError(f"{short(folder)}: no CSV files in it; each needs {', '.join(COLUMNS)}")
    return [read_set(path) for path in paths]


def read_set(path: Path) -> LabelSet:
    """Return a file of labels of which some were checked.

    Raises:
        DataError: it cannot be read, a column is missing, or nothing can be scored.
    """
    return as_set(path.stem, _read_table(path, COLUMNS))


def _read_table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:  # also what is not UTF-8, and what is empty
        raise DataError(f"{short(path)}: no CSV file in UTF-8: {str(error).strip()}") from None
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise DataError(
            f"{short(path)}: has no column {', '.join(missing)}; needs {', '.join(columns)}"
        )
    return table[list(columns)]


def as_set(name: str, rows: pd.DataFrame) -> LabelSet:
    """Return the rows with what is wrong among those that were checked."""
    gt, label = (rows[column].to_numpy(object) for column in ("gt", "label"))
    checked = gt != ""
    wrong = (gt != label)[checked]
    if not wrong.any() or wrong.all():
        raise DataError(
            f"{name}: {wrong.sum()} of {len(wrong)} checked labels (gt) are wrong; "
            "some must be wrong and some right"
        )
    return LabelSet(name, rows, checked, wrong)


def generate_sets() -> list[LabelSet]:
    """Return the files with planted errors."""
    return [as_set(name, pd.DataFrame(make())) for name, make in planted.SETS.items()]


# --- errors put in on purpose ---------------------------------------------------------------


def plant_in(source: str, seed: int) -> Iterator[LabelSet]:
    """Yield a set with errors of three kinds, at each of RATES.

    uniform: any text alike, any other class alike. similar: any text alike, to the class that its
    class is taken for most. hard: first what a word model is least sure of, to its next class.

    Args:
        source: a CSV file, or a name as TensorFlow Datasets writes it.

    Raises:
        ConfigError: TensorFlow Datasets has no such set, or it has no texts with one class each.
        DataError: the file cannot be read.
        NetworkError: the set is not on this machine, and the download failed.
    """
    name, texts, names, labels = _clean(source)
    rng = np.random.default_rng(seed)
    if len(labels) > MOST:
        chosen = np.sort(rng.permutation(len(labels))[:MOST])
        texts, labels = texts[chosen], labels[chosen]
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    probs = cross_val_predict(MODELS["words_lr"](), texts, labels, cv=folds, method="predict_proba")
    for kind in KINDS:
        for rate in RATES:
            given = _planted(labels, probs, kind, rate, rng)
            columns = {"text": texts, "label": names[given], "gt": names[labels]}
            yield as_set(f"{name} {kind} {rate:.0%}", pd.DataFrame(columns))


def _planted(
    labels: np.ndarray, probs: np.ndarray, kind: str, rate: float, rng: np.random.Generator
) -> np.ndarray:
    """Return (n,) labels of which `rate` are wrong; probs: (n, classes), out of sample."""
    flipped = flip_labels(
        labels, rate=rate, kind=KINDS[kind], num_classes=probs.shape[1], pred_probs=probs, rng=rng
    )
    if kind != "similar":
        return flipped
    taken_for = np.array([probs[labels == k].mean(axis=0) for k in range(probs.shape[1])])
    np.fill_diagonal(taken_for, -1)
    return np.where(flipped == labels, labels, taken_for.argmax(axis=1)[labels])


def _clean(source: str) -> tuple[str, np.ndarray, np.ndarray, np.ndarray]:
    """Return name, texts, class names, and (n,) class indices."""
    if source.endswith(".csv"):
        table = _read_table(Path(source), COLUMNS[:2])
        texts = table["text"].to_numpy(object)
        names, labels = np.unique(table["label"].to_numpy(object), return_inverse=True)
        return Path(source).stem, texts, names, labels
    from pipeline.data.tfds import read_tfds

    examples = read_tfds(_tfds_section(source))
    texts = np.array(list(examples.texts), object)
    return examples.name, texts, np.array(examples.class_names, object), examples.labels


def _tfds_section(name: str) -> Any:
    """Return what reads a set of TensorFlow Datasets: its texts, its only class label."""
    import tensorflow_datasets as tfds

    from pipeline.data.sources import TfdsDataset

    try:
        info = tfds.builder(name, try_gcs=False).info
    except (ValueError, AssertionError, tfds.core.registered.DatasetNotFoundError) as error:
        raise ConfigError(f"--plant {name}: {str(error).strip().splitlines()[0]}") from None
    texts = [key for key, of in info.features.items() if isinstance(of, tfds.features.Text)]
    classes = [key for key, of in info.features.items() if isinstance(of, tfds.features.ClassLabel)]
    if not texts or len(classes) != 1 or not {"train", "test"} <= set(info.splits):
        raise ConfigError(
            f"--plant {name}: needs texts, one class label, and the splits train, test"
        )
    return TfdsDataset(
        source="tfds",
        name=name,
        text_keys=texts,
        label_key=classes[0],
        train_split="train",
        test_split="test",
    )
