"""The demo, whole: the config as shipped, every stage a command of its own."""

import csv
import json
from pathlib import Path

import pytest

from tests.tiny import STAGES, TINY, command


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished demo."""
    results = tmp_path_factory.mktemp("demo")
    for name in STAGES:
        done = command(name, "--config", TINY, "--results", results)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert "\x1b" not in done.stdout
        assert f"{name:<12} done in " in done.stdout
    return results / "sample"


def metrics_of(demo: Path) -> dict:
    return json.loads((demo / "evaluate" / "metrics.json").read_text(encoding="utf-8"))


def test_planted_errors_are_found(demo: Path) -> None:
    planted = metrics_of(demo)["planted"]
    assert planted["recall"] >= 0.90
    assert planted["precision"] >= 0.85
    assert planted["average_precision"] >= 0.85


def test_metrics_have_the_promised_keys(demo: Path) -> None:
    metrics = metrics_of(demo)
    assert set(metrics) >= {
        "run", "dataset", "seed", "crossval", "issues", "test_accuracy", "test_log_loss",
        "published", "planted", "seconds",
    }  # fmt: skip
    assert set(metrics["dataset"]) >= {"name", "num_examples", "num_classes", "fingerprint"}
    assert set(metrics["crossval"]) >= {"log_loss", "accuracy", "ece"}
    assert set(metrics["issues"]["all"]) >= {"count", "fraction", "top_rows"}
    assert set(metrics["test_accuracy"]) >= {
        "baseline", "cleanlearning", "difference", "ci95", "mcnemar_p",
    }  # fmt: skip
    assert set(metrics["test_log_loss"]) == {"baseline", "cleanlearning"}
    assert set(metrics["seconds"]) >= {*STAGES} - {"evaluate"} | {"total"}
    assert metrics["dataset"]["num_examples"] == 2000
    assert len(metrics["issues"]["all"]["top_rows"]) == 10


def test_the_top_issues_are_planted(demo: Path) -> None:
    import pyarrow.parquet as pq

    truth = pq.read_table(demo / "prepare" / "truth.parquet").column("true_label").to_pylist()
    with (demo / "find_issues" / "issues_all.csv").open(encoding="utf-8", newline="") as file:
        issues = list(csv.DictReader(file))
    right = [["neg", "pos"][truth[int(i["row"])]] == i["suggested_label"] for i in issues[:50]]
    assert sum(right) >= 48


def test_a_second_run_does_nothing(demo: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in demo.rglob("*") if path.name != ".lock"}
    for name in STAGES:
        done = command(name, "--config", TINY, "--results", demo.parent)
        assert (done.returncode, done.stdout) == (0, f"{name:<12} up to date\n")
    after = {path: path.stat().st_mtime_ns for path in demo.rglob("*") if path.name != ".lock"}
    assert after == before
