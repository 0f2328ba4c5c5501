"""Tables of the report from literal metrics."""

from typing import Any

from pipeline.report.tables import corrections_table

CORRECTED: dict[str, Any] = {
    "relabelled": 12,
    "dropped": 3,
    "issues_left": 40,
    "test_accuracy_given_labels": {"baseline": 0.9, "cleanlearning": 0.91},
    "test_accuracy_corrected_labels": {"baseline": 0.92, "cleanlearning": 0.93},
    "before": {
        "issues": {"all": {"count": 1234}},
        "test_accuracy": {"baseline": 0.88, "cleanlearning": 0.89},
    },
}


def test_corrections_are_shown_before_and_now() -> None:
    rows = corrections_table({"corrections": CORRECTED})
    assert ("label issues", "1,234", "40") in rows
    assert ("test accuracy, baseline, given labels", "0.8800", "0.9000") in rows
    assert ("test accuracy, baseline, corrected labels", "", "0.9200") in rows


def test_without_an_earlier_run_only_now_is_shown() -> None:
    rows = corrections_table({"corrections": CORRECTED | {"before": None}})
    assert ("label issues", "", "40") in rows
    assert corrections_table({}) == []
