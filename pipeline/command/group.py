"""Every command of `label-errors`, each imported when it is asked for and not before."""

import sys
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pipeline import __version__
from pipeline.frame.cli import EXIT_CODES, PROGRAM, command_app, run_app
from pipeline.frame.section import imported
from pipeline.frame.terminal import say


@dataclass(frozen=True)
class Command:
    """One command. does: one line. function: "module:function"."""

    does: str
    function: str


COMMANDS = {
    "check": Command("which labels of a file are wrong: all that follows, with one command",
                     "pipeline.command.check:check"),
    "init": Command("look at a file or folder and write a config for it", "pipeline.init:init"),
    "run": Command("every stage that is out of date, then the report", "pipeline.run:run"),
    "show": Command("the label issues in the terminal", "pipeline.show:show"),
    "review": Command("correct them in a local page, or with --terminal",
                      "pipeline.review.__main__:review"),
    "export": Command("hand them to other tools", "pipeline.exchange.__main__:export"),
    "import": Command("take decisions back from them", "pipeline.exchange.__main__:import_"),
    "predict": Command("label texts with a model of a run", "pipeline.predict:predict"),
    "study": Command("is the gain real? seeds, controls, noise", "pipeline.study.__main__:study"),
    "report": Command("the page alone, from finished files", "pipeline.report.__main__:report"),
    "track": Command("log a finished run to MLflow or TensorBoard",
                     "pipeline.report.tracking:track"),
    "compare": Command("two finished runs side by side", "pipeline.compare:compare"),
    "status": Command("which stages are out of date, and why", "pipeline.status:status"),
    "clean": Command("delete the results of a run", "pipeline.clean:clean"),
}  # fmt: skip


class CommandGroup(TyperGroup):
    """The commands of the table; a list of them imports none."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return what a list says of a command, or None; it cannot be run."""
        row = COMMANDS.get(cmd_name)
        return row and typer.core.TyperCommand(cmd_name, help=row.does)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is run or completed, imported now."""
        self.commands = {
            each: self.get_command(ctx, each) for each in COMMANDS
        }  # for "did you mean"
        name, found, rest = super().resolve_command(ctx, args)
        if name is None or found is None:
            return name, found, rest
        function = imported(COMMANDS[name].function)
        return name, typer.main.get_command(command_app({name: function})), rest

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from pipeline.frame.stage import stages

        names = ", ".join(stages())
        self.epilog = f"The stages of a run, in order: {names}. {EXIT_CODES}"
        super().format_help(ctx, formatter)


def tell_version(asked: bool) -> None:
    if asked:
        say(f"{PROGRAM} {__version__}")
        raise typer.Exit


app = typer.Typer(cls=CommandGroup, pretty_exceptions_enable=False, name=PROGRAM)


@app.callback()
def label_errors(
    version: Annotated[
        bool,
        typer.Option("--version", callback=tell_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Which labels in a text dataset are wrong? Start with: label-errors check FILE"""


def main() -> None:
    """Run the command that sys.argv names; without one, list them all."""
    if len(sys.argv) < 2:
        sys.argv.append("--help")
    run_app(app)
