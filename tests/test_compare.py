"""Two finished runs side by side: their figures, and which label issues went and came."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.compare import compare
from pipeline.data.prepared import load_labels
from pipeline.frame import artifacts
from pipeline.frame.errors import ArtifactError
from pipeline.frame.record import load_record, save_record
from pipeline.frame.run import Run
from pipeline.report.__main__ import make_report
from pipeline.report.comparison import (
    change_text,
    changed_issues,
    compare_on_test,
    other_settings,
)
from tests.commands import code_of
from tests.tiny import SETTINGS, TINY, command, load_tiny, save_records, sets


@pytest.fixture(autouse=True)
def a_wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")


@pytest.fixture
def later(tiny_run: Run, tmp_path: Path) -> Run:
    """The run after some corrections: two issues gone, one new, the baseline better."""
    run = Run(Path(shutil.copytree(tiny_run.folder, tmp_path / "later [red]")))
    issues = artifacts.load_issues(run.issues("all"))
    new = issues[0] | {"id": "train/new"}
    lines = [tuple(issue.values()) for issue in [new, *issues[2:]]]
    artifacts.save_issues(run.issues("all"), iter(lines))
    metrics = artifacts.load_json(run.metrics)
    metrics["issues"]["all"]["count"] -= 1
    metrics["test_accuracy"]["baseline"] += 0.0125
    artifacts.save_json(run.metrics, metrics)
    save_records(run, load_tiny())
    return run


def rows(out: str) -> dict[str, list[str]]:
    """Return figure -> [first, second, difference] of what was printed."""
    cells = [re.split(r" *[│┃] *", line.strip("│┃ ")) for line in out.splitlines() if "│" in line]
    return {name.strip(): [value.strip() for value in values] for name, *values in cells}


def test_figures_stand_side_by_side(
    tiny_run: Run, later: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics: dict[str, Any] = artifacts.load_json(tiny_run.metrics)
    compare(tiny_run.folder, later.folder)
    out = capsys.readouterr().out
    assert str(tiny_run.folder) in out and str(later.folder) in out  # markup is not obeyed
    found = rows(out)
    count = metrics["issues"]["all"]["count"]
    assert found["label issues, all"] == [f"{count:,}", f"{count - 1:,}", "-1"]
    baseline = metrics["test_accuracy"]["baseline"]
    expected = [f"{baseline:.4f}", f"{baseline + 0.0125:.4f}", "+0.0125"]
    assert found["test accuracy, baseline"] == expected
    loss = f"{metrics['test_log_loss']['cleanlearning']:.4f}"
    assert found["test log loss, CleanLearning"] == [loss, loss, "+0.0000"]


def test_issues_gone_and_new_are_counted(
    tiny_run: Run, later: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    compare(tiny_run.folder, later.folder)
    assert "2 of the first are gone, 1 are new, " in capsys.readouterr().out
    compare(later.folder, tiny_run.folder)
    assert "1 of the first are gone, 2 are new, " in capsys.readouterr().out
    compare(later.folder, later.folder)
    assert "0 of the first are gone, 0 are new, 0 moved" in capsys.readouterr().out


def answer(run: Run, model: str, *, right: int) -> None:
    """Let a model be right about the first test examples, and about no other."""
    labels = load_labels(run)
    given = labels.given[labels.rows("test")]
    arrays = artifacts.load_arrays(run.test_pred_probs)
    said = np.where(np.arange(len(given)) < right, given, 1 - given)
    artifacts.save_arrays(run.test_pred_probs, arrays | {model: np.eye(2, dtype="f4")[said]})
    save_records(run, load_tiny())


def test_the_same_test_examples_give_a_paired_interval(
    run_copy: Run, later: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(run_copy, "baseline", right=40)
    answer(later, "baseline", right=60)
    paired = compare_on_test(run_copy, later)
    assert paired["examples"] == 80
    found = paired["baseline"]
    assert (found["difference"], found["gained"], found["lost"]) == (0.25, 20, 0)
    low, high = found["ci95"]
    assert 0.1 < low < 0.25 < high < 0.4
    assert compare_on_test(later, run_copy)["baseline"]["difference"] == -0.25
    compare(run_copy.folder, later.folder)
    out = capsys.readouterr().out
    assert "Baseline, the same 80 test examples: +0.2500 in accuracy [+0." in out
    assert "CleanLearning, the same 80 test examples: +0.0000 in accuracy; too few" in out


def test_other_test_examples_are_not_paired(
    run_copy: Run, later: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    table = artifacts.load_table(later.examples)
    texts = [f"another {text}" for text in table.column("text").to_pylist()]
    place = table.column_names.index("text")
    column = pa.array(texts, table.schema.field("text").type)
    artifacts.save_table(later.examples, table.set_column(place, "text", column))
    save_records(later, load_tiny())
    assert compare_on_test(run_copy, later) == {}
    compare(run_copy.folder, later.folder)
    assert "No test example is in both" in capsys.readouterr().out


def test_the_report_says_what_changed_since_another_run(
    run_copy: Run, later: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = load_tiny()
    make_report(loaded, run_copy)
    assert "What changed" not in run_copy.report.read_text()
    make_report(loaded, run_copy, later)
    page, summary = run_copy.report.read_text(), run_copy.report_summary.read_text()
    assert f"What changed since {later.folder}?" in page and "What changed since" in summary
    assert "1 issue gone, 2 new, 0 moved" in page and "1 issue gone, 2 new, 0 moved" in summary
    section = page.partition('id="compared"')[2].partition('<details class="section"')[0]
    gone, new = (section.partition(f"<summary>{kind}")[2].partition("</details>")[0]
                 for kind in ("Gone", "New"))  # fmt: skip
    first, second, *_ = artifacts.load_issues(run_copy.issues("all"))
    assert "train/new" in gone and first["id"] not in gone
    assert first["id"] in new and second["id"] in new
    assert '<td class="n">-0.0125</td>' in section  # of the baseline's accuracy
    make_report(loaded, run_copy)
    assert "What changed" not in run_copy.report.read_text()


def test_a_report_against_what_is_no_finished_run_is_refused_and_the_old_one_stays(
    results_copy: Path, tmp_path: Path
) -> None:
    run = Run(results_copy / TINY.stem)
    make_report(load_tiny(), run)
    before = run.report.read_bytes()
    told = ("--config", TINY, *sets(*SETTINGS), "--results", results_copy, "--before", tmp_path)
    done = command("report", *told)
    assert done.returncode == 4 and done.stderr.count("\n") == 1
    assert run.report.read_bytes() == before


def test_json_holds_every_issue_with_its_ranks(
    tiny_run: Run, later: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    compare(tiny_run.folder, later.folder, as_json=True)
    found = json.loads(capsys.readouterr().out)
    first, second, *_ = artifacts.load_issues(tiny_run.issues("all"))
    assert [issue["id"] for issue in found["issues"]["gone"]] == [first["id"], second["id"]]
    assert found["issues"]["gone"][0]["ranks"] == [1, None]
    assert [issue["id"] for issue in found["issues"]["new"]] == ["train/new"]
    before, after = found["figures"]["test accuracy, baseline"]
    assert after - before == pytest.approx(0.0125)


def test_an_issue_moves_by_a_tenth_of_the_list_or_by_its_suggestion(
    tiny_run: Run, run_copy: Run
) -> None:
    issues = artifacts.load_issues(tiny_run.issues("all"))
    issues[3]["suggested_label"] = issues[3]["given_label"]
    far = len(issues) // 10 + 2
    issues[5]["rank"] = str(int(issues[5]["rank"]) + far)
    issues[6]["rank"] = str(int(issues[6]["rank"]) + 1)
    artifacts.save_issues(run_copy.issues("all"), iter(tuple(i.values()) for i in issues))
    moved = changed_issues(tiny_run, run_copy)["moved"]
    assert [each["id"] for each in moved] == [issues[3]["id"], issues[5]["id"]]
    assert moved[1]["ranks"] == [6, 6 + far]


def test_what_else_differs_is_said(
    tiny_run: Run, later: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else a gain by more epochs would be taken for one by corrections."""
    assert other_settings(tiny_run, later) == []
    save_records(later, load_tiny("model.epochs=9", "corrections=j.jsonl"))
    compare(tiny_run.folder, later.folder)
    out = capsys.readouterr().out
    assert "Another setting: model.epochs 4 -> 9.\n" in out
    assert 'Another setting: corrections null -> "j.jsonl".' in out
    dataset = artifacts.load_json(later.dataset)
    artifacts.save_json(later.dataset, dataset | {"fingerprint": "sha256:other"})
    assert any("Another dataset" in line for line in other_settings(tiny_run, later))
    corrected = {"corrections": {"source_fingerprint": dataset["fingerprint"]}}
    artifacts.save_json(later.dataset, dataset | {"fingerprint": "sha256:x"} | corrected)
    assert not any("Another dataset" in line for line in other_settings(tiny_run, later))
    record = load_record(later.stage("crossval"))
    save_record(later.stage("crossval"), record | {"versions": {"keras": "0"}, "code": "other"})
    assert [line.split(":")[0] for line in other_settings(tiny_run, later)][-2:] == [
        "Other code",
        "Other versions",
    ]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (25_880.0, 13_535.0, "-12,345"),
        (3.0, 3.0, "+0"),
        (0.25, 0.2512, "+0.0012"),
        (1, 0.5, "-0.5"),
    ],
)
def test_a_difference_is_written_as_its_figures_are(
    before: float, after: float, words: str
) -> None:
    assert change_text(float(before), after).startswith(words)


