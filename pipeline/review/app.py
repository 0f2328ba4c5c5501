"""The review page: a list of the issues, one example at a time, and two things that change state.

Nothing is said to be saved before the journal is on disk.
"""

import json
import unicodedata
from collections.abc import Callable
from importlib import resources
from typing import Any
from urllib.parse import quote, unquote, urlencode

import jinja2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pipeline.corrections.decision import Decision
from pipeline.corrections.journal import StaleError
from pipeline.corrections.queue import SHOWS, Item, Queue
from pipeline.corrections.votes import consensus, disagree
from pipeline.frame.errors import DataError, ResourceError
from pipeline.frame.messages import readable
from pipeline.review.highlight import Highlighter
from pipeline.review.security import Access, Gate

PAGE_SIZE = 50
STATIC = {"review.css": "text/css", "review.js": "text/javascript"}
REVIEWER_COOKIE = "reviewer"


class ReviewPage:
    """The routes; `app` is what the server runs."""

    def __init__(
        self, queue: Queue, highlighter: Highlighter, access: Access, *, reviewer: str
    ) -> None:
        self.queue = queue
        self.highlighter = highlighter
        self.access = access
        self.default_reviewer = reviewer
        self.templates = jinja2.Environment(
            loader=jinja2.FunctionLoader(_page_source),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )
        self.templates.globals.update(link=link, said=said, disagree=disagree, consensus=consensus)
        self.templates.filters.update(probability=probability_text, readable=readable)
        routes = [
            Route("/", self.show_list),
            Route("/example", self.show_example),
            Route("/decide", self.decide, methods=["POST"]),
            Route("/undo", self.undo, methods=["POST"]),
            *[Route(f"/{name}", static_file(name, kind)) for name, kind in STATIC.items()],
        ]
        self.app = Gate(Starlette(routes=routes), access)

    # --- pages -------------------------------------------------------------------------------

    def show_list(self, request: Request) -> Response:
        view = self._view(request)
        found = self._select(view)
        first = _whole_number(request.query_params.get("first", "0"))
        first = min(first, max(len(found) - 1, 0)) // PAGE_SIZE * PAGE_SIZE
        return self._page(
            "list.html",
            view,
            items=found[first : first + PAGE_SIZE],
            first=first,
            found=len(found),
            page_size=PAGE_SIZE,
            queue=self.queue,
            shows=SHOWS,
        )

    def show_example(self, request: Request) -> Response:
        view = self._view(request)
        item = self._item(request.query_params.get("id", ""))
        if item is None:
            return PlainTextResponse("no such example\n", 404)
        # The list keeps an item that was just decided: previous and next go by its place.
        around = [i for i in self._select(view) if i.id != item.id]
        place = self.queue.places[item.id]
        before = [i for i in around if self.queue.places[i.id] < place]
        after = [i for i in around if self.queue.places[i.id] > place]
        decisions = self.queue.decisions(item)
        return self._page(
            "example.html",
            view,
            item=item,
            pieces=self.highlighter.pieces(item),
            previous=before[-1] if before else None,
            next=after[0] if after else None,
            next_open=self.queue.next_open(item.id, query=view["q"], reviewer=view["reviewer"]),
            decisions=decisions,
            mine=decisions.get(view["reviewer"]),
            version=self.queue.journal.standing.versions[item.id, view["reviewer"]],
            choices=self.queue.choices(item),
            class_index=self.queue.class_index,
        )

    def _page(self, name: str, view: dict[str, Any], **values: Any) -> Response:
        html = self.templates.get_template(name).render(
            view=view,
            run=self.queue.run,
            dataset=self.queue.dataset,
            scope=self.queue.scope,
            journal=str(self.queue.journal.path),
            notes=self.queue.journal.notes,
            progress=self.queue.progress(view["reviewer"]),
            last=self.queue.last(view["reviewer"]),
            page_token=self.access.page_token,
            **values,
        )
        return HTMLResponse(html.encode("utf-8", "replace"))

    def _view(self, request: Request) -> dict[str, str]:
        self.queue.journal.refresh()
        show = request.query_params.get("show", "all")
        reviewer = unquote(request.cookies.get(REVIEWER_COOKIE, "")) or self.default_reviewer
        return {
            "show": show if show in SHOWS else "all",
            "q": request.query_params.get("q", "")[:200],
            "reviewer": reviewer[:60],
        }

    def _select(self, view: dict[str, str]) -> list[Item]:
        return self.queue.select(show=view["show"], query=view["q"], reviewer=view["reviewer"])

    def _item(self, id_: str) -> Item | None:
        place = self.queue.places.get(id_)
        return None if place is None else self.queue.items[place]

    # --- changes -----------------------------------------------------------------------------

    async def decide(self, request: Request) -> Response:
        return await self._change(
            request, self._decide, {"id", "decision", "label", "note", "seen"}
        )

    async def undo(self, request: Request) -> Response:
        return await self._change(request, self._undo, set())

    async def _change(
        self, request: Request, change: Callable[[dict[str, Any]], str | list[str]], keys: set[str]
    ) -> Response:
        """Answer {"saved": what} when the journal has it, {"error": why} otherwise."""
        try:
            values = json.loads(await request.body())
            if not isinstance(values, dict) or set(values) != keys | {"reviewer"}:
                return JSONResponse({"error": "not what this page sends"}, 400)
            values["reviewer"] = clean_name(values["reviewer"])
            saved = await run_in_threadpool(change, values)
        except (ValueError, RecursionError):
            return JSONResponse({"error": "not what this page sends"}, 400)
        except StaleError:
            text = "You decided on this in another window; this is how it stands now."
            return JSONResponse({"error": text}, 409)
        except DataError as error:
            return JSONResponse({"error": str(error)}, 400)
        except ResourceError as error:
            return JSONResponse({"error": str(error)}, 507)
        response = JSONResponse({"saved": saved})
        response.set_cookie(
            REVIEWER_COOKIE, quote(values["reviewer"]), max_age=31_536_000, samesite="strict"
        )
        return response

    def _decide(self, values: dict[str, Any]) -> str:
        decision = self.queue.source.decide(
            _text(values["id"]),
            _text(values["decision"]),
            values["label"],
            reviewer=values["reviewer"],
            note=_text(values["note"]).strip(),
        )
        if decision.decision == "undo" or decision.id not in self.queue.places:
            raise DataError("no such example or decision")
        seen = values["seen"]
        if type(seen) is not int:
            raise ValueError("seen is not a number")
        self.queue.journal.append([decision], seen=[seen])
        return decision.id

    def _undo(self, values: dict[str, Any]) -> list[str]:
        ids = self.queue.undo(values["reviewer"])
        if not ids:
            raise DataError("There is nothing to undo.")
        return ids


