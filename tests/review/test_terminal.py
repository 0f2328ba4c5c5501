import contextlib
import io
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.corrections.journal import Journal
from pipeline.corrections.load import load_queue
from pipeline.corrections.queue import Queue
from pipeline.review.ranker import Ranker
from pipeline.review.terminal import Session
from tests.guard import PATIENCE
from tests.review.site import load_tiny, make_examples, write_run


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    run = write_run(tmp_path / "results" / "tiny", make_examples())
    return load_queue(load_tiny(tmp_path), run)


def typed(
    queue: Queue,
    *lines: str | Callable[[], str],
    reviewer: str = "Ann",
    width: int = 100,
    ranker: Ranker | None = None,
) -> str:
    """Return what the terminal showed while these lines were typed, or were asked for."""
    shown = io.StringIO()
    console = Console(file=shown, width=width, force_terminal=False)
    answers = iter(lines)

    def answer(prompt: str = "") -> str:
        try:
            line = next(answers)
            return line if isinstance(line, str) else line()
        except StopIteration:
            raise EOFError from None

    console.input = answer  # type: ignore[method-assign, assignment]
    Session(queue, console, reviewer=reviewer, ranker=ranker).run()
    return shown.getvalue()


def decided(queue: Queue) -> list[tuple[str, str, str | None]]:
    standing = Journal(queue.journal.path, queue.source).standing.all()
    return [(d.id, d.decision, d.label) for d in standing]


def test_one_key_each_as_on_the_page(queue):
    shown = typed(queue, "k", "s", "d", "u", "2", "m because of this", "1", "x", "q")
    assert decided(queue) == [
        ("train/0", "keep", "neg"), ("train/1", "relabel", "neg"), ("train/2", "drop", None),
        ("train/3", "unsure", None), ("train/4", "relabel", "pos"), ("train/5", "relabel", "neg"),
    ]  # fmt: skip
    assert queue.journal.standing.of("train/5")["Ann"].note == "because of this"
    assert "saved: train/5 → neg" in shown and "54 left" in shown


def test_a_typo_is_named_and_help_is_asked_for(queue):
    shown = typed(queue, "x", "\x1b[2J", "9", "")
    assert shown.count("1-9 class") == 1  # at the start
    assert "unknown: x (h for help)" in shown and "unknown: 9 (h for help)" in shown
    assert shown.count("rank 1 ") == 1  # the example is still on the screen
    assert "\x1b" not in shown and decided(queue) == []
    assert typed(queue, "h").count("1-9 class") == 2


def test_r_ranks_again_and_the_new_order_begins_with_the_next_example(tmp_path):
    kinds = ["the refund was good", "parcel bad", "parcel good", "the refund was bad"]
    examples = make_examples([f"{kinds[n % 4]} {n}" for n in range(120)])
    run = write_run(tmp_path / "results" / "tiny", examples)
    loaded = load_tiny(tmp_path)

    def keep_after(ranker: Ranker) -> Callable[[], str]:
        """Return what types `k` when nothing is being ranked any more."""

        def key() -> str:
            until = time.monotonic() + PATIENCE
            while ranker.is_running and time.monotonic() < until:
                time.sleep(0.05)
            return "k"

        return key

    with contextlib.closing(Ranker(run, loaded.config, every=25)) as ranker:
        keys = ["r", *(("s", "k", "k", "s")[n % 4] for n in range(24)), "r", keep_after(ranker)]
        shown = typed(load_queue(loaded, run), *keys, "q", ranker=ranker)
    assert "No label is corrected yet" in shown
    told = shown.index("ranked again: ")
    assert shown.index("ranking again; ") < shown.index("saved: train/24") < told
    assert " rank 1 · " in shown[told:] and "train/25" not in shown[told:]
    # Another day: 25 decisions are in the journal, and their order comes back by itself.
    with contextlib.closing(Ranker(run, loaded.config, every=25)) as ranker:
        again = typed(load_queue(loaded, run), keep_after(ranker), "q", ranker=ranker)
    assert "ranked again: " in again


def test_m_alone_asks_for_the_note(queue):
    assert "note of the next decision: both are said" in typed(queue, "m", "both are said", "u")
    assert queue.journal.standing.of("train/0")["Ann"].note == "both are said"
    assert typed(queue, "m")  # the input ends while the note is asked for


@pytest.mark.parametrize("width", [40, 60, 100])
def test_no_line_ends_between_the_number_of_a_class_and_its_name(tmp_path, width):
    names = ("billing", "sales", "account and access", "technical", "other things")
    run = write_run(tmp_path / "results" / "tiny", make_examples(names=names))
    shown = typed(load_queue(load_tiny(tmp_path), run), "q", width=width)
    for place, name in enumerate(names, start=1):
        assert re.search(rf"{place} {name} \d+\.\d%", shown), shown


def test_undo_next_previous_and_search(queue):
    shown = typed(queue, "d", "z", "n", "n", "p", "k", "/ number 41 ", "s", "z", "z", "z")
    assert decided(queue) == []
    assert "found 'number 41': 1" in shown and "nothing to undo" in shown
    assert list(queue.journal.standing.versions.values()) == [2, 2, 2]


def test_it_ends_when_all_is_decided_and_goes_on_where_it_was(queue):
    typed(queue, *["k"] * 20)
    assert "Nothing left" in typed(queue, *["k"] * 40)
    assert len(decided(queue)) == 60
    assert "60 left" in typed(queue, "q", reviewer="Bob")


def test_a_text_cannot_steer_the_terminal(tmp_path):
    hostile = "\x1b[2J\x1b]0;title\x07[bold]markup[/bold]\u202e\x9b31m"
    examples = make_examples([f"{hostile} {i}" for i in range(10)], (f"a{hostile}", "b"))
    run = write_run(tmp_path / "results" / "tiny", examples)
    shown = typed(load_queue(load_tiny(tmp_path), run), "k", "z", "/\x1b[2J", "q")
    assert not set(shown) & set("\x1b\x07\x9b\u202e")
    assert "[bold]markup[/bold]" in shown
