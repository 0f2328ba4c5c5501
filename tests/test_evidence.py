"""The documents say what docs/evidence.json says, which `make evidence` wrote."""

import json
import re
import subprocess
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks import evidence
from benchmarks.evidence_page import DOCUMENTS, PLACE, TABLES, with_tables
from benchmarks.evidence_parts import (
    PARTS,
    Needs,
    Part,
    behind_the_best,
    key_figures,
    noise_figures,
    study_figures,
)
from pipeline.frame.errors import ConfigError

ROOT = Path(__file__).parent.parent
EVIDENCE: dict[str, Any] = json.loads((ROOT / "docs" / "evidence.json").read_text(encoding="utf-8"))
MEASURED = [part["figures"] for part in EVIDENCE["parts"].values()]
UNMEASURED = re.compile(
    r"""```.*?``` | `[^`]*` | <!--.*?--> | <[^>]*> | \]\([^)]*\)   # code, comments, tags, links
    | \bPython\ [\d.]+(\ to\ [\d.]+)? | \bUTF-\d+ | \bet\ al\.,?\ \d{4} | \(\d{4}\)
    | \b95\ ?% | \b0\.05\b""",
    re.VERBOSE | re.DOTALL,
)
NUMBER = re.compile(r"(?<![\w.,])[+-]?(\d[\d,]*\d|\d)?(\.\d+)?(?![\w]|[.,]\d)(\s?%)?")


def test_every_table_is_the_one_that_the_figures_make() -> None:
    for name in DOCUMENTS:
        text = (ROOT / name).read_text(encoding="utf-8")
        assert with_tables(text, EVIDENCE["parts"]) == text, f"{name}: `make evidence` writes it"


def test_every_table_has_its_place_and_every_part_is_there() -> None:
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS]
    places = {match[2] for text in texts for match in PLACE.finditer(text)}
    assert places == set(TABLES)
    needed = {part for parts, _ in TABLES.values() for part in parts}
    assert needed <= set(EVIDENCE["parts"]) <= set(PARTS)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_number_in_a_document_is_in_the_evidence(name: str) -> None:
    text = PLACE.sub("", (ROOT / name).read_text(encoding="utf-8"))
    known = set(figures_in(MEASURED)) | set(EVIDENCE["stated"].get(name, {}))
    unknown = [shown for shown in numbers_in(text) if not is_known(shown, known)]
    assert not unknown, f"{name}: not in docs/evidence.json: {', '.join(unknown)}"


def test_a_number_nobody_measured_is_seen() -> None:
    known = set(figures_in({"accuracy": 0.87346, "issues": 2578, "share": 0.25}))
    for shown in ("0.8735", ".8735", "+0.0035", "2,578", "25 %", "0.873"):
        assert is_known(shown, known) == (shown != "+0.0035"), shown
    assert list(numbers_in("found .8735, in `0.5` and 3 of 2,578 (25%)")) == [
        ".8735",
        "2,578",
        "25%",
    ]


def numbers_in(text: str) -> Iterator[str]:
    """Yield the numbers that a reader takes for measured ones.

    Those with a fraction, a percent sign, or at least three digits; not what stands in code.
    """
    for match in NUMBER.finditer(UNMEASURED.sub(" ", text)):
        whole, fraction, percent = match.groups()
        if fraction or (whole and (percent or len(whole) >= 3)):
            yield match.group().strip()


def figures_in(content: Any) -> Iterator[float]:
    """Yield every number of the evidence, whatever its place."""
    if isinstance(content, dict):
        for inner in content.values():
            yield from figures_in(inner)
    elif isinstance(content, list):
        for inner in content:
            yield from figures_in(inner)
    elif isinstance(content, int | float) and not isinstance(content, bool):
        yield content


def is_known(shown: str, known: set[Any]) -> bool:
    """Return whether a number is one of the figures, rounded to the digits that are shown."""
    if shown in known:
        return True
    share = shown.endswith("%")
    value = Decimal(shown.rstrip("% ").replace(",", "").replace("+", ""))
    digits = Decimal(1).scaleb(int(value.as_tuple().exponent))
    for figure in known:
        if isinstance(figure, int | float):
            exact = Decimal(repr(figure)) * (100 if share else 1)
            if any(
                abs(exact.quantize(digits, way)) == abs(value)
                for way in (ROUND_HALF_EVEN, ROUND_HALF_UP)
            ):
                return True
    return False


# --- making it ------------------------------------------------------------------------------


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the list in which commands are put instead of being run; `false` fails."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: Any) -> Any:
        commands.append(command[2:])
        return subprocess.CompletedProcess(command, int("false" in command))

    monkeypatch.setattr(evidence.subprocess, "run", run)
    return commands


def test_a_part_is_made_once_and_written_down_without_places(
    tmp_path: Path, ran: list[list[str]]
) -> None:
    part = Part(
        (Needs.VOTES,),
        lambda folder, places: [["module", str(places[Needs.VOTES]), str(folder)]],
        lambda folder, places: {"accuracy": 0.123456789},
    )
    votes = tmp_path / "secret" / "votes.csv"
    for _ in range(2):
        evidence.make_part("one", part, {Needs.VOTES: votes}, tmp_path)
    assert ran == [["module", str(votes), str(tmp_path / "one")]]
    kept = evidence.kept("one", tmp_path)
    assert kept["commands"] == ["module VOTES RESULTS"]
    assert kept["figures"] == {"accuracy": 0.123457}


