import json
import re
import socket
from dataclasses import replace

import numpy as np
import pytest

from pipeline.frame.errors import ConfigError
from pipeline.review.neighbors import Neighbors
from pipeline.review.security import MAX_BODY, check_host
from tests.guard import PATIENCE
from tests.review.site import Site, given_of, make_examples, tags


def test_a_decision_is_on_disk_when_the_page_says_saved(site: Site, examples):
    status, answer = site.decide("train/1", "relabel", "neg", note="clear case")
    assert (status, answer) == (200, {"saved": "train/1"})
    (line,) = site.lines()
    assert line["given_label"] == given_of(examples, "train/1") == "pos"
    assert (line["label"], line["note"], line["reviewer"]) == ("neg", "clear case", "Ann")
    _, html, _ = site.ask("/example?id=train/1", Cookie=site.headers["Cookie"] + "; reviewer=Ann")
    assert "→ neg" in html and "clear case" in html


def test_list_filters_searches_and_pages(site: Site):
    status, html, _ = site.ask("/")
    assert status == 200 and html.count('class="row"') == 50
    assert site.ask("/?first=50")[1].count('class="row"') == 10
    site.decide("train/0", label="neg")
    assert site.ask("/?show=open&first=50")[1].count('class="row"') == 9
    assert site.ask("/?show=decided")[1].count('class="row"') == 1
    assert site.ask("/?q=NUMBER+7+")[1].count('class="row"') == 1
    assert site.ask("/?q=nothing+like+it")[1].count('class="row"') == 0
    for odd in ("/?first=-3", "/?first=x", "/?first=99999999999999", "/?show=x", "/?q=%ff%00"):
        assert site.ask(odd)[0] == 200


def test_texts_and_classes_say_their_direction_and_language(serve_run):
    texts = [f"{text} {n}" for n in range(40) for text in ("החבילה איחרה", "it is late")]
    site = serve_run(make_examples(texts, ("רע", "good")))
    site.page.neighbors.wait()
    for address in ("/", "/lot", "/neighbors?id=train/0"):
        html = site.ask(address)[1]
        assert re.search('dir="auto" lang="he">החבילה', html), address
        assert html.count('dir="auto"') == html.count('dir="auto" lang=')
        assert re.search('<bdi class="(given|suggested)" lang="he">רע<', html)
    assert '<article id="text" dir="auto" lang="he">' in site.ask("/example?id=train/0")[1]
    assert '<article id="text" dir="auto" lang="">' in site.ask("/example?id=train/1")[1]


def test_columns_of_the_source_are_shown_and_filtered_by(serve_run):
    who = [("ann", "bob", "<b>eve</b>", "")[i % 4] for i in range(80)]
    examples = replace(make_examples(), metadata={"who": who, "q & a": ["x"] * 80})
    site = serve_run(examples)
    html = site.ask("/example?id=train/1")[1]
    assert "bob" in html and "about.who=bob" in html
    assert "&lt;b&gt;eve" in site.ask("/example?id=train/2")[1]
    assert "about.who" not in site.ask("/example?id=train/3")[1]
    bobs = site.ask("/?about.who=bob&about.q+%26+a=x")[1]
    assert bobs.count('class="row"') == 15 and 'value="bob"' in bobs
    assert "about.who=bob" in bobs.split('class="row"')[1]  # an example keeps the view
    assert site.ask("/?about.who=nobody")[1].count('class="row"') == 0
    assert site.ask("/?about.whom=bob")[1].count('class="row"') == 0
    for i in range(40):
        site.decide(
            f"train/{i}", *(("drop", None) if i % 4 == 1 else ("keep", ["neg", "pos"][i % 2]))
        )
    assert "Look twice where who is &#39;bob&#39;" in site.ask("/figures")[1]


def test_reviewers_see_where_they_disagree(site: Site):
    site.decide("train/0", label="neg")
    site.decide("train/0", "relabel", "pos", reviewer="Bob")
    html = site.ask("/example?id=train/0")[1]
    assert "Reviewers disagree" in html and "Ann" in html and "Bob" in html
    assert site.ask("/?show=disagree")[1].count('class="row"') == 1
    site.decide("train/0", "relabel", "pos", reviewer="Cleo")
    assert "without a majority" not in site.ask("/example?id=train/0")[1]


def test_a_stale_window_is_told_and_loses_nothing(site: Site):
    assert site.decide("train/0", label="neg")[0] == 200
    status, answer = site.decide("train/0", "drop")
    assert status == 409 and "another window" in answer["error"]
    assert site.decide("train/0", "drop", seen=1)[0] == 200
    assert [line["decision"] for line in site.lines()] == ["keep", "drop"]


