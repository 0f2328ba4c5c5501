"""Go through the label issues of a run: a local page, or the same in the terminal."""

import contextlib
import os
import shlex
import socket
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from pipeline.config.load import Loaded, load_config
from pipeline.corrections.decision import clean_name
from pipeline.corrections.journal import Journal
from pipeline.corrections.load import load_queue
from pipeline.corrections.queue import Queue, Shares
from pipeline.frame.cli import (
    RESULTS,
    VARIABLE,
    ConfigOption,
    ResultsOption,
    ScopeOption,
    SetOption,
    account_name,
    command_line,
    run_command,
)
from pipeline.frame.errors import ConfigError
from pipeline.frame.finished import tell_since
from pipeline.frame.run import Run
from pipeline.frame.terminal import say
from pipeline.models.table import inputs_of, kind_of
from pipeline.review.ranker import EVERY, Ranker
from pipeline.review.security import Access, check_host

PORT = 8765

AuditOption = Annotated[
    int,
    typer.Option(
        min=0,
        envvar=f"{VARIABLE}AUDIT",
        help="Labels to draw by chance from the whole scope: how many are wrong, what the list "
        "misses.",
    ),
]
BlindOption = Annotated[
    float,
    typer.Option(min=0, max=1, help="Share decided without the model's opinion: does it sway you?"),
]
ShareOption = Annotated[
    str, typer.Option(metavar="ANN,BOB", help="Deal the queue out to these; else all see all.")
]
OverlapOption = Annotated[
    float, typer.Option(min=0, max=1, help="With --share: the part that everybody gets.")
]
RankOption = Annotated[
    int,
    typer.Option(min=0, help="Rank the list again after so many decisions; 0: on the key r alone."),
]


def review(
    config: ConfigOption,
    set_: SetOption = None,
    results: ResultsOption = RESULTS,
    scope: ScopeOption = "all",
    terminal: Annotated[bool, typer.Option("--terminal", help="In the terminal, no page.")] = False,
    audit: AuditOption = 0,
    blind: BlindOption = 0.1,
    share: ShareOption = "",
    overlap: OverlapOption = 0.1,
    rank_again: RankOption = EVERY,
    reviewer: Annotated[str | None, typer.Option(help="Your name; else the account's.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help=f"0: any free one; else {PORT}, or a free one."),
    ] = None,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Let --host be reachable from other machines.")
    ] = False,
    open_browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")
    ] = True,
    carry_over: Annotated[
        Path | None,
        typer.Option(
            metavar="OLD.jsonl",
            help="No review: take from a journal of the dataset before it changed what still fits.",
        ),
    ] = None,
) -> None:
    """Keep or correct the labels that look wrong; decisions go to corrections/<run>.jsonl."""
    check_host(host, allow_remote=allow_remote)
    loaded = load_config(config, set_ or [])
    if carry_over is not None:
        say_what_next(carry(loaded, carry_over), loaded, results)
        return
    run = Run(results / loaded.run)
    names = tuple(filter(None, (clean_name(name) for name in share.split(","))))
    shares = Shares(names, overlap) if names else None
    queue = load_queue(loaded, run, scope, audit=audit, shares=shares, blind=blind)
    tell_since(queue.since)
    for note in [*queue.journal.notes, *queue.notes]:
        say(f"note: {note}", error=True)
    name = reviewer or account_name()
    with contextlib.closing(Ranker(run, loaded.config, every=rank_again)) as ranker:
        if terminal:
            from pipeline.review.terminal import review_in_terminal

            review_in_terminal(queue, ranker, reviewer=name)
        else:
            serve(queue, run, ranker, name, host=host, port=port, open_browser=open_browser)
    say_what_next(queue.journal, loaded, results)


def given_to_make() -> list[str]:
    """Return the options in `make review REVIEW="..."`."""
    text = os.environ.get(f"{VARIABLE}REVIEW", "")
    try:
        return shlex.split(text)
    except ValueError:  # an open quote: the words are refused as they are
        return text.split()


def serve(
    queue: Queue,
    run: Run,
    ranker: Ranker,
    reviewer: str,
    *,
    host: str,
    port: int | None,
    open_browser: bool,
) -> None:
    """Serve the page until Ctrl-C; vectors: see Neighbors."""
    from pipeline.review.app import ReviewPage
    from pipeline.review.highlight import Highlighter
    from pipeline.review.neighbors import Neighbors
    from pipeline.review.server import door, make_server

    with listen_somewhere(host) if port is None else listen(host, port) as listener:
        access = Access(host, listener.getsockname()[1])
        options = ranker.config.vectorize
        vectors = inputs_of(run, queue.scope, options) if kind_of(options).are_vectors else None
        highlighter = Highlighter(run, queue.scope, ranker.config)
        neighbors = Neighbors(run, queue, vectors)
        page = ReviewPage(
            queue, highlighter, access, reviewer=reviewer, neighbors=neighbors, ranker=ranker
        )
        say(f"scope {queue.scope}: {len(queue.items):,} examples to review")
        say(f"the journal is {queue.journal.path}")
        say(f"open {access.url}", flush=True)
        say("Ctrl-C ends; every decision is on disk as soon as the page says so.", flush=True)
        ranker.keep_up(queue)
        with contextlib.ExitStack() as stack:
            if open_browser and sys.stdout.isatty():
                webbrowser.open(stack.enter_context(door(access, run.folder)))
            with contextlib.suppress(KeyboardInterrupt):
                make_server(page.app).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on one address.

    Raises:
        ConfigError: the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # two that are only bound may share a port
    except OSError as error:
        listener.close()
        reason = error.strerror or error
        raise ConfigError(f"--host {host} --port {port}: {reason}; try another --port") from None
    return listener


def listen_somewhere(host: str) -> socket.socket:
    """Return a socket that listens on PORT, or on a free port when that one is taken."""
    try:
        return listen(host, PORT)
    except ConfigError:
        listener = listen(host, 0)
    say(f"port {PORT} is taken; this page is on {listener.getsockname()[1]}")
    return listener


def carry(loaded: Loaded, old: Path) -> Journal:
    """Carry the decisions of an old journal over, say which could not be, return the journal."""
    from pipeline.corrections.carry_over import carry_journal_over

    journal, done, carried = carry_journal_over(loaded, old)
    for decision, reason in carried.left:
        say(f"left: {decision.id!r}, {decision.reviewer!r}: {reason}")
    say(f"{done.added:,} decisions carried over to {journal.path}, {done.known:,} known before")
    say(f"{len(carried.left):,} left; {old} stays as it is")
    if done.replaced:
        say(f"{done.replaced:,} were replaced by a later one of the same reviewer")
    return journal


def say_what_next(journal: Journal, loaded: Loaded, results: Path) -> None:
    if not journal.lines:
        return
    say(f"\n{len(journal.standing.all()):,} decision(s) stand in {journal.path}.")
    say(f"To train on them: {make_command(loaded, journal.path, results)}")
    if loaded.config.corrections != str(journal.path):
        say(f"To train on them always, set `corrections: {journal.path}` in the config.")


def make_command(loaded: Loaded, journal: Path, results: Path) -> str:
    """Return the `make all` that applies a journal, with what it takes to mean the same run."""
    sets = [each for each in loaded.overrides if each.partition("=")[0] != "corrections"]
    is_in_config = len(sets) == len(loaded.overrides) and loaded.config.corrections == str(journal)
    if not is_in_config:
        sets.append(f"corrections={journal}")
    return command_line("all", loaded.path, sets, results)


if __name__ == "__main__":
    sys.argv += given_to_make()
    run_command(review)
