"""The comparison: exact where it can be, with its interval, and honest about a miss."""

import json
from math import comb

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from pipeline import artifacts
from pipeline.artifacts import Run
from pipeline.errors import ConfigError
from pipeline.evaluate import (
    compare_accuracy,
    compare_published,
    score_against_truth,
)
from pipeline.provenance import load_test_pred_probs
from pipeline.report.summary import sentence, shown
from pipeline.schema import PublishedFigure
from pipeline.stage import STAGES
from tests.tiny import SETTINGS, TINY, command, load_tiny, run_stage, sets


def outcomes(both: int, gained: int, lost: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Return whether baseline and cleaned are right, for so many examples of each kind."""
    baseline = np.repeat([True, False, True, False], [both, gained, lost, neither])
    cleaned = np.repeat([True, True, False, False], [both, gained, lost, neither])
    return baseline, cleaned


def exact_p(gained: int, lost: int) -> float:
    """McNemar's exact test: twice the smaller tail of Binomial(gained + lost, 1/2)."""
    n, fewer = gained + lost, min(gained, lost)
    return min(1.0, 2 * sum(comb(n, k) for k in range(fewer + 1)) / 2**n)


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (1, 0), (5, 5), (3, 12), (60, 40)])
def test_the_difference_and_its_p(gained: int, lost: int) -> None:
    baseline, cleaned = outcomes(500, gained, lost, 100)
    n = len(baseline)
    found = compare_accuracy(baseline, cleaned, samples=1000, seed=0)
    assert found["baseline"] == pytest.approx((500 + lost) / n)
    assert found["cleanlearning"] == pytest.approx((500 + gained) / n)
    assert found["difference"] == pytest.approx((gained - lost) / n)
    assert (found["gained"], found["lost"]) == (gained, lost)
    assert found["mcnemar_p"] == pytest.approx(exact_p(gained, lost))


def test_the_interval_is_that_of_a_paired_bootstrap() -> None:
    baseline, cleaned = outcomes(800, 60, 30, 110)
    found = compare_accuracy(baseline, cleaned, samples=20_000, seed=0)
    rng = np.random.default_rng(1)
    difference = cleaned.astype(float) - baseline
    means = [difference[rng.integers(0, 1000, 1000)].mean() for _ in range(4000)]
    expected = np.percentile(means, [2.5, 97.5])
    np.testing.assert_allclose(found["ci95"], expected, atol=1.5e-3)
    again = compare_accuracy(baseline, cleaned, samples=20_000, seed=0)
    assert again == found


def test_planted_errors_are_scored() -> None:
    is_error = np.array([True, False, True, False, True, False])
    found = score_against_truth(np.array([2, 1, 0]), is_error)
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["average_precision"] == pytest.approx((1 / 1 + 2 / 3) / 3)
    everything = np.array([4, 1, 0, 2, 3, 5])
    ranked = score_against_truth(everything, is_error)
    order = -np.argsort(everything)  # a score that ranks as the list does
    assert ranked["average_precision"] == pytest.approx(average_precision_score(is_error, order))


def test_planted_scores_of_nothing_are_zero() -> None:
    nothing = score_against_truth(np.array([], int), np.array([True, False]))
    assert nothing == {"precision": 0.0, "recall": 0.0, "average_precision": 0.0}
    assert score_against_truth(np.array([1]), np.zeros(3, bool))["recall"] == 0.0


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
def test_a_metric_that_is_no_number_is_the_configs_fault(metric: str) -> None:
    with pytest.raises(ConfigError, match=rf"evaluate.published\[1\].metric: {metric} is no numb"):
        compare_published(
            [figure("a.b", 1, 1), figure(metric, 1, 1)], {"a": {"b": 1.0, "name": "x"}}
        )


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.001, 0.01, " is better in this run: "),
        (-0.01, -0.001, " is worse in this run: "),
        (-0.001, 0.003, " is neither better nor worse, as far as this test set can tell: "),
        (0.0, 0.003, " is neither better nor worse, as far as this test set can tell: "),
    ],
)
def test_the_sentence_follows_the_interval(low: float, high: float, verdict: str) -> None:
    accuracy = {"ci95": [low, high], "difference": (low + high) / 2, "mcnemar_p": 0.04}
    accuracy |= {"gained": 520, "lost": 510}
    issues = {"all": {"count": 2588, "fraction": 0.05176}}
    text = sentence(
        {"test_accuracy": accuracy, "issues": issues, "dataset": {"num_examples": 50000}}
    )
    assert text.startswith("2,588 of 50,000 labels look wrong (5.2%)")
    assert verdict in text
    assert f"{low:+.4f} to {high:+.4f}, McNemar p = 0.04" in text


@pytest.mark.parametrize(
    ("gained", "lost", "words"),
    [(0, 0, "same of its 60 examples"), (3, 0, "only 3 of its 60"), (5, 4, "only 9 of its 60")],
)
def test_a_test_set_that_cannot_tell_gets_no_interval(gained: int, lost: int, words: str) -> None:
    """A bootstrap of three gains and no loss leaves zero out; McNemar's p is 0.25."""
    right = np.arange(60) >= gained
    cleaned = (np.arange(60) < 60 - lost) | ~right
    accuracy = compare_accuracy(right, cleaned, samples=1000, seed=0)
    issues = {"all": {"count": 7, "fraction": 0.1}}
    text = sentence({"test_accuracy": accuracy, "issues": issues, "dataset": {"num_examples": 70}})
    assert words in text
    assert "cannot tell" in text
    assert "interval" not in text


def test_numbers_are_shown_as_counts_or_with_four_decimals() -> None:
    assert [shown(v) for v in (2588, 130.0, 0.289, 0.87384)] == ["2,588", "130", "0.2890", "0.8738"]


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
    labels = artifacts.load_labels(tiny_run)
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
    assert tiny_run.report.stat().st_size > 1000


def published(metric: str, tolerance: float) -> str:
    row = f"{{figure: the count, metric: {metric}, published: 1, tolerance: {tolerance}}}"
    return f"evaluate.published=[{row}]"


def test_a_figure_outside_its_tolerance_says_so_and_exits_0(run_copy: Run) -> None:
    arguments = ["--config", TINY, "--results", run_copy.folder.parent]
    arguments += sets(*SETTINGS, published("issues.all.count", 0.5))
    done = command("evaluate", *arguments)
    assert done.returncode == 0, done.stderr
    assert "Outside the tolerance: the count." in done.stdout
    assert " NO " in done.stdout
    (row,) = json.loads(run_copy.metrics.read_text(encoding="utf-8"))["published"]
    assert row["within"] is False


def test_a_figure_within_its_tolerance_says_so(
    run_copy: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = load_tiny(published("issues.all.count", 1000))
    run_stage("evaluate", loaded, run_copy.folder.parent)
    out = capsys.readouterr().out
    assert "Every published figure is reproduced within its tolerance." in out
    assert "Planted errors:" in out
    assert "labels look wrong" in out


def test_an_unknown_metric_exits_2(run_copy: Run) -> None:
    arguments = ["--config", TINY, "--results", run_copy.folder.parent]
    arguments += sets(*SETTINGS, published("issues.all.cuont", 1))
    done = command("evaluate", *arguments)
    assert done.returncode == 2
    assert done.stderr == (
        "error: evaluate.published[0].metric: issues.all.cuont is no number in metrics.json\n"
    )
