"""Stage 6: what was found, whether cleaning helped, and how it compares with what was published."""

from typing import Any

from pipeline.config.command import stage_main
from pipeline.config.schema import Config
from pipeline.corrections.effect import judged_labels, measure_corrections
from pipeline.corrections.summary import review_files, review_metrics
from pipeline.data.prepared import Labels, check_stamp, dataset_stamp, load_labels
from pipeline.frame import artifacts
from pipeline.frame.artifacts import Arrays
from pipeline.frame.errors import ConfigError
from pipeline.frame.record import RECORD
from pipeline.frame.run import SCOPES, Run
from pipeline.frame.stage import Context, Stage
from pipeline.issues.comparison import compare_accuracy
from pipeline.issues.estimate import estimate_errors
from pipeline.issues.key_scores import check_issues
from pipeline.issues.scores import calibration_error, score_calibration, score_classes, scores
from pipeline.issues.sections import Evaluate, PublishedFigure
from pipeline.issues.truth import score_against_truth

Metrics = dict[str, Any]


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
                f"evaluate.published[{place}].metric: {figure.metric} is not a number in "
                "metrics.json"
            )
        # A hair of slack: 0.2890 - 0.2850 must count as 0.004 in binary floating point too.
        within = abs(obtained - figure.published) <= figure.tolerance + 1e-12
        rows.append(figure.model_dump() | {"obtained": obtained, "within": bool(within)})
    return rows


def load_test_pred_probs(run: Run, labels: Labels) -> Arrays:
    """Return {"baseline", "cleanlearning": (test texts, classes)}, made for these labels.

    Raises:
        ArtifactError: they were made for others, or cannot be read.
    """
    path = run.test_pred_probs
    expected = dataset_stamp(run, labels.given[labels.rows("test")])
    arrays = artifacts.load_arrays(path)
    check_stamp(arrays, expected, path, "cleanlearn")
    return {name: array for name, array in arrays.items() if name not in expected}


def gather_metrics(run: Run, name: str, seed: int, options: Evaluate) -> Metrics:
    """Return metrics.json, read from the artifacts of the earlier stages."""
    labels, dataset = load_labels(run), artifacts.load_json(run.dataset)
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
        "test_classes": {
            m: score_classes(given, probs.argmax(axis=1), dataset["class_names"])
            for m, probs in test.items()
        },
        "training": artifacts.load_json(run.training),
        "fitness": health["fitness"],
    }
    metrics["test_calibration"] = {
        m: score_calibration(probs, given, metrics["training"]["temperature"][m], bins=bins)
        for m, probs in test.items()
    }
    rows = artifacts.load_issue_rows(run.issues("all"))
    top = rows[: options.top_rows].tolist()
    metrics["issues"]["all"] |= {
        "in_train": int(labels.is_train[rows].sum()),
        "top_rows": top,
        "published_top_rows_found": len(set(top) & set(options.published_top_rows)),
        "estimated_errors": estimate_errors(
            labels.given,
            pred_probs,
            samples=options.estimate_samples,
            seed=seed,
            is_fit=metrics["fitness"]["is_fit"],
        ),
    }
    if run.truth.exists():
        truth = artifacts.load_table(run.truth, ["true_label"]).column("true_label").to_numpy()
        metrics["planted"] = score_against_truth(rows, labels.given != truth)
    if "corrections" in dataset:
        metrics["corrections"] = measure_corrections(
            run, dataset, test, issues_left=metrics["issues"]["all"]["count"]
        )
    if options.verified_labels:
        keys = judged_labels(run, dataset, labels, options.key_paths)
        metrics["verified"] = check_issues(run, labels, test, keys, options, seed=seed)
    metrics["published"] = compare_published(options.published, metrics)
    return metrics


def stage_seconds(run: Run) -> dict[str, float]:
    """Return wall seconds of the stages before this one, and their total."""
    seconds = {
        name: artifacts.load_json(run.stage(name) / RECORD)["wall_seconds"] for name in STAGE.reads
    }
    return seconds | {"total": round(sum(seconds.values()), 3)}


def gather_review(context: Context) -> Metrics | None:
    """Return what people's decisions say of this run; None without a journal."""
    if not review_files(context.config, context.run):
        return None
    run, labels = context.run, load_labels(context.run)
    ids = artifacts.load_table(run.examples, ["id"]).column("id").to_pylist()
    test_ids = [ids[row] for row in labels.rows("test")]
    return review_metrics(context.loaded, run, test_ids, load_test_pred_probs(run, labels))


def evaluate(context: Context) -> None:
    """Compare the two models, and the figures with the published ones."""
    run, config = context.run, context.config
    metrics = gather_metrics(run, context.loaded.run, config.seed, config.evaluate)
    if review := gather_review(context):
        metrics["review"] = review
    metrics["seconds"] = stage_seconds(run)
    artifacts.save_json(run.metrics, metrics)


def files(config: Config, run: Run) -> list[str]:
    """Return the files outside results/ that are read."""
    return [*map(str, config.evaluate.key_paths.values()), *review_files(config, run)]


STAGE = Stage(
    does="what was found, whether cleaning helped, and the published figures",
    work=evaluate,
    sections=("seed", "evaluate"),
    reads=("prepare", "vectorize", "crossval", "find_issues", "cleanlearn"),
    opens=("prepare/metadata.parquet",),
    writes=("metrics.json",),
    files=files,
    imports=("pyarrow.dataset", "scipy.stats", "sklearn.metrics"),
)

if __name__ == "__main__":
    stage_main(STAGE)
