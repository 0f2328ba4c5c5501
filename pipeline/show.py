"""The issues in the terminal, a line each: `python -m pipeline.show --config … [--full]`."""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from pipeline.config.load import load_config
from pipeline.data.prepared import load_class_names, load_labels
from pipeline.frame.cli import RESULTS, ConfigOption, ResultsOption, SetOption, run_command
from pipeline.frame.errors import ConfigError
from pipeline.frame.finished import check_finished, tell_since
from pipeline.frame.messages import for_terminal
from pipeline.frame.run import SCOPES, Run
from pipeline.frame.terminal import Terminal
from pipeline.report.cards import Card, Stretch, excerpt, make_card
from pipeline.report.issues import Issue, load_issues

TOWARDS, AWAY = "dark_orange3", "dodger_blue2"


def show(
    config: ConfigOption,
    set_: SetOption = None,
    results: ResultsOption = RESULTS,
    row: Annotated[int | None, typer.Option(help="The issue with this row number.")] = None,
    top: Annotated[int, typer.Option(min=1, help="How many of the first issues.")] = 10,
    scope: Annotated[str, typer.Option(help=f"One of {', '.join(SCOPES)}.")] = "all",
    full: Annotated[
        bool, typer.Option("--full", help="Whole texts, and the words that drove the model.")
    ] = False,
) -> None:
    """Print the most probable label errors, one line each."""
    if scope not in SCOPES:
        raise ConfigError(f"--scope {scope!r}: must be one of {', '.join(SCOPES)}")
    loaded = load_config(config, set_ or [])
    run = Run(results / loaded.run)
    tell_since(check_finished(loaded.config, run, "find_issues"))
    labels, class_names = load_labels(run), load_class_names(run)
    limit = top if row is None else None
    issues = load_issues(run, labels, scope, limit=limit, row=row)
    if row is not None and not issues:
        raise ConfigError(f"--row {row}: is not among the issues of scope {scope}")
    console = Terminal()
    if full or row is not None:
        for issue in issues:
            print_issue(console, issue, class_names)
        return
    for line in issue_lines(issues, console.width):
        console.print(line, no_wrap=True, overflow="ellipsis", crop=True)
    if issues and sys.stdout.isatty():
        console.print("whole texts, and why: --full, or --row N for one", style="dim")


def issue_lines(issues: list[Issue], width: int) -> list[Text]:
    """Return one line an issue: rank, row, labels, the beginning of the text."""
    given, suggested = (
        min(max((len(name) for name in names), default=0), width // 6)
        for names in ([i.given for i in issues], [i.suggested for i in issues])
    )
    lines = []
    for issue in issues:
        names = [
            _fitted(name, room)
            for name, room in ((issue.given, given), (issue.suggested, suggested))
        ]
        text = Text.assemble(
            (f"{issue.rank:>4} ", "bold"),
            (f"row {issue.row:<7} ", "dim"),
            (names[0], f"bold {AWAY}"),
            " → ",
            (names[1], f"bold {TOWARDS}"),
            f"  {for_terminal(excerpt(issue.text, max(width, 40)))}",
        )
        text.truncate(width, overflow="ellipsis")
        lines.append(text)
    return lines


def _fitted(name: str, room: int) -> str:
    """Return a name cut or filled up to so many characters, on one line."""
    line = " ".join(for_terminal(name).split())
    return line.ljust(room) if len(line) <= room else f"{line[: room - 1]}…"


def print_issue(console: Console, issue: Issue, class_names: list[str]) -> None:
    """Print one issue; nothing in its text or names reaches the terminal as a command."""
    card = make_card(issue, class_names)
    console.print(_heading(card))
    text = Text()
    for stretch in card.text:
        text.append(for_terminal(stretch.text), style=_style(stretch))
    console.print(Padding(text, (0, 0, 0, 4)))
    if card.left_out:
        console.print(Padding(Text(card.left_out, "dim"), (0, 0, 0, 4)))
    if card.why:
        for side, style in (("adding", TOWARDS), ("taking", AWAY)):
            words = "  ".join(f"{w['word']} {w['part']}" for w in card.why[side])
            name = card.why["towards" if side == "adding" else "away"]
            console.print(Padding(Text(for_terminal(f"for {name}: {words}"), style), (0, 0, 0, 4)))
        console.print(Padding(Text(card.why["sum"], "dim"), (0, 0, 0, 4)))
    console.print()


def _heading(card: Card) -> Text:
    wrong = f"wrong: {card.wrong}, calibrated" if card.wrong else f"score {card.score}"
    return Text.assemble(
        (f"{card.rank:>3} ", "bold"),
        (for_terminal(card.given), f"bold {AWAY}"),
        " → ",
        (for_terminal(card.suggested), f"bold {TOWARDS}"),
        (f"   {wrong}", ""),
        (for_terminal(f"   {card.id}, row {card.row}"), "dim"),
    )


def _style(stretch: Stretch) -> str:
    if stretch.css == "unread":
        return "dim italic"
    if not stretch.css:
        return ""
    weight = "bold " if stretch.css[1] in "345" else ""
    return weight + (TOWARDS if stretch.css[0] == "t" else AWAY)


if __name__ == "__main__":
    run_command(show)
