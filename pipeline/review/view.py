"""What a person asks to see, as it stands in an address and in cookies."""

from dataclasses import dataclass, replace
from urllib.parse import unquote, urlencode

from starlette.requests import Request

from pipeline.corrections.queue import Queue
from pipeline.corrections.selection import KINDS, SHOWS, SORTS, View, pair_counts

REVIEWER_COOKIE, BLIND_COOKIE, STOP_COOKIE = "reviewer", "blind", "stop"
NAMES = {  # in the address: of the field
    "show": "show",
    "q": "query",
    "given": "given",
    "suggested": "suggested",
    "split": "split",
    "low": "low",
    "high": "high",
    "kind": "kind",
    "sort": "sort",
    "like": "like",
}
METADATA = "about."  # before the name of a column of the source
LONGEST, MOST_COLUMNS = 500, 50
STOP = 10
MOST_PAIRS = 30


@dataclass(frozen=True)
class Asked:
    """A view, who asks, and their rule to stop: fewer than 1 in `one_in`."""

    view: View
    reviewer: str
    one_in: int


def asked(request: Request, default_reviewer: str) -> Asked:
    """Return what a request asks for; what makes no sense is as if it were not there."""
    given = {field: request.query_params.get(name, "") for name, field in NAMES.items()}
    choices = {"show": SHOWS, "sort": SORTS, "kind": KINDS}
    values: dict[str, object] = {
        field: text if field not in choices or text in choices[field] else choices[field][0]
        for field, text in ((field, text[:LONGEST]) for field, text in given.items())
    }
    values |= {bound: _percent(given[bound]) for bound in ("low", "high")}
    blind = request.cookies.get(BLIND_COOKIE) == "1"
    reviewer = unquote(request.cookies.get(REVIEWER_COOKIE, "")) or default_reviewer
    values["metadata"] = tuple(
        (name.removeprefix(METADATA)[:LONGEST], value[:LONGEST])
        for name, value in request.query_params.multi_items()[:MOST_COLUMNS]
        if name.startswith(METADATA) and value
    )
    stop = request.cookies.get(STOP_COOKIE, "")
    one_in = int(stop) if stop.isascii() and stop.isdigit() and int(stop[:4]) > 1 else STOP
    return Asked(View(**values, blind=blind), reviewer[:60], min(one_in, 1000))  # type: ignore[arg-type]


def link(path: str, view: View, **more: object) -> str:
    """Return an address of this page that keeps the view; more: fields that change, or others."""
    kept = {name: getattr(view, field) for name, field in NAMES.items()}
    kept |= {f"{METADATA}{column}": value for column, value in view.metadata}
    kept |= more
    plain = View()
    query = {
        name: f"{value:g}" if isinstance(value, float) else value
        for name, value in kept.items()
        if value not in ("", 0, None) and value != getattr(plain, NAMES.get(name, ""), None)
    }
    return f"{path}?{urlencode(query)}" if query else path


def pairs_in(queue: Queue, ask: Asked) -> list[tuple[str, str, int]]:
    """Return the pairs of classes in a view but for its own pair, the most frequent first."""
    names = queue.source.class_names
    view = replace(ask.view, given="", suggested="")
    kept = queue.mask(view, ask.reviewer) & ~queue.hidden(ask.reviewer, blind=view.blind)
    counts = pair_counts(queue.columns, kept)
    return [(names[g], names[s], count) for g, s, count in counts[:MOST_PAIRS]]


def _percent(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 100 else None
