"""The suspects in the terminal: `python -m pipeline.show --config … [--row N | --top K]`."""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from pipeline import artifacts
from pipeline.artifacts import SCOPES, Run
from pipeline.cli import RESULTS, ConfigOption, ResultsOption, SetOption, run_command
from pipeline.config import load_config
from pipeline.errors import ConfigError
from pipeline.report.cards import Card, Stretch, make_card
from pipeline.report.suspects import Suspect, load_suspects
from pipeline.stage import Checked, check_made_from

TOWARDS, AWAY = "dark_orange3", "dodger_blue2"
# Codes a terminal could obey: C0 (line ends and tabs aside), DEL and C1, and Unicode's turns of
# direction and line breaks. C0 becomes its picture, the rest the replacement character.
OBEYED = {code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\n\t"}
OBEYED |= dict.fromkeys([*range(0x7F, 0xA0), 0x200E, 0x200F, 0x2028, 0x2029], "\ufffd")
OBEYED |= dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd")


def show(
    config: ConfigOption,
    set_: SetOption = None,
    results: ResultsOption = RESULTS,
    row: Annotated[int | None, typer.Option(help="The suspect with this row number.")] = None,
    top: Annotated[int, typer.Option(min=1, help="How many of the first suspects.")] = 10,
    scope: Annotated[str, typer.Option(help=f"One of {', '.join(SCOPES)}.")] = "all",
) -> None:
    """Print the most probable label errors, with the words that drove the model."""
    if scope not in SCOPES:
        raise ConfigError(f"--scope {scope!r}: must be one of {', '.join(SCOPES)}")
    loaded = load_config(config, set_ or [])
    run = Run(results / loaded.run)
    check_made_from(run, "find_issues")
    if reason := Checked(loaded.config, run).reason("find_issues"):
        print(f"the suspects of the last run; since then: {reason}", file=sys.stderr)
    labels, class_names = artifacts.load_labels(run), artifacts.load_class_names(run)
    limit = top if row is None else None
    suspects = load_suspects(run, loaded.config, labels, scope, limit=limit, row=row)
    if row is not None and not suspects:
        raise ConfigError(f"--row {row}: is not among the suspects of scope {scope}")
    console = Console(highlight=False)
    for suspect in suspects:
        print_suspect(console, suspect, class_names)


def print_suspect(console: Console, suspect: Suspect, class_names: list[str]) -> None:
    """Print one suspect; nothing in its text or names reaches the terminal as a command."""
    card = make_card(suspect, class_names)
    console.print(_heading(card))
    text = Text()
    for stretch in [*card.head, *card.rest]:
        text.append(safe(stretch.text), style=_style(stretch))
    console.print(Padding(text, (0, 0, 0, 4)))
    if card.why:
        for side, style in (("adding", TOWARDS), ("taking", AWAY)):
            words = "  ".join(f"{w['word']} {w['part']}" for w in card.why[side])
            name = card.why["towards" if side == "adding" else "away"]
            console.print(Padding(Text(safe(f"for {name}: {words}"), style), (0, 0, 0, 4)))
        console.print(Padding(Text(card.why["sum"], "dim"), (0, 0, 0, 4)))
    console.print()


def _heading(card: Card) -> Text:
    return Text.assemble(
        (f"{card.rank:>3} ", "bold"),
        (safe(card.given), f"bold {AWAY}"),
        " → ",
        (safe(card.suggested), f"bold {TOWARDS}"),
        (f"   given label: {card.shown_confidence}", ""),
        (safe(f"   {card.id}, row {card.row}"), "dim"),
    )


def _style(stretch: Stretch) -> str:
    if stretch.css == "unread":
        return "dim italic"
    if not stretch.css:
        return ""
    weight = "bold " if stretch.css[1] in "345" else ""
    return weight + (TOWARDS if stretch.css[0] == "t" else AWAY)


def safe(text: str) -> str:
    """Return text without any character a terminal could obey, tabs and line ends aside."""
    return text.translate(OBEYED)


if __name__ == "__main__":
    run_command(show)
