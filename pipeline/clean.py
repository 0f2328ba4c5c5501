"""Delete the results of a run; decisions of people, in corrections/, stay."""

import shutil

from pipeline.config.load import run_name
from pipeline.frame.cli import RESULTS, ConfigOption, ResultsOption, run_command
from pipeline.frame.finished import check_owner
from pipeline.frame.lock import LOCK, locked
from pipeline.frame.run import Run
from pipeline.frame.terminal import say


def clean(config: ConfigOption, results: ResultsOption = RESULTS) -> None:
    """Delete the results of a config, if a run is there."""
    run = Run(results / run_name(config))
    if not (run.folder / LOCK).exists():
        say(f"{run.folder}: no run is there")
        return
    check_owner(config, run)
    with locked(run):
        shutil.rmtree(run.folder)
    say(f"deleted {run.folder}")


if __name__ == "__main__":
    run_command(clean)
