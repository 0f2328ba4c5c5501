"""The tables of the page: artifacts in, heads and rows of text out."""

from typing import Any

from pipeline.frame.run import SCOPES
from pipeline.issues.estimate import FEWEST_ROWS
from pipeline.report.numbers import percent, span

Table = dict[str, list[Any]]
Rows = list[tuple[str, str]]
MEBIBYTE = 2**20
MOST_COLUMNS = 2  # of classes


def fold_table(crossval: dict[str, Any]) -> Table:
    """Return log loss, accuracy and calibration error of each fold of each scope."""
    rows = []
    for scope in SCOPES:
        found = crossval[scope]
        folds = found["folds"]
        for number, fold in enumerate(folds):
            name = "test: baseline" if scope == "test" else f"{scope}: fold {number + 1}"
            rows.append([name, *_scores(fold)])
        if len(folds) > 1:
            rows.append([f"{scope}: all folds", *_scores(found["pooled"])])
    return {"head": ["fold", "log loss", "accuracy", "calibration error"], "rows": rows}


def _scores(scores: dict[str, float]) -> list[str]:
    return [f"{scores[key]:.4f}" for key in ("log_loss", "accuracy", "ece")]


def class_table(classes: list[dict[str, Any]], is_fit: bool) -> Table:
    """Return what is known of each class of health.json; a range, or why there is none."""
    rows = []
    for entry in classes:
        ends, size = entry.get("wrong95"), entry["examples"]
        wrong = share = "–"
        if ends:
            wrong = span(*ends)
            share = f"{percent(ends[0] / size)} to {percent(ends[1] / size)}"
        elif is_fit and size < FEWEST_ROWS:
            wrong = "too few rows"
        rows.append([entry["name"], f"{size:,}", f"{entry['issues']:,}", wrong, share])
    return {"head": ["class", "labels", "listed", "wrong, 95%", "share"], "rows": rows}


def filter_table(health: dict[str, Any], chosen: str) -> Table | None:
    """Return each filter with its count by class and what it shares with the chosen one."""
    found = health.get("filters")
    if not found:
        return None
    classes = [entry["name"] for entry in health["classes"]]
    per_class = len(classes) <= MOST_COLUMNS
    reference = found["names"].index(chosen)
    rows = [
        [
            name.replace("_", " "),
            f"{found['count'][f]:,}",
            *([f"{count:,}" for count in found["per_class"][f]] if per_class else []),
            f"{found['overlap'][f][reference]:,}",
        ]
        for f, name in enumerate(found["names"])
    ]
    named = classes if per_class else []
    return {"head": ["filter", "flagged", *named, "also in this run’s"], "rows": rows}


DATA_ISSUES = {
    "empty_text": "empty texts",
    "no_known_word": "texts without a known word",
    "exact_duplicate": "exact copies",
    "conflicting_labels": "copies with different labels",
    "train_and_test": "texts in both train and test (leakage)",
    "near_duplicate": "near duplicates",
    "outlier": "outliers",
}


def data_table(dataset: dict[str, Any], health: dict[str, Any]) -> Rows:
    """Return what `prepare` and `find_issues` found in the data besides label errors."""
    rows = []
    for kind, found in health.get("data", {}).items():
        if "groups" in found:
            groups = f" in {found['groups']:,} groups" if found["groups"] > 1 else ""
            words = DATA_ISSUES.get(kind, kind.replace("_", " "))
            rows.append((words, f"{found['examples']:,}{groups}"))
    if (seen := dataset.get("test_fraction_in_train")) is not None:
        rows.append(("share of the test examples whose text is also in train", f"{seen:.1%}"))
    if copies := health.get("data", {}).get("copies"):
        leaks = copies["examples_with_copy_in_another_fold"]
        losses = f"{copies['log_loss']:.4f} → {copies['log_loss_without']:.4f}"
        rows.append(("examples with a copy in another fold", f"{leaks:,}"))
        rows.append(("cross-validated log loss with and without them", losses))
    return rows


def planted_table(metrics: dict[str, Any]) -> Rows:
    """Return the scores against planted errors, [] when there are none."""
    planted = metrics.get("planted")
    if not planted:
        return []
    return [
        ("planted errors found (recall)", f"{planted['recall']:.1%}"),
        ("issues that are planted errors (precision)", f"{planted['precision']:.1%}"),
        ("average precision", f"{planted['average_precision']:.3f}"),
    ]


def corrections_table(metrics: dict[str, Any]) -> Rows:
    """Return what people's corrections changed and what is left, [] for a run without any."""
    found = metrics.get("corrections")
    if not found:
        return []
    rows = [
        ("labels changed by people", f"{found['relabelled']:,}"),
        ("examples left out by people", f"{found['dropped']:,}"),
        ("label issues left", f"{found['issues_left']:,}"),
    ]
    for model in ("baseline", "cleanlearning"):
        for labels in ("given", "corrected"):
            accuracy = found[f"test_accuracy_{labels}_labels"][model]
            rows.append((f"test accuracy, {model}, {labels} labels", f"{accuracy:.4f}"))
    return rows


def stability_table(study: dict[str, Any] | None) -> Rows:
    """Return the numbers under study.json's `stability`, [] when there are none."""
    return _leaves((study or {}).get("stability") or {})


def _leaves(values: dict[str, Any], prefix: str = "") -> Rows:
    rows: Rows = []
    for key, value in values.items():
        name = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(value, dict):
            rows += _leaves(value, f"{name}, ")
        elif isinstance(value, int | str):
            rows.append((name, f"{value:,}" if type(value) is int else str(value)))
        elif isinstance(value, float):
            rows.append((name, f"{value:.4f}"))
    return rows


def stage_table(records: dict[str, dict[str, Any]]) -> Table:
    """Return time, memory and device of each stage."""
    head = ["stage", "wall s", "CPU s", "peak memory", "device"]
    rows = [
        [
            stage,
            f"{record['wall_seconds']:.1f}",
            f"{record['cpu_seconds']:.1f}",
            f"{record['peak_memory_bytes'] / MEBIBYTE:,.0f} MiB",
            _device(record),
        ]
        for stage, record in records.items()
    ]
    return {"head": head, "rows": rows}


def _device(record: dict[str, Any]) -> str:
    if "device" not in record:
        return "–"  # a stage without training
    workers = f" × {record['workers']}" if record.get("workers", 1) > 1 else ""
    return f"{record['device']}{workers}"


def made_table(
    records: dict[str, dict[str, Any]], dataset: dict[str, Any], metrics: dict[str, Any]
) -> Rows:
    """Return data, seed, machine and library versions."""
    last = list(records.values())[-1]
    rows = [
        ("data fingerprint", dataset["fingerprint"]),
        ("seed", str(metrics["seed"])),
        ("cores", str(last["machine"]["cores"])),
        ("platform", last["machine"]["platform"]),
    ]
    libraries = {name: v for record in records.values() for name, v in record["versions"].items()}
    return [*rows, ("python", last["machine"]["python"]), *sorted(libraries.items())]
