"""The report alone, made again from finished artifacts: `python -m pipeline.report`."""

from pipeline import artifacts
from pipeline.artifacts import Run
from pipeline.cli import RESULTS, ConfigOption, ResultsOption, SetOption, run_command
from pipeline.config import load_config
from pipeline.report.page import write_report
from pipeline.stage import check_made_from, check_output, hashes, load_record, locked, save_record


def report(config: ConfigOption, set_: SetOption = None, results: ResultsOption = RESULTS) -> None:
    """Write evaluate/report.html and its figures from finished artifacts."""
    loaded = load_config(config, set_ or [])
    run = Run(results / loaded.run)
    with locked(run):
        check_made_from(run, "evaluate")
        record = load_record(run.stage("evaluate"))
        check_output(run.metrics)
        write_report(loaded, run, artifacts.load_json(run.metrics))
        # The page may say more than when `evaluate` ran, of a study for example: the record of
        # that stage must know its new hash, or the page would count as damaged.
        record["outputs"] = hashes(run.stage("evaluate"))
        save_record(run.stage("evaluate"), record)
    print(run.report)


if __name__ == "__main__":
    run_command(report)
