"""The review page: a list of the issues, one example at a time, and two things that change state.

Nothing is said to be saved before the journal is on disk.
"""

import functools
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
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
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
from pipeline.corrections.queue import Queue
from pipeline.corrections.selection import SHOWS, SORTS
from pipeline.corrections.votes import consensus, disagree
from pipeline.data.scripts import language_among
from pipeline.frame.errors import DataError, PipelineError, ResourceError
from pipeline.frame.messages import readable
from pipeline.review import changes
from pipeline.review.changes import LOT
from pipeline.review.highlight import Highlighter
from pipeline.review.neighbors import Neighbors
from pipeline.review.ranker import Ranker
from pipeline.review.security import Access, Gate
from pipeline.review.view import REVIEWER_COOKIE, Asked, asked, link, pairs_in
from pipeline.review.words import probability_text, said

PAGE_SIZE = 50
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
        ranker: Ranker | None = None,
    ) -> None:
        self.queue = self.found = queue  # as it is now, and as the run found it
        self.ranker = ranker
        self.highlighter = highlighter
        self.access = access
        self.default_reviewer = reviewer
        self.neighbors = neighbors
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
            Route("/next", self.show_next),
            Route("/ranking", self.tell_ranking),
            Route("/neighbors", self.show_neighbors),
            Route("/lot", self.show_lot),
            Route("/figures", self.show_figures),
            Route("/decide", self.decide, methods=["POST"]),
            Route("/decide-lot", self.decide_lot, methods=["POST"]),
            Route("/undo", self.undo, methods=["POST"]),
            Route("/rank-again", self.rank_again, methods=["POST"]),
            *[Route(f"/{name}", static_file(name, kind)) for name, kind in STATIC.items()],
        ]
        told: Any = {PipelineError: tell}
        self.app = Gate(Starlette(routes=routes, exception_handlers=told), access)

    # --- pages -------------------------------------------------------------------------------

    def show_list(self, request: Request) -> Response:
        self._take_ranking()
        queue, ask = self._ask(request)
        found = queue.find(ask.view, ask.reviewer, self._likeness(queue))
        first = _whole_number(request.query_params.get("first", "0"))
        first = min(first, max(len(found) - 1, 0)) // PAGE_SIZE * PAGE_SIZE
        items = [queue.items[place] for place in found[first : first + PAGE_SIZE]]
        there = {"audit": queue.audit, "new": queue.ranking, "gone": queue.ranking}
        return self._page(
            "list.html",
            queue,
            ask,
            items=[queue.shown(item, ask.view, ask.reviewer) for item in items],
            first=first,
            found=len(found),
            page_size=PAGE_SIZE,
            shows=[show for show in SHOWS if there.get(show, True)],
            sorts=SORTS,
            pairs=pairs_in(queue, ask),
            splits=sorted(set(queue.columns.split.tolist())),
            metadata=queue.columns.frequent_metadata,
        )

    def show_example(self, request: Request) -> Response:
        queue, ask = self._ask(request)
        whole = queue.item(request.query_params.get("id", ""))
        if whole is None:
            return PlainTextResponse("no such example\n", 404)
        view, reviewer, place = ask.view, ask.reviewer, queue.places[whole.id]
        settles = view.show == "disagree" and bool(queue.state.disputed[place])
        item = whole if settles else queue.shown(whole, view, reviewer)
        # The list keeps an item that was just decided: previous and next go by its place.
        before, after = queue.around(whole.id, view, reviewer, self._likeness(queue))
        decisions = queue.decisions(item)
        mine, own = queue.listed(reviewer), queue.columns.confidence[place]
        return self._page(
            "example.html",
            queue,
            ask,
            item=item,
            how="settle" if settles else queue.how(whole, reviewer, blind=view.blind),
            pieces=self.highlighter.pieces(item),
            previous=before,
            next=after,
            decisions={} if item is not whole else decisions,
            mine=decisions.get(reviewer),
            version=queue.journal.standing.versions[item.id, reviewer],
            choices=queue.choices(item),
            class_index=queue.class_index,
            live=live_sentence(mine),
            chance=wrong_sentence(mine, float(own)) if item.rank else "",
        )

    def show_next(self, request: Request) -> Response:
        """Lead from an example that was decided to the next one, or to the list.

        Where the list was ranked again since it was shown, that is the first one.
        """
        self._take_ranking()
        queue, ask = self._ask(request)
        view, found = ask.view, None
        item = queue.item(request.query_params.get("id", ""))
        if view.show == "disagree" and item is not None:  # what is settled stands there no more
            found = queue.around(item.id, view, ask.reviewer)[1]
        elif item is None or request.query_params.get("ranking") != str(queue.ranking):
            open_ = queue.find(replace(view, show="open"), ask.reviewer, self._likeness(queue))
            found = queue.items[open_[0]] if len(open_) else None
        else:
            found = queue.next_open(item.id, view=view, reviewer=ask.reviewer)
        rest = view if view.show == "disagree" else replace(view, show="open")
        where = link("/example", view, id=found.id) if found else link("/", rest)
        return RedirectResponse(where, 303)

    def show_neighbors(self, request: Request) -> Response:
        """A part of the page of an example: the texts like it, unless it is decided blind."""
        queue, ask = self._ask(request)
        item, near = queue.item(request.query_params.get("id", "")), self.neighbors
        if item is None or near is None or queue.shown(item, ask.view, ask.reviewer) is not item:
            return HTMLResponse(b"")
        found = near.nearest(queue, item.id) if near.is_ready else []
        html = self.templates.get_template("neighbors.html").render(
            neighbors=found, is_ready=near.is_ready, given=item.given
        )
        return HTMLResponse(html.encode("utf-8", "replace"))

    def show_lot(self, request: Request) -> Response:
        """The items of a view, or those named, on one screen, to be decided together."""
        queue, ask = self._ask(request)
        named = request.query_params.getlist("id")
        open_ = replace(ask.view, show="open")
        places = queue.find(open_, ask.reviewer, self._likeness(queue))
        if named:
            wanted = {queue.places[i] for i in named if i in queue.places}
            places = np.array([place for place in places if place in wanted], int)
        places = places[~queue.hidden(ask.reviewer, blind=ask.view.blind)[places]]
        items = [queue.items[place] for place in places[:LOT]]
        versions = queue.journal.standing.versions
        return self._page(
            "lot.html",
            queue,
            ask,
            items=items,
            found=len(places),
            seen={item.id: versions[item.id, ask.reviewer] for item in items},
            choices=queue.source.class_names,
            suggested={item.suggested for item in items},
        )

    def show_figures(self, request: Request) -> Response:
        """How right the list is as the run found it, what to expect, when to stop."""
        queue, ask = self._ask(request)
        mine, found = self.found.listed(ask.reviewer), find_out(self.found)
        seconds = pace_of(queue, ask.reviewer)
        return self._page(
            "figures.html",
            queue,
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

    def tell_ranking(self, request: Request) -> Response:
        """Answer whether the list is being ranked again."""
        return JSONResponse({"running": bool(self.ranker and self.ranker.is_running)})

    def _take_ranking(self) -> None:
        """Put the list in its new order, if there is one: between two examples, never in one."""
        fresh = self.ranker.take(self.queue) if self.ranker else None
        self.queue = fresh or self.queue

    def _likeness(self, queue: Queue) -> Any:
        return functools.partial(self.neighbors.likeness, queue) if self.neighbors else None

    def _page(self, name: str, queue: Queue, ask: Asked, **values: Any) -> Response:
        ranker = self.ranker
        problem = f"Ranking again failed: {ranker.problem}" if ranker and ranker.problem else ""
        html = self.templates.get_template(name).render(
            view=ask.view,
            reviewer=ask.reviewer,
            queue=queue,
            notes=[*queue.journal.notes, *queue.notes, *filter(None, [problem])],
            progress=queue.progress(ask.reviewer),
            last=queue.last(ask.reviewer),
            is_ranking=bool(ranker and ranker.is_running),
            page_token=self.access.page_token,
            **values,
        )
        return HTMLResponse(html.encode("utf-8", "replace"))

    def _ask(self, request: Request) -> tuple[Queue, Asked]:
        """Return what is asked, and the queue, which may be another one a moment later."""
        queue = self.queue
        queue.journal.refresh()
        queue.follow()
        return queue, asked(request, self.default_reviewer)

    # --- changes -----------------------------------------------------------------------------

    async def decide(self, request: Request) -> Response:
        return await self._change(
            request, changes.decide, {"id", "decision", "label", "note", "seen", "how"}
        )

    async def decide_lot(self, request: Request) -> Response:
        return await self._change(
            request, changes.decide_lot, {"seen", "decision", "label", "note", "suggested"}
        )

    async def undo(self, request: Request) -> Response:
        return await self._change(request, changes.undo, set())

    async def rank_again(self, request: Request) -> Response:
        def change(queue: Queue, values: dict[str, Any]) -> str:
            if self.ranker is None:
                raise DataError("Nothing ranks again here.")
            return self.ranker.start(queue)

        return await self._change(request, change, set())

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
            if self.ranker:
                await run_in_threadpool(self.ranker.keep_up, self.queue)
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
