"""Finished artifacts -> one self-contained HTML page, its summary, and its figures as files."""

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from pipeline import __version__
from pipeline.config.load import Loaded
from pipeline.data.scripts import language_among
from pipeline.frame import artifacts
from pipeline.frame.files import atomic_write
from pipeline.frame.run import SCOPES, Run
from pipeline.models.members import finder_of
from pipeline.report import figures as draw
from pipeline.report.answers import first_page
from pipeline.report.cards import MOST_BYTES, PAGE_BYTES, make_card
from pipeline.report.chart import Figure
from pipeline.report.checked import key_curves
from pipeline.report.comparison import Comparison
from pipeline.report.markdown import summary_markdown
from pipeline.report.material import Material, gather
from pipeline.report.sections import all_sections
from pipeline.report.study_figures import study_figures
from pipeline.report.summary import figure_text, name_of_cleaned

CLEAREST = 10
MOST_CHOICES = 300  # classes to choose from; beyond, the search finds them
SCOPE_WORDS = {
    "all": "the whole dataset (cross-validation over train and test)",
    "train": "the training split (cross-validation inside train: what CleanLearning leaves out)",
    "test": "the test split (judged by models trained on train)",
}


def write_report(
    loaded: Loaded, run: Run, metrics: dict[str, Any], compared: Comparison | None = None
) -> None:
    """Write report/report.html, summary.md and figures/*.svg; same artifacts, same bytes."""
    material = gather(loaded, run, metrics, compared)
    drawn = draw_figures(material)
    for path, text in (
        (run.report, render(material, drawn)),
        (run.report_summary, summary_markdown(material)),
    ):
        with atomic_write(path) as file:
            file.write(text.encode(errors="replace"))
    css = _source("figure.css")
    folder = run.report.parent / "figures"
    for figure in drawn:
        with atomic_write(folder / f"{figure.name}.svg") as file:
            file.write(figure.file(css).encode())
    for stray in set(folder.glob("*.svg")) - {folder / f"{figure.name}.svg" for figure in drawn}:
        stray.unlink()


def draw_figures(m: Material) -> list[Figure]:
    """Return every figure this run has the artifacts for, and its model is fit for."""
    given, k = m.labels.given, len(m.class_names)
    folds, health, metrics = m.crossval["all"]["folds"], m.health["all"], m.metrics
    predicted = m.pred_probs.argmax(axis=1)
    counts = np.bincount(given * k + predicted, minlength=k * k).reshape(k, k)
    flagged = artifacts.load_issue_rows(m.run.issues("all"))
    bins = m.loaded.config.evaluate.calibration_bins
    estimated = metrics["issues"]["all"].get("estimated_errors") or {}
    drawn: list[Figure | None] = [
        draw.accuracy_difference(metrics["test_accuracy"], name_of_cleaned(metrics)),
        draw.learning_curves(folds),
        draw.accuracy_curves(folds),
        draw.reliability(m.pred_probs, given, bins=bins, ece=metrics["crossval"]["ece"]),
        draw.confusion(counts, m.class_names),
        draw.self_confidence(m.pred_probs[np.arange(len(given)), given], flagged),
        draw.class_ranges(health["classes"], estimated.get("range95"), len(given)),
        draw.precision_checked(*key_curves(metrics)),
        *(study_figures(m.study) if m.study else []),
    ]
    if m.run.truth.exists() and len(flagged):
        truth = artifacts.load_table(m.run.truth, ["true_label"]).column("true_label").to_numpy()
        hits = (given != truth)[flagged]
        drawn.append(draw.precision_at_rank(hits, of_what="planted errors"))
    return [figure for figure in drawn if figure is not None]


def render(m: Material, drawn: Sequence[Figure]) -> str:
    """Return the page. Texts and names are data: everything that is not ours is escaped."""
    style, script = _source("figure.css") + _source("page.css"), _source("page.js")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.filters["language"] = language_among(_texts(m))
    groups = _groups(m)
    return environment.from_string(
        _source("page.html")
    ).render(
        style=Markup(style),  # our own files, not data
        style_hash=_csp_hash(style),
        script=Markup(script),
        script_hash=_csp_hash(script),
        version=__version__,
        metrics=m.metrics,
        is_fit=m.is_fit,
        answers=first_page(m),
        clearest=groups[0]["issues"][:CLEAREST] if m.is_fit else [],
        published=[
            row | {key: figure_text(row[key]) for key in ("published", "obtained", "tolerance")}
            for row in m.metrics["published"]
        ],
        figures={figure.name: figure for figure in drawn},
        sections=all_sections(m),
        groups=groups,
        class_names=m.class_names[:MOST_CHOICES],
        explained=any(s.words for scope in SCOPES for s in m.issues[scope]),
        by_model=finder_of(m.loaded.config.finder).is_the_model,
    )


def _texts(m: Material) -> list[str]:
    """Return the texts that the page shows, as far as they are of issues."""
    return [issue.text for scope in SCOPES for issue in m.issues[scope]]


def _groups(m: Material) -> list[dict[str, Any]]:
    number = sum(len(m.issues[scope]) for scope in SCOPES)
    most = min(MOST_BYTES, PAGE_BYTES // max(number, 1))
    groups = []
    for scope in SCOPES:
        issues, count = m.issues[scope], m.metrics["issues"][scope]["count"]
        groups.append(
            {
                "scope": scope,
                "choice": f"{scope}: {len(issues)} of {count:,}",
                "title": f"First {len(issues)} of {count:,} in {SCOPE_WORDS[scope]}",
                "issues": [make_card(issue, m.class_names, most) for issue in issues],
            }
        )
    return groups


def _source(name: str) -> str:
    return resources.files("pipeline.report").joinpath(name).read_text(encoding="utf-8")


def _csp_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
