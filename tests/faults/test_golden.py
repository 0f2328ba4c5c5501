"""Prepare, folds and vectorize give the same bytes on every machine: here are their hashes."""

import hashlib

import numpy as np
import pytest

from pipeline.config.load import load_config
from pipeline.data.prepared import load_labels
from pipeline.frame import artifacts
from pipeline.frame.run import Run
from pipeline.models.folds import plan_folds
from tests.tiny import TINY, run_stages


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The demo as its config says, up to vectorize."""
    results = tmp_path_factory.mktemp("golden")
    run_stages(load_config(TINY), results, upto="vectorize")
    return Run(results / TINY.stem)


def sha(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


GOLDEN = {
    "fingerprint": "5fd131e415aeeb5f",
    "examples": "85c476d306217386",
    "folds": "81094350909308de",
    "all.npy": "fd2306df20aa3600",
    "train.npy": "5dd6b21a5ce6e77c",
    "test.npy": "3ebdc90cf8894ab4",
    "vocabulary_all": "b5a40449d76e18d7",
    "vocabulary_train": "56a8f037582d0667",
}


def hashes(run: Run) -> dict[str, str]:
    """Return hashes of contents; Parquet files hold the version of their writer, too."""
    labels = load_labels(run)
    folds = plan_folds(labels.given, folds=5, shuffle=True, seed=123456)
    table = artifacts.load_table(run.examples)
    found = {
        "fingerprint": artifacts.load_json(run.dataset)["fingerprint"][7:23],
        "examples": sha(*[repr(row).encode() for row in table.to_pylist()]),
        "folds": sha(*[fold.astype(np.int64).tobytes() for fold in folds]),
    }
    for scope in ("all", "train", "test"):
        found[f"{scope}.npy"] = sha(run.tokens(scope).read_bytes())
    for scope in ("all", "train"):
        found[f"vocabulary_{scope}"] = sha(run.vocabulary(scope).read_bytes())
    return found


def test_the_demo_is_the_same_everywhere(run: Run) -> None:
    assert hashes(run) == GOLDEN
