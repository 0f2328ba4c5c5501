"""The page: what it says, that it is inert, that it is the same every time."""

import base64
import hashlib
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from pipeline.config.load import load_config
from pipeline.data.prepared import load_labels
from pipeline.frame import artifacts
from pipeline.frame.errors import ArtifactError
from pipeline.frame.record import hashes, load_record, save_record
from pipeline.frame.run import SCOPES
from pipeline.report.__main__ import report
from pipeline.report.current import made_from, report_is_current
from pipeline.report.figures import accuracy_difference
from pipeline.report.issues import load_issues
from pipeline.report.material import gather
from pipeline.report.page import draw_figures, write_report
from pipeline.show import show
from pipeline.study.parts import save_part

from .conftest import MakeToy, Toy, texts_of
from .payloads import PAYLOADS


class Tree(HTMLParser):
    """Collects every tag with the names of its attributes, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[Any] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, [name for name, _ in attrs]))

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(tag)

    def handle_comment(self, data: str) -> None:
        self.tags.append(("comment", []))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def page_of(toy: Toy) -> str:
    write_report(toy.loaded, toy.run, toy.metrics)
    return toy.run.report.read_text(encoding="utf-8")


def harmless(payload: str) -> str:
    """Return the same words without anything that means something in HTML."""
    return re.sub(r"[<>&\"'`{}%=/]", "-", re.sub(r"[^\W_]", "x", payload.replace("\x00", "x")))


def test_contributions_add_up_for_every_issue_shown(make_toy: MakeToy) -> None:
    toy = make_toy()
    labels = load_labels(toy.run)
    shown = 0
    for scope in SCOPES:
        for issue in load_issues(toy.run, labels, scope):
            assert issue.words is not None
            expected = np.log(issue.probability) - np.log(issue.self_confidence)
            assert issue.words.explanation.total == pytest.approx(expected, abs=1e-4)
            shown += 1
    assert shown > 20


def test_the_first_screen_answers(make_toy: MakeToy) -> None:
    page = page_of(make_toy())
    text = " ".join("".join(Tree(page).text).split())
    assert "No difference shown: +0.1000 [−0.0500, +0.2000]" in text
    assert "✓ yes" in text
    assert "✗ no" in text
    for number in ("0.7000", "0.8000"):
        assert number in text


def test_the_same_artifacts_give_the_same_bytes(make_toy: MakeToy) -> None:
    toy = make_toy()
    folder = toy.run.report.parent

    def files() -> dict[Path, bytes]:
        page_of(toy)
        kept = [p for p in folder.rglob("*") if p.suffix in (".html", ".svg", ".md")]
        return {path: path.read_bytes() for path in kept}

    first = files()
    assert len(first) >= 8
    assert files() == first


def test_texts_and_classes_say_their_direction_and_language(make_toy: MakeToy) -> None:
    words = {"he": "החבילה איחרה מאוד", "th": "พัสดุมาช้ามาก", "": "dull film"}
    texts = [f"{list(words.values())[k % 3]} {k}" for k in range(40)]
    page = page_of(make_toy(texts=texts, class_names=("טוב", "bad")))
    shown = re.findall(r'<(?:bdi|p)[^>]* dir="auto" lang="([^"]*)"[^>]*>([^<]*)', page)
    assert len(shown) > 20
    assert all(words[tag] in text for tag, text in shown if text)
    assert {tag for tag, _ in shown} == set(words)
    assert len(re.findall('dir="auto"', page)) == len(re.findall('dir="auto" lang=', page))
    assert re.search('<bdi class="tag [a-z]+" lang="he">טוב<', page)


def test_payloads_leave_the_element_tree_as_it_is(make_toy: MakeToy) -> None:
    assert len(PAYLOADS) >= 30
    trees = []
    for name, inert in (("hostile", lambda p: p), ("harmless", harmless)):
        payloads = [inert(payload) for payload in PAYLOADS]
        texts = texts_of(40)[: 40 - len(payloads)] + payloads
        # Class names and dataset name are payloads too, and so is the run's name in the metrics.
        toy = make_toy(
            name,
            texts=texts,
            class_names=(payloads[0] + "1", payloads[20] + "2"),
            dataset=payloads[5],
        )
        toy.metrics["run"] = payloads[2]
        toy.metrics["published"][0]["figure"] = payloads[3]
        trees.append(Tree(page_of(toy)).tags)
    hostile, benign = trees
    assert len(hostile) > 300
    assert hostile == benign


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_anywhere_adds_no_element(make_toy: MakeToy, payload: str) -> None:
    trees = []
    for name, words in (("hostile", payload), ("harmless", harmless(payload))):
        toy = make_toy(
            name,
            texts=[f"{words} dull film"] * 12,
            class_names=(f"a {words}", f"b {words}"),
            dataset=words,
        )
        object.__setattr__(toy.loaded, "path", Path(f"{words}.yaml"))
        object.__setattr__(toy.loaded, "overrides", (words,))
        toy.metrics["run"] = words
        trees.append(Tree(page_of(toy)).tags)
    assert trees[0] == trees[1]


def test_the_page_carries_no_handler_style_attribute_or_address(make_toy: MakeToy) -> None:
    page = page_of(make_toy())
    for tag in Tree(page).tags:
        if isinstance(tag, tuple):
            assert not [name for name in tag[1] if name.startswith("on") or name == "style"]
    outside = re.findall(r"(?:src|href|action)=[\"']?([^\"'\s>]+)", page)
    assert all(address.startswith(("#", "data:,")) for address in outside)
    assert "http://" not in page
    assert "https://" not in page


def test_the_policy_allows_exactly_our_style_and_script(make_toy: MakeToy) -> None:
    page = page_of(make_toy())
    for element, directive in (("style", "style-src"), ("script", "script-src")):
        (body,) = re.findall(f"<{element}>(.*?)</{element}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in page
    assert "default-src 'none'" in page


def test_without_weights_the_texts_are_shown_plain(make_toy: MakeToy) -> None:
    page = page_of(make_toy(with_weights=False))
    assert '<p class="words" dir="auto" lang="">' in page
    assert 'class="why"' not in page
    assert "here for <code>fasttext</code>, on the review page also for naive Bayes" in page


def test_the_words_of_an_ensemble_are_said_to_be_of_one_judge(make_toy: MakeToy) -> None:
    toy = make_toy()
    assert "one judge of several" not in page_of(toy)
    ensemble = load_config(Path("configs/imdb_ensemble.yaml")).config.finder
    config = toy.loaded.config.model_copy(update={"finder": ensemble})
    assert "one judge of several" in page_of(
        replace(toy, loaded=replace(toy.loaded, config=config))
    )


def test_the_study_is_shown_when_there_is_one(make_toy: MakeToy) -> None:
    toy = make_toy()
    assert 'id="study"' not in page_of(toy)
    study = {
        "seeds": [1, 2, 3],
        "arms": {"baseline": {"test_accuracy": [0.7, 0.71, 0.72]}, "<b>": {"test_accuracy": [0.8]}},
        "differences": [
            {"arm": "prune", "control": "random_prune", "labels": "given", "mean": 0.01}
            | {"ci95": [0.002, 0.018], "seeds_with_gain": 0.9, "detectable": 0.01},
            {"arm": "weight", "control": "baseline", "labels": "corrected", "mean": -0.01}
            | {"ci95": None, "seeds_with_gain": 0.1, "detectable": None},
        ],
        "noise": [
            {"rate": r, "kind": "uniform", "arm": arm, "seed": s, "test_accuracy": 0.9 - r / 3}
            for r in (0, 0.2, 0.4)
            for s in (1, 2)
            for arm in ("baseline", "prune")
        ],
    }
    save_part(toy.loaded.config, toy.run, "study", study)
    toy.metrics["verified"] = checked(100)
    page = page_of(toy)
    assert 'id="study"' in page
    assert "CleanLearning is better than dropping the same number at random by 0.0100" in page
    assert "of the first 50 they were shown (95%, over the definitions of an error)" in page
    assert "prune against random prune: +0.0100 [+0.0020, +0.0180]" in page
    assert (toy.run.report.parent / "figures" / "study_noise_uniform.svg").exists()


ESTIMATED = {
    "confident_learning": {"count": 100, "ci95": [90, 110]},
    "scores": {"count": 150, "ci95": [120, 180]},
    "range95": [90, 180],
}


def checked(flipped: int) -> dict[str, Any]:
    """Return what metrics.json says of a key with two votes a row and a definition of an error."""
    scored = {
        "base_rate": 0.25,
        "confirmed": 31,
        "precision_at": {"10": 0.6, "50": 0.4},
        "precision_ci95": {"10": [0.3, 0.9], "50": [0.2, 0.5]},
        "precision_band": {"10": [0.5, 0.7], "50": [0.32, 0.52]},
        "average_precision": {"value": 0.456, "ci95": [0.4, 0.5]},
    }
    return {
        "judged_rows": 1310,
        "votes": [2, 2],
        "issues": 90,
        "shown": 72,
        "categories": {"other": {"judged": 328, "shown": 31}},
        "definitions": {"other >= 2 votes": scored},
        "flipped_by_people": flipped,
        "left_out_without_majority": 4,
        "estimated_errors": {"calibrated": {"count": 150, "ci95": [120, 2 * flipped]}},
        "test_accuracy_corrected": {"baseline": 0.91, "cleanlearning": 0.92},
    }


def test_what_an_answer_key_says_is_a_section(make_toy: MakeToy) -> None:
    toy = make_toy()
    assert 'id="checked"' not in page_of(toy)
    toy.metrics["verified"] = checked(100)
    toy.metrics["issues"]["all"]["estimated_errors"] = ESTIMATED
    page = page_of(toy)
    assert 'id="checked"' in page
    assert "going by what people confirm, 120 to 200 are wrong." in page
    for cell in ("other &gt;= 2 votes", "25%", "31 of 72", "0.456 [0.400, 0.500]"):
        assert cell in page
    assert "50: 40% [20%, 50%]; judged or not 32% to 52%" in page
    assert "1,310 test labels judged by 2 votes each (another 328)" in page


def test_an_answer_key_of_an_earlier_version_is_shown(make_toy: MakeToy) -> None:
    toy, found = make_toy(), checked(100)
    del (
        found["votes"],
        found["categories"],
        found["definitions"]["other >= 2 votes"]["precision_ci95"],
    )
    toy.metrics["verified"] = found
    assert "50: 40%; judged or not 32% to 52%" in page_of(toy)


def test_several_answer_keys_stand_side_by_side(make_toy: MakeToy) -> None:
    toy, counts = make_toy(), {"both": 80, "first": 20, "second": 3}
    keys = {"mturk": checked(100), "second <b>": checked(90)}
    pair = {"first": "mturk", "second": "second <b>", "rows": 1200}
    pair |= {"doubted": counts, "flipped": counts | {"both": 70}}
    toy.metrics["verified"] = keys["mturk"] | {"keys": keys, "agreement": [pair]}
    difference = {
        "arm": "prune", "control": "baseline", "mean": 0.01, "ci95": [0.002, 0.018],
        "ci95_both": [0.001, 0.019], "seeds_with_gain": 1.0, "detectable": 0.01,
    }  # fmt: skip
    study = {"seeds": [1, 2, 3], "arms": {}, "noise": [], "stability": {}, "advice": {}}
    study["differences"] = [
        difference | more
        for more in (
            {"labels": "given"},
            {"labels": "corrected", "key": "mturk", "mean": 0.02},
            {"labels": "corrected by second <b>", "key": "second <b>", "mean": 0.03},
        )
    ]
    save_part(toy.loaded.config, toy.run, "study", study)
    toy.metrics["issues"]["all"]["estimated_errors"] = ESTIMATED
    page = page_of(toy)
    assert "120 to 200 (by mturk) or 120 to 180 (by second &lt;b&gt;) are wrong." in page
    assert page.count("31 of 72") == 2
    assert "by both 70, by the first alone 20, by the second alone 3" in page
    assert "On the labels of each answer key" in page
    assert "+0.0300 [+0.0010, +0.0190]" in page
    assert "second <b>" not in page


def test_filters_and_copies_are_shown_when_health_has_them(make_toy: MakeToy) -> None:
    toy = make_toy()
    health = artifacts.load_json(toy.run.health)
    names = ["prune_by_noise_rate", "both"]
    per_class, overlap = [[3, 4], [2, 3]], [[7, 5], [5, 5]]
    health["all"]["filters"] = {
        "names": names,
        "count": [7, 5],
        "per_class": per_class,
        "overlap": overlap,
    }
    health["data"] = {"near_duplicate": {"examples": 1234, "groups": 17}}
    artifacts.save_json(toy.run.health, health)
    page = page_of(toy)
    assert "cleanlab’s filters side by side" in page
    assert "1,234 in 17 groups" in page


def test_figure_files_are_svg_with_text_and_a_title(make_toy: MakeToy) -> None:
    toy = make_toy(class_names=("<i>&", "pos"))
    page_of(toy)
    drawn = draw_figures(gather(toy.loaded, toy.run, toy.metrics))
    for figure in drawn:
        path = toy.run.report.parent / "figures" / f"{figure.name}.svg"
        root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
        words = " ".join("".join(node.itertext()) for node in root.findall(".//{*}text"))
        assert figure.title.split()[0] in words
        assert root.get("aria-label", "").startswith(figure.title)


def test_a_figure_no_longer_drawn_is_removed(make_toy: MakeToy) -> None:
    toy = make_toy()
    stray = toy.run.report.parent / "figures" / "study_seeds.svg"
    stray.parent.mkdir(parents=True)
    stray.write_text("old")
    page_of(toy)
    assert not stray.exists()


def test_no_issues_is_a_page_too(make_toy: MakeToy) -> None:
    toy = make_toy()
    for scope in SCOPES:
        artifacts.save_issues(toy.run.issues(scope), iter([]))
        toy.metrics["issues"][scope] = {"count": 0, "fraction": 0.0}
    page = page_of(toy)
    assert "no label is suspicious enough to be listed" in page
    assert "clearest issues" not in page


def test_the_command_makes_the_page_and_says_what_it_is_made_from(
    make_toy: MakeToy, tmp_path: Path
) -> None:
    toy = make_toy("sample")
    stages = {path: path.read_bytes() for path in toy.run.folder.rglob("stage.json")}
    assert not report_is_current(toy.run)
    overrides = ["crossval.all.folds=2", "crossval.train.folds=2"]
    report(Path("configs/sample.yaml"), overrides, tmp_path / "results")
    assert (toy.run.report.parent / "figures" / "confusion.svg").is_file()
    assert report_is_current(toy.run)
    # The page is no stage's output: no record is touched by it.
    assert {path: path.read_bytes() for path in stages} == stages


@pytest.mark.parametrize("change", ["prepare", "evaluate", "study", "page"])
def test_a_page_made_from_other_files_is_not_current(make_toy: MakeToy, change: str) -> None:
    toy = make_toy()
    page_of(toy)
    artifacts.save_json(toy.run.report_made_from, made_from(toy.run))
    assert report_is_current(toy.run)
    if change in ("prepare", "evaluate"):
        folder = toy.run.stage(change)
        save_record(folder, load_record(folder) | {"wall_seconds": 2.0})
    elif change == "study":
        artifacts.save_json(toy.run.study / "study.json", {})
    else:
        toy.run.report.unlink()
    assert not report_is_current(toy.run)


def test_the_files_of_two_runs_make_no_page(make_toy: MakeToy, tmp_path: Path) -> None:
    """As after `make crossval` with another key: the issues are not from its probabilities."""
    toy = make_toy("sample")
    folder = toy.run.stage("crossval")
    pred_probs = artifacts.load_array(toy.run.pred_probs("all"))
    artifacts.save_array(toy.run.pred_probs("all"), pred_probs[::-1].copy())
    save_record(folder, load_record(folder) | {"outputs": hashes(folder)})
    overrides = ["crossval.all.folds=2", "crossval.train.folds=2"]
    for command, stage in ((report, "evaluate"), (show, "find_issues")):
        with pytest.raises(ArtifactError, match=f"was made from another crossval.*`make {stage}`"):
            command(Path("configs/sample.yaml"), overrides, tmp_path / "results")


def test_making_the_page_does_not_load_tensorflow() -> None:
    code = "import sys, pipeline.report.page; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("gained", "thick"), [(40, 1), (3, 0), (0, 0)])
def test_no_interval_is_drawn_where_there_is_none(gained: int, thick: int) -> None:
    accuracy = {"ci95": [0.0, 0.05], "difference": gained / 400, "num_examples": 400}
    drawn = accuracy_difference(accuracy | {"gained": gained, "lost": 0})
    assert drawn.body.count("s2 thick") == thick
    assert ("too few" in drawn.title) == (not thick)
