"""The report alone, made again from finished artifacts: `python -m pipeline.report`."""

from pipeline import artifacts
from pipeline.artifacts import RECORD, Run
from pipeline.cli import RESULTS, ConfigOption, ResultsOption, SetOption, run_command
from pipeline.config import load_config
from pipeline.report.page import write_report
from pipeline.stage import hashes, locked


def report(config: ConfigOption, set_: SetOption = None, results: ResultsOption = RESULTS) -> None:
    """Write evaluate/report.html and its figures from finished artifacts."""
    loaded = load_config(config, set_ or [])
    run = Run(results / loaded.run)
    with locked(run):
        record = artifacts.load_json(run.stage("evaluate") / RECORD)
        write_report(loaded, run, artifacts.load_json(run.metrics))
        # The page may say more than when `evaluate` ran, of a study for example: the record of
        # that stage must know its new hash, or the page would count as damaged.
        record["outputs"] = hashes(run.stage("evaluate"))
        artifacts.save_json(run.stage("evaluate") / RECORD, record)
    print(run.report)


if __name__ == "__main__":
    run_command(report)