def test_what_is_not_a_finished_run_is_refused(tiny_run: Run, run_copy: Run) -> None:
    with pytest.raises(ArtifactError, match=r"nowhere/evaluate/stage\.json: is missing"):
        compare(tiny_run.folder, tiny_run.folder / "nowhere")
    for path in (run_copy.metrics, run_copy.issues("all")):
        whole = path.read_bytes()
        path.write_bytes(whole + b"\n")
        with pytest.raises(ArtifactError, match=rf"{path.name} is damaged"):
            compare(run_copy.folder, tiny_run.folder)
        path.write_bytes(whole)
    compare(run_copy.folder, tiny_run.folder)
    shutil.rmtree(run_copy.stage("evaluate"))
    with pytest.raises(ArtifactError, match=r"evaluate/stage\.json: is missing"):
        compare(tiny_run.folder, run_copy.folder)


def test_stages_that_were_not_run_together_are_refused(tiny_run: Run, later: Run) -> None:
    record = (tiny_run.stage("evaluate") / "stage.json").read_bytes()
    (later.stage("evaluate") / "stage.json").write_bytes(record)
    with pytest.raises(ArtifactError, match="was made from another"):
        compare(tiny_run.folder, later.folder)


def test_the_command_ends_with_4_and_one_line(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert code_of(compare, monkeypatch, str(tiny_run.folder), str(tmp_path)) == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1 and said.err.startswith("error: ")
    done = command("compare", tiny_run.folder)
    assert done.returncode == 2
