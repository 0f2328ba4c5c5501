"""Ranking again from the page: between two examples, never in one, and no decision is lost."""

import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from pipeline.corrections.again import reordered
from pipeline.frame.run import Run
from pipeline.review.ranker import IN_USE, PREFIX, Ranker
from tests.guard import PATIENCE
from tests.review.site import Site, make_examples


@pytest.fixture
def site(serve_run) -> Site:
    """A site of 60 issues; errors speak of refunds."""
    kinds = ["the refund was good", "parcel bad", "parcel good", "the refund was bad"]
    texts = [f"{kinds[n % 4]} {n}" for n in range(120)]
    return serve_run(make_examples(texts), num_issues=60)


def post(site: Site, path: str) -> tuple[int, dict]:
    status, text, _ = site.ask(path, "POST", json.dumps({"reviewer": "Ann"}).encode())
    return status, json.loads(text)


def next_of(site: Site, query: str) -> str:
    status, _, headers = site.ask(f"/next?{query}")
    assert status == 303
    return unquote(headers["Location"])


def correct(site: Site, numbers: range) -> None:
    for n in numbers:
        if n % 4 in (0, 3):
            site.decide(f"train/{n}", "relabel", ("pos", "neg")[n % 2])
        else:
            site.decide(f"train/{n}", "keep", ("neg", "pos")[n % 2])


def wait(site: Site) -> None:
    until = time.monotonic() + PATIENCE
    while json.loads(site.ask("/ranking")[1])["running"]:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert site.page.ranker.problem == ""


def test_a_new_order_comes_with_the_next_list_and_says_what_changed(site: Site) -> None:
    assert post(site, "/rank-again") == (
        400,
        {"error": "No label is corrected yet: the list would stay as it is."},
    )
    correct(site, range(24))
    status, answer = post(site, "/rank-again")
    assert status == 200 and "next list or example" in answer["saved"]
    assert post(site, "/rank-again")[0] == 200  # once is enough
    assert "ranking again…" in site.ask("/example?id=train/30")[1]
    wait(site)
    old = site.page.queue
    assert "ranking again…" not in site.ask("/example?id=train/30")[1]
    assert site.page.queue is old  # in the middle of one nothing moves
    # What is decided on now, in the old order, counts in the new one.
    assert site.decide("train/30", "keep", "neg")[0] == 200
    html = site.ask("/")[1]
    queue = site.page.queue
    assert queue is not old and queue.ranking == 1
    assert f"{len(queue.new)} new</a>" in html and f"{len(queue.gone)} vanished" in html
    assert "train/30" in {i.id for i in queue.items if queue.decisions(i)}
    assert queue.progress("Ann")["mine"] == 25
    for show, ids in (("new", queue.new), ("gone", queue.gone)):
        assert site.ask(f"/?show={show}")[1].count('class="row"') == min(len(ids), 50)
    assert "as the run found it" in site.ask("/figures")[1]
    assert site.page.ranker.take(queue) is None


def test_the_next_example_after_a_new_order_is_its_first(site: Site) -> None:
    assert next_of(site, "id=train/0&ranking=0") == "/example?id=train/1"
    site.decide("train/1", "keep", "pos")
    assert next_of(site, "id=train/0&ranking=0") == "/example?id=train/2"
    queue = site.page.queue
    probs = np.array([item.pred_probs for item in queue.items[:60]])
    every = np.full((120, 2), 0.5, np.float32)
    every[:60] = probs
    site.page.queue = reordered(queue, every, np.arange(59, -1, -1))
    assert next_of(site, "id=train/0&ranking=0") == "/example?id=train/59"
    assert next_of(site, "id=train/40&ranking=1") == "/example?id=train/39"
    assert next_of(site, "id=nothing&ranking=1") == "/example?id=train/59"
    assert (
        next_of(site, "id=train/40&ranking=1&q=nothing+like+it") == "/?show=open&q=nothing+like+it"
    )


def test_it_keeps_up_after_so_many_decisions(site: Site) -> None:
    ranker = site.page.ranker
    ranker.every = 10
    correct(site, range(9))
    assert not ranker.is_running
    correct(site, range(9, 10))
    wait(site)
    site.ask("/")
    assert site.page.queue.ranking == 1
    correct(site, range(10, 19))
    wait(site)
    site.ask("/")
    assert site.page.queue.ranking == 1
    correct(site, range(19, 20))
    wait(site)
    site.ask("/")
    assert site.page.queue.ranking == 2


def test_a_lot_takes_the_suggestions_that_were_shown(site: Site) -> None:
    """The model may have changed its mind meanwhile."""
    html = site.ask("/lot?id=train/0&id=train/1")[1]
    assert html.count("data-suggested=") == 2
    body = {
        "seen": {"train/0": 0, "train/1": 0},
        "suggested": {"train/0": "pos", "train/1": "pos"},
        "decision": "suggested",
        "label": None,
        "note": "",
        "reviewer": "Ann",
    }
    assert site.ask("/decide-lot", "POST", json.dumps(body).encode())[0] == 200
    assert [(line["decision"], line["label"]) for line in site.lines()] == [
        ("relabel", "pos"),
        ("keep", "pos"),  # which is its label as given
    ]


def test_a_ranking_that_fails_is_said_and_the_list_stays(site: Site) -> None:
    correct(site, range(8))
    site.run.text_groups.unlink()
    before = [item.id for item in site.page.queue.items]
    post(site, "/rank-again")
    until = time.monotonic() + PATIENCE
    while site.page.ranker.is_running:
        assert time.monotonic() < until
        time.sleep(0.05)
    html = site.ask("/")[1]
    assert "Ranking again failed: " in html and "text_groups.npy" in html
    assert [item.id for item in site.page.queue.items] == before


# --- its folder ----------------------------------------------------------------------------

KILLED = """
import os, signal
from pathlib import Path
from pipeline.frame.run import Run
from pipeline.review.ranker import Ranker

ranker = Ranker(Run(Path("none")), None)
Path(ranker._folder.name, "before.npy").write_bytes(b"something")
os.kill(os.getpid(), signal.SIGKILL)
"""


def folders(where: Path) -> list[Path]:
    return sorted(where.glob(f"{PREFIX}*"))


def test_what_a_killed_page_left_goes_with_the_next_one_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    alive = Ranker(Run(tmp_path), None)
    (living,) = folders(tmp_path)
    killed = subprocess.run([sys.executable, "-c", KILLED], check=False, timeout=PATIENCE)
    assert killed.returncode == -signal.SIGKILL
    (left,) = set(folders(tmp_path)) - {living}
    unfinished, foreign = tmp_path / f"{PREFIX}begun", tmp_path / "other"
    for folder in (unfinished, foreign):  # one that is just being made, and nobody's
        folder.mkdir()
    (foreign / IN_USE).touch()
    another = Ranker(Run(tmp_path), None)
    assert not left.exists()
    assert len(folders(tmp_path)) == 3 and living.exists() and unfinished.exists()
    assert foreign.exists()
    another.close()
    alive.close()
    assert folders(tmp_path) == [unfinished]
