"""Ranked label issues: cleanlab's, with the names, rows and texts that belong to them."""

from itertools import pairwise

import numpy as np
import pytest

from pipeline import find_issues
from pipeline.data.prepared import load_class_names, load_labels
from pipeline.frame import artifacts
from pipeline.frame.errors import ArtifactError
from pipeline.frame.record import RECORD
from pipeline.frame.run import SCOPES, Run
from pipeline.issues.lists import issue_rows
from pipeline.issues.ranking import find_issues_ranked
from tests.issues.scopes import make_options
from tests.tiny import load_tiny, run_stage


@pytest.mark.parametrize("scope", ["all", "train", "test"])
def test_the_lines_of_a_scope_belong_together(tiny_run: Run, scope: str) -> None:
    lines = artifacts.load_issues(tiny_run.issues(scope))
    examples = artifacts.load_table(tiny_run.examples).to_pylist()
    labels = load_labels(tiny_run)
    rows, names = labels.rows(scope), load_class_names(tiny_run)
    pred_probs = artifacts.load_array(tiny_run.pred_probs(scope)).astype(np.float64)
    assert len(lines) == artifacts.load_json(tiny_run.health)[scope]["count"] > 0
    assert [int(line["rank"]) for line in lines] == list(range(1, len(lines) + 1))
    for line in lines:
        example = examples[int(line["row"])]
        probs = pred_probs[np.searchsorted(rows, int(line["row"]))]
        given = example["label"]
        assert (line["id"], line["split"], line["text"]) == (
            example["id"], example["split"], example["text"],
        )  # fmt: skip
        assert line["given_label"] == names[given]
        assert line["suggested_label"] == names[probs.argmax()]
        assert float(line["self_confidence"]) == pytest.approx(probs[given])
        margin = (probs[given] - np.delete(probs, given).max() + 1) / 2
        assert float(line["normalized_margin"]) == pytest.approx(margin)
        assert scope == "all" or line["split"] == scope
    confidence = [float(line["self_confidence"]) for line in lines]
    assert all(a <= b for a, b in pairwise(confidence))


def test_the_same_probabilities_give_the_same_bytes(run_copy: Run) -> None:
    before = {scope: run_copy.issues(scope).read_bytes() for scope in SCOPES}
    (run_copy.stage("find_issues") / RECORD).unlink()
    run_stage("find_issues", load_tiny(), run_copy.folder.parent)
    for scope, data in before.items():
        assert run_copy.issues(scope).read_bytes() == data


def test_where_nothing_is_an_issue_the_list_is_empty(tiny_run: Run) -> None:
    labels = np.tile([0, 1], 20)
    pred_probs = np.where(np.eye(2)[labels] == 1, 0.99, 0.01)
    rows = np.arange(40)
    issues = find_issues_ranked(labels, pred_probs, make_options())
    assert issues.tolist() == []
    assert issues.dtype == np.int64
    listed = issue_rows(tiny_run, rows, labels, pred_probs, issues, ["neg", "pos"], None)
    assert list(listed) == []


@pytest.mark.parametrize("scope", ["all", "train", "test"])
def test_bad_probabilities_never_reach_cleanlab(
    run_copy: Run, monkeypatch: pytest.MonkeyPatch, scope: str
) -> None:
    monkeypatch.setattr(find_issues, "find_issues_ranked", pytest.fail)
    pred_probs = artifacts.load_array(run_copy.pred_probs(scope))
    pred_probs[7] = np.nan
    artifacts.save_array(run_copy.pred_probs(scope), pred_probs)
    labels, names = load_labels(run_copy), load_class_names(run_copy)
    options = load_tiny().config.find_issues
    with pytest.raises(ArtifactError, match="row 7 is not a probability"):
        find_issues._find_in_scope(run_copy, scope, labels, names, options, None, is_fit=True)
