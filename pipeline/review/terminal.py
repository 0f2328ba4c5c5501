"""The review without a browser: one example at a time, one key and Enter for each decision."""

from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from pipeline.corrections.decision import clean_name
from pipeline.corrections.findings import live_sentence
from pipeline.corrections.journal import StaleError
from pipeline.corrections.queue import KEYS, Item, Queue
from pipeline.corrections.selection import View
from pipeline.corrections.votes import disagree
from pipeline.frame.errors import DataError
from pipeline.frame.messages import for_terminal, readable
from pipeline.frame.terminal import Terminal
from pipeline.review.ranker import Ranker
from pipeline.review.words import probability_text, said

HELP = (
    "k keep · s suggestion · 1-9 class · c TEXT the class with TEXT in its name · d drop · "
    "u unsure · z undo · n next · p previous · r rank again · "
    "m TEXT note for the next decision · / TEXT search · h help · q quit"
)

MOVES = ("z", "n", "p", "q")


def review_in_terminal(queue: Queue, ranker: Ranker, *, reviewer: str) -> None:
    """Ask about each open item until all are decided, `q`, or the end of the input."""
    Session(queue, Terminal(), reviewer=clean_name(reviewer), ranker=ranker).run()


class Session:
    """One person at a terminal. query: what the items must contain. note: for the next decision."""

    def __init__(
        self, queue: Queue, console: Console, *, reviewer: str, ranker: Ranker | None = None
    ) -> None:
        self.queue = queue
        self.console = console
        self.reviewer = reviewer
        self.ranker = ranker
        self.query = ""
        self.note = ""

    def run(self) -> None:
        item = self._first_open()
        self._keep_up()
        self.say(HELP)
        try:
            while item is not None:
                self.show(item)
                command = self.next_command(item)
                if command == "q":
                    return
                item = self.obey(command, item)
        except EOFError:
            return
        self.say("Nothing left: you decided on every example.")

    def next_command(self, item: Item) -> str:
        """Return what to do next; a note, `r`, help or a typo leave the screen as it is."""
        while True:
            command = self.console.input("> ").strip()
            if command in MOVES or command[:1] == "/" or self._decision(command, item):
                return command
            if command == "r":
                self._rank_again()
            elif command == "m" or command.startswith("m "):
                self.note = command[2:].strip() or self.console.input("note> ").strip()
                self.say(f"note of the next decision: {self.note}")
            else:
                self.say(HELP if command == "h" else f"unknown: {command[:40]} (h for help)")

    def obey(self, command: str, item: Item) -> Item | None:
        """Do what was typed; return the item to show next."""
        if command == "z":
            return self._undo(item)
        if command == "n" and self._take_ranking():
            return self._first_open() or item
        if command in ("n", "p"):
            return self._step(item, 1 if command == "n" else -1)
        if command.startswith("/"):
            self.query = command[1:].strip()
            found = self.queue.select(query=self.query)
            self.say(f"found {self.query!r}: {len(found):,}")
            return found[0] if found else item
        decision = self._decision(command, item)
        return item if decision is None else self._decide(item, *decision)

    def show(self, whole: Item) -> None:
        item = self.queue.shown(whole, View(), self.reviewer)
        how = self.queue.how(whole, self.reviewer)
        progress = self.queue.progress(self.reviewer)
        where = "without the model's opinion" if how else f"rank {item.rank or '–'}"
        title = f"scope {self.queue.scope} · {where} · {item.id} · {progress['left']:,} left"
        text = for_terminal(readable(item.text))
        self.console.print(Panel(Text(text), title=Text(for_terminal(title)), title_align="left"))
        names = []
        choices = self.queue.choices(item)
        shown = choices[:KEYS] if len(choices) > KEYS else choices
        for place, name in enumerate(shown, start=1):
            probs, index = item.pred_probs, self.queue.class_index[name]
            chance = "" if probs is None else f" {probability_text(probs[index])}"
            mark = {item.given: " (labelled)", item.suggested: " (suggested)"}.get(name, "")
            names.append(f"{place} {for_terminal(name)}{chance}{mark}")
        if len(shown) < len(choices):
            names.append(f"and {len(choices) - len(shown)} others: c TEXT")
        self.console.print(Columns([Text(name) for name in names], padding=(0, 3)))
        decisions = self.queue.decisions(item)
        if decisions and not how:
            votes = ", ".join(f"{who}: {said(d)}" for who, d in decisions.items())
            self.say(f"{'DISPUTED ' if disagree(decisions.values()) else ''}{votes}")

    def say(self, text: str) -> None:
        self.console.print(Text(for_terminal(text)))

    def _decision(self, command: str, item: Item) -> tuple[str, str | None] | None:
        item = self.queue.shown(item, View(), self.reviewer)
        names = self.queue.choices(item)
        if command in ("d", "u"):
            return {"d": "drop", "u": "unsure"}[command], None
        label = {"k": item.given, "s": item.suggested}.get(command)
        if command.isascii() and command.isdigit() and 0 < int(command) <= len(names):
            label = names[int(command) - 1]
        if command.startswith("c "):
            label = the_one_named(command[2:], names)
        if label is None:
            return None
        return "keep" if label == item.given else "relabel", label

    def _decide(self, item: Item, decision: str, label: str | None) -> Item | None:
        journal = self.queue.journal
        made = self.queue.source.decide(
            item.id,
            decision,
            label,
            reviewer=self.reviewer,
            note=self.note,
            how=self.queue.how(item, self.reviewer),
        )
        try:
            journal.append([made], seen=[journal.standing.versions[item.id, self.reviewer]])
        except StaleError:
            self.say("You decided on this in another window; this is how it stands now.")
            return item
        self.note = ""
        live = live_sentence(self.queue.listed(self.reviewer))
        self.say(f"saved: {item.id} {said(made)}{f'. {live}' if live else ''}")
        self._keep_up()
        if self._take_ranking():
            found = self._first_open()
        else:
            found = self.queue.next_open(item.id, query=self.query, reviewer=self.reviewer)
        if found is None and self.query:
            self.say(f"Nothing left that contains {self.query!r}; on with the others.")
            self.query = ""
            found = self.queue.next_open(item.id, reviewer=self.reviewer)
        return found

    def _undo(self, item: Item) -> Item:
        try:
            undone = self.queue.undo(self.reviewer)
        except DataError as error:
            self.say(str(error))
            return item
        if not undone:
            self.say("There is nothing to undo.")
            return item
        self.say(f"undone: {undone[0] if len(undone) == 1 else f'{len(undone)} decisions'}")
        return self.queue.items[self.queue.places[undone[-1]]]

    def _step(self, item: Item, step: int) -> Item:
        found = self.queue.select(query=self.query)
        places = [self.queue.places[i.id] for i in found]
        here = self.queue.places[item.id]
        ahead = [p for p in places if (p > here if step > 0 else p < here)]
        if not ahead:
            return item
        return self.queue.items[ahead[0] if step > 0 else ahead[-1]]

    def _keep_up(self) -> None:
        """Let the list be ranked again if enough was decided, and say why it was not."""
        if self.ranker is None:
            return
        if self.ranker.problem:
            self.say(f"Ranking again failed: {self.ranker.problem}")
            self.ranker.problem = ""
        self.ranker.keep_up(self.queue)

    def _rank_again(self) -> None:
        try:
            if self.ranker is None:
                raise DataError("Nothing ranks again here.")
            self.say(self.ranker.start(self.queue))
        except DataError as error:
            self.say(str(error))

    def _take_ranking(self) -> bool:
        """Put the list in its new order, if there is one; return whether there is."""
        fresh = self.ranker.take(self.queue) if self.ranker else None
        if fresh is None:
            return False
        self.queue = fresh
        self.say(f"ranked again: {len(fresh.new):,} new, {len(fresh.gone):,} vanished")
        return True

    def _first_open(self) -> Item | None:
        """Return the first item to decide on, of those that were searched for."""
        found = self.queue.select(show="open", query=self.query, reviewer=self.reviewer)
        return found[0] if found else None


def the_one_named(text: str, names: list[str]) -> str | None:
    """Return the class of that name, or the only one that has `text` in its name; else None."""
    wanted = text.strip().casefold()
    exact = [name for name in names if name.casefold() == wanted]
    found = exact or [name for name in names if wanted and wanted in name.casefold()]
    return found[0] if len(found) == 1 else None