def test_a_part_that_fails_is_not_kept(tmp_path: Path, ran: list[list[str]]) -> None:
    part = Part((), lambda folder, places: [["false"], ["next"]], lambda folder, places: {})
    with pytest.raises(ConfigError, match="one: `python -m false` failed"):
        evidence.make_part("one", part, {}, tmp_path)
    assert ran == [["false"]]
    assert not (tmp_path / "one.json").exists()


@pytest.mark.parametrize("name", PARTS)
def test_every_part_names_modules_that_exist(name: str, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("1,Title,Text\n")
    (tmp_path / "test.csv").write_text("2,Title,Text\n")
    places = dict.fromkeys(Needs, tmp_path)
    for command in PARTS[name].commands(tmp_path, places):
        module = ROOT / command[0].replace(".", "/")
        assert module.with_suffix(".py").exists() or (module / "__main__.py").exists(), command


def test_figures_of_noise_are_means_over_seeds(tmp_path: Path) -> None:
    study = {
        "noise": [
            {"kind": "uniform", "rate": 0.1, "arm": arm, "seed": seed, "test_accuracy": accuracy}
            for arm, both in {"baseline": (0.5, 0.6), "prune": (0.7, 0.8)}.items()
            for seed, accuracy in enumerate(both)
        ],
        "detection": [
            {"kind": "uniform", "rate": 0.1, "filter_by": None, "score": "margin"}
            | {"precision": None, "recall": None, "f1": None, "average_precision": value}
            for value in (0.2, 0.4)
        ],
        "noise_advice": [
            {"kind": "uniform", "rate": 0.1, "recommend": None, "arms": {"prune": {}}, "words": []}
        ],
    }
    place = tmp_path / "imdb_ensemble" / "study"
    place.mkdir(parents=True)
    (place / "study.json").write_text(json.dumps(study))
    (cell,) = noise_figures(tmp_path, {})["cells"]
    assert cell["accuracy"] == pytest.approx({"baseline": 0.55, "prune": 0.75})
    assert cell["behind_the_best"] == pytest.approx(0.2)
    assert cell["found"]["score margin"]["average_precision"] == pytest.approx(0.3)


def test_a_recommendation_is_compared_with_the_arms_that_were_tried() -> None:
    means = {"baseline": 0.8, "prune": 0.85, "weight": 0.9, "random_prune": 0.95}
    tried = {"prune": {}, "weight": {}}
    assert behind_the_best("weight", means, tried) == 0
    assert behind_the_best("prune", means, tried) == pytest.approx(0.05)
    assert behind_the_best("review by hand", means, tried) == pytest.approx(0.1)


def test_figures_of_a_study_keep_the_spread_and_leave_out_what_is_not_there() -> None:
    study = {
        "seeds": [1, 2],
        "arms": {"baseline": {"test_accuracy": [0.5, 0.7], "test_accuracy_corrected": [None] * 2}},
        "differences": [],
        "stability": {
            "issues_per_seed": [10, 12],
            "jaccard": 0.5,
            "flagged_by": [4, 8],
            "top_100_shared_with_average": [9, 10],
        },
    }
    found = study_figures(study)
    spread = {"mean": pytest.approx(0.6), "least": 0.5, "greatest": 0.7}
    assert found["arms"] == {"baseline": {"test_accuracy": spread}}
    assert found["stability"]["flagged_by_any"] == 12
    assert found["advice"] is None


def test_reviews_nobody_judged_count_as_right_in_the_whole_and_not_among_the_judged(
    tmp_path: Path,
) -> None:
    (tmp_path / "find_issues").mkdir()
    rows = {"test/0": 0.1, "test/1": 0.2, "test/2": 0.3, "test/3": 0.4, "train/0": 0.0}
    scores = pd.DataFrame({"id": list(rows), "self_confidence": list(rows.values())})
    scores["words"] = 1 - scores["self_confidence"]
    scores.to_parquet(tmp_path / "find_issues" / "scores_all.parquet")
    key = pd.DataFrame({"test_index": [1, 3], "votes_given": [2, 5]})
    key.to_csv(tmp_path / "votes.csv", index=False)
    found = key_figures(tmp_path, tmp_path / "votes.csv")
    assert found["average_precision"]["whole"]["self_confidence"] == pytest.approx(1 / 2)
    assert found["average_precision"]["judged"] == {"self_confidence": 1, "words": 1 / 2}
    assert (found["judged"], found["wrong"], found["confirmed_of_100"]) == (2, 1, 1)


def test_a_part_without_its_data_is_left_out_and_what_was_known_stays(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ran: list[list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = tmp_path / "evidence.json"
    document.write_text('{"parts": {"noise": {"figures": {}}}, "stated": {"README.md": {}}}')
    monkeypatch.setattr(evidence, "DOCUMENT", document)
    monkeypatch.setattr(evidence, "write_tables", lambda parts: [])
    evidence.evidence(data=tmp_path, only="imdb", results=tmp_path)
    assert "imdb: left out, no imdb_test_mturk.csv in the folder" in capsys.readouterr().out
    assert ran == []
    assert json.loads(document.read_text())["parts"] == {"noise": {"figures": {}}}
    with pytest.raises(ConfigError, match="--only x: no such part"):
        evidence.evidence(data=tmp_path, only="x", results=tmp_path)
