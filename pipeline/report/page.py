"""Finished artifacts -> one self-contained HTML page."""

from importlib import resources
from typing import Any

import jinja2

from pipeline import artifacts
from pipeline.artifacts import Run
from pipeline.config import Loaded

SHOWN_ISSUES = 50


def write_report(loaded: Loaded, run: Run, metrics: dict[str, Any]) -> None:
    """Write evaluate/report.html; texts are data, so everything is escaped."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    source = resources.files("pipeline.report").joinpath("page.html").read_text(encoding="utf-8")
    from pipeline.evaluate import sentence

    page = environment.from_string(source).render(
        metrics=metrics,
        sentence=sentence(metrics),
        issues=artifacts.load_issues(run.issues("all"), limit=SHOWN_ISSUES),
        command=f"python -m pipeline.evaluate {loaded.arguments}",
    )
    with artifacts.atomic_write(run.report) as file:
        file.write(page.encode())
