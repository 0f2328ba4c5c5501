"""Who may talk to the review page: one gate in front of every route.

A page in another tab must not read or write (Host, Origin, page token), another user of the
machine must not either (access token), and nothing may fill the memory (body limit).
"""

import asyncio
import hmac
import ipaddress
import secrets
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.frame.errors import ConfigError

MAX_BODY = 1_000_000
BODY_SECONDS = 10.0
PAGE_TOKEN_HEADER = "x-page-token"
RESPONSE_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Access:
    """Where the page listens and the two secrets of this server: new ones at every start.

    access_token: in the address that is printed once, then in a cookie. page_token: in the page,
    sent back as a header with every change.
    """

    host: str
    port: int
    access_token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    page_token: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def netlocs(self) -> set[str]:
        names = {"127.0.0.1", "localhost", "[::1]", bracketed(self.host)}
        return {f"{name}:{self.port}" for name in names}

    @property
    def cookie(self) -> str:
        return f"review-{self.port}"

    @property
    def url(self) -> str:
        return f"http://{bracketed(self.host)}:{self.port}/?token={self.access_token}"


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def check_host(host: str, *, allow_remote: bool) -> None:
    """Refuse to listen anywhere but on this machine unless that was asked for by name.

    Raises:
        ConfigError: not a single address, or not a loopback one without allow_remote.
    """
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise ConfigError(f"--host {ascii(host)[:80]}: is not an IP address") from None
    if address.is_unspecified:
        raise ConfigError(f"--host {host}: would listen everywhere; name one address")
    if not address.is_loopback and not allow_remote:
        raise ConfigError(
            f"--host {host}: others could reach the texts; add --allow-remote if that is meant, "
            "or keep 127.0.0.1 and use `ssh -L`"
        )


def refusal(scope: Scope, access: Access) -> Response | None:
    """Return the answer to a request that may not go on, else None."""
    headers = Headers(scope=scope)
    hosts = headers.getlist("host")
    if len(hosts) != 1 or hosts[0].lower() not in access.netlocs:
        return _refuse(403, f"unknown Host{_forwarding(hosts, access)}")
    if scope["method"] not in ("GET", "HEAD", "POST"):
        return PlainTextResponse("method not allowed", 405, {"allow": "GET, HEAD, POST"})
    if not _same_origin(headers, access, is_post=scope["method"] == "POST"):
        return _refuse(403, "foreign origin")
    if scope["method"] != "POST":
        offered = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["path"] == "/" and _equal(offered, access.access_token):
            return _let_in(access)
    if not _equal(_cookie(headers, access.cookie), access.access_token):
        return _refuse(403, "open the address that was printed at the start; it holds the token")
    if scope["method"] == "POST":
        return _refused_post(headers, access)
    return None


def _forwarding(hosts: list[str], access: Access) -> str:
    """Return what to do if this machine was asked for by another port, as a tunnel does."""
    names = {netloc.rpartition(":")[0] for netloc in access.netlocs}
    name, _, port = hosts[0].lower().rpartition(":") if hosts else ("", "", "")
    if len(hosts) != 1 or not {name, hosts[0].lower()} & names:
        return ""
    port = port if name and port.isdecimal() else "80"
    return (
        f"; a forwarded port must have the same number on both sides: forward {access.port} as "
        f"{access.port} (ssh -L {access.port}:127.0.0.1:{access.port}), or start the page with "
        f"--port {port[:5]}"
    )


def _refused_post(headers: Headers, access: Access) -> Response | None:
    if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        return _refuse(415, "send application/json")
    if not _equal(headers.get(PAGE_TOKEN_HEADER, ""), access.page_token):
        return _refuse(403, "the page is of an earlier start; reload it")
    return None


def _same_origin(headers: Headers, access: Access, *, is_post: bool) -> bool:
    """Origin and Sec-Fetch-Site must not name another site; a change must name this one."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and origin.lower() not in {f"http://{n}" for n in access.netlocs}:
        return False
    if is_post:
        return origin is not None and site in (None, "same-origin")
    # "none": typed or opened from the terminal; a link on another site may only meet the gate.
    return site in (None, "same-origin", "none") or headers.get("sec-fetch-mode") == "navigate"


def _let_in(access: Access) -> Response:
    # No redirect: a browser that comes from a file would not send the strict cookie along.
    response = HTMLResponse('<!doctype html><title>Review</title><a href="/">The review</a>')
    response.headers["refresh"] = "0; url=/"
    response.set_cookie(access.cookie, access.access_token, httponly=True, samesite="strict")
    return response


def _cookie(headers: Headers, name: str) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _equal(offered: str, secret: str) -> bool:
    return hmac.compare_digest(offered.encode(), secret.encode())


def _refuse(code: int, reason: str) -> Response:
    return PlainTextResponse(f"refused: {reason}\n", code)


class Gate:
    """ASGI middleware: refuse, read the body within its limits, add the headers."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in RESPONSE_HEADERS.items():
                    headers[name] = value
            await send(message)

        answer = refusal(scope, self.access)
        body = b""
        if answer is None and scope["method"] == "POST":
            try:
                body = await asyncio.wait_for(_read_body(scope, receive), BODY_SECONDS)
            except BodyTooLargeError:
                answer = PlainTextResponse(f"refused: more than {MAX_BODY} bytes\n", 413)
            except TimeoutError:
                answer = PlainTextResponse("refused: too slow\n", 408)
        if answer is not None:
            answer.headers["connection"] = "close"
            await answer(scope, receive, send_guarded)
            return

        async def receive_body() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, receive_body, send_guarded)


class BodyTooLargeError(Exception):
    """The request holds more than MAX_BODY bytes."""


async def _read_body(scope: Scope, receive: Receive) -> bytes:
    declared = Headers(scope=scope).get("content-length", "0")
    if declared.isdigit() and int(declared) > MAX_BODY:
        raise BodyTooLargeError
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise TimeoutError
        body += bytes(message.get("body", b""))
        if len(body) > MAX_BODY:
            raise BodyTooLargeError
        if not message.get("more_body", False):
            return body
