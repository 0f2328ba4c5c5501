"""Stage 6: what was found, whether cleaning helped, and how it compares with what was published."""

from pathlib import Path
from typing import Any

import numpy as np

from pipeline import artifacts
from pipeline.artifacts import SCOPES, Run
from pipeline.cli import CONFIG
from pipeline.crossval import calibration_error, scores
from pipeline.errors import ConfigError
from pipeline.provenance import load_test_pred_probs
from pipeline.report.page import write_report
from pipeline.report.summary import print_summary
from pipeline.review.effect import measure_corrections
from pipeline.schema import Evaluate, PublishedFigure
from pipeline.stage import STAGES, Context, stage_main
from pipeline.study.verified import corrected_labels, load_verified, score_suspects
from pipeline.tracking import track

Metrics = dict[str, Any]


def compare_accuracy(
    baseline: np.ndarray, cleaned: np.ndarray, *, samples: int, seed: int
) -> dict[str, Any]:
    """Return both accuracies, their difference, its 95% interval and McNemar's exact p.

    Args:
        baseline, cleaned: (n,) whether each test example was predicted as labelled.
        samples: paired bootstrap samples for the interval (percentiles 2.5 and 97.5).

    The difference depends on the discordant pairs alone, so a bootstrap sample of n examples is
    one multinomial draw. p: two-sided binomial test of the discordant pairs (McNemar 1947).
    """
    from scipy.stats import binomtest

    n = len(baseline)
    gained, lost = int((cleaned & ~baseline).sum()), int((baseline & ~cleaned).sum())
    shares = np.array([gained, lost, n - gained - lost]) / n
    draws = np.random.default_rng(seed).multinomial(n, shares, size=samples)
    low, high = np.percentile((draws[:, 0] - draws[:, 1]) / n, [2.5, 97.5])
    discordant = gained + lost
    return {
        "baseline": float(baseline.mean()),
        "cleanlearning": float(cleaned.mean()),
        "difference": (gained - lost) / n,
        "ci95": [float(low), float(high)],
        "mcnemar_p": float(binomtest(gained, discordant).pvalue) if discordant else 1.0,
        "gained": gained,
        "lost": lost,
        "num_examples": n,
    }


def score_against_truth(flagged_in_order: np.ndarray, is_error: np.ndarray) -> dict[str, float]:
    """Return precision, recall and average precision of a ranked list of suspects.

    Args:
        flagged_in_order: positions, the most suspect first. is_error: (n,) the planted truth.
    """
    hits = is_error[flagged_in_order]
    errors = max(int(is_error.sum()), 1)
    precision_at = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return {
        "precision": float(hits.mean()) if len(hits) else 0.0,
        "recall": float(hits.sum() / errors),
        "average_precision": float((precision_at * hits).sum() / errors),
    }


def compare_published(figures: list[PublishedFigure], metrics: Metrics) -> list[dict[str, Any]]:
    """Return published, obtained, tolerance and whether within, for each figure of the config.

    Raises:
        ConfigError: a figure's metric names nothing in metrics.json.
    """
    rows = []
    for place, figure in enumerate(figures):
        obtained: Any = metrics
        for key in figure.metric.split("."):
            obtained = obtained.get(key) if isinstance(obtained, dict) else None
        if not isinstance(obtained, int | float):
            raise ConfigError(
                f"evaluate.published[{place}].metric: {figure.metric} is no number in metrics.json"
            )
        # A hair of slack: 0.2890 - 0.2850 must count as 0.004 in binary floating point too.
        within = abs(obtained - figure.published) <= figure.tolerance + 1e-12
        rows.append(figure.model_dump() | {"obtained": obtained, "within": bool(within)})
    return rows


