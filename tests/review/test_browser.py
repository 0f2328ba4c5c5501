"""The review page as a person uses it: headless Chromium, keyboard only."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.guard import PATIENCE
from tests.review.site import Site, given_of, make_examples
from tests.review.test_page import PAYLOADS

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = "--headless --no-sandbox --disable-gpu --disable-background-networking --no-first-run"
# Set it to a folder to look at the page at all sizes.
SCREENSHOTS = os.environ.get("REVIEW_SCREENSHOTS")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (apt install chromium)")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield browser
        browser.close()


class Window:
    """One browser of one person, with everything its console complained about."""

    def __init__(self, chromium: Any, site: Site, *, width: int = 1280, scheme: str = "light"):
        size = {"width": width, "height": 800}
        self.context = chromium.new_context(viewport=size, color_scheme=scheme)
        self.context.set_default_timeout(1000 * PATIENCE)
        self.page = self.context.new_page()
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self._listen)
        self.page.goto(site.access.url)
        self.page.wait_for_url(lambda url: "token" not in url)

    def _listen(self, message: Any) -> None:
        # The browser itself reports the answer 409; that one is meant.
        if message.type in ("error", "warning") and "409" not in message.text:
            self.problems.append(message.text)

    def open(self, id_: str) -> None:
        self.page.goto(self.page.url.split("/", 3)[0] + "//" + self.page.url.split("/")[2])
        self.page.goto(f"{self.page.url}example?id={id_}")

    @property
    def id(self) -> str:
        return self.page.locator("body").get_attribute("data-id")

    def press(self, key: str) -> None:
        """Press a key and wait for the page it leads to."""
        with self.page.expect_navigation(wait_until="load"):
            self.page.keyboard.press(key)

    def progress(self) -> str:
        return " ".join(self.page.locator("#progress").inner_text().split())


@pytest.fixture
def window(chromium: Any, site: Site) -> Iterator[Window]:
    window = Window(chromium, site)
    yield window
    window.context.close()
    assert window.problems == []


def test_fifty_decisions_by_keyboard_survive_a_reload(window, site, examples):
    window.page.keyboard.press("ArrowDown")
    window.press("Enter")
    keys = "kssdu2s1ks"
    expected = {}
    for i in range(50):
        key = keys[i % len(keys)]
        given = given_of(examples, window.id)
        other = {"neg": "pos", "pos": "neg"}[given]
        label = {"k": given, "s": other, "1": "neg", "2": "pos"}.get(key)
        expected[window.id] = label or {"d": "drop", "u": "unsure"}[key]
        window.press(key)
        assert f"{i + 1} of 60" in window.progress()
    window.page.reload()
    assert "50 of 60 · 10 left" in window.progress()
    assert {line["id"]: line["label"] or line["decision"] for line in site.lines()} == expected
    assert len(site.lines()) == 50
    for id_ in ("train/3", "train/0", "test/49"):
        window.open(id_)
        pressed = window.page.locator('[aria-pressed="true"]')
        said = pressed.get_attribute("data-label") or pressed.get_attribute("data-decision")
        assert said == expected[id_]


def test_undo_by_keyboard(window, site):
    window.open("train/0")
    window.press("d")
    window.press("s")
    assert window.id == "train/2"
    window.press("z")
    assert window.id == "train/1"
    assert window.page.locator('[aria-pressed="true"]').count() == 0
    window.press("z")
    assert window.id == "train/0" and "0 of 60" in window.progress()
    window.page.keyboard.press("z")
    window.page.wait_for_selector("#status.problem")
    assert "nothing to undo" in window.page.locator("#status").inner_text()
    assert [line["decision"] for line in site.lines()] == ["drop", "relabel", "undo", "undo"]
    window.problems.clear()  # the refused request is in the console


def test_keys_that_come_fast_wait_for_their_turn(window, site):
    window.open("train/0")
    window.page.keyboard.type("ksdus", delay=0)
    window.page.locator("#progress b", has_text="5").wait_for()
    said = [(line["id"], line["decision"]) for line in site.lines()]
    kinds = ["keep", "relabel", "drop", "unsure", "relabel"]
    assert said == [(f"train/{i}", kind) for i, kind in enumerate(kinds)]
    window.page.keyboard.press("z")
    window.page.wait_for_selector("text=undone: train/4")
    assert window.id == "train/4"


def test_a_note_without_a_decision_is_kept(window, site):
    window.open("train/0")
    window.page.keyboard.press("m")
    window.page.keyboard.type("half a thought")
    window.page.keyboard.press("Escape")
    window.press("n")
    assert window.page.locator("#note").input_value() == ""
    window.page.reload()
    window.press("p")
    assert window.page.locator("#note").input_value() == "half a thought"
    window.press("u")
    assert site.lines()[0]["note"] == "half a thought"
    window.open("train/1")
    assert window.page.locator("#note").input_value() == ""


def test_enter_opens_the_first_of_a_list(window):
    window.press("Enter")
    assert window.id == "train/0"


def test_of_150_classes_the_probable_come_first_and_the_others_are_found(chromium, serve_run):
    names = tuple(f"department {i:03d} of a long-named organisation" for i in range(150))
    site = serve_run(make_examples([f"text {i}" for i in range(300)], names))
    window = Window(chromium, site, width=390)
    window.open("train/7")
    shown = window.page.locator(".class:visible")
    assert shown.count() == 9 and shown.first.get_attribute("data-label") == names[8]
    assert shown.nth(8).get_attribute("data-label") == names[7]  # as given: k and s are there
    assert window.page.evaluate("document.documentElement.scrollWidth") <= 390
    window.page.keyboard.press("c")
    window.page.keyboard.type("department 123")
    assert shown.count() == 1
    window.press("Enter")
    assert site.lines()[0]["label"] == names[123]
    assert window.problems == []
    window.context.close()


FOUR = ("billing", "sales", "technical", "other")


@pytest.fixture
def four(chromium: Any, serve_run: Any) -> Iterator[tuple[Window, Site]]:
    """A site of four classes, 160 issues in four pairs of 40; each wait is of the page itself."""
    texts = [f"message {i} about {FOUR[i % 4]}" for i in range(160)]
    site = serve_run(make_examples(texts, FOUR), num_issues=160)
    window = Window(chromium, site)
    yield window, site
    window.context.close()
    assert window.problems == []


def test_a_pair_forty_together_and_one_undo_by_keyboard(four):
    window, site = four
    page = window.page
    page.keyboard.press("f")
    assert page.evaluate("document.activeElement.className") == "pair"
    assert "40" in page.evaluate("document.activeElement.textContent")
    page.keyboard.press("ArrowRight")
    window.press("Enter")
    assert page.locator("a.row").count() == 40
    given, suggested = (
        page.locator(f"input[name={n}]").input_value() for n in ("given", "suggested")
    )
    assert (given, suggested) == ("sales", "technical")
    window.press("t")
    assert page.locator(".pick:checked").count() == 40
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / "lot-1280-light.png")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("x")
    assert page.locator("#chosen").inner_text() == "39 selected"
    page.keyboard.press("x")
    window.press("s")
    assert "40 decisions" in page.locator("#status").inner_text()
    lines = site.lines()
    assert len(lines) == 40 and {line["label"] for line in lines} == {"technical"}
    assert {line["lot_size"] for line in lines} == {40} and len({x["lot"] for x in lines}) == 1
    assert "40 of 160" in window.progress()
    window.press("z")
    assert "undone: 40 decisions" in page.locator("#status").inner_text()
    assert "0 of 160" in window.progress() and len(site.lines()) == 80


def test_some_are_selected_in_the_list_and_get_a_class_together(four):
    window, site = four
    for _ in range(3):
        window.page.keyboard.press("ArrowDown")
        window.page.keyboard.press("x")
    window.press("t")
    assert window.page.locator(".pick:checked").count() == 3
    window.page.keyboard.press("c")
    window.page.keyboard.type("other")
    window.press("Enter")
    assert [(line["id"], line["label"]) for line in site.lines()] == [
        (f"train/{i}", "other") for i in range(3)
    ]


def test_filters_by_kind_score_and_sort(four):
    window, _ = four
    page = window.page
    base = page.url.split("?")[0]
    for query, rows in (
        ("kind=mixed", 0), ("kind=plain", 50), ("low=5", 0), ("high=5", 50), ("split=test", 50),
        ("given=nothing", 0), ("sort=probability", 50), ("sort=pair", 50), ("low=x&high=200", 50),
    ):  # fmt: skip
        page.goto(f"{base}?{query}")
        assert page.locator("a.row").count() == rows, query
        if not rows:
            assert "No example fits these filters." in page.locator(".empty").inner_text()
    page.goto(f"{base}?sort=pair")
    assert len(set(page.locator("a.row .labels").all_inner_texts()[:40])) == 1


def test_figures_say_how_right_the_list_is(four):
    window, site = four
    for i in range(30):
        site.decide(
            f"train/{i}", "drop" if i < 20 else "keep", label=None if i < 20 else FOUR[i % 4]
        )
    window.press("i")
    assert "20 of your first 30 were wrong; expect" in window.page.locator("#live").inner_text()
    assert "only an audit can tell" in window.page.locator(".plan").first.inner_text()
    window.page.locator("#one-in").fill("2")
    window.page.locator("#one-in").press("Enter")
    window.page.locator("#rule", has_text="fewer than 1 in 2").wait_for()
    if SCREENSHOTS:
        window.page.screenshot(path=Path(SCREENSHOTS) / "figures-1280-light.png", full_page=True)


def test_audit_and_blind_items_show_nothing_of_the_model(chromium, serve_run):
    texts = [f"message {i} about {FOUR[i % 4]}" for i in range(160)]
    site = serve_run(make_examples(texts, FOUR), queued={"audit": 20}, num_issues=40)
    window = Window(chromium, site)
    page, queue = window.page, site.page.queue
    audited = [i for i in sorted(queue.audited) if queue.items[queue.places[i]].rank is None]
    window.open(audited[0])
    said = page.locator("main").inner_text()
    assert "without the model" in said and "suggested" not in said and "%" not in said
    assert page.locator("mark, .is-suggested, meter").count() == 0
    window.press("k")
    assert site.lines()[0]["how"] == "audit"
    page.goto(page.url.split("/example")[0] + "/?show=audit")
    assert page.locator("a.row").count() == 20
    page.goto(page.url.split("?")[0])
    page.keyboard.press("b")
    page.locator(".places .chip", has_text="blind").wait_for()
    assert page.locator("bdi.suggested").count() <= 1  # of the one decided
    window.open(next(i.id for i in queue.items if i.id not in queue.audited))
    assert page.locator(".is-suggested, meter").count() == 0
    window.press("k")
    assert site.lines()[1]["how"] == "blind"
    window.press("p")
    assert page.locator("meter").count() == 4  # one has decided: now all is shown
    assert window.problems == []
    window.context.close()


def test_a_dispute_is_settled_by_keyboard(chromium, site):
    for id_ in ("train/0", "train/2"):
        site.decide(id_, label="neg", note="clearly bad")
        site.decide(id_, "relabel", "pos", reviewer="Bob")
    window = Window(chromium, site)
    window.page.goto(f"{window.page.url.split('?')[0]}?show=disagree")
    window.press("Enter")
    assert "settles this" in window.page.locator("#settles").inner_text()
    assert "clearly bad" in window.page.locator(".votes").inner_text()
    window.press("s")
    assert window.id == "train/2" and site.lines()[-1]["how"] == "settle"
    window.press("k")
    assert window.page.locator("a.row").count() == 0
    assert site.page.queue.known_wrong() == {"train/0": True, "train/2": False}
    window.press("z")  # a dispute again
    assert (
        window.id == "train/2"
        and "Reviewers disagree" in window.page.locator(".votes").inner_text()
    )
    assert window.problems == []
    window.context.close()


def test_twins_and_their_labels_are_shown_and_sorted_by(chromium, serve_run):
    kinds = ["transfer fee of the striker"] * 2 + ["shares fell"] * 6
    texts = [f"{kinds[i % 8]} {i}" for i in range(80)]
    site = serve_run(make_examples(texts))
    window = Window(chromium, site)
    window.open("train/0")
    window.page.wait_for_selector(".near li")
    near = window.page.locator(".near li").all_inner_texts()
    assert len(near) == 5 and all("transfer fee" in text for text in near)
    window.press("k")
    window.page.goto(f"{window.page.url.split('/example')[0]}/?sort=like&like=train/0")
    shown = window.page.locator("a.row .text").all_inner_texts()
    assert all("transfer fee" in text for text in shown[:15]) and "shares" in shown[-1]
    assert window.problems == []
    window.context.close()


def test_the_list_is_ranked_again_by_a_key_and_says_what_changed(chromium, serve_run):
    kinds = ["the refund was good", "parcel bad", "parcel good", "the refund was bad"]
    site = serve_run(make_examples([f"{kinds[n % 4]} {n}" for n in range(120)]), num_issues=60)
    window = Window(chromium, site)
    window.page.keyboard.press("r")
    window.page.wait_for_selector("#status.problem")
    assert "No label is corrected yet" in window.page.locator("#status").inner_text()
    window.problems.clear()  # the refused request is in the console
    window.open("train/0")
    for key in "skks" * 5:
        window.press(key)
    window.page.keyboard.press("r")
    window.page.locator("#status", has_text="the new order comes").wait_for()
    assert window.id == "train/20"  # nothing moves under one's eyes
    window.press("l")
    window.page.wait_for_selector("#ranked")
    said = window.page.locator("#ranked").inner_text()
    assert f"{len(site.page.queue.new)} new, " in said
    if SCREENSHOTS:
        window.page.screenshot(path=Path(SCREENSHOTS) / "ranked-1280-light.png", full_page=True)
    assert len(site.lines()) == 20 and "20 of" in window.progress()
    window.press("Enter")
    window.press("k")
    assert window.id != "train/20" and window.problems == []
    window.context.close()


AXE = ("list", "example", "blind", "lot", "figures")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", AXE)
def test_axe_finds_nothing(chromium, serve_run, scheme, name):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    texts = [f"message {i} about {FOUR[i % 4]}" for i in range(160)]
    site = serve_run(make_examples(texts, FOUR), queued={"audit": 20}, num_issues=100)
    for i in range(12):
        site.decide(f"train/{i}", "drop")
        site.decide(f"train/{i}", "keep", FOUR[i % 4], reviewer="Bob")
    window = Window(chromium, site, scheme=scheme)
    blind = next(i for i in sorted(site.page.queue.audited) if i not in ("train/0", "train/1"))
    base = window.page.url.split("?")[0]
    window.page.goto(
        base
        + {
            "list": "?given=sales",
            "example": "example?id=train/0",
            "blind": f"example?id={blind}",
            "lot": "lot?given=sales",
            "figures": "figures",
        }[name]
    )
    results = axe.Axe().run(window.page)
    assert results.violations_count == 0, results.generate_report()
    if SCREENSHOTS:
        for width in (1280, 390):
            window.page.set_viewport_size({"width": width, "height": 800})
            assert window.page.evaluate("document.documentElement.scrollWidth") <= width
            path = Path(SCREENSHOTS) / f"{name}-{width}-{scheme}-full.png"
            window.page.screenshot(path=path, full_page=True)
    window.context.close()


def test_search_note_and_moving_by_keyboard(window, site):
    window.page.keyboard.press("/")
    window.page.keyboard.type("number 7 ")
    window.press("Enter")
    assert window.page.locator("a.row").count() == 1
    window.page.keyboard.press("Escape")
    window.page.keyboard.press("n")
    window.press("Enter")
    assert window.id == "train/7"
    window.page.keyboard.press("m")
    window.page.keyboard.type("skd: keys are text here")
    window.page.keyboard.press("Escape")
    window.press("s")
    assert site.lines()[0]["note"] == "skd: keys are text here"
    window.open("train/5")
    window.press("n")
    assert window.id == "train/6"
    window.press("ArrowLeft")
    assert window.id == "train/5"
    window.press("/")
    assert window.page.evaluate("document.activeElement.id") == "search"


def test_two_browsers_lose_nothing(chromium, site):
    first, second = Window(chromium, site), Window(chromium, site)
    for window in (first, second):
        window.open("train/0")
    first.press("k")
    second.page.keyboard.press("d")  # refused: the page shows what stands
    second.page.wait_for_selector("#status.problem")
    assert second.id == "train/0"
    assert "another window" in second.page.locator("#status").inner_text()
    assert second.page.locator('[aria-pressed="true"]').get_attribute("data-decision") == "keep"
    second.press("d")  # now with open eyes
    assert [line["decision"] for line in site.lines()] == ["keep", "drop"]
    with second.page.expect_navigation():
        second.page.locator("#reviewer").fill("Bob")
        second.page.locator("#reviewer").blur()
    second.open("train/0")
    second.press("k")
    second.open("train/0")
    assert "Reviewers disagree" in second.page.locator(".votes").inner_text()
    assert {line["reviewer"] for line in site.lines()} == {"Ann", "Bob"}
    assert first.problems == second.problems == []
    for window in (first, second):
        window.context.close()


def test_a_server_that_is_gone_is_said(chromium, site):
    window = Window(chromium, site)
    window.open("train/0")
    window.context.set_offline(True)
    window.page.keyboard.press("k")
    window.page.wait_for_selector("#status.problem")
    assert "NOT saved" in window.page.locator("#status").inner_text()
    assert not site.journal.exists()
    window.context.close()


def test_payloads_run_nothing(chromium, serve_run):
    texts = [f"{payload} {i}" for i, payload in enumerate(PAYLOADS)]
    site = serve_run(make_examples(texts, (PAYLOADS[0], PAYLOADS[3])), num_issues=len(texts))
    window = Window(chromium, site)
    window.page.on("dialog", lambda dialog: window.problems.append("a dialog opened"))
    for id_ in site.page.queue.places:
        window.open(id_)
        shown = window.page.locator("#text").inner_text()
        assert "1" in shown or "<" in shown or len(shown) > 2
        assert window.page.locator("#text *:not(mark)").count() == 0
    assert window.problems == []
    window.context.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_screen(chromium, serve_run, width, scheme):
    long = "W" * 300 + " a review with " + "some words " * 150 + "<br /><br />and a new paragraph"
    site = serve_run(make_examples([f"{long} {i}" for i in range(80)]))
    site.decide("train/0", "drop", note="n" * 200)
    site.decide("train/0", label="neg", reviewer="A reviewer with quite a long name")
    window = Window(chromium, site, width=width, scheme=scheme)
    for name in ("list", "example"):
        if name == "example":
            window.open("train/0")
        page_width = window.page.evaluate("document.documentElement.scrollWidth")
        assert page_width <= width
        if SCREENSHOTS:
            window.page.screenshot(path=Path(SCREENSHOTS) / f"{name}-{width}-{scheme}.png")
    assert window.page.locator(".class").first.is_visible()
    box = window.page.locator(".class").first.bounding_box()
    assert box["height"] >= 40
    window.context.close()
    assert window.problems == []
