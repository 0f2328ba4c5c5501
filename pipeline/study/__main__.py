"""`make study`, `make advise` and `make noise`: is the gain real, and what to do?"""

from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.compute.trainings import Trainings, training_engine
from pipeline.config.load import Loaded, load_config
from pipeline.data.prepared import load_labels
from pipeline.frame import artifacts
from pipeline.frame.cli import RESULTS, ConfigOption, ResultsOption, SetOption, run_command
from pipeline.frame.errors import ArtifactError, ConfigError
from pipeline.frame.files import sweep_temporary
from pipeline.frame.lock import locked
from pipeline.frame.progress import StageProgress
from pipeline.frame.run import Run
from pipeline.frame.stage import RunState, without_leftovers
from pipeline.issues.arms import ARMS
from pipeline.issues.comparison import FEWEST_SEEDS
from pipeline.models.training import Training
from pipeline.study.advice import too_little
from pipeline.study.conclusions import conclusions
from pipeline.study.detection import run_noise
from pipeline.study.parts import save_part, tell_others
from pipeline.study.seeds import run_seeds, why_unfit


def study(
    config: ConfigOption,
    set_: SetOption = None,
    results: ResultsOption = RESULTS,
    noise: Annotated[bool, typer.Option(help="Put noise into the training labels.")] = False,
    advise: Annotated[
        bool, typer.Option(help="Stop at the seed from which on the advice does not change.")
    ] = False,
) -> None:
    """Repeat the experiment over seeds with controls, or with noise put in on purpose."""
    loaded = load_config(config, set_ or [])
    run = Run(results / loaded.run)
    state = RunState(loaded.config, run)
    for stage in ("prepare", "vectorize", "crossval"):
        if reason := state.reason(stage):
            raise ArtifactError(f"{stage}: {reason}; run `make crossval` first")
    name = "noise" if noise else "study"
    if advise and (problem := why_no_advice(loaded, run)):
        with StageProgress(name) as progress:
            progress.say(problem)
        return
    parts = (loaded.config.vectorize, loaded.config.model, loaded.config.compute)
    with (
        locked(run),
        StageProgress(name) as progress,
        without_leftovers(run.study),
        training_engine(run, *parts, progress) as engine,
    ):
        sweep_temporary(run.study)
        trainings = Trainings(run, state.key("crossval"), engine, lambda t: kept_at(run, t))
        if noise:
            part = study_noise(loaded, run, trainings)
        else:
            part = study_seeds(loaded, run, trainings, until_settled=advise)
        whole, others = save_part(loaded.config, run, name, part)
        told = part["advice"]["words"] if advise else conclusions(whole)
        for line in [*told, *tell_others(others)]:
            progress.say(line)


def why_no_advice(loaded: Loaded, run: Run) -> str:
    """Return why trainings would end in no advice, before any is made; "" if they may not."""
    given = loaded.config.study
    tests = len(load_labels(run).rows("test"))
    return too_little(given.arms, seeds=len(given.seeds), tests=tests, unfit=why_unfit(run))


def kept_at(run: Run, training: Training) -> Path:
    """Return the file that keeps the result of a training."""
    return run.study / "trainings" / (training.name.replace(" ", "_") + ".npz")


def study_seeds(
    loaded: Loaded, run: Run, trainings: Trainings, *, until_settled: bool = False
) -> dict[str, Any]:
    """Return the seeds part of study.json, of all seeds or of as many as settle the advice."""
    people = [name for name in loaded.config.study.arms if ARMS[name].asks_people]
    if people and loaded.config.corrections is None:
        raise ConfigError(f"study.arms: {people[0]} needs the key `corrections` to name a journal")
    seeds = loaded.config.study.seeds
    for count in range(FEWEST_SEEDS, len(seeds)) if until_settled else ():
        part, rows, examples = run_seeds(loaded, run, trainings, seeds[:count])
        if part["advice"]["settled"]:
            break
    else:
        part, rows, examples = run_seeds(loaded, run, trainings, seeds)
    artifacts.save_table(run.study / "runs.parquet", rows)
    artifacts.save_table(run.study / "stability.parquet", examples)
    return part


def study_noise(loaded: Loaded, run: Run, trainings: Trainings) -> dict[str, Any]:
    part, truth = run_noise(loaded, run, trainings)
    import pyarrow as pa

    artifacts.save_table(run.study / "noise.parquet", pa.Table.from_pylist(part["noise"]))
    artifacts.save_table(run.study / "detection.parquet", pa.Table.from_pylist(part["detection"]))
    artifacts.save_table(run.study / "noise_truth.parquet", truth)
    return part


if __name__ == "__main__":
    run_command(study)
