"""The first page: no rate without its range, nothing from a small class or an unfit model."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from pipeline.config.load import load_config
from pipeline.corrections.findings import duration
from pipeline.data.sources import Dataset
from pipeline.frame import artifacts
from pipeline.frame.record import load_record, save_record
from pipeline.report.answers import first_page, read_from, reading_seconds
from pipeline.report.figures import accuracy_curves, class_ranges, confusion
from pipeline.report.markdown import escaped, quoted, sentence, summary_markdown
from pipeline.report.material import Material, gather
from pipeline.report.numbers import share_interval, span
from pipeline.report.pairs import find_pairs, order_classes
from pipeline.report.sections import all_sections
from pipeline.report.tables import class_table

from .conftest import MakeToy, Toy
from .payloads import PAYLOADS

ESTIMATED = {
    "confident_learning": {"count": 9, "ci95": [5, 14]},
    "scores": {"count": 7, "ci95": [3, 11]},
    "range95": [3, 14],
}


def said(m: Material) -> dict[str, str]:
    return {
        a.question: " ".join([a.answer, *("".join(note) for note in a.notes)])
        for a in first_page(m)
    }


def with_estimate(toy: Toy) -> Toy:
    toy.metrics["issues"]["all"]["estimated_errors"] = ESTIMATED
    return toy


def test_the_range_is_stated_and_where_it_comes_from(make_toy: MakeToy) -> None:
    toy = with_estimate(make_toy())
    answer = said(gather(toy.loaded, toy.run, toy.metrics))["How many labels are wrong?"]
    assert answer.startswith("3 to 14 of 40 (7.5% to 35%)")
    assert "confident learning counts 9" in answer
    assert "Uncalibrated" in answer


def test_what_was_read_is_said_and_so_what_was_not() -> None:
    split = {"by": "column", "column": "part", "train": "a", "test": "b", "left_out": ["dev"]}
    section = {
        "source": "csv",
        "path": "x.csv",
        "columns": None,
        "delimiter": ",",
        "encoding": "utf-8",
        "text_columns": ["title", "body"],
        "label_column": "topic",
        "id_column": None,
        "classes": "found",
        "split": split,
    }
    dataset: Any = TypeAdapter(Dataset).validate_python(section)
    read = "Read: texts from title, body, labels from topic, splits from part, a, b."
    assert read_from(dataset, None) == [read]
    assert read_from(dataset, {}) == [f"{read} Nothing else."]
    left = {"columns": ["", *map(str, range(24))], "splits": ["dev"], "files": ["val.csv"]}
    numbers = ", ".join(map(str, range(19)))
    assert read_from(dataset, left) == [
        f"{read} Not read: columns without a name, {numbers} and 5 more; splits dev; files val.csv."
    ]
    sample = load_config(Path("configs/sample.yaml")).config.dataset
    assert read_from(sample, {}) == []
    assert read_from(sample, {"folders": ["train/unsup"]}) == ["Not read: folders train/unsup."]


def test_what_prepare_did_not_read_stands_on_the_page(make_toy: MakeToy) -> None:
    toy = make_toy()
    folder = toy.run.stage("prepare")
    save_record(folder, load_record(folder) | {"not_read": {"columns": ["<i>when"]}})
    told = next(
        answer
        for answer in first_page(gather(toy.loaded, toy.run, toy.metrics))
        if answer.question == "What was looked at?"
    )
    assert told.notes[-1] == "Not read: columns <i>when."


def test_a_run_of_an_earlier_version_says_what_is_missing(make_toy: MakeToy) -> None:
    toy = make_toy()
    health = artifacts.load_json(toy.run.health)
    for entry in health["all"]["classes"]:
        del entry["wrong95"]
    artifacts.save_json(toy.run.health, health)
    m = gather(toy.loaded, toy.run, toy.metrics)
    assert "an earlier version made" in said(m)["How many labels are wrong?"]
    (section,) = [s for s in all_sections(m) if s.slug == "classes"]
    assert "an earlier version made" in section.intro


def test_an_unfit_model_gets_no_estimate_no_list_on_top_and_no_class(make_toy: MakeToy) -> None:
    toy = with_estimate(make_toy())
    toy.metrics["fitness"] = {
        "is_fit": False,
        "reasons": [{"why": "it guesses", "remedy": "add texts"}],
    }
    m = gather(toy.loaded, toy.run, toy.metrics)
    answers = said(m)
    assert answers["Is the model fit to judge?"].startswith("No")
    assert "Because it guesses" in answers["Is the model fit to judge?"]
    assert answers["How many labels are wrong?"].startswith("This model cannot say")
    assert "Add texts." in answers["What to do next?"]
    assert "3 to 14" not in " ".join(answers.values())
    assert answers["Did cleaning help?"].startswith("Not tried")
    assert "clearest" not in summary_markdown(m)
    assert "pairs" not in [section.slug for section in all_sections(m)]


def test_test_labels_are_said_to_be_noisy_where_accuracies_are_compared(make_toy: MakeToy) -> None:
    toy = make_toy()
    toy.metrics["training"] = {"updates": {"baseline": 600, "cleanlearning": 540}}
    answer = said(gather(toy.loaded, toy.run, toy.metrics))["Did cleaning help?"]
    assert answer.startswith("No difference shown: +0.1000 [−0.0500, +0.2000]")
    assert "Test labels are noisy too" in answer
    assert "for 540 steps, the baseline for 600: with fewer texts" in answer
    cleanlearn = toy.loaded.config.cleanlearn.model_copy(update={"same_updates": True})
    config = toy.loaded.config.model_copy(update={"cleanlearn": cleanlearn})
    same = replace(toy.loaded, config=config)
    answer = said(gather(same, toy.run, toy.metrics))["Did cleaning help?"]
    assert "for 540 steps, the baseline for 600." in answer


def test_a_small_class_makes_no_headline_and_gets_no_share() -> None:
    classes: list[dict[str, Any]] = [
        {"name": "tiny", "examples": 3, "issues": 3, "wrong95": None},
        {"name": "big", "examples": 400, "issues": 20, "wrong95": [12, 40]},
        {"name": "odd", "examples": 100, "issues": 40, "wrong95": [30, 50]},
    ]
    drawn = class_ranges(classes, [40, 90], 503)
    assert drawn is not None
    assert drawn.title.startswith("odd stands out: 30% to 50%")
    assert "tiny" not in drawn.body
    assert class_ranges(classes[:2], [10, 50], 403).title.startswith("No class stands out")  # type: ignore[union-attr]
    assert class_ranges(classes[:1], [1, 2], 3) is None
    assert class_table(classes, True)["rows"][0] == ["tiny", "3", "3", "too few rows", "–"]
    assert class_table(classes, True)["rows"][2][3:] == ["30 to 50", "30% to 50%"]


def test_a_matrix_only_where_it_can_be_read_with_confused_classes_together() -> None:
    assert confusion(np.eye(13, dtype=int), [f"c{k}" for k in range(13)]) is None
    counts = np.diag([50] * 6)
    for i, j in ((0, 3), (3, 5), (1, 4)):
        counts[i, j] = counts[j, i] = 20
    order = order_classes(counts).tolist()
    for i, j in ((0, 3), (3, 5), (1, 4)):
        assert abs(order.index(i) - order.index(j)) == 1


def test_pairs_are_sorted_and_keep_their_first_examples() -> None:
    issues = [
        {"given_label": g, "suggested_label": s, "id": str(k), "text": f"t{k}"}
        for k, (g, s) in enumerate([("a", "b"), ("b", "a"), ("b", "a"), ("a", "a"), ("b", "a")])
    ]
    first, second = find_pairs(issues)
    assert (first.given, first.suggested, first.count) == ("b", "a", 3)
    assert first.examples == [("1", "t1"), ("2", "t2"), ("4", "t4")]
    assert second.count == 1


def test_learning_curves_say_that_they_are_still_rising() -> None:
    fold = {"accuracy": 0.6, "training": {"accuracy": [0.3, 0.5, 0.7]}}
    flat = {"accuracy": 0.6, "training": {"accuracy": [0.5, 0.7, 0.7]}}
    assert "still rising" in accuracy_curves([fold]).title  # type: ignore[union-attr]
    assert "still rising" not in accuracy_curves([flat]).title  # type: ignore[union-attr]


@pytest.mark.parametrize(("count", "total"), [(0, 10), (10, 10), (62, 100)])
def test_shares_have_the_interval_of_wilson(count: int, total: int) -> None:
    from scipy.stats import binomtest

    expected = binomtest(count, total).proportion_ci(method="wilson")
    assert share_interval(count, total) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_what_it_costs_is_said_as_a_person_says_it() -> None:
    assert [duration(s) for s in (3, 75, 1500, 9000, 90_000)] == [
        "10 seconds",
        "80 seconds",
        "25 minutes",
        "2.5 hours",
        "25 hours",
    ]
    assert [span(3, 14), span(0, 0), span(7.2, 7.4)] == ["3 to 14", "none", "7"]
    assert reading_seconds("word " * 240) == pytest.approx(65)
    assert reading_seconds("字" * 100) > 15


def test_nothing_in_the_markdown_is_markup_of_strangers(make_toy: MakeToy) -> None:
    texts = [f"{payload} @somebody #12 www.evil.example `code` | dull film" for payload in PAYLOADS]
    toy = with_estimate(make_toy(texts=texts, class_names=("<b>a", "`b` @c"), dataset="[x](y) <i>"))
    text = summary_markdown(gather(toy.loaded, toy.run, toy.metrics))
    assert "looks like" in text
    outside = [part for line in text.splitlines() for part in unquoted(line)]
    for part in outside:
        assert not set("<>@#|") & set(part.replace("\\<", "").replace("\\@", "")) - {"#"}, part


def unquoted(line: str) -> list[str]:
    """Return what of a line lies outside inline code, as CommonMark reads it."""
    parts, at = [], 0
    while (start := line.find("`", at)) >= 0:
        width = len(line[start:]) - len(line[start:].lstrip("`"))
        end = start + width
        while True:
            end = line.index("`" * width, end)
            run = len(line[end:]) - len(line[end:].lstrip("`"))
            if run == width:
                break
            end += run
        parts.append(line[at:start])
        at = end + width
    return [*parts, line[at:]]


def test_what_errors_have_in_common_is_a_section_of_sentences(make_toy: MakeToy) -> None:
    toy = make_toy()
    assert "patterns" not in [
        s.slug for s in all_sections(gather(toy.loaded, toy.run, toy.metrics))
    ]
    found = {"decided": 30, "wrong": 12, "sentences": ["Look twice where the text says 'fee'."]}
    metrics = toy.metrics | {"review": {"patterns": found}}
    sections = all_sections(gather(toy.loaded, toy.run, metrics))
    (section,) = [s for s in sections if s.slug == "patterns"]
    assert "of 30 labels 12 are wrong" in section.intro and "not of the data" in section.intro
    assert [part.value for part in section.parts] == [found["sentences"]]


def test_code_outgrows_the_backticks_in_it() -> None:
    assert quoted("a `b` ``c``") == "``` a `b` ``c`` ```"
    assert quoted("a\n<br />b") == "`a b`"
    assert escaped("a_b `x` [c] www.d") == r"a\_b \`x\` \[c\] www\.d"
    assert sentence(("type ", "make `x`", ".")) == "type `` make `x` ``."


def test_the_page_is_the_same_without_a_journal_and_says_so_of_a_broken_one(
    make_toy: MakeToy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = make_toy()
    assert gather(toy.loaded, toy.run, toy.metrics).decided is None
    journal = tmp_path / "journal.jsonl"
    journal.write_text("no decision\n")
    config = toy.loaded.config.model_copy(update={"corrections": str(journal)})
    found = gather(replace(toy.loaded, config=config), toy.run, toy.metrics)
    assert "cannot be read" in said(found)["What do people say?"]


def test_what_a_review_found_is_one_answer(make_toy: MakeToy) -> None:
    toy = make_toy()
    review = {
        "decided": 30,
        "wrong": 12,
        "next": {"labels": 50, "expected": 9, "ci95": [4, 15]},
        "reviewers": {},
    }
    answers = said(gather(toy.loaded, toy.run, toy.metrics | {"review": review}))
    answer = answers["What do people say?"]
    assert "30 issues: 12 labels are wrong; of the next 50 expect 9 [4, 15]" in answer
    assert sum("12 labels" in each for each in answers.values()) == 1
