"""`make detect`: what counts as found, what is refused in a line, and that rows stay in place."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from benchmarks import detect, detect_sets, planted
from benchmarks.detect_page import table_of
from benchmarks.detect_sets import LabelSet
from tests.commands import code_of
from tests.tiny import ROOT

FAST = ["finder={by: ensemble, repeats: 1, members: [{member: naive_bayes, longest: 2, min_df: 1, "
        "max_features: null, alpha: 0.3}]}", "model.epochs=1", "compute.workers=1"]  # fmt: skip


def small_set() -> LabelSet:
    """Six rows, of which the third is not checked and the last two are wrong."""
    label, gt = ["a", "b", "a", "b", "a", "b"], ["a", "b", "", "b", "b", "a"]
    rows = pd.DataFrame({"text": [f"text {i}" for i in range(6)], "label": label, "gt": gt})
    return detect_sets.as_set("small", rows)


@pytest.mark.parametrize(
    ("name", "rows", "classes"),
    [("tickets", 3000, 12), ("languages", 3000, 4), ("few_rows", 120, 3),
     ("many_classes", 3000, 150)],
)  # fmt: skip
def test_generated_files_are_the_same_again_with_errors_as_said(
    name: str, rows: int, classes: int
) -> None:
    made = planted.SETS[name]()
    assert made == planted.SETS[name]()
    assert len(made) == rows and len({row.gt for row in made}) == classes
    assert sum(row.label != row.gt for row in made) == round(0.08 * rows)
    sizes = Counter(row.gt for row in made).values()
    assert name != "tickets" or max(sizes) > 10 * min(sizes)
    assert name != "many_classes" or set(sizes) == {20}


def test_only_checked_rows_are_scored() -> None:
    score = np.array([0.1, 0.2, 0.99, 0.3, 0.8, 0.9])
    flagged = np.array([False, True, True, False, False, True])
    got = detect.score(detect.Judged(score, flagged, 1.0, 2), small_set())
    assert got["average_precision"] == 1.0
    assert (got["flagged"], got["flagged_precision"], got["flagged_recall"]) == (2, 0.5, 0.5)
    assert got["precision_at"] == {"10": None, "50": None, "100": None, "10%": None}
    reverse = detect.score(detect.Judged(-score, ~flagged & flagged, 1.0, 2), small_set())
    assert reverse["average_precision"] < 0.5 and reverse["flagged_precision"] is None


def test_precision_at_a_rank_is_that_of_the_most_suspect() -> None:
    wrong = np.arange(200) < 20
    rows = pd.DataFrame({"text": "t", "label": "a", "gt": np.where(wrong, "b", "a")})
    score = np.where(np.arange(200) < 5, 1.0, 0.0) + np.where(np.arange(200) >= 195, 0.5, 0.0)
    got = detect.score(detect.Judged(score, score > 0.7, 1.0, 2), detect_sets.as_set("s", rows))
    assert got["precision_at"]["10"] == 0.5
    assert (got["flagged_precision"], got["flagged_recall"]) == (1.0, 0.25)


def test_the_interval_is_of_the_difference_on_the_same_rows() -> None:
    rng = np.random.default_rng(1)
    wrong = rng.random(300) < 0.1
    good, bad = 3 * wrong + rng.normal(size=300), rng.normal(size=300)
    assert detect.interval(wrong, [good, bad], [good, bad]) == [0, 0]
    low, high = detect.interval(wrong, [good], [bad])
    assert 0 < low < high
    assert detect.interval(wrong, [bad], [good]) == pytest.approx([-high, -low])


def test_the_average_precision_of_a_draw_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    wrong, score = rng.random(500) < 0.2, rng.integers(0, 40, 500) / 40  # with ties
    times = np.bincount(rng.integers(0, 500, 500), minlength=500)
    expected = average_precision_score(wrong, score, sample_weight=times)
    assert detect.Ranking(wrong, score).average_precision(times) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"text,label\na,b\n", "has no column gt; needs text, label, gt"),
        (b"text,label,gt\na,b,\n", "0 of 0 checked labels (gt) are wrong"),
        (b"text,label,gt\na,b,b\n", "0 of 1 checked labels (gt) are wrong"),
        (b"text,label,gt\n\xff,b,b\n", "no CSV file in UTF-8"),
        (b"", "no CSV file in UTF-8"),
        (None, "no CSV files in it"),
    ],
)
def test_a_folder_that_cannot_be_scored_is_said_in_a_line(
    content: bytes | None,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if content is not None:
        (tmp_path / "set.csv").write_bytes(content)
    where = ["--data", str(tmp_path), "--output", str(tmp_path / "out")]
    assert code_of(detect.detect, monkeypatch, *where) == 3
    said = capsys.readouterr().err
    assert words in said and len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [["--seeds", "1 x"], ["--seeds", ""], ["--no-generated"]])
def test_options_that_mean_nothing_are_refused(
    options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of(detect.detect, monkeypatch, *options) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_it_writes_the_mean_over_seeds_and_compares_with_the_best_peer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(each: LabelSet, name: str, _: Path, seed: int, __: list[str]) -> detect.Judged:
        skill = {"ensemble": 3.0, "naive_bayes": 1.0}.get(name, 0.0)
        noise = np.random.default_rng(seed).normal(size=len(each.rows))
        return detect.Judged(skill * (each.rows["label"] != each.rows["gt"]) + noise,
                             noise > 1, seed, 2**20)  # fmt: skip

    monkeypatch.setattr(detect, "ask", told)
    made = pd.DataFrame(planted.few_rows())
    made.to_csv(tmp_path / "one.csv", index=False)
    where = ["--data", str(tmp_path), "--output", str(tmp_path / "out"), "--no-generated"]
    assert code_of(detect.detect, monkeypatch, *where, "--seeds", "1 3") == 0
    written = json.loads((tmp_path / "out/detect.json").read_text())["sets"]
    assert [r["set"] for r in written] == ["one"]
    record = written[0]
    assert record["best_peer"] == "naive_bayes" and record["ci95"][0] > 0
    runs = [record["seeds"]["ensemble"][seed]["average_precision"] for seed in "13"]
    assert record["finders"]["ensemble"]["average_precision"] == pytest.approx(np.mean(runs))
    assert record["finders"]["ensemble"]["cpu_seconds"] == 2.0
    assert (tmp_path / "out/detect.md").read_text() == table_of(written) + "\n"
    assert capsys.readouterr().out == table_of(written) + "\n"
    assert (tmp_path / "out/detect.svg").read_text().startswith("<svg ")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ensemble", "naive_bayes", "datalab"])
def test_what_a_finder_says_belongs_to_the_rows_of_the_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours through the real commands, with a small finder."""
    monkeypatch.chdir(ROOT)
    each = detect_sets.as_set("few_rows", pd.DataFrame(planted.few_rows()))
    path = tmp_path / "labels.csv"
    each.rows[["text", "label"]].to_csv(path, index_label="row")
    judged = detect.ask(each, name, path, 1, FAST)
    assert len(judged.score) == len(judged.flagged) == 120
    assert detect.score(judged, each)["average_precision"] > 0.3  # in any other order about 0.08
    assert judged.cpu_seconds > 0 and judged.peak_bytes > 2**20