def test_undo_takes_back_the_last_one(site: Site):
    site.decide("train/0", label="neg")
    site.decide("train/1", "drop")
    body = json.dumps({"reviewer": "Ann"}).encode()
    assert json.loads(site.ask("/undo", "POST", body)[1]) == {"saved": ["train/1"]}
    assert json.loads(site.ask("/undo", "POST", body)[1]) == {"saved": ["train/0"]}
    assert site.ask("/undo", "POST", body)[0] == 400
    assert site.page.queue.progress("Ann")["mine"] == 0


def test_a_line_that_another_process_wrote_is_seen(site: Site):
    site.decide("train/0", label="neg")
    line = site.lines()[0] | {"reviewer": "Bob", "decision": "drop", "label": None}
    with site.journal.open("a") as file:
        file.write(json.dumps(line) + "\n")
    assert "Bob" in site.ask("/example?id=train/0")[1]


BODY = {"id": "train/0", "decision": "keep", "label": "neg", "note": "", "seen": 0, "how": None}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 100_000,
        b"\xff",
        json.dumps(BODY).encode(),
        json.dumps(BODY | {"reviewer": ""}).encode(),
        json.dumps(BODY | {"reviewer": "x" * 61}).encode(),
        json.dumps(BODY | {"reviewer": "a\x1b[31mb"}).encode(),
        json.dumps(BODY | {"reviewer": "\ud800"}).encode(),
        json.dumps(BODY | {"reviewer": 3}).encode(),
        json.dumps(BODY | {"reviewer": "Ann", "more": 1}).encode(),
        json.dumps(BODY | {"reviewer": "Ann", "id": "../../etc/passwd"}).encode(),
        json.dumps(BODY | {"reviewer": "Ann", "id": "train/79"}).encode(),
        json.dumps(BODY | {"reviewer": "Ann", "decision": "undo", "label": None}).encode(),
        json.dumps(BODY | {"reviewer": "Ann", "decision": "relabel", "label": "x"}).encode(),
        json.dumps(BODY | {"reviewer": "Ann", "label": ["neg"]}).encode(),
        json.dumps(BODY | {"reviewer": "Ann", "label": "pos"}).encode(),
        json.dumps(BODY | {"reviewer": "Ann", "seen": True}).encode(),
        json.dumps(BODY | {"reviewer": "Ann", "note": "x" * 2001}).encode(),
    ],
)
def test_a_body_the_page_does_not_send_is_refused(shut_site: Site, body):
    status, text, _ = shut_site.ask("/decide", "POST", body)
    assert status == 400 and "error" in json.loads(text)
    assert not shut_site.journal.exists()


# --- who may talk to it ----------------------------------------------------------------------

