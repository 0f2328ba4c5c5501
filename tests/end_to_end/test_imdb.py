"""The published experiment on the real 50,000 reviews, where they are on this machine."""

import json
import shutil
from pathlib import Path

import pytest

from tests.imdb import needs_imdb
from tests.tiny import STAGES, command

CONFIG = Path("configs/imdb.yaml")

pytestmark = needs_imdb


@pytest.fixture(scope="module")
def imdb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    results = tmp_path_factory.mktemp("imdb")
    for name in STAGES:
        done = command(name, "--config", CONFIG, "--results", results)
        assert done.returncode == 0, done.stderr
    return results / "imdb"


def test_the_published_figures_are_reproduced(imdb: Path) -> None:
    metrics = json.loads((imdb / "evaluate" / "metrics.json").read_text(encoding="utf-8"))
    assert len(metrics["published"]) == 5
    outside = [row for row in metrics["published"] if not row["within"]]
    assert outside == []
    assert metrics["dataset"]["num_examples"] == 50000


def test_rows_are_in_the_order_of_the_published_ones(imdb: Path) -> None:
    import pyarrow.parquet as pq

    ids = pq.read_table(imdb / "prepare" / "examples.parquet", columns=["id"]).column("id")
    known = {10404: "train/5204", 44582: "train/22294", 16633: "test/8313"}
    assert {row: ids[row].as_py() for row in known} == known


def test_what_dataset_json_says_is_what_is_known(imdb: Path) -> None:
    dataset = json.loads((imdb / "prepare" / "dataset.json").read_text(encoding="utf-8"))
    halves = {"neg": 12500, "pos": 12500}
    assert dataset["counts"] == {"train": halves, "test": halves}
    assert dataset["extra_copies"] == 418
    assert dataset["texts_in_train_and_test"] == 123
    assert dataset["texts_with_conflicting_labels"] == 0


def test_a_fold_alone_and_the_ranking_are_the_same_bytes_again(imdb: Path, tmp_path: Path) -> None:
    """One fold trained again, in this order and alone, and the issues found again."""
    again = Path(shutil.copytree(imdb, tmp_path / "imdb"))
    fold = again / "crossval" / "all" / "fold_01.npz"
    for path in (fold, again / "crossval" / "stage.json", again / "find_issues" / "stage.json"):
        path.unlink()
    for name in ("crossval", "find_issues"):
        done = command(name, "--config", CONFIG, "--results", tmp_path)
        assert done.returncode == 0, done.stderr
    for name in ("crossval/all/fold_01.npz", "crossval/pred_probs_all.npy",
                 "find_issues/issues_all.csv"):  # fmt: skip
        assert (again / name).read_bytes() == (imdb / name).read_bytes(), name
