"""Finished artifacts -> one self-contained HTML page, and its figures as files."""

import base64
import hashlib
import io
from collections.abc import Sequence
from importlib import resources
from typing import Any, NamedTuple

import jinja2
import numpy as np
from markupsafe import Markup
from ruamel.yaml import YAML

from pipeline import __version__
from pipeline.config.load import Loaded
from pipeline.data.prepared import Labels, load_class_names, load_labels
from pipeline.frame import artifacts
from pipeline.frame.files import atomic_write
from pipeline.frame.record import RECORD
from pipeline.frame.run import SCOPES, Run
from pipeline.frame.stage import stages
from pipeline.issues.health import joint_of
from pipeline.report import figures as draw
from pipeline.report import tables
from pipeline.report.cards import make_card
from pipeline.report.chart import Figure
from pipeline.report.issues import Issue, load_issues
from pipeline.report.study_figures import study_figures
from pipeline.report.summary import figure_text, sentence
from pipeline.study.conclusions import conclusions
from pipeline.study.parts import join_parts

SHOWN_ISSUES = {"all": 100, "train": 30, "test": 30}
SCOPE_WORDS = {
    "all": "the whole dataset (cross-validation over train and test)",
    "train": "the training split (cross-validation inside train: what CleanLearning leaves out)",
    "test": "the test split (judged by the baseline, trained on train)",
}


class Found(NamedTuple):
    """The artifacts of a run that more than one part of the page needs."""

    labels: Labels
    class_names: list[str]
    pred_probs: np.ndarray
    crossval: dict[str, Any]
    dataset: dict[str, Any]
    health: dict[str, Any]
    records: dict[str, dict[str, Any]]
    study: dict[str, Any] | None


def find(loaded: Loaded, run: Run) -> Found:
    """Return what the page is made of; what a run need not have is None."""
    study, _ = join_parts(loaded.config, run)
    return Found(
        labels=load_labels(run),
        class_names=load_class_names(run),
        pred_probs=artifacts.load_array(run.pred_probs("all")),
        crossval=artifacts.load_json(run.crossval_metrics),
        dataset=artifacts.load_json(run.dataset),
        health=artifacts.load_json(run.health),
        records={stage: artifacts.load_json(run.stage(stage) / RECORD) for stage in stages()},
        study=study if study["made_from"] else None,
    )


def write_report(loaded: Loaded, run: Run, metrics: dict[str, Any]) -> None:
    """Write report/report.html and report/figures/*.svg; same artifacts, same bytes."""
    found = find(loaded, run)
    issues = {
        scope: load_issues(run, found.labels, scope, limit=limit)
        for scope, limit in SHOWN_ISSUES.items()
    }
    drawn = draw_figures(loaded, run, metrics, found)
    page = render(loaded, metrics, found, issues, drawn)
    with atomic_write(run.report) as file:
        file.write(page.encode())
    css = _source("figure.css")
    folder = run.report.parent / "figures"
    for figure in drawn:
        with atomic_write(folder / f"{figure.name}.svg") as file:
            file.write(figure.file(css).encode())
    for stray in set(folder.glob("*.svg")) - {folder / f"{figure.name}.svg" for figure in drawn}:
        stray.unlink()


