"""The review page: a list of the issues, one example at a time, and two things that change state.

Nothing is said to be saved before the journal is on disk.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from typing import Any
from urllib.parse import quote

import jinja2
import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pipeline.corrections.decision import clean_name
from pipeline.corrections.findings import (
    find_out,
    live_sentence,
    pace_of,
    plan_sentence,
    rule_sentence,
    wrong_sentence,
)
from pipeline.corrections.journal import StaleError
from pipeline.corrections.patterns import find_patterns
from pipeline.corrections.people import agreement_of, people
from pipeline.corrections.queue import Item, Queue
from pipeline.corrections.selection import SHOWS, SORTS, pair_counts
from pipeline.corrections.votes import consensus, disagree
from pipeline.data.scripts import language_among
from pipeline.frame.errors import DataError, PipelineError, ResourceError
from pipeline.frame.messages import readable
from pipeline.review import changes
from pipeline.review.changes import LOT
from pipeline.review.highlight import Highlighter
from pipeline.review.neighbors import Neighbors
from pipeline.review.security import Access, Gate
from pipeline.review.view import REVIEWER_COOKIE, Asked, asked, link
from pipeline.review.words import probability_text, said

PAGE_SIZE = 50
MOST_PAIRS = 30
Change = Callable[[Queue, dict[str, Any]], str | list[str]]
STATIC = {"review.css": "text/css", "review.js": "text/javascript"}


class ReviewPage:
    """The routes; `app` is what the server runs."""

    def __init__(
        self,
        queue: Queue,
        highlighter: Highlighter,
        access: Access,
        *,
        reviewer: str,
        neighbors: Neighbors | None = None,
    ) -> None:
        self.queue = queue
        self.highlighter = highlighter
        self.access = access
        self.default_reviewer = reviewer
        self.neighbors = neighbors
        self.likeness = neighbors.likeness if neighbors else None
        self.templates = jinja2.Environment(
            loader=jinja2.FunctionLoader(_page_source),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )
        self.templates.globals.update(link=link, said=said, disagree=disagree, consensus=consensus)
        self.templates.filters.update(
            probability=probability_text,
            readable=readable,
            language=language_among(item.text for item in queue.items[:PAGE_SIZE]),
        )
        routes = [
            Route("/", self.show_list),
            Route("/example", self.show_example),
            Route("/neighbors", self.show_neighbors),
            Route("/lot", self.show_lot),
            Route("/figures", self.show_figures),
            Route("/decide", self.decide, methods=["POST"]),
            Route("/decide-lot", self.decide_lot, methods=["POST"]),
            Route("/undo", self.undo, methods=["POST"]),
            *[Route(f"/{name}", static_file(name, kind)) for name, kind in STATIC.items()],
        ]
        told: Any = {PipelineError: tell}
        self.app = Gate(Starlette(routes=routes, exception_handlers=told), access)

    # --- pages -------------------------------------------------------------------------------

    def show_list(self, request: Request) -> Response:
        ask = self._ask(request)
        found = self.queue.find(ask.view, ask.reviewer, self.likeness)
        first = _whole_number(request.query_params.get("first", "0"))
        first = min(first, max(len(found) - 1, 0)) // PAGE_SIZE * PAGE_SIZE
        items = [self.queue.items[place] for place in found[first : first + PAGE_SIZE]]
        return self._page(
            "list.html",
            ask,
            items=[self.queue.shown(item, ask.view, ask.reviewer) for item in items],
            first=first,
            found=len(found),
            page_size=PAGE_SIZE,
            queue=self.queue,
            shows=[show for show in SHOWS if show != "audit" or self.queue.audit],
            sorts=SORTS,
            pairs=self._pairs(ask),
            splits=sorted(set(self.queue.columns.split.tolist())),
            metadata=self.queue.columns.frequent_metadata,
        )

    def _pairs(self, ask: Asked) -> list[tuple[str, str, int]]:
        """Return the pairs of classes in a view but for its own pair, the most frequent first."""
        names = self.queue.source.class_names
        view = replace(ask.view, given="", suggested="")
        kept = self.queue.mask(view, ask.reviewer) & ~self._hidden(ask)
        counts = pair_counts(self.queue.columns, kept)
        return [(names[g], names[s], count) for g, s, count in counts[:MOST_PAIRS]]

    def _hidden(self, ask: Asked) -> np.ndarray:
        """Return (n,) which items are still to be decided without the model."""
        return self.queue.hidden(ask.reviewer, blind=ask.view.blind)

    def show_example(self, request: Request) -> Response:
        ask = self._ask(request)
        whole = self.queue.item(request.query_params.get("id", ""))
        if whole is None:
            return PlainTextResponse("no such example\n", 404)
        view, reviewer = ask.view, ask.reviewer
        settles = view.show == "disagree" and bool(self.queue.state.disputed[self._place(whole)])
        item = whole if settles else self.queue.shown(whole, view, reviewer)
        # The list keeps an item that was just decided: previous and next go by its place.
        before, after = self.queue.around(whole.id, view, reviewer, self.likeness)
        decisions = self.queue.decisions(item)
        mine, own = self.queue.listed(reviewer), self.queue.columns.confidence[self._place(whole)]
        how = "settle" if settles else self.queue.how(whole, reviewer, blind=view.blind)
        return self._page(
            "example.html",
            ask,
            item=item,
            how=how,
            pieces=self.highlighter.pieces(item),
            previous=before,
            next=after,
            next_open=after if settles else self._next_open(whole, ask),
            decisions={} if item is not whole else decisions,
            mine=decisions.get(reviewer),
            version=self.queue.journal.standing.versions[item.id, reviewer],
            choices=self.queue.choices(item),
            class_index=self.queue.class_index,
            live=live_sentence(mine),
            chance=wrong_sentence(mine, float(own)) if item.rank else "",
        )

    def show_neighbors(self, request: Request) -> Response:
        """A part of the page of an example: the texts like it, unless it is decided blind."""
        ask, item = self._ask(request), self.queue.item(request.query_params.get("id", ""))
        near = self.neighbors
        if (
            item is None
            or near is None
            or self.queue.shown(item, ask.view, ask.reviewer) is not item
        ):
            return HTMLResponse(b"")
        found = near.nearest(item.id) if near.is_ready else []
        html = self.templates.get_template("neighbors.html").render(
            neighbors=found, is_ready=near.is_ready, given=item.given
        )
        return HTMLResponse(html.encode("utf-8", "replace"))

    def show_lot(self, request: Request) -> Response:
        """The items of a view, or those named, on one screen, to be decided together."""
        ask = self._ask(request)
        named = request.query_params.getlist("id")
        open_ = replace(ask.view, show="open")
        places = self.queue.find(open_, ask.reviewer, self.likeness)
        if named:
            wanted = {self.queue.places[i] for i in named if i in self.queue.places}
            places = np.array([place for place in places if place in wanted], int)
        places = places[~self._hidden(ask)[places]]
        items = [self.queue.items[place] for place in places[:LOT]]
        versions = self.queue.journal.standing.versions
        return self._page(
            "lot.html",
            ask,
            items=items,
            found=len(places),
            seen={item.id: versions[item.id, ask.reviewer] for item in items},
            choices=self.queue.source.class_names,
            suggested={item.suggested for item in items},
        )

    def show_figures(self, request: Request) -> Response:
        """How right the list is, what to expect, when to stop."""
        ask = self._ask(request)
        queue, mine = self.queue, self.queue.listed(ask.reviewer)
        found = find_out(queue)
        seconds = pace_of(queue, ask.reviewer)
        return self._page(
            "figures.html",
            ask,
            live=live_sentence(mine),
            rule=rule_sentence(mine, ask.one_in),
            one_in=ask.one_in,
            found=found,
            plans=[plan_sentence(plan, seconds) for plan in found.plans],
            audit_drawn=len(queue.audited),
            people=people(queue),
            agreement=agreement_of(queue),
            patterns=find_patterns(queue),
        )

    def _next_open(self, item: Item, ask: Asked) -> Item | None:
        return self.queue.next_open(item.id, view=ask.view, reviewer=ask.reviewer)

    def _place(self, item: Item) -> int:
        return self.queue.places[item.id]

    def _page(self, name: str, ask: Asked, **values: Any) -> Response:
        progress = self.queue.progress(ask.reviewer)
        html = self.templates.get_template(name).render(
            view=ask.view,
            reviewer=ask.reviewer,
            run=self.queue.run,
            dataset=self.queue.dataset,
            scope=self.queue.scope,
            journal=str(self.queue.journal.path),
            notes=[*self.queue.journal.notes, *self.queue.notes],
            progress=progress,
            last=self.queue.last(ask.reviewer),
            page_token=self.access.page_token,
            **values,
        )
        return HTMLResponse(html.encode("utf-8", "replace"))

    def _ask(self, request: Request) -> Asked:
        self.queue.journal.refresh()
        self.queue.follow()
        return asked(request, self.default_reviewer)

    # --- changes -----------------------------------------------------------------------------

    async def decide(self, request: Request) -> Response:
        return await self._change(
            request, changes.decide, {"id", "decision", "label", "note", "seen", "how"}
        )

    async def decide_lot(self, request: Request) -> Response:
        return await self._change(
            request, changes.decide_lot, {"seen", "decision", "label", "note"}
        )

    async def undo(self, request: Request) -> Response:
        return await self._change(request, changes.undo, set())

    async def _change(
        self,
        request: Request,
        change: Callable[[Queue, dict[str, Any]], str | list[str]],
        keys: set[str],
    ) -> Response:
        """Answer {"saved": what} when the journal has it, {"error": why} otherwise."""
        try:
            values = json.loads(await request.body())
            if not isinstance(values, dict) or set(values) != keys | {"reviewer"}:
                return JSONResponse({"error": "not what this page sends"}, 400)
            values["reviewer"] = clean_name(values["reviewer"])
            saved = await run_in_threadpool(change, self.queue, values)
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


def tell(request: Request, error: Exception) -> Response:
    """Return what is wrong in a line: a bad line of the journal, a full disk."""
    return PlainTextResponse(f"{error}\n", 500)


def static_file(name: str, kind: str) -> Callable[[Request], Response]:
    source = _page_source(name)

    def serve(request: Request) -> Response:
        return Response(source, media_type=kind)

    return serve


def _page_source(name: str) -> str:
    return resources.files("pipeline.review").joinpath("pages", name).read_text(encoding="utf-8")


def _whole_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
