"""Tables of the report from literal metrics."""

from typing import Any

from pipeline.report.reviewed import corrections_sentence, review_sentences
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
    assert "0.9200 on the corrected test labels, 0.9000 on the given ones." in said
    assert "can hardly fall" in said
    audited = {"audit": {"test_accuracy": {"baseline": {"value": 0.91, "ci95": [0.89, 0.93]}}}}
    said = corrections_sentence(CORRECTED, audited)
    assert "can hardly fall" not in said and "0.9100 [0.8900, 0.9300]" in said


def test_what_people_found_is_said_in_sentences() -> None:
    assert review_sentences({}) == []
    share = {"value": 0.05, "ci95": [0.03, 0.08]}
    found = {
        "decided": 50,
        "wrong": 38,
        "next": {"labels": 50, "expected": 24.2, "ci95": [17, 31]},
        "audit": {"checked": 200, "wrong": 20, "share_wrong": share, "recall_of_list": share},
        "reviewers": {"Ann": {"sway": {"value": 0.2, "ci95": [0.05, 0.33]}}, "Bob": {"sway": None}},
        "agreement": {"measure": "Cohen's kappa", "items": 40, "observed": 0.9},
    }
    said = review_sentences({"review": found})
    assert said[0].startswith("People looked at 50 issues: 38 labels are wrong; of the next 50 ")
    assert "5.0% [3.0%, 8.0%] of all labels" in said[1] and "holds 5%" in said[1]
    assert "agree in 90%." in said[2] and said[3].startswith("Ann takes the suggestion +20 [+5, ")
    assert len(said) == 4


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
