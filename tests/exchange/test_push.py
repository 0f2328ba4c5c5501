"""`--push` against a local server that answers like the Hub."""

import base64
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.guard import PATIENCE
from tests.review.site import load_tiny, make_examples, write_run


class Hub(ThreadingHTTPServer):
    """repositories: name -> {path: content}. private: the names created as private."""

    def __init__(self, token: str) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.token = token
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: list[str] = []
        self.asked: list[str] = []


class Answer(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(404, {"error": "no such thing"})

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.split("?")[0]
        self.server.asked.append(path)
        if self.headers.get("Authorization") != f"Bearer {self.server.token}":
            return self._answer(401, {"error": "Invalid credentials"})
        if path == "/api/repos/create":
            return self._create(json.loads(content))
        if match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/preupload/main", path):
            files = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False}
                for f in json.loads(content)["files"]
            ]
            return self._answer(200, {"files": files})
        if match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/commit/main", path):
            return self._commit(match[1], content)
        return self._answer(200, {})

    def _create(self, values: dict[str, Any]) -> None:
        name = "/".join(filter(None, [values.get("organization"), values["name"]]))
        self.server.repositories[name] = {}
        # `private: true` until version 1 of the client, `visibility: "private"` since.
        is_private = values.get("private") or values.get("visibility") == "private"
        self.server.private += [name] if is_private else []
        url = f"http://127.0.0.1:{self.server.server_port}/datasets/{name}"
        self._answer(200, {"url": url, "name": name, "id": name})

    def _commit(self, name: str, content: bytes) -> None:
        for line in map(json.loads, content.splitlines()):
            if line["key"] == "file":
                data = base64.b64decode(line["value"]["content"])
                self.server.repositories[name][line["value"]["path"]] = data
        url = f"http://127.0.0.1:{self.server.server_port}/datasets/{name}/commit/{'0' * 40}"
        self._answer(200, {"success": True, "commitOid": "0" * 40, "commitUrl": url})

    def _answer(self, code: int, values: dict[str, Any]) -> None:
        body = json.dumps(values).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub("hf_right")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def push(tmp_path: Path, hub: Hub, name: str, *, token: str) -> subprocess.CompletedProcess[str]:
    folder = tmp_path / "results"
    write_run(folder / "sample", make_examples())
    journal = load_tiny(tmp_path).config.corrections
    command = [sys.executable, "-m", "pipeline.exchange", "export", "--format", "huggingface"]
    command += ["--config", "configs/sample.yaml", "--set", f"corrections={journal}"]
    environment = {
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
        "HF_TOKEN": token,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PATH": "/usr/bin:/bin",
    }
    return subprocess.run(
        [*command, "--results", str(folder), "--push", name],
        env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip


def test_the_folder_arrives_as_it_is_and_private(tmp_path, hub):
    done = push(tmp_path, hub, "ann/reviewed", token="hf_right")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "results" / "sample" / "exchange" / "huggingface"
    sent = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    (name,) = hub.repositories
    arrived = {k: v for k, v in hub.repositories[name].items() if k != ".gitattributes"}
    assert arrived == {k: v for k, v in sent.items() if v or k in arrived}
    assert {"README.md", "data/train-00000-of-00001.parquet"} <= set(arrived)
    assert hub.private == [name]


def test_a_refused_upload_is_one_line_and_exit_6(tmp_path, hub):
    done = push(tmp_path, hub, "ann/reviewed", token="hf_wrong")
    assert done.returncode == 6
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ann/reviewed: could not be uploaded") and "hf_wrong" not in line
    assert not hub.repositories


def test_an_odd_name_is_refused_before_anything_is_sent(tmp_path, hub):
    done = push(tmp_path, hub, "a/b/c", token="hf_right")
    assert done.returncode == 2 and "--push a/b/c" in done.stderr
    assert not hub.repositories
