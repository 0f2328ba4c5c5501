"""How fast is the review page on 100,000 issues of 300 classes? Medians, and the memory it takes.

python -m benchmarks.review_scale [--issues 100000] [--classes 300] [--browser]
"""

import argparse
import resource
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from starlette.requests import Request

from pipeline.corrections.decision import Source
from pipeline.corrections.journal import Journal
from pipeline.corrections.queue import Item, Queue
from pipeline.review.__main__ import listen
from pipeline.review.app import ReviewPage
from pipeline.review.security import Access
from pipeline.review.server import make_server

DECIDED = 2000
TIMES = 15


class Plain:
    """Colours no words: there is no model here."""

    def pieces(self, item: Item) -> list[object]:
        from pipeline.review.highlight import Piece

        return [Piece(item.text)]


def make_queue(folder: Path, issues: int, classes: int) -> Queue:
    """Return a queue of generated issues, some of them decided."""
    rng = np.random.default_rng(0)
    names = [f"class number {i}" for i in range(classes)]
    words = np.array([f"word{i}" for i in range(5000)])
    given = rng.integers(0, classes, issues)
    probs = rng.dirichlet(np.full(classes, 0.02), issues).astype(np.float32)
    texts = [" ".join(row) for row in words[rng.integers(0, 5000, (issues, 30))]]
    items = [
        Item(f"train/{i}", "train", i + 1, i, names[g], names[g], names[int(p.argmax())], p, text)
        for i, (g, p, text) in enumerate(zip(given, probs, texts, strict=True))
    ]
    labels = {item.id: item.given for item in items}
    source = Source("sha256:" + "0" * 64, names, labels, {item.id: item.text for item in items})
    journal = Journal(folder / "j.jsonl", source)
    made = [
        source.decide(item.id, "drop" if i % 3 else "keep", None if i % 3 else item.given,
                      reviewer="Ann")
        for i, item in enumerate(items[:DECIDED])
    ]  # fmt: skip
    journal.append(made)
    return Queue("big", folder, "big", "all", items, journal)


def asked(path: str, query: str) -> Request:
    return Request(
        {"type": "http", "method": "GET", "path": path, "query_string": query.encode(),
         "headers": [(b"cookie", b"reviewer=Ann")]}
    )  # fmt: skip


def milliseconds(work: Callable[[], object]) -> float:
    """Return the median CPU milliseconds of several times."""
    taken = []
    for _ in range(TIMES):
        start = time.process_time()
        work()
        taken.append(1000 * (time.process_time() - start))
    return round(median(taken), 1)


def browse(page: ReviewPage, access: Access, listener: socket.socket) -> None:
    """Print the median milliseconds from a click to what is seen, in headless Chromium."""
    from playwright.sync_api import sync_playwright

    server = make_server(page.app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    views = {"list": "/", "list, a pair": "/?given=class+number+7", "example": "/example?id="}
    with sync_playwright() as started:
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        window = browser.new_page()
        window.goto(access.url)
        base = window.url.split("?")[0].rstrip("/")
        for name, address in views.items():
            taken = []
            for number in range(TIMES):
                more = f"train/{50_000 + number}" if address.endswith("=") else ""
                start = time.perf_counter()
                window.goto(f"{base}{address}{more}")
                taken.append(1000 * (time.perf_counter() - start))
            print(f"{name:16}{median(taken):9.1f} ms in the browser")
        taken = []
        for _ in range(TIMES):
            seen = window.url
            start = time.perf_counter()
            window.keyboard.press("s")
            window.wait_for_function("seen => location.href !== seen", arg=seen)
            taken.append(1000 * (time.perf_counter() - start))
        print(f"{'decide, next':16}{median(taken):9.1f} ms in the browser")
        browser.close()
    server.should_exit = True
    thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--issues", type=int, default=100_000)
    parser.add_argument("--classes", type=int, default=300)
    parser.add_argument("--browser", action="store_true", help="and a server, in Chromium")
    options = parser.parse_args()
    listener = listen("127.0.0.1", 0)
    access = Access("127.0.0.1", listener.getsockname()[1])
    with listener, tempfile.TemporaryDirectory() as folder:
        queue = make_queue(Path(folder), options.issues, options.classes)
        page = ReviewPage(queue, Plain(), access, reviewer="Ann")  # type: ignore[arg-type]
        asks = {
            "list": (page.show_list, "/", ""),
            "list, open": (page.show_list, "/", "show=open&first=5000"),
            "list, by pair": (page.show_list, "/", "sort=pair"),
            "list, a pair": (page.show_list, "/", "given=class+number+7"),
            "example": (page.show_example, "/example", "id=train/50000"),
            "figures": (page.show_figures, "/figures", ""),
        }
        for name, (show, path, query) in asks.items():
            print(f"{name:16}{milliseconds(lambda: show(asked(path, query))):9.1f} ms")  # noqa: B023

        def decide_and_show() -> None:
            number = DECIDED + len(queue.journal.standing.log) - DECIDED
            made = queue.source.decide(f"train/{number}", "drop", None, reviewer="Ann")
            queue.journal.append([made])
            page.show_example(asked("/example", f"id=train/{number + 1}"))

        print(f"{'decide, next':16}{milliseconds(decide_and_show):9.1f} ms")
        if options.browser:
            browse(page, access, listener)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"peak memory     {peak:9.0f} MiB, {options.issues:,} issues of {options.classes} classes"
    )


if __name__ == "__main__":
    main()