def clean_name(value: Any) -> str:
    """Return a reviewer's name in one spelling: NFC, single spaces; ValueError if it is no text."""
    return " ".join(unicodedata.normalize("NFC", _text(value)).split())


def link(path: str, view: dict[str, str], **more: Any) -> str:
    """Return an address of this page that keeps filter and search."""
    kept = {"show": view["show"] if view["show"] != "all" else "", "q": view["q"]} | more
    query = urlencode({key: value for key, value in kept.items() if value not in ("", 0)})
    return f"{path}?{query}" if query else path


def said(decision: Decision) -> str:
    """Return a decision in words."""
    words = {"keep": f"keep {decision.label}", "relabel": f"→ {decision.label}"}
    return words.get(decision.decision, decision.decision)


def probability_text(probability: Any) -> str:
    """Return "99.7%"; a tiny or nearly certain one is not rounded to 0 or 100."""
    value = 100 * float(probability)
    if 0 < value < 0.1:
        return "< 0.1%"
    if 99.9 < value < 100:
        return "> 99.9%"
    return f"{value:.1f}%"


def static_file(name: str, kind: str) -> Callable[[Request], Response]:
    source = _page_source(name)

    def serve(request: Request) -> Response:
        return Response(source, media_type=kind)

    return serve


def _page_source(name: str) -> str:
    return resources.files("pipeline.review").joinpath("pages", name).read_text(encoding="utf-8")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def _whole_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
