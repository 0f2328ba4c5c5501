"""Tables of the report from literal metrics."""

from typing import Any

from pipeline.report.summary import corrections_sentence
from pipeline.report.tables import corrections_table, data_table

CORRECTED: dict[str, Any] = {
    "relabelled": 12,
    "dropped": 3,
    "issues_left": 40,
    "test_accuracy_given_labels": {"baseline": 0.9, "cleanlearning": 0.91},
    "test_accuracy_corrected_labels": {"baseline": 0.92, "cleanlearning": 0.93},
}


def test_what_people_corrected_and_what_it_did_is_shown() -> None:
    rows = corrections_table({"corrections": CORRECTED})
    assert ("labels changed by people", "12") in rows
    assert ("label issues left", "40") in rows
    assert ("test accuracy, baseline, given labels", "0.9000") in rows
    assert ("test accuracy, baseline, corrected labels", "0.9200") in rows
    assert corrections_table({}) == []


def test_what_people_corrected_is_said_in_one_sentence() -> None:
    said = corrections_sentence(CORRECTED)
    assert said.startswith("Corrections: 12 labels changed, 3 examples left out, 40 issues left")
    assert said.endswith("0.9200 on the corrected test labels, 0.9000 on the given ones.")


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
