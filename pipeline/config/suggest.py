"""The values of a config for a dataset that was looked at."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.compute.trial import suggest_finder
from pipeline.data.examples import Examples
from pipeline.issues.arms import ARMS, PRUNE
from pipeline.models.members import MODEL, VECTORS
from pipeline.models.tokens import split_words

SEED = 123456
FOLDS, MIN_COUNT, BATCH_SIZE = 5, 3, 32
STEPS, STEPS_A_CLASS = 500, 23  # of training, at LARGE_STEP; see docs/detection.md
LARGE_STEP, SMALL_STEP = 0.01, 0.003  # of Adam
LEAST_EPOCHS = 5
STRENGTHS = [1.0, 10.0, 100.0]  # of a linear model of vectors: penalties to choose from
MOST_CLASS_WEIGHT = 4.0  # of a few rows cleanlab's estimate can be anything: docs/study.md
FOREIGN = 0.002  # share of characters beyond ASCII
FIND_ISSUES = {
    "filter_by": "prune_by_noise_rate",
    "return_indices_ranked_by": "self_confidence",
    "frac_noise": 1.0,
    "min_examples_per_class": 1,
    "neighbors": True,
    "batch_size": None,
}
# Of a dataset that could not be read: those of some thousand texts and a few classes.
UNREAD_SETTINGS: dict[str, Any] = {
    "max_tokens": 20_000,
    "sequence_length": 200,
    "words": "unicode",
    "epochs": 20,
    "learning_rate": SMALL_STEP,
    "folds": FOLDS,
    "finder": suggest_finder(10_000, 2, 5_000_000),
}


def suggest_values(
    dataset: dict[str, Any], settings: dict[str, Any], vectors: Path | None = None
) -> dict[str, Any]:
    """Return the values of every key.

    Args:
        vectors: a file of vectors of the texts: a linear model of them stands for the network.
    """
    cross_validation = {"folds": settings["folds"], "shuffle": True}  # the file may be sorted
    return {
        "seed": SEED,
        "dataset": dataset,
        "corrections": None,
        **(suggest_network(settings) if vectors is None else suggest_linear(vectors)),
        "crossval": {
            "group_duplicates": True,
            "all": cross_validation,
            "train": cross_validation,
        },
        "finder": settings["finder"] if vectors is None else with_vectors(settings, vectors),
        "find_issues": FIND_ISSUES,
        "cleanlearn": {
            "arm": PRUNE,
            "max_pruned_fraction": 0.5,
            "even_if_unfit": False,
            "same_updates": True,
            "max_class_weight": MOST_CLASS_WEIGHT,
            "calibrate": True,
        },
        "evaluate": {
            "top_rows": 10,
            "calibration_bins": 15,
            "bootstrap_samples": 10000,
            "published": [],
            "published_top_rows": [],
            "verified_labels": None,
        },
        "study": {
            "seeds": [1, 2, 3, 4, 5],
            "arms": [name for name, arm in ARMS.items() if not arm.asks_people],
            "noise": {
                "rates": [0, 0.1, 0.2],
                "kinds": ["uniform", "class_dependent"],
                "seeds": [1, 2, 3],
            },
        },
        "compute": {"workers": "auto", "device": "auto", "engine": "local", "address": None},
        "tracking": "none",
    }


def suggest_network(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the sections of a network of token ids."""
    return {
        "vectorize": {"kind": "tokens"}
        | {k: settings[k] for k in ("max_tokens", "sequence_length", "words")},
        "model": {
            "name": "fasttext",
            "embedding_dim": 16,
            "dropout": 0.2,
            "optimizer": "adam",
            "learning_rate": settings["learning_rate"],
            "epochs": settings["epochs"],
            "batch_size": BATCH_SIZE,
        },
    }


def suggest_linear(vectors: Path) -> dict[str, Any]:
    """Return the sections of a linear model of vectors."""
    return {
        "vectorize": {"kind": "vectors", "path": str(vectors)},
        "model": {"name": "linear", "C": STRENGTHS[1], "max_iter": 1000},
    }


def with_vectors(settings: dict[str, Any], vectors: Path) -> dict[str, Any]:
    """Return the finder with the vectors as the member that the network would be."""
    finder: dict[str, Any] = settings["finder"]
    member = {"member": VECTORS, "path": str(vectors), "C": STRENGTHS}
    return finder | {"members": [m for m in finder["members"] if m["member"] != MODEL] + [member]}


def suggest_settings(examples: Examples, texts: pa.Array, sizes: np.ndarray) -> dict[str, Any]:
    """Return what of a config depends on the texts: vocabulary, training, folds, the finder.

    Words in fewer than 3 places are left out: a network learns a label error by heart from
    a word that occurs nowhere else.

    Args:
        texts: some of the texts, which tell words and lengths. sizes: (classes,) texts to train on.
    """
    kind = suggest_words(texts)
    words = split_words(texts, kind)
    lengths = np.diff(words.starts)
    frequent = int((np.bincount(words.codes, minlength=1) >= MIN_COUNT).sum())
    return {
        "max_tokens": int(np.clip(frequent + 2, 100, 20_000)),
        "sequence_length": int(np.clip(np.ceil(np.percentile(lengths, 95) / 10) * 10, 20, 500)),
        "words": kind,
        **suggest_training(len(examples.texts), len(examples.class_names)),
        "folds": min(FOLDS, int(sizes.max())),
        "finder": suggest_finder(
            len(examples.texts), len(examples.class_names), sum(map(len, examples.texts))
        ),
    }


def suggest_words(texts: pa.Array) -> str:
    """Return how the network tells words: as published where nearly all characters are ASCII."""
    characters = pc.sum(pc.utf8_length(texts)).as_py() or 1
    others = pc.sum(pc.count_substring_regex(texts, r"[^\x00-\x7F]")).as_py() or 0
    return "unicode" if others > FOREIGN * characters else "ascii"


def suggest_training(count: int, num_classes: int) -> dict[str, Any]:
    """Return the learning rate and the epochs in which a network learns so many classes.

    Few texts are read often: large steps learn as much in half as many, and training twice as long
    changes little. Of more texts a few epochs are enough, in which large steps learn too much.
    """
    steps = STEPS + STEPS_A_CLASS * num_classes
    epochs = int(np.ceil(steps * BATCH_SIZE / count))
    if epochs > LEAST_EPOCHS:
        most = 40 + num_classes // 4  # of a few texts an epoch is hardly more than its overhead
        return {"learning_rate": LARGE_STEP, "epochs": min(epochs, most)}
    longer = int(np.ceil(2 * steps * BATCH_SIZE / count))
    return {"learning_rate": SMALL_STEP, "epochs": max(longer, LEAST_EPOCHS)}