def gather_metrics(run: Run, name: str, seed: int, options: Evaluate) -> Metrics:
    """Return metrics.json, read from the artifacts of the earlier stages."""
    labels, dataset = artifacts.load_labels(run), artifacts.load_json(run.dataset)
    pred_probs = artifacts.load_array(run.pred_probs("all"))
    health = artifacts.load_json(run.health)
    test = load_test_pred_probs(run, labels)
    given = labels.given[labels.rows("test")]
    right = {model: probs.argmax(axis=1) == given for model, probs in test.items()}
    bins = options.calibration_bins
    metrics: Metrics = {
        "run": name,
        "dataset": {
            key: dataset[key] for key in ("name", "num_examples", "num_classes", "fingerprint")
        },
        "seed": seed,
        "crossval": artifacts.load_json(run.crossval_metrics)["all"]["pooled"]
        | {"ece": calibration_error(pred_probs, labels.given, bins=bins)},
        "issues": {s: {key: health[s][key] for key in ("count", "fraction")} for s in SCOPES},
        "data_issues": health["data"],
        "test_accuracy": compare_accuracy(
            right["baseline"], right["cleanlearning"], samples=options.bootstrap_samples, seed=seed
        ),
        "test_log_loss": {m: scores(probs, given)["log_loss"] for m, probs in test.items()},
    }
    rows = artifacts.load_issue_rows(run.issues("all"))
    top = rows[: options.top_rows].tolist()
    metrics["issues"]["all"] |= {
        "in_train": int(labels.is_train[rows].sum()),
        "top_rows": top,
        "published_top_rows_found": len(set(top) & set(options.published_top_rows)),
    }
    if run.truth.exists():
        truth = artifacts.load_table(run.truth, ["true_label"]).column("true_label").to_numpy()
        metrics["planted"] = score_against_truth(rows, labels.given != truth)
    if "corrections" in dataset:
        metrics["corrections"] = measure_corrections(
            run, dataset, test, issues_left=metrics["issues"]["all"]["count"]
        )
    if options.verified_labels is not None:
        metrics["verified"] = check_suspects(run, given, test, Path(options.verified_labels))
    metrics["published"] = compare_published(options.published, metrics)
    return metrics


def check_suspects(
    run: Run, given: np.ndarray, test: artifacts.Arrays, path: Path
) -> dict[str, Any]:
    """Return what people say of our test suspects, and both accuracies on corrected labels.

    Args:
        given: (n,) labels of scope test. test: {model: (n, classes)} probabilities.
    """
    verified = load_verified(path, run)
    rows = artifacts.load_labels(run).rows("test")
    listed = artifacts.load_issue_rows(run.issues("test"))
    ranked = np.searchsorted(rows, np.array(listed, np.int64))
    pred_probs = artifacts.load_array(run.pred_probs("test")).astype(np.float64)
    confidence = pred_probs[np.arange(len(given)), given]
    corrected, counts = corrected_labels(given, verified)
    return score_suspects(ranked, confidence, verified) | {
        "flipped_by_people": int((corrected != given).sum()),
        "left_out_without_majority": int((~counts).sum()),
        "test_accuracy_corrected": {
            model: float((probs.argmax(axis=1) == corrected)[counts].mean())
            for model, probs in test.items()
        },
    }


def stage_seconds(run: Run) -> dict[str, float]:
    """Return wall seconds of the stages before this one, and their total."""
    seconds = {
        stage: artifacts.load_json(run.stage(stage) / artifacts.RECORD)["wall_seconds"]
        for stage in STAGES
        if stage != "evaluate"
    }
    return seconds | {"total": round(sum(seconds.values()), 3)}


def evaluate(context: Context) -> None:
    """Compare the two models, and the figures with the published ones; write the report."""
    run, config = context.run, context.config
    metrics = gather_metrics(run, context.loaded.run, config.seed, config.evaluate)
    metrics["seconds"] = stage_seconds(run)
    artifacts.save_json(run.metrics, metrics)
    write_report(context.loaded, run, metrics)
    track(context.loaded, run, metrics)
    print_summary(metrics)
    context.progress.say(f"report: {run.report}")
    if metrics["issues"]["all"]["count"]:
        told = [f"CONFIG={context.loaded.path}"] if context.loaded.path != CONFIG else []
        context.progress.say(" ".join(["next, look at them and correct them: make review", *told]))


if __name__ == "__main__":
    stage_main("evaluate", evaluate)