def test_errors_are_planted_in_a_clean_file(tmp_path: Path) -> None:
    made = planted.few_rows()
    path = tmp_path / "clean.csv"
    pd.DataFrame({"text": [r.text for r in made], "label": [r.gt for r in made]}).to_csv(path)
    sets = list(detect_sets.plant_in(str(path), seed=1))
    assert [s.name for s in sets] == [
        f"clean {kind} {rate}" for kind in ("uniform", "similar", "hard") for rate in ("5%", "20%")
    ]
    for each, rate in zip(sets, (0.05, 0.2) * 3, strict=True):
        assert int(each.wrong.sum()) == round(rate * len(made))
        assert each.rows["gt"].tolist() == [row.gt for row in made]
    similar = sets[3].rows[sets[3].wrong]
    assert (similar.groupby("gt")["label"].nunique() == 1).all()  # one class is most alike
    assert sets[1].rows["label"].tolist() != sets[3].rows["label"].tolist()


def test_a_set_in_which_nothing_can_be_planted_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--no-generated", "--plant", "no_such_set")
    assert code_of(detect.detect, monkeypatch, *arguments) == 2
    assert capsys.readouterr().err.startswith("error: --plant no_such_set: ")
    assert code_of(detect.detect, monkeypatch, "--no-generated", "--plant", "missing.csv") == 3
    assert "missing.csv" in capsys.readouterr().err
