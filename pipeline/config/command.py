"""A stage as a command."""

from pipeline.config.load import load_config
from pipeline.frame.cli import RESULTS, ConfigOption, ResultsOption, SetOption, run_command
from pipeline.frame.finished import check_owner
from pipeline.frame.lock import locked
from pipeline.frame.run import Run, check_apart
from pipeline.frame.stage import Stage, execute


def stage_main(stage: Stage) -> None:
    """Run a stage as a command."""

    def command(
        config: ConfigOption, set_: SetOption = None, results: ResultsOption = RESULTS
    ) -> None:
        loaded = load_config(config, set_ or [])
        run = Run(results / loaded.run)
        check_owner(config, run)
        check_apart(stage.files(loaded.config, run), run)
        with locked(run):
            execute(stage, loaded, run)

    command.__doc__ = stage.work.__doc__
    run_command(command)
