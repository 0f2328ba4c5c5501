"""The check of a build: what passes, fails or cannot be told, and how it is written down."""

import copy
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from pipeline.command import outputs
from pipeline.command.check import judge_parts, places
from pipeline.command.outputs import Place
from pipeline.command.verdict import (
    LIMIT,
    Found,
    Outcome,
    Part,
    Verdict,
    find_issues,
    judge_new,
    judge_share,
    key_of,
    load_baseline,
    percentage,
    save_baseline,
)
from pipeline.config.load import load_config
from pipeline.data.guess import Chosen
from pipeline.frame.errors import ConfigError, DataError
from pipeline.frame.run import Run
from pipeline.init import make_config
from tests.commands import end_of
from tests.tickets import CLASSES, make_tickets

METRICS: dict[str, Any] = {
    "dataset": {"num_examples": 1000},
    "issues": {"all": {"estimated_errors": {"range95": [22, 41]}}},
    "fitness": {"is_fit": True, "reasons": []},
}


@pytest.mark.parametrize(
    ("limit", "outcome"),
    [
        (0.02, Outcome.FAIL),
        (0.0219, Outcome.FAIL),
        (0.022, Outcome.UNKNOWN),
        (0.03, Outcome.UNKNOWN),
        (0.0409, Outcome.UNKNOWN),
        (0.041, Outcome.PASS),
        (0.5, Outcome.PASS),
    ],
)
def test_the_interval_decides_or_nothing_does(limit: float, outcome: Outcome) -> None:
    part = judge_share(METRICS, limit)
    assert part.outcome is outcome
    assert "2.2% to 4.1% of the labels are wrong" in part.why


def test_a_finder_that_is_not_fit_cannot_tell() -> None:
    unfit = copy.deepcopy(METRICS)
    unfit["issues"]["all"]["estimated_errors"]["range95"] = None
    unfit["fitness"] = {"is_fit": False, "reasons": [{"why": "it guesses", "remedy": ""}]}
    for limit in (0.0, 0.9):
        part = judge_share(unfit, limit)
        assert part.outcome is Outcome.UNKNOWN
        assert "it guesses" in part.why


def test_a_share_is_read_or_refused() -> None:
    assert percentage("2%") == percentage("0.02") == 0.02
    assert percentage("0") == 0
    for wrong in ("2", "two", "-1%", "100%", "", "nan"):
        with pytest.raises(ConfigError, match="--max-wrong"):
            percentage(wrong)


def test_of_what_was_there_nothing_is_new(tiny_run: Run, tmp_path: Path) -> None:
    before = find_issues(tiny_run, None)
    assert before and not any(issue.is_new for issue in before)
    save_baseline(tmp_path / "b.json", tiny_run, before)
    known = load_baseline(tmp_path / "b.json")
    assert judge_new(find_issues(tiny_run, known)).outcome is Outcome.PASS
    # Two rows are new or have another label since.
    changed = {before[0].key, before[2].key}
    part = judge_new(find_issues(tiny_run, known - changed))
    assert part.outcome is Outcome.FAIL
    assert part.why == f"2 new or changed rows look wrong: {before[0].id}, {before[2].id}"


def test_a_row_is_known_by_its_text_and_label() -> None:
    assert len({key_of("a", "x"), key_of("a", "y"), key_of("b", "x"), key_of("xa", "")}) == 4


def test_a_baseline_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    with pytest.raises(DataError, match="no such baseline; write it with --baseline"):
        load_baseline(path)
    for text in ("{", "[]", '{"format": 9, "rows": []}', '{"rows": []}', '{"format": 1}'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match="is not a baseline"):
            load_baseline(path)


# --- as other programs read it ---------------------------------------------------------------

HOSTILE = "<b>|`x`](http://a) \x1b[2J\x00 \ud800\nnext"


def issue(number: int, *, is_new: bool, text: str = "a text") -> Found:
    return Found(f"key{number}", f"id/{number}", "a<b>|", "c&d", 0.0123, text, is_new)


def verdict(outcome: Outcome) -> Verdict:
    issues = [issue(1, is_new=False, text=HOSTILE), issue(2, is_new=True)]
    return Verdict([Part(LIMIT, Outcome.PASS, "few"), Part(NEW_ROWS, outcome, "why <it>")], issues)


NEW_ROWS = judge_new([]).asked


def place_of(found: Found) -> Place:
    return Place("data/a b.csv", 17 if found.id == "id/1" else 0)


