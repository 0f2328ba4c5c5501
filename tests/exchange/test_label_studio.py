"""A real Label Studio takes our tasks, and its export comes back.

It lives in an environment of its own: `pip install label-studio` there, and its program on PATH
or named by LABEL_STUDIO.
"""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.corrections.journal import Journal
from pipeline.corrections.load import load_queue
from pipeline.corrections.merge import take_back
from pipeline.corrections.queue import Queue
from pipeline.exchange import label_studio
from tests.guard import PATIENCE
from tests.review.site import load_tiny, make_examples, write_run

PROGRAM = os.environ.get("LABEL_STUDIO") or shutil.which("label-studio")
TOKEN = "0123456789abcdef0123456789abcdef01234567"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="needs label-studio in an environment of its own"),
]


class Studio:
    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"

    def ask(self, path: str, values: Any = None) -> Any:
        request = urllib.request.Request(
            self.address + path,
            data=None if values is None else json.dumps(values).encode(),
            headers={"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.loads(answer.read())


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "HOME": str(tmp_path),
        "LABEL_STUDIO_BASE_DATA_DIR": str(tmp_path / "studio"),
        "DJANGO_DB": "sqlite",
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }
    environment.pop("PYTHONPATH", None)
    options = ["--no-browser", "--internal-host", "127.0.0.1", "--port", str(port)]
    account = ["--username", "eve@example.org", "--password", "eve-eve-eve", "--user-token", TOKEN]
    with (tmp_path / "studio.log").open("wb") as log:
        server = subprocess.Popen(
            [str(PROGRAM), "start", *options, *account, "--enable-legacy-api-token"],
            env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            started = Studio(port)
            wait_for(started, server, tmp_path / "studio.log")
            yield started
        finally:
            server.terminate()
            server.wait(PATIENCE)


def wait_for(studio: Studio, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 2 * PATIENCE  # the first start makes its database
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()[-3000:]
        try:
            studio.ask("/api/projects")
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(1)
    raise AssertionError(log.read_text()[-3000:])


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    texts = [f'review <b>{i}</b> & "so on"\nsecond line 😀' for i in range(40)]
    run = write_run(tmp_path / "results" / "tiny", make_examples(texts, ("neg", "a & <b>")))
    queue = load_queue(load_tiny(tmp_path), run)
    kinds = ("keep", "relabel", "drop", "unsure")
    for i, item in enumerate(queue.items[:20]):
        kind = kinds[i % 4]
        label = {"keep": item.given, "relabel": item.suggested}.get(kind)
        for who in ("Ann", "Bob & Cleo")[: 1 + i % 2]:
            note = "why\nnot" if i % 3 else ""
            made = queue.source.decide(item.id, kind, label, reviewer=who, note=note)
            queue.journal.append([made])
    return queue


def test_a_real_label_studio_takes_and_returns_everything(queue, studio, tmp_path):
    label_studio.export(queue, tmp_path / "out")
    config = (tmp_path / "out" / "label_config.xml").read_text()
    project = studio.ask("/api/projects", {"title": "review", "label_config": config})["id"]
    tasks = json.loads((tmp_path / "out" / "tasks.json").read_text())
    done = studio.ask(f"/api/projects/{project}/import", tasks)
    assert done["task_count"] == len(tasks) == 40
    assert done["annotation_count"] == len(queue.journal.standing.all()) == 30
    assert done["prediction_count"] == 40

    exported = studio.ask(f"/api/projects/{project}/export?exportType=JSON&download_all_tasks=true")
    path = tmp_path / "export.json"
    path.write_text(json.dumps(exported))
    journal = Journal(tmp_path / "new.jsonl", queue.source)
    take_back(journal, label_studio.read(path, queue.source, reviewer="x"))
    assert journal.standing.all() == queue.journal.standing.all()

    # Somebody labels one more task there: one more decision here.
    open_task = next(task for task in exported if task["data"]["id"] == queue.items[30].id)
    suggested = queue.items[30].suggested
    choice = {"from_name": "label", "to_name": "text", "type": "choices"}
    result = [choice | {"value": {"choices": [suggested]}}]
    studio.ask(f"/api/tasks/{open_task['id']}/annotations/", {"result": result})
    exported = studio.ask(f"/api/projects/{project}/export?exportType=JSON")
    path.write_text(json.dumps(exported))
    assert take_back(journal, label_studio.read(path, queue.source, reviewer="x")).added == 1
    (made,) = journal.standing.of(queue.items[30].id).values()
    assert (made.decision, made.label) == ("relabel", suggested)
    assert made.reviewer
