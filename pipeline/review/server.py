"""The server of the review page, and the file through which a browser is let in."""

import contextlib
import html
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from pipeline.review.security import Access

MAX_CONNECTIONS = 64
MAX_SILENT = 24  # of them that have not asked anything yet
DOOR = "open_review.html"


class Connection(H11Protocol):
    """A connection; of those that ask nothing the oldest make room for new ones.

    Else anybody on the machine, without a token, could hold all there are.
    """

    made = 0

    def connection_made(self, transport: Any) -> None:
        Connection.made += 1
        self.number = Connection.made
        super().connection_made(transport)
        silent = [c for c in self.connections if isinstance(c, Connection) and c.cycle is None]
        if len(silent) > MAX_SILENT:
            oldest = min(silent, key=lambda each: each.number)
            oldest.transport.abort()
            self.connections.discard(oldest)


def make_server(app: ASGIApp) -> uvicorn.Server:
    """Return the server of a page: no access log, no proxies, few connections at once."""
    options = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(options)


@contextlib.contextmanager
def door(access: Access, folder: Path) -> Iterator[str]:
    """Yield the address of a file that leads to the page, and that only its owner can read.

    A browser's command line is read by everybody on the machine, so no token may stand there.
    """
    path = folder.resolve() / DOOR
    address = html.escape(access.url)
    page = (
        '<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
        f'<meta http-equiv="refresh" content="0; url={address}"><title>Review</title>'
        f'<a href="{address}">The review page</a>\n'
    )
    path.unlink(missing_ok=True)
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123
            file.write(page)
        yield path.as_uri()
    finally:
        path.unlink(missing_ok=True)