@pytest.mark.parametrize("outcome", Outcome)
def test_junit_has_a_test_for_each_question_and_row(outcome: Outcome) -> None:
    root = ElementTree.fromstring(outputs.junit(verdict(outcome), place_of, "a.csv"))
    (suite,) = root
    cases = {case.get("name"): [child.tag for child in case] for case in suite}
    failed = outcome is Outcome.FAIL
    expected = {Outcome.PASS: [], Outcome.FAIL: ["failure"], Outcome.UNKNOWN: ["skipped"]}
    assert cases == {
        LIMIT: [],
        NEW_ROWS: expected[outcome],
        "data/a b.csv:17 id/1": ["skipped"],
        "data/a b.csv id/2": ["failure"] if failed else ["skipped"],
    }
    for node in (root, suite):
        assert node.get("tests") == "4"
        assert node.get("failures") == str(sum(kinds == ["failure"] for kinds in cases.values()))
    assert suite.get("skipped") == str(sum(kinds == ["skipped"] for kinds in cases.values()))
    # What the schema of Jenkins' xUnit plugin (junit-10.xsd) knows, and nothing else.
    known = {"name", "time", "tests", "failures", "errors"}
    assert set(root.attrib) <= known and set(suite.attrib) <= known | {"skipped"}
    for case in suite:
        assert set(case.attrib) == {"name", "classname", "time"}
        assert all(set(child.attrib) == {"message"} for child in case)


def test_sarif_has_a_result_at_each_line() -> None:
    log = json.loads(outputs.sarif(verdict(Outcome.FAIL), place_of))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    first, second = run["results"]
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["id"] == first["ruleId"] == second["ruleId"]
    for name in ("shortDescription", "fullDescription", "help"):  # code hosts want all three
        assert rule[name]["text"]
    assert (first["level"], second["level"]) == ("note", "error")
    where = first["locations"][0]["physicalLocation"]
    assert where == {"artifactLocation": {"uri": "data/a%20b.csv"}, "region": {"startLine": 17}}
    assert "region" not in second["locations"][0]["physicalLocation"]
    assert first["partialFingerprints"] == {"textAndLabel/v1": "key1"}


def test_markdown_obeys_no_text() -> None:
    made = outputs.markdown(verdict(Outcome.FAIL), place_of, "a.csv")
    made.encode()
    rows = [line for line in made.splitlines() if line.startswith("| data")]
    assert len(rows) == 2
    assert rows[0].count("|") - rows[0].count("\\|") == 6
    assert "<b>" not in made and "\x1b" not in made and "`x`" not in made.replace("\\`", "")
    assert "id/2" not in rows[0] and rows[0].startswith(
        "| data/a b.csv |"
    )  # what fails comes first
    assert "failed" in made.splitlines()[0]


# --- on a file -------------------------------------------------------------------------------


def test_rows_are_told_by_their_lines(tmp_path: Path, tiny_run: Run) -> None:
    made = make_tickets(60, seed=1)
    path = tmp_path / "t.csv"
    lines = [
        f'{CLASSES[label]},"{text} and\nmore"'
        for text, label in zip(made.texts, made.given, strict=True)
    ]
    path.write_text("label,text\n" + "\n".join(lines) + "\n", encoding="utf-8")
    make_config(tmp_path / "t.yaml", path, Chosen())
    where = places(load_config(tmp_path / "t.yaml"), path)
    assert where(issue(1, is_new=True)._replace(id="t/0")) == Place(str(path), 2)
    assert where(issue(1, is_new=True)._replace(id="t/7")) == Place(str(path), 16)


def test_what_is_asked_is_answered(tiny_run: Run) -> None:
    issues = find_issues(tiny_run, None)
    assert judge_parts(tiny_run, issues, None, judge_rows=False) == []
    asked = judge_parts(tiny_run, issues, 0.99, judge_rows=True)
    assert [part.asked for part in asked] == [LIMIT, NEW_ROWS]


@pytest.mark.parametrize(
    ("option", "code", "what"),
    [(("--max-wrong", "lots"), 2, "write a share"), (("--against", "no.json"), 3, "no such base")],
)
def test_wrong_options_are_refused_before_anything_is_done(
    option: tuple[str, str],
    code: int,
    what: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from pipeline.command.group import main

    monkeypatch.chdir(tmp_path)
    assert end_of(main, monkeypatch, "check", "none.csv", *option) == code
    assert what in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
