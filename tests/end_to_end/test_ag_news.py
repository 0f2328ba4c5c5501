"""The second published workflow on local CSV files: errors in the AG News test set."""

from pathlib import Path

import pytest

from pipeline.config.load import load_config
from pipeline.frame import artifacts
from pipeline.frame.run import Run
from tests.ag_news import dataset_override, needs_ag_news
from tests.tiny import run_stages

CONFIG = Path("configs/ag_news.yaml")


@needs_ag_news
def test_candidates_in_test(tmp_path: Path) -> None:
    overrides = [dataset_override(), "crossval.all.folds=2", "crossval.train.folds=2"]
    loaded = load_config(CONFIG, [*overrides, "evaluate.published=[]", "compute.workers=1"])
    run_stages(loaded, tmp_path)
    run = Run(tmp_path / "ag_news")
    metrics, health = artifacts.load_json(run.metrics), artifacts.load_json(run.health)
    assert metrics["dataset"]["num_examples"] == 27_600
    assert metrics["test_accuracy"]["baseline"] == pytest.approx(0.895, abs=0.005)
    assert metrics["issues"]["test"]["count"] == pytest.approx(640, abs=15)
    filters = health["test"]["filters"]
    both = filters["count"][filters["names"].index("both")]
    assert both == pytest.approx(614, abs=15)
    issues = artifacts.load_issues(run.issues("test"))
    assert {issue["id"].split("/")[0] for issue in issues} == {"test"}
    margins = [float(issue["normalized_margin"]) for issue in issues]
    assert margins == sorted(margins)
    assert {issue["given_label"] for issue in issues} == {"World", "Sports", "Business", "Sci/Tech"}
    assert run.linear_model("cleaned").is_file()