GOOD = json.dumps(BODY | {"reviewer": "Ann"}).encode()
HOSTS = [
    "evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil:{port}",
    "127.0.0.1:{port}.evil", "0.0.0.0:{port}", "[::]:{port}", "", "127.0.0.2:{port}",
    "127.0.0.1:{port}@evil", None,
]  # fmt: skip
ORIGINS = [
    "http://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:1",
    "https://127.0.0.1:{port}", "http://127.0.0.1:{port}.evil", "file://", "",
    "http://localhost:1", "http://evil@127.0.0.1:{port}", None,
]  # fmt: skip
TYPES = [
    "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain",
    "text/plain; charset=utf-8", "text/html", "application/xml", "application/jsonp",
    "text/json", "", None,
]  # fmt: skip
TOKENS = [
    None, "", "x", "null", "undefined", "é", "{token} ", "{short}", "{token}x", "{swapped}",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_a_foreign_host_gets_nothing(shut_site: Site, host):
    value = host and host.format(port=shut_site.access.port)
    for method, path, body in (("GET", "/", None), ("POST", "/decide", GOOD)):
        status, text, _ = shut_site.ask(path, method, body, Host=value)
        assert status in (400, 403) and "review number" not in text
    assert not shut_site.journal.exists()


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1:1", "[::1]:65535", "LOCALHOST:80"])
def test_a_forwarded_port_is_told_what_to_do(shut_site: Site, host):
    status, text, _ = shut_site.ask("/", Host=host)
    port = shut_site.access.port
    assert status == 403
    assert f"ssh -L {port}:127.0.0.1:{port}" in text
    assert f"--port {host.rpartition(':')[2]}" in text
    assert "--port" not in shut_site.ask("/", Host="example.org:9000")[1]


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_foreign_origin_changes_nothing(shut_site: Site, origin):
    value = origin and origin.format(port=shut_site.access.port)
    assert shut_site.ask("/decide", "POST", GOOD, Origin=value)[0] == 403
    assert not shut_site.journal.exists()


@pytest.mark.parametrize("where", ["cross-site", "same-site", "none", "", "x"])
def test_a_foreign_fetch_changes_nothing(shut_site: Site, where):
    assert shut_site.ask("/decide", "POST", GOOD, Sec_Fetch_Site=where)[0] == 403
    assert not shut_site.journal.exists()


@pytest.mark.parametrize("kind", TYPES)
def test_a_form_post_changes_nothing(shut_site: Site, kind):
    assert shut_site.ask("/decide", "POST", GOOD, Content_Type=kind)[0] == 415
    assert not shut_site.journal.exists()


@pytest.mark.parametrize("token", TOKENS)
def test_without_the_page_token_nothing_changes(shut_site: Site, token):
    real = shut_site.access.page_token
    if token is not None:
        token = token.format(token=real, short=real[:-1], swapped=real.swapcase())
        token = token.encode().decode("latin-1")
    if token is not None and token.strip() == real:
        token = f"Bearer {real}"  # HTTP strips the spaces around a value
    assert shut_site.ask("/decide", "POST", GOOD, X_Page_Token=token)[0] == 403
    assert not shut_site.journal.exists()


@pytest.mark.parametrize(
    "cookie",
    [
        None, "", "x=y", "review-{port}=", "review-{port}=x", "review-1={token}", "{token}",
        "review-{port}={short}", "review-{port}={page}", "Review-{port}={token}", ";;=;",
    ],
)  # fmt: skip
def test_without_the_access_token_nothing_is_shown_or_changed(shut_site: Site, cookie):
    access = shut_site.access
    value = cookie and cookie.format(
        port=access.port, token=access.access_token, short=access.access_token[:-1],
        page=access.page_token,
    )  # fmt: skip
    for method, path, body in (("GET", "/", None), ("POST", "/decide", GOOD)):
        status, text, _ = shut_site.ask(path, method, body, Cookie=value)
        assert status == 403 and "review number" not in text and access.page_token not in text
    assert shut_site.ask("/?token=wrong", Cookie=value)[0] == 403
    assert not shut_site.journal.exists()


def test_the_printed_address_lets_in_and_hides_its_token(shut_site: Site):
    status, _, headers = shut_site.ask(f"/?token={shut_site.access.access_token}", Cookie=None)
    assert status == 200 and headers["Refresh"] == "0; url=/"
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "samesite=strict" in cookie.lower()
    assert shut_site.ask("/", Cookie=cookie.split(";")[0])[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../pyproject.toml", "/%2e%2e/pyproject.toml", "/..%2fpyproject.toml", "/..\\x",
        "//etc/passwd", "/review.css/../app.py", "/review.css%00.py", "/pages/list.html",
        "/%2e%2e%2f%2e%2e%2fetc/passwd", "/static/../journal.py", "/....//etc/passwd",
        "/review.js/", "/example?id=../../etc/passwd", "/example?id=%00",
        "/file:%2f%2f%2fetc/passwd",
    ],
)  # fmt: skip
def test_no_path_leads_out(shut_site: Site, path):
    status, text, _ = shut_site.ask(path)
    assert status in (400, 404, 307) and "root:" not in text and "project" not in text


@pytest.mark.parametrize(
    "method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "FOO"]
)
def test_other_methods_are_refused(shut_site: Site, method):
    assert shut_site.ask("/decide", method)[0] in (400, 405)
    assert shut_site.ask("/decide")[0] == 405
    assert shut_site.ask("/", "POST", GOOD)[0] == 405


SIZES = [MAX_BODY + 1, MAX_BODY + 2, 2_000_000, 3_000_000, 4_000_000, 5_000_000]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [*SIZES, 8_000_000, 10_000_000, 20_000_000, 10**12])
def test_a_big_body_is_refused(shut_site: Site, size, chunked):
    headers = dict(shut_site.headers)
    if chunked:
        headers["Transfer-Encoding"] = "chunked"
    else:
        headers["Content-Length"] = str(size)
    head = "POST /decide HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    with socket.create_connection(
        ("127.0.0.1", shut_site.access.port), timeout=PATIENCE
    ) as connection:
        connection.sendall(head.encode() + b"\r\n")
        if chunked:
            part = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
            try:
                for _ in range(min(size, 2_000_000) // 0x10000 + 1):
                    connection.sendall(part)
            except (BrokenPipeError, ConnectionResetError):
                pass
        assert b" 413 " in connection.recv(1000)
    assert not shut_site.journal.exists()


def test_every_answer_has_the_policy(shut_site: Site):
    for path in ("/", "/example?id=train/0", "/review.css", "/review.js", "/nothing"):
        headers = shut_site.ask(path)[2]
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'") and "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store" and headers["Server"] is None
    assert "Content-Security-Policy" in shut_site.ask("/", Host="evil")[2]


def test_who_is_refused_is_shown_the_door(shut_site: Site):
    """What follows on the connection is the rest of a body nobody read."""
    for refused in (
        shut_site.ask("/", Host="evil"),
        shut_site.ask("/", Cookie=None),
        shut_site.ask("/decide", "POST", Content_Length=str(MAX_BODY + 1)),  # refused unread
    ):
        assert refused[0] >= 400
        assert refused[2]["Connection"] == "close"
    assert shut_site.ask("/")[2]["Connection"] != "close"


def test_it_listens_on_loopback_only(shut_site: Site):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            own = probe.getsockname()[0]
        except OSError:
            pytest.skip("this machine has no address but loopback")
    with pytest.raises(OSError):
        socket.create_connection((own, shut_site.access.port), timeout=2)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "", "8.8.8.8"])
