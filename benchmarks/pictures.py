"""The pictures in the README: the report and the review page of a finished run, the demo's.

make demo && python -m benchmarks.pictures [results/sample] [configs/sample.yaml]
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

FOLDER = Path("docs")
REPORT, REVIEW = (1080, 1010), (900, 860)  # width and height
SCALE = 0.7  # of a picture: a page of a repository is no wider
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


def main(run: str = "results/sample", config: str = "configs/sample.yaml") -> None:
    """Write docs/report.png and docs/review.png."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(device_scale_factor=SCALE)
        look_at(page, REPORT)
        page.goto((Path(run) / "report" / "report.html").resolve().as_uri())
        page.screenshot(path=FOLDER / "report.png")
        picture_of_review(page, run, config)
        browser.close()


def look_at(page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})


def picture_of_review(page: Page, run: str, config: str) -> None:
    look_at(page, REVIEW)
    command = [sys.executable, "-m", "pipeline.review", "--config", config, "--port", "0"]
    command += ["--results", str(Path(run).parent), "--reviewer", "Ann", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            found = (re.match(r"open (\S+)", line) for line in server.stdout)
            page.goto(next(filter(None, found))[1])
            page.locator("a.row").first.click()
            page.wait_for_selector("#neighbors .near")
            page.screenshot(path=FOLDER / "review.png")
        finally:
            server.terminate()


if __name__ == "__main__":
    main(*sys.argv[1:])
