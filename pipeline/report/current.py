"""Whether a report was made from the files that are there."""

from typing import Any

from pipeline.frame import artifacts
from pipeline.frame.errors import ArtifactError
from pipeline.frame.files import sha256_file
from pipeline.frame.record import RECORD
from pipeline.frame.run import Run

REPORTED = "evaluate"  # the stage that stands for all that was computed


def made_from(run: Run) -> dict[str, Any]:
    """Return the hashes of what a report is made from: the study, and the records of two stages.

    That of prepare says what was not read.
    """
    files = {stage: run.stage(stage) / RECORD for stage in ("prepare", REPORTED)}
    files |= {"study": run.study / "study.json"}
    return {name: sha256_file(path) if path.exists() else None for name, path in files.items()}


def report_is_current(run: Run) -> bool:
    """Return whether the report was made from the files that are there."""
    try:
        known = artifacts.load_json(run.report_made_from)
    except ArtifactError:
        return False
    return bool(run.report.exists() and known == made_from(run))
