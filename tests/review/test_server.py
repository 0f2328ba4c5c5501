"""Nobody who is not let in keeps others out, reads the token, or sees a traceback."""

import contextlib
import http.client
import os
import re
import shutil
import socket
import stat
import subprocess
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.corrections.load import load_queue
from pipeline.review import __main__ as main
from pipeline.review import server
from pipeline.review.ranker import Ranker
from pipeline.review.security import Access
from pipeline.review.server import DOOR, MAX_CONNECTIONS, door
from tests.review.site import Site, load_tiny, make_examples, write_run

CHROMIUM = shutil.which("chromium")


@contextlib.contextmanager
def connections(site: Site, count: int, sends: bytes) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(count):
            made = socket.create_connection(("127.0.0.1", site.access.port), timeout=10)
            stack.callback(made.close)
            with contextlib.suppress(OSError):  # closed already to make room
                made.sendall(sends)
            opened.append(made)
        yield opened


HALVES = [
    b"",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n",
    b"POST /decide HTTP/1.1\r\nContent-Length: 5\r\n",
    b"G",
]


@pytest.mark.parametrize("sends", HALVES)
@pytest.mark.parametrize("count", [70, 300])
def test_connections_that_ask_nothing_keep_nobody_out(site: Site, count: int, sends: bytes) -> None:
    with connections(site, count, sends):
        for _ in range(3):
            assert site.ask("/")[0] == 200
        assert site.decide("train/0", "drop")[0] == 200
    assert len(site.lines()) == 1


def test_who_asks_without_the_token_is_sent_away(site: Site) -> None:
    whole = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{site.access.port}\r\n\r\n".encode()
    with connections(site, 2 * MAX_CONNECTIONS, whole) as opened:
        assert b"403" in opened[-1].recv(20)
        assert site.ask("/")[0] == 200


def test_a_window_that_is_open_is_not_closed_for_others(site: Site) -> None:
    kept = http.client.HTTPConnection("127.0.0.1", site.access.port, timeout=10)
    headers = {name: site.headers[name] for name in ("Host", "Cookie")}
    kept.request("GET", "/", headers=headers)
    assert kept.getresponse().read()
    with connections(site, 60, b""):
        kept.request("GET", "/", headers=headers)
        assert kept.getresponse().status == 200
    kept.close()


# --- the token -----------------------------------------------------------------------------


def test_the_browser_is_told_a_file_that_only_its_owner_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []
    run = write_run(tmp_path / "results" / "tiny", make_examples())
    queue = load_queue(load_tiny(tmp_path), run)
    monkeypatch.setattr(main.sys.stdout, "isatty", lambda: True, raising=False)

    def opened(address: str) -> None:
        told.append(address)
        path = run.folder / DOOR
        assert address == path.resolve().as_uri()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "token=" in path.read_text() and "token" not in address

    class Stopped:
        def run(self, sockets: object) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(webbrowser, "open", opened)
    monkeypatch.setattr(server, "make_server", lambda app: Stopped())
    with contextlib.closing(Ranker(run, load_tiny(tmp_path).config)) as ranker:
        main.serve(queue, run, ranker, "Ann", host="127.0.0.1", port=0, open_browser=True)
    token = re.search(r"token=(\S+)", capsys.readouterr().out)
    assert len(told) == 1 and token is not None and token[1] not in told[0]
    assert not (run.folder / DOOR).exists()


@pytest.mark.parametrize("kind", ["file", "link"])
def test_the_file_is_written_into_no_other_and_under_any_umask(tmp_path: Path, kind: str) -> None:
    other, path = tmp_path / "precious", tmp_path / DOOR
    other.write_text("kept")
    path.symlink_to(other) if kind == "link" else path.write_text("an earlier one")
    before = os.umask(0)
    try:
        with door(Access("127.0.0.1", 1), tmp_path):
            assert not path.is_symlink()
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)
    assert other.read_text() == "kept" and not path.exists()


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (apt install chromium)")
def test_a_browser_comes_in_through_the_file(site: Site, tmp_path: Path) -> None:
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
    with door(site.access, tmp_path) as address:
        command = [str(CHROMIUM), *flags.split(), f"--user-data-dir={tmp_path / 'profile'}"]
        command += ["--virtual-time-budget=20000", "--dump-dom", address]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert "review number" in done.stdout, done.stdout[:500] + done.stderr[-500:]


# --- a bad line of the journal -------------------------------------------------------------


@pytest.mark.parametrize("line", [b"{broken\n", b"\xff\n", b'{"id": 1}\n', b"\n"])
@pytest.mark.parametrize("path", ["/", "/example?id=train/0", "/figures"])
def test_a_bad_line_is_said_in_the_page_and_is_no_traceback(
    site: Site, capfd: pytest.CaptureFixture[str], line: bytes, path: str
) -> None:
    assert site.decide("train/0", "drop")[0] == 200
    good = site.journal.read_bytes()
    site.journal.write_bytes(good + line)
    status, text, _ = site.ask(path)
    assert status == 500
    assert text.startswith(f"{site.journal}:2: ") and text.count("\n") == 1
    status, said = site.decide("train/1", "drop")
    assert status == 400 and ":2: " in said["error"]
    said_there = capfd.readouterr()
    assert "Traceback" not in said_there.err + said_there.out
    site.journal.write_bytes(good)
    assert site.ask(path)[0] == 200
