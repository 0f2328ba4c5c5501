"""Tables of the report from literal metrics."""

from typing import Any

from pipeline.report.tables import corrections_table, data_table

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


def test_each_finding_in_the_data_has_one_row() -> None:
    health = {
        "data": {
            "exact_duplicate": {"examples": 824, "groups": 406},
            "empty_text": {"examples": 0, "groups": 0},
            "copies": {
                "examples_with_copy_in_another_fold": 5,
                "log_loss": 0.25,
                "log_loss_without": 0.26,
            },
        }
    }
    assert data_table({"extra_copies": 418, "test_fraction_in_train": 0.0049}, health) == [
        ("exact copies", "824 in 406 groups"),
        ("empty texts", "0"),
        ("share of the test examples whose text is also in train", "0.5%"),
        ("examples with a copy in another fold", "5"),
        ("cross-validated log loss with and without them", "0.2500 → 0.2600"),
    ]
