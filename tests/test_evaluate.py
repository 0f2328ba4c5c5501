"""metrics.json agrees with the artifacts, and is honest about a figure that was missed."""

import json

import numpy as np
import pytest

from pipeline.data.prepared import load_labels
from pipeline.evaluate import compare_published, load_test_pred_probs
from pipeline.frame import artifacts
from pipeline.frame.errors import ConfigError
from pipeline.frame.run import Run
from pipeline.issues.sections import PublishedFigure
from tests.tiny import SETTINGS, STAGES, TINY, command, sets


def figure(metric: str, published: float, tolerance: float) -> PublishedFigure:
    return PublishedFigure(figure="f", metric=metric, published=published, tolerance=tolerance)


def test_published_figures_within_and_outside() -> None:
    metrics = {"a": {"b": 0.289, "count": 2700}}
    rows = compare_published(
        [figure("a.b", 0.285, 0.004), figure("a.b", 0.2849, 0.004), figure("a.count", 2588, 130)],
        metrics,
    )
    assert [row["within"] for row in rows] == [True, False, True]
    assert [row["obtained"] for row in rows] == [0.289, 0.289, 2700]
    assert set(rows[0]) == {"figure", "metric", "published", "obtained", "tolerance", "within"}


@pytest.mark.parametrize("metric", ["a.c", "a", "a.b.c", "z", "a.name"])
def test_a_metric_that_is_not_a_number_is_the_configs_fault(metric: str) -> None:
    with pytest.raises(ConfigError, match=rf"published\[1\].metric: {metric} is not a number"):
        compare_published(
            [figure("a.b", 1, 1), figure(metric, 1, 1)], {"a": {"b": 1.0, "name": "x"}}
        )


# --- the stage -----------------------------------------------------------------------------


def test_metrics_have_the_promised_keys_and_agree_with_the_artifacts(tiny_run: Run) -> None:
    metrics = json.loads(tiny_run.metrics.read_text(encoding="utf-8"))
    assert metrics["run"] == "sample"
    assert metrics["seed"] == 123456
    dataset = artifacts.load_json(tiny_run.dataset)
    assert metrics["dataset"] == {
        "name": "sample", "num_examples": 280, "num_classes": 2,
        "fingerprint": dataset["fingerprint"],
    }  # fmt: skip
    assert set(metrics["crossval"]) == {"log_loss", "accuracy", "ece"}
    for scope, size in (("all", 280), ("train", 200), ("test", 80)):
        issues = artifacts.load_issues(tiny_run.issues(scope))
        assert metrics["issues"][scope]["count"] == len(issues)
        assert metrics["issues"][scope]["fraction"] == len(issues) / size
    top = [int(i["row"]) for i in artifacts.load_issues(tiny_run.issues("all"), limit=10)]
    assert metrics["issues"]["all"]["top_rows"] == top
    labels = load_labels(tiny_run)
    given = labels.given[labels.rows("test")]
    both = load_test_pred_probs(tiny_run, labels)
    for model, pred_probs in both.items():
        right = (pred_probs.argmax(axis=1) == given).mean()
        assert metrics["test_accuracy"][model] == pytest.approx(right)
        chosen = pred_probs[np.arange(80), given].astype(float)
        assert metrics["test_log_loss"][model] == pytest.approx(-np.log(chosen).mean())
    accuracy = metrics["test_accuracy"]
    difference = accuracy["cleanlearning"] - accuracy["baseline"]
    assert accuracy["difference"] == pytest.approx(difference)
    assert accuracy["ci95"][0] <= difference <= accuracy["ci95"][1]
    assert 0 <= accuracy["mcnemar_p"] <= 1
    assert metrics["published"] == []
    assert set(metrics["planted"]) == {"precision", "recall", "average_precision"}
    assert set(metrics["seconds"]) == set(STAGES) - {"evaluate"} | {"total"}


def published(metric: str, tolerance: float) -> str:
    row = f"{{figure: the count, metric: {metric}, published: 1, tolerance: {tolerance}}}"
    return f"evaluate.published=[{row}]"


def test_a_figure_outside_its_tolerance_is_told_and_exits_0(run_copy: Run) -> None:
    arguments = ["--config", TINY, "--results", run_copy.folder.parent]
    arguments += sets(*SETTINGS, published("issues.all.count", 0.5))
    done = command("evaluate", *arguments)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(run_copy.metrics.read_text(encoding="utf-8"))["published"]
    assert row["within"] is False


def test_an_unknown_metric_exits_2(run_copy: Run) -> None:
    arguments = ["--config", TINY, "--results", run_copy.folder.parent]
    arguments += sets(*SETTINGS, published("issues.all.cuont", 1))
    done = command("evaluate", *arguments)
    assert done.returncode == 2
    assert done.stderr == (
        "error: evaluate.published[0].metric: issues.all.cuont is not a number in metrics.json\n"
    )