def test_another_address_needs_its_flag(host):
    with pytest.raises(ConfigError, match="--host"):
        check_host(host, allow_remote=False)
    if host in ("0.0.0.0", "::", "example.org", ""):
        with pytest.raises(ConfigError):
            check_host(host, allow_remote=True)
    else:
        check_host(host, allow_remote=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_needs_no_flag(host):
    check_host(host, allow_remote=False)


# --- texts are data --------------------------------------------------------------------------

PAYLOADS = [
    "<script>alert(1)</script>", "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>", "\"><svg onload=alert(1)>", "'><svg/onload=alert(1)>",
    "' onmouseover='alert(1)",
    "\" onfocus=alert(1) autofocus x=\"", "javascript:alert(1)",
    "<a href=javascript:alert(1)>x</a>",
    "<iframe src=//evil.example></iframe>", "<style>*{display:none}</style>", "<!--", "-->",
    "<![CDATA[x]]>", "<base href=//evil.example>", "<meta http-equiv=refresh content=0>",
    "<form action=//evil.example><input name=x>", "</textarea><script>alert(1)</script>",
    "</title><script>alert(1)</script>", "{{ 7*7 }}", "{% for x in y %}", "${7*7}", "#{7*7}",
    "&lt;script&gt;", "&#x3c;script&#x3e;", "\u2028\u2029<b>", "\u202egnp.exe", "<\x00script>",
    "<scr\nipt>", "<svg><animate onbegin=alert(1)>", "<details open ontoggle=alert(1)>",
    "<math><mtext></p><script>1</script>", "<body onload=alert(1)>", "%3Cscript%3E", "\\x3cscript",
]  # fmt: skip


def test_payloads_are_inert(serve_run):
    """A page of payloads has the tags and attributes of a page of plain words, everywhere."""
    pages = []
    for words in (PAYLOADS, ["plain words"] * len(PAYLOADS)):
        pages.append(_pages_with(serve_run, words))
    for hostile, benign in zip(*pages, strict=True):
        assert tags(hostile) == tags(benign)


def _pages_with(serve_run, payloads: list[str]) -> list[str]:
    names = (payloads[0] + "A", payloads[5] + "B")
    texts = [f"{payload} {i}" for i, payload in enumerate(payloads)]
    site = serve_run(make_examples(texts, names), num_issues=len(texts))
    pages = []
    for i, (id_, payload) in enumerate(zip(site.page.queue.places, payloads, strict=True)):
        clean = "".join(c for c in payload if c not in "\x00\n").strip()[:50]
        # The journal is the only shared thing of the two sites: same ids, another version.
        status, answer = site.decide(id_, "unsure", None, reviewer=clean, note=payload)
        assert status == 200, answer
        pages.append(site.ask(f"/example?id={id_}")[1])
        query = "".join(c if c.isalnum() else f"%{b:02x}" for c in "zz" for b in c.encode())
        pages.append(site.ask(f"/?q={query}{i}")[1])
    pages.append(site.ask("/")[1])
    site.journal.unlink()
    return pages


def test_vectors_of_the_user_tell_which_texts_are_like_one(site: Site, tmp_path):
    vectors = np.random.default_rng(0).normal(size=(80, 3))
    vectors[[5, 44]] = [[2, 2, 0], [1, 1, 0.01]]
    np.save(tmp_path / "all.npy", vectors)
    queue = site.page.queue
    near = Neighbors(site.run, queue, tmp_path / "all.npy")
    near.wait()
    (first, *_) = near.nearest(queue, "train/5")
    assert first.id == "test/44" and first.likeness == pytest.approx(1, abs=1e-3)
    likeness = near.likeness(queue, "train/5")
    assert likeness[queue.places["test/44"]] == pytest.approx(1, abs=1e-3)
