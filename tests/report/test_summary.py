"""What the terminal says of a finished run follows its numbers."""

from typing import Any

import numpy as np
import pytest

from pipeline.frame.run import Run
from pipeline.issues.comparison import compare_accuracy
from pipeline.report.__main__ import make_report
from pipeline.report.summary import figure_text, sentence
from tests.tiny import load_tiny, run_stage


def metrics_of(accuracy: Any, issues: Any, *, num_examples: int, reasons: Any = ()) -> Any:
    return {
        "test_accuracy": accuracy,
        "issues": issues,
        "dataset": {"num_examples": num_examples},
        "fitness": {"is_fit": not reasons, "reasons": list(reasons)},
    }


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
    text = sentence(metrics_of(accuracy, issues, num_examples=50000))
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
    text = sentence(metrics_of(accuracy, issues, num_examples=70))
    assert words in text
    assert "cannot tell" in text
    assert "interval" not in text


def test_numbers_are_shown_as_counts_or_with_four_decimals() -> None:
    figures = [figure_text(value) for value in (2588, 130.0, 0.289, 0.87384)]
    assert figures == ["2,588", "130", "0.2890", "0.8738"]


def printed(run: Run, capsys: pytest.CaptureFixture[str], *, tolerance: float) -> str:
    """Return what is said of a run that has one published figure, a count of 1."""
    row = f"{{figure: the count, metric: issues.all.count, published: 1, tolerance: {tolerance}}}"
    loaded = load_tiny(f"evaluate.published=[{row}]")
    run_stage("evaluate", loaded, run.folder.parent)
    capsys.readouterr()
    make_report(loaded, run)
    return capsys.readouterr().out


def test_a_figure_outside_its_tolerance_is_named(
    run_copy: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    out = printed(run_copy, capsys, tolerance=0.5)
    assert "Outside the tolerance: the count." in out
    assert " NO " in out
    assert run_copy.report.stat().st_size > 1000


def test_a_figure_within_its_tolerance_says_so(
    run_copy: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    out = printed(run_copy, capsys, tolerance=1000)
    assert "Every published figure is reproduced within its tolerance." in out
    assert "Planted errors:" in out
    assert "labels look wrong" in out


def test_an_unfit_finder_gets_a_verdict_and_what_to_do_instead_of_a_count() -> None:
    accuracy = {"ci95": [0.001, 0.01], "difference": 0.005, "mcnemar_p": 0.04}
    accuracy |= {"gained": 520, "lost": 510}
    reasons = [{"why": "it guesses", "remedy": "add texts"}]
    issues = {"all": {"count": 2588, "fraction": 0.05}}
    text = sentence(metrics_of(accuracy, issues, num_examples=50000, reasons=reasons))
    assert "not fit to judge these labels, because it guesses" in text
    assert text.endswith("What to do: add texts.")
    assert "2,588" not in text
    assert "better" not in text
