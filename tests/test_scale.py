"""The generated reviews by the million: the same bytes for a size, and the errors they promise."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import scale
from pipeline.config.load import load_config
from tests.tiny import ROOT


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scale") / "reviews.jsonl"
    scale.write_reviews(path, 2500)
    return path


def test_reviews_are_the_same_again_and_all_different(reviews: Path, tmp_path: Path) -> None:
    scale.write_reviews(tmp_path / "again.jsonl", 2500)
    assert (tmp_path / "again.jsonl").read_bytes() == reviews.read_bytes()
    assert scale.count_lines(reviews) == 2500
    texts = [json.loads(line)["text"] for line in reviews.read_text().splitlines()]
    assert len(set(texts)) == 2500
    assert np.mean([len(text.encode()) for text in texts]) > 500


def test_labels_are_wrong_as_often_as_said(reviews: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [json.loads(line) for line in reviews.read_text().splitlines()]
    monkeypatch.setattr(scale, "REVIEWS", reviews)
    wrong = scale.planted_errors(2500)
    assert wrong.tolist() == [r["label"] != r["true_label"] for r in records]
    assert abs(wrong.mean() - scale.ERROR_RATE) < 0.02
    assert abs(np.mean([r["split"] == "test" for r in records]) - scale.TEST_FRACTION) < 0.03
    assert abs(np.mean([r["true_label"] == "pos" for r in records]) - 0.5) < 0.04


def test_the_config_reads_what_is_written_and_searches_in_batches() -> None:
    config = load_config(scale.CONFIG).config
    assert config.dataset.path == str(scale.REVIEWS)
    assert config.find_issues.is_batched(4_000_000) and not config.find_issues.neighbors


def test_a_size_too_small_is_said() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scale", "3"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and "Traceback" not in done.stderr