def draw_figures(loaded: Loaded, run: Run, metrics: dict[str, Any], found: Found) -> list[Figure]:
    """Return every figure this run has the artifacts for."""
    given, k = found.labels.given, len(found.class_names)
    folds, health = found.crossval["all"]["folds"], found.health["all"]
    predicted = found.pred_probs.argmax(axis=1)
    counts = np.bincount(given * k + predicted, minlength=k * k).reshape(k, k)
    flagged = artifacts.load_issue_rows(run.issues("all"))
    bins = loaded.config.evaluate.calibration_bins
    ece = metrics["crossval"]["ece"]
    filters = tables.filter_counts(health)
    chosen = loaded.config.find_issues.filter_by
    drawn: list[Figure | None] = [
        draw.accuracy_difference(metrics["test_accuracy"]),
        draw.learning_curves(folds),
        draw.accuracy_curves(folds),
        draw.reliability(found.pred_probs, given, bins=bins, ece=ece),
        draw.confusion(counts, found.class_names),
        draw.self_confidence(found.pred_probs[np.arange(len(given)), given], flagged),
        draw.confident_joint(joint_of(health), found.class_names),
        draw.noise_rates(health["classes"]),
        draw.filter_counts(filters, chosen, len(given)) if filters else None,
        draw.stage_seconds({s: r["wall_seconds"] for s, r in found.records.items()}),
        draw.precision_checked((metrics.get("verified") or {}).get("definitions", {})),
        *(study_figures(found.study) if found.study else []),
    ]
    if run.truth.exists() and len(flagged):
        truth = artifacts.load_table(run.truth, ["true_label"]).column("true_label").to_numpy()
        hits = (given != truth)[flagged]
        drawn.append(draw.precision_at_rank(hits, of_what="planted errors"))
    return [figure for figure in drawn if figure is not None]


def render(
    loaded: Loaded,
    metrics: dict[str, Any],
    found: Found,
    issues: dict[str, list[Issue]],
    drawn: Sequence[Figure],
) -> str:
    """Return the page. Texts and names are data: everything that is not ours is escaped."""
    style, script = _source("figure.css") + _source("page.css"), _source("page.js")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.trim_blocks = True
    groups = [_group(scope, issues[scope], metrics, found) for scope in SCOPES]
    return environment.from_string(_source("page.html")).render(
        style=Markup(style),  # our own files, not data
        style_hash=_csp_hash(style),
        script=Markup(script),
        script_hash=_csp_hash(script),
        version=__version__,
        metrics=metrics,
        sentence=sentence(metrics),
        tiles=tables.tiles(metrics),
        gain_note=tables.gain_note(metrics),
        published=[
            row | {key: figure_text(row[key]) for key in ("published", "obtained", "tolerance")}
            for row in metrics["published"]
        ],
        figures={figure.name: figure for figure in drawn},
        study_figures=[figure.name for figure in drawn if figure.name.startswith("study_")],
        conclusions=conclusions(found.study) if found.study else [],
        groups=groups,
        class_names=found.class_names,
        explained=any(s.words for scope in SCOPES for s in issues[scope]),
        fold_table=tables.fold_table(found.crossval),
        class_table=tables.class_table(found.health["all"]),
        filter_table=tables.filter_table(found.health["all"], loaded.config.find_issues.filter_by),
        overlap_table=tables.overlap_table(found.health["all"]),
        data_table=tables.data_table(found.dataset, found.health),
        checked_table=tables.checked_table(metrics),
        corrections_table=tables.corrections_table(metrics),
        stability_table=tables.stability_table(found.study),
        stage_table=tables.stage_table(found.records),
        made_table=tables.made_table(found.records, found.dataset, metrics),
        command=commands(loaded),
        config=config_yaml(loaded),
    )


def _group(
    scope: str, issues: list[Issue], metrics: dict[str, Any], found: Found
) -> dict[str, Any]:
    count = metrics["issues"][scope]["count"]
    return {
        "scope": scope,
        "choice": f"{scope}: {len(issues)} of {count:,}",
        "title": f"First {len(issues)} of {count:,} in {SCOPE_WORDS[scope]}",
        "issues": [make_card(issue, found.class_names) for issue in issues],
    }


def commands(loaded: Loaded) -> str:
    """Return the lines that make this run again, and that make this page again."""
    arguments = f"CONFIG={loaded.path}"
    if loaded.overrides:
        arguments += f' SET="{" ".join(loaded.overrides)}"'
    return f"# the run\nmake all {arguments}\n# this page alone\nmake report {arguments}\n"


def config_yaml(loaded: Loaded) -> str:
    """Return the config as the run used it, overrides applied."""
    text = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.representer.sort_base_mapping_type_on_output = False  # type: ignore[attr-defined]
    yaml.dump(loaded.config.model_dump(mode="json"), text)
    return text.getvalue()


def _source(name: str) -> str:
    return resources.files("pipeline.report").joinpath(name).read_text(encoding="utf-8")


def _csp_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
