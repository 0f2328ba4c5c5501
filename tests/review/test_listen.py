"""The port: the usual one or a free one, and exactly the one that was asked for."""

import socket

import pytest

from pipeline.frame.errors import ConfigError
from pipeline.review import __main__ as command
from pipeline.review.__main__ import listen, listen_somewhere


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(command, "PORT", server.getsockname()[1])
        yield server.getsockname()[1]


def test_a_taken_port_that_nobody_asked_for_becomes_a_free_one(taken, capsys):
    with listen_somewhere("127.0.0.1") as listener:
        port = listener.getsockname()[1]
    assert port != taken
    assert capsys.readouterr().out == f"port {taken} is taken; this page is on {port}\n"


def test_a_port_that_was_asked_for_is_taken_or_refused(taken):
    with pytest.raises(ConfigError, match=rf"--port {taken}: .*in use; try another --port"):
        listen("127.0.0.1", taken)


def test_two_pages_never_share_a_port():
    with listen("127.0.0.1", 0) as first, pytest.raises(ConfigError, match="in use"):
        listen("127.0.0.1", first.getsockname()[1])
