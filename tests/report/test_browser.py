"""The page in headless Chromium: no request, no error, readable without scripting, accessible."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.report.page import write_report
from tests.guard import PATIENCE

from .conftest import MakeToy, texts_of
from .payloads import PAYLOADS

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine (apt-get install chromium)"
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def address(make_toy: MakeToy) -> str:
    toy = make_toy()
    write_report(toy.loaded, toy.run, toy.metrics)
    return toy.run.report.resolve().as_uri()


class Visit:
    """A page opened with the network cut off; keeps what it asked for and complained about."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.context.set_offline(True)
        self.context.set_default_timeout(1000 * PATIENCE)
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.goto(address)


def test_it_asks_for_nothing_and_complains_of_nothing(browser: Any, address: str) -> None:
    visit = Visit(browser, address)
    assert [url for url in visit.requests if not url.startswith("data:")] == [address]
    assert visit.complaints == []


def test_payloads_run_nothing(browser: Any, make_toy: MakeToy) -> None:
    toy = make_toy(texts=[f"{payload} dull film" for payload in PAYLOADS])
    write_report(toy.loaded, toy.run, toy.metrics)
    visit = Visit(browser, toy.run.report.resolve().as_uri())
    visit.page.wait_for_timeout(200)
    assert visit.complaints == []
    assert len([url for url in visit.requests if not url.startswith("data:")]) == 1


def test_without_scripting_every_issue_is_there(browser: Any, address: str) -> None:
    page = Visit(browser, address, java_script_enabled=False).page
    assert page.locator(".clearest li").count() == 10
    page.locator("#issues > summary").click()
    cards = page.locator(".card")
    assert cards.count() > 10
    assert all(cards.nth(k).is_visible() for k in range(cards.count()))
    assert not page.locator("#filter").is_visible()
    details = page.locator(".card details").first
    assert not details.locator(".words").is_visible()
    details.locator("summary").click()
    assert details.locator(".words").is_visible()


def test_the_contents_stay_and_open_what_they_name(browser: Any, address: str) -> None:
    page = Visit(browser, address, viewport={"width": 1280, "height": 700}).page
    section = page.locator("#model")
    assert section.get_attribute("open") is None
    page.click(".contents a[href='#model']")
    assert section.get_attribute("open") is not None
    assert page.locator("#model .chart").first.is_visible()
    page.evaluate("scrollTo(0, 900)")
    page.wait_for_timeout(600)
    assert page.locator("nav.contents").bounding_box()["y"] == 0
    direct = Visit(browser, f"{address}#classes").page
    assert direct.locator("#classes").get_attribute("open") is not None


def test_on_paper_the_sections_are_open_and_folded_again_after(browser: Any, address: str) -> None:
    page = Visit(browser, address).page
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details.section:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details.section[open]").count() == 0


def test_filters_and_search(browser: Any, address: str) -> None:
    page = Visit(browser, address).page
    page.locator("#issues > summary").click()
    shown = page.locator(".card:visible")
    page.select_option("[name=scope]", "")
    everything = shown.count()
    page.select_option("[name=split]", "test")
    assert 0 < shown.count() < everything
    assert set(shown.evaluate_all("cards => cards.map(c => c.dataset.split)")) == {"test"}
    page.select_option("[name=split]", "")
    page.select_option("[name=given]", "1")
    assert set(shown.evaluate_all("cards => cards.map(c => c.dataset.given)")) == {"1"}
    page.select_option("[name=given]", "")
    page.fill("[name=search]", "unheardof SUPERB")
    assert "unheardof" in shown.first.text_content()
    assert page.locator("#count").inner_text() == f"{shown.count()} of {everything} shown"
    page.fill("[name=search]", "nowhere to be found")
    assert shown.count() == 0


def test_many_issues_and_classes_make_no_long_page(browser: Any, make_toy: MakeToy) -> None:
    """At most 1.5 MB, 8,000 pixels with every section open and texts folded, six printed pages."""
    texts = [f"{k} <&> dull film " * 300 for k in range(600)]
    toy = make_toy(texts=texts, class_names=tuple(f"class number {k}" for k in range(150)))
    write_report(toy.loaded, toy.run, toy.metrics)
    assert toy.run.report.stat().st_size < 1_500_000
    address = toy.run.report.resolve().as_uri()
    page = Visit(browser, address, viewport={"width": 1280, "height": 900}).page
    assert page.evaluate("document.documentElement.scrollHeight") < 3000
    page.evaluate("document.querySelectorAll('details.section').forEach(d => { d.open = true })")
    assert page.evaluate("document.documentElement.scrollHeight") < 8000
    assert page.locator("#filter select[name=given] option").count() == 151
    page.fill("#classes .find input", "number 149")
    assert page.locator("#classes tbody tr:visible").count() == 1
    assert 1 <= page.pdf(format="A4").count(b"/Type /Page\n") <= 6


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_accessible_and_no_wider_than_the_screen(
    browser: Any, make_toy: MakeToy, width: int, scheme: str
) -> None:
    """Of texts in any language too, whose tags axe knows."""
    axe = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is missing")
    source = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    texts = [*texts_of(36), "وصل الطرد متأخرا", "החבילה איחרה", "荷物が遅れました", "พัสดุมาช้ามาก"]
    toy = make_toy(texts=texts)
    write_report(toy.loaded, toy.run, toy.metrics)
    address = toy.run.report.resolve().as_uri()
    viewport = {"width": width, "height": 900}
    page = Visit(browser, address, viewport=viewport, color_scheme=scheme).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    page.evaluate(source)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []
