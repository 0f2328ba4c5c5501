"""A finished toy run, written down artifact by artifact, so that no training is needed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.config.load import Loaded, load_config
from pipeline.frame import artifacts
from pipeline.frame.run import SCOPES, Run
from pipeline.models.tokens import encode, split_words
from tests.models.vocabulary import build_vocabulary
from tests.tiny import save_records

POSITIONS, FOLDS = 12, 2
WORDS = ["plot", "film", "dull", "bright", "awful", "lovely"]
WORDS += ["boring", "superb", "actor", "scene", "music", "ending"]


@dataclass(frozen=True)
class Toy:
    """A run with everything the report reads."""

    loaded: Loaded
    run: Run
    metrics: dict[str, Any]


MakeToy = Callable[..., Toy]


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip fsync: surviving a crash is not what these tests are about, and it takes most time."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


def texts_of(number: int) -> list[str]:
    rng = np.random.default_rng(7)
    texts = [" ".join(rng.choice(WORDS, rng.integers(3, 20))) for _ in range(number)]
    texts[0] = "Awful,<br /><br />dull DULL film - (boring!) " + " ".join(WORDS * 12)
    texts[1] = "Lovely... superb unheardof\tmusic"
    return texts


def probabilities(tokens: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    """Return what the network computes, in the float32 it computes with."""
    logits = weights[0][tokens].mean(axis=1, dtype=np.float32) @ weights[1] + weights[2]
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def make_toy(tmp_path: Path) -> MakeToy:
    def make(
        name: str = "toy",
        *,
        texts: list[str] | None = None,
        class_names: tuple[str, ...] = ("neg", "pos"),
        dataset: str = "toy",
        with_weights: bool = True,
    ) -> Toy:
        run = Run(tmp_path / "results" / name)
        texts = texts_of(40) if texts is None else texts
        overrides = [f"crossval.{scope}.folds={FOLDS}" for scope in ("all", "train")]
        loaded = load_config(Path("configs/sample.yaml"), overrides)
        loaded = replace(loaded, run=name, path=Path(f"{name}.yaml"))
        given = np.arange(len(texts)) % len(class_names)
        is_train = np.arange(len(texts)) % 4 != 3
        save_examples(run, texts, given, is_train, class_names, dataset)
        scopes = save_predictions(run, texts, given, is_train, len(class_names), with_weights)
        counts = {}
        for scope, (rows, pred_probs) in scopes.items():
            wrong = np.flatnonzero(pred_probs.argmax(axis=1) != given[rows])
            order = wrong[np.argsort(pred_probs[wrong, given[rows][wrong]])]
            save_issues(run, scope, texts, rows, given, pred_probs, order, class_names, is_train)
            counts[scope] = {"count": len(order), "fraction": len(order) / len(rows)}
        save_health(run, class_names, given, counts)
        metrics = toy_metrics(name, dataset, len(texts), len(class_names), counts)
        artifacts.save_json(run.metrics, metrics)
        save_records(run, loaded, **record())
        return Toy(loaded, run, metrics)

    return make


def save_examples(
    run: Run,
    texts: list[str],
    given: np.ndarray,
    is_train: np.ndarray,
    class_names: tuple[str, ...],
    dataset: str,
) -> None:
    splits = ["train" if train else "test" for train in is_train]
    ids = [f"{split}/{row}" for row, split in enumerate(splits)]
    columns = [range(len(texts)), ids, splits, given, texts]
    names = artifacts.EXAMPLES_SCHEMA.names
    table = pa.table([pa.array(list(column)) for column in columns], names=names)
    artifacts.save_table(run.examples, table.cast(artifacts.EXAMPLES_SCHEMA))
    description = {
        "name": dataset,
        "class_names": list(class_names),
        "num_examples": len(texts),
        "num_classes": len(class_names),
        "empty_texts": 0,
        "extra_copies": 3,
        "texts_with_conflicting_labels": 1,
        "texts_in_train_and_test": 2,
        "fingerprint": "sha256:" + "0" * 64,
    }
    artifacts.save_json(run.dataset, description)


def save_predictions(
    run: Run,
    texts: list[str],
    given: np.ndarray,
    is_train: np.ndarray,
    num_classes: int,
    with_weights: bool,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    words = split_words(pa.array(texts))
    known = split_words(pa.array([*texts, *([" ".join(WORDS)] * 99)]))
    vocabulary = build_vocabulary(known, np.arange(len(texts), len(texts) + 99), max_tokens=50)
    rng, scopes, metrics = np.random.default_rng(3), {}, {}
    for name in ("all", "train"):
        artifacts.save_json(run.vocabulary(name), vocabulary)
    for scope in SCOPES:
        chosen = {"all": is_train | True, "train": is_train, "test": ~is_train}[scope]
        rows = np.flatnonzero(chosen)
        tokens = encode(words, rows, vocabulary, sequence_length=POSITIONS)
        artifacts.save_array(run.tokens(scope), tokens)
        folds = 1 if scope == "test" else FOLDS
        pred_probs, scored = np.empty((len(rows), num_classes), np.float32), []
        for fold in range(folds):
            held_out = np.arange(len(rows))[fold::folds]
            shapes = [(len(vocabulary) + 1, 4), (4, num_classes), (num_classes,)]
            weights = [rng.normal(0, 2, shape).astype(np.float32) for shape in shapes]
            pred_probs[held_out] = probabilities(tokens[held_out], weights)
            arrays = {"held_out": held_out, "pred_probs": pred_probs[held_out]}
            if with_weights:
                arrays |= {f"weight_{i}": weight for i, weight in enumerate(weights)}
            artifacts.save_arrays(run.fold(scope, fold), arrays)
            curves = {"loss": [0.7, 0.5, 0.4], "accuracy": [0.5, 0.7, 0.8]}
            scored.append(
                {"log_loss": 0.5 + fold / 9, "accuracy": 0.7, "ece": 0.05, "training": curves}
            )
        artifacts.save_array(run.pred_probs(scope), pred_probs)
        pooled = {"log_loss": 0.55, "accuracy": 0.7, "ece": 0.05}
        metrics[scope] = {"pooled": pooled, "folds": scored}
        scopes[scope] = (rows, pred_probs)
    artifacts.save_json(run.crossval_metrics, metrics)
    return scopes


def save_issues(
    run: Run,
    scope: str,
    texts: list[str],
    rows: np.ndarray,
    given: np.ndarray,
    pred_probs: np.ndarray,
    order: np.ndarray,
    class_names: tuple[str, ...],
    is_train: np.ndarray,
) -> None:
    lines = []
    for rank, position in enumerate(order, start=1):
        row = int(rows[position])
        split = "train" if is_train[row] else "test"
        confidence = float(pred_probs[position, given[row]])
        names = [class_names[given[row]], class_names[int(pred_probs[position].argmax())]]
        numbers = (confidence, confidence)
        values = (rank, row, f"{split}/{row}", split, *names, *numbers, texts[row], "")
        lines.append(values)
    artifacts.save_issues(run.issues(scope), iter(lines))


def save_health(
    run: Run, class_names: tuple[str, ...], given: np.ndarray, counts: dict[str, Any]
) -> None:
    k = len(class_names)
    classes = [
        {
            "name": name,
            "examples": int((given == index).sum()),
            "issues": 2,
            "noise_rate": 0.1 + index / 100,
            "inverse_noise_rate": 0.1,
            "wrong95": None,
        }
        for index, name in enumerate(class_names)
    ]
    joint = np.full((k, k), 2) + np.diag([10] * k)
    health = {
        scope: counts[scope] | {"confident_joint": joint.tolist(), "classes": classes}
        for scope in SCOPES
    }
    artifacts.save_json(run.health, health)


def record() -> dict[str, Any]:
    return {
        "wall_seconds": 1.5,
        "cpu_seconds": 1.4,
        "peak_memory_bytes": 3 * 2**20,
        "versions": {"tensorflow": "2.21.0"},
        "machine": {"cores": 2, "platform": "Linux", "python": "3.11.0"},
    }


def toy_metrics(
    name: str, dataset: str, num_examples: int, num_classes: int, counts: dict[str, Any]
) -> dict[str, Any]:
    return {
        "run": name,
        "dataset": {
            "name": dataset,
            "num_examples": num_examples,
            "num_classes": num_classes,
            "fingerprint": "sha256:" + "0" * 64,
        },
        "seed": 1,
        "crossval": {"log_loss": 0.55, "accuracy": 0.7, "ece": 0.05},
        "fitness": {"is_fit": True, "reasons": []},
        "issues": counts,
        "test_accuracy": {
            "baseline": 0.7,
            "cleanlearning": 0.8,
            "difference": 0.1,
            "ci95": [-0.05, 0.2],
            "mcnemar_p": 0.3,
            "gained": 13,
            "lost": 12,
            "num_examples": 40,
        },
        "test_log_loss": {"baseline": 0.5, "cleanlearning": 0.45},
        "published": [
            {
                "figure": "log loss",
                "metric": "crossval.log_loss",
                "published": 0.5,
                "tolerance": 0.1,
                "obtained": 0.55,
                "within": True,
            },
            {
                "figure": "accuracy",
                "metric": "crossval.accuracy",
                "published": 0.9,
                "tolerance": 0.01,
                "obtained": 0.7,
                "within": False,
            },
        ],
    }
