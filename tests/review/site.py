"""A small finished run made by hand, and a real server over it."""

import http.client
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.config.load import Loaded, load_config
from pipeline.corrections.load import load_queue
from pipeline.data.examples import Examples, group_texts
from pipeline.frame import artifacts
from pipeline.frame.run import Run
from pipeline.prepare import describe, save_metadata
from pipeline.review.__main__ import listen
from pipeline.review.app import ReviewPage
from pipeline.review.highlight import Highlighter
from pipeline.review.neighbors import Neighbors
from pipeline.review.ranker import Ranker
from pipeline.review.security import Access
from pipeline.review.server import make_server
from tests.guard import PATIENCE
from tests.tiny import save_records

NUM_EXAMPLES, NUM_ISSUES = 80, 60
TOP = {"all": 0.9, "train": 0.8, "test": 0.7}
Make = Any
NOTHING: Mapping[str, Any] = MappingProxyType({})


def make_examples(texts: list[str] | None = None, names: tuple[str, ...] = ("neg", "pos")):
    texts = texts or [f"review number {i} says it is fine" for i in range(NUM_EXAMPLES)]
    half = len(texts) // 2
    splits = ["train"] * half + ["test"] * (len(texts) - half)
    ids = [f"{split}/{i}" for i, split in enumerate(splits)]
    labels = np.arange(len(texts)) % len(names)
    return Examples("tiny", list(names), ids, splits, labels, texts)


def write_run(folder: Path, examples: Examples, *, num_issues: int = NUM_ISSUES) -> Run:
    """Write what prepare, crossval and find_issues would; every issue suggests the next class.

    The suggestion has the probability TOP[scope].
    """
    run, num_classes = Run(folder), len(examples.class_names)
    columns = [range(len(examples.ids)), examples.ids, examples.splits, examples.labels]
    table = pa.table([*columns, examples.texts], names=artifacts.EXAMPLES_SCHEMA.names)
    artifacts.save_table(run.examples, table.cast(artifacts.EXAMPLES_SCHEMA))
    save_metadata(run, examples)
    groups = group_texts(examples.texts)
    artifacts.save_array(run.text_groups, groups)
    artifacts.save_json(run.dataset, describe(examples, groups))
    suggested = (examples.labels + 1) % num_classes
    names = examples.class_names
    for scope, top in TOP.items():
        rows = [i for i, split in enumerate(examples.splits) if scope in ("all", split)]
        rest = (1 - top) / (num_classes - 1)
        pred_probs = np.full((len(rows), num_classes), rest, np.float32)
        pred_probs[np.arange(len(rows)), suggested[rows]] = top
        artifacts.save_array(run.pred_probs(scope), pred_probs)
        lines = (
            (
                *(rank, i, examples.ids[i], examples.splits[i]),
                *(names[examples.labels[i]], names[suggested[i]]),
                *(0.1, -0.8, examples.texts[i], ""),
            )
            for rank, i in enumerate(rows[:num_issues], start=1)
        )
        artifacts.save_issues(run.issues(scope), lines)
    save_records(run)
    return run


def load_tiny(folder: Path) -> Loaded:
    """Return a config whose journal lies under `folder`."""
    journal = folder / "corrections" / "tiny.jsonl"
    loaded = load_config(Path("configs/sample.yaml"), [f"corrections={journal}"])
    return Loaded(loaded.config, "tiny", loaded.path, loaded.overrides)


@dataclass
class Site:
    """A running review page. headers: what its own script sends with a change."""

    page: ReviewPage
    access: Access
    journal: Path
    run: Run

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Host": f"127.0.0.1:{self.access.port}",
            "Origin": f"http://127.0.0.1:{self.access.port}",
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/json",
            "Cookie": f"{self.access.cookie}={self.access.access_token}",
            "X-Page-Token": self.access.page_token,
        }

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, **changed: str | None
    ) -> tuple[int, str, http.client.HTTPMessage]:
        """Return (status, text, headers); a header given as None is left out."""
        headers = self.headers | {name.replace("_", "-"): v for name, v in changed.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.access.port, timeout=PATIENCE)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            if value is not None:
                connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        if body is not None:
            connection.send(body)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text, answer.headers

    def decide(self, id_: str, decision: str = "keep", label: Any = None, **more: Any):
        values = {
            "id": id_,
            "decision": decision,
            "label": label,
            "note": "",
            "seen": 0,
            "how": None,
        }
        body = json.dumps(values | {"reviewer": "Ann"} | more).encode()
        status, text, _ = self.ask("/decide", "POST", body)
        return status, json.loads(text)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.journal.read_text().splitlines()]


@contextmanager
def serving(folder: Path) -> Iterator[Make]:
    """Yield a function (examples, scope, options of load_queue, **options of write_run) -> Site."""
    running = []

    def start(
        examples: Examples, scope: str = "all", queued: Mapping[str, Any] = NOTHING, **options: Any
    ) -> Site:
        run = write_run(folder / "results" / "tiny", examples, **options)
        loaded = load_tiny(folder)
        queue = load_queue(loaded, run, scope, **queued)
        listener = listen("127.0.0.1", 0)
        access = Access("127.0.0.1", listener.getsockname()[1])
        highlighter = Highlighter(run, scope)
        neighbors = Neighbors(run, queue)
        neighbors.wait()
        ranker = Ranker(run, loaded.config)
        page = ReviewPage(
            queue, highlighter, access, reviewer="Ann", neighbors=neighbors, ranker=ranker
        )
        server = make_server(page.app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        running.append((server, thread, listener, ranker))
        while not server.started:
            time.sleep(0.01)
        return Site(page, access, queue.journal.path, run)

    try:
        yield start
    finally:
        for server, thread, listener, ranker in running:
            ranker.close()
            server.should_exit = True
            thread.join(PATIENCE)
            listener.close()


def given_of(examples: Examples, id_: str) -> str:
    return examples.class_names[examples.labels[examples.ids.index(id_)]]


def tags(html: str) -> list[str]:
    """Return the tags of a page with the names of their attributes, in order."""
    from html.parser import HTMLParser

    class Tags(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.found: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.found.append(" ".join([tag, *(name for name, _ in attrs)]))

    parser = Tags()
    parser.feed(re.sub(r"<mark[^>]*>|</mark>", "", html))
    return parser.found
