"""How fast is the review page on 100,000 issues of 300 classes? Medians, and the memory it takes.

python -m benchmarks.review_scale [--issues 100000] [--classes 300]
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from starlette.requests import Request

from pipeline.corrections.decision import Source
from pipeline.corrections.journal import Journal
from pipeline.corrections.queue import Item, Queue
from pipeline.review.app import ReviewPage
from pipeline.review.security import Access

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--issues", type=int, default=100_000)
    parser.add_argument("--classes", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        queue = make_queue(Path(folder), options.issues, options.classes)
        page = ReviewPage(queue, Plain(), Access("127.0.0.1", 1), reviewer="Ann")  # type: ignore[arg-type]
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
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"peak memory     {peak:9.0f} MiB, {options.issues:,} issues of {options.classes} classes"
    )


if __name__ == "__main__":
    main()
