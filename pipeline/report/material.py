"""Everything the report is made of, read once from the finished files of a run."""

from typing import Any, NamedTuple

import numpy as np

from pipeline.config.load import Loaded
from pipeline.data.prepared import Labels, load_class_names, load_labels
from pipeline.frame import artifacts
from pipeline.frame.record import RECORD
from pipeline.frame.run import Run
from pipeline.frame.stage import stages
from pipeline.report.comparison import Comparison
from pipeline.report.decisions import Decided, load_decided
from pipeline.report.issues import Issue, load_issues
from pipeline.report.pairs import Pair, find_pairs
from pipeline.study.parts import join_parts

SHOWN_ISSUES = {"all": 100, "train": 20, "test": 30}


class Material(NamedTuple):
    """study, decided, compared: None without a study, a decision of a person, another run."""

    loaded: Loaded
    run: Run
    metrics: dict[str, Any]
    labels: Labels
    class_names: list[str]
    pred_probs: np.ndarray
    crossval: dict[str, Any]
    dataset: dict[str, Any]
    health: dict[str, Any]
    records: dict[str, dict[str, Any]]
    issues: dict[str, list[Issue]]
    pairs: list[Pair]
    study: dict[str, Any] | None
    decided: Decided | None
    compared: Comparison | None

    @property
    def is_fit(self) -> bool:
        return bool(self.metrics["fitness"]["is_fit"])

    @property
    def listed(self) -> int:
        """How many issues of scope all there are."""
        return int(self.metrics["issues"]["all"]["count"])


def gather(
    loaded: Loaded, run: Run, metrics: dict[str, Any], compared: Comparison | None = None
) -> Material:
    """Return what the page is made of; what a run need not have is None."""
    study, _ = join_parts(loaded.config, run)
    labels = load_labels(run)
    return Material(
        loaded=loaded,
        run=run,
        metrics=metrics,
        labels=labels,
        class_names=load_class_names(run),
        pred_probs=artifacts.load_array(run.pred_probs("all")),
        crossval=artifacts.load_json(run.crossval_metrics),
        dataset=artifacts.load_json(run.dataset),
        health=artifacts.load_json(run.health),
        records={stage: artifacts.load_json(run.stage(stage) / RECORD) for stage in stages()},
        issues={
            scope: load_issues(run, labels, scope, limit=limit)
            for scope, limit in SHOWN_ISSUES.items()
        },
        pairs=find_pairs(artifacts.read_issues(run.issues("all"))),
        study=study if study["made_from"] else None,
        decided=load_decided(loaded, run),
        compared=compared,
    )
