"""Every classifier of the registry goes through the same six stages, by config alone."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.config.load import Loaded, load_config
from pipeline.frame import artifacts
from pipeline.frame.run import SCOPES, Run
from pipeline.predict import load_linear, load_network
from tests.tiny import SETTINGS, TINY, run_stages

COUNTS = (
    "vectorize={kind: counts, lowercase: true, token_pattern: '(?u)\\b\\w\\w+\\b', max_ngram: 1,"
    " min_df: 1, max_features: null}"
)
TRAINING = "learning_rate: 0.02, epochs: 2, batch_size: 16"
CASES = {
    "cnn": (
        "model={name: cnn, embedding_dim: 8, filters: 8, kernel_size: 3, dropout: 0.1,"
        f" {TRAINING}}}",
    ),
    "transformer": (
        "model={name: transformer, embedding_dim: 8, num_heads: 2, feed_forward_dim: 8,"
        f" num_layers: 1, dropout: 0.1, {TRAINING}}}",
    ),
    "multinomial_nb": ("model={name: multinomial_nb, alpha: 1.0}", COUNTS),
    "logistic_regression": ("model={name: logistic_regression, C: 1.0, max_iter: 500}", COUNTS),
    "custom Keras model": (
        "model={name: custom, function: 'tests.models.own_models:keras_bag',"
        " options: {width: 8}, epochs: 2, batch_size: 16}",
    ),
    "custom estimator": (
        "model={name: custom, function: 'tests.models.own_models:tfidf_forest', options: {},"
        " epochs: 1, batch_size: 1}",
        "vectorize={kind: texts}",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_six_stages(name: str, tmp_path: Path) -> None:
    sections = [item.split("=", 1)[0] for item in CASES[name]]
    loaded = load_tiny_without(sections, *CASES[name])
    run_stages(loaded, tmp_path)
    run = Run(tmp_path / loaded.run)
    metrics, health = artifacts.load_json(run.metrics), artifacts.load_json(run.health)
    assert metrics["dataset"]["num_examples"] == 280
    for scope in SCOPES:
        issues = artifacts.load_issues(run.issues(scope))
        assert len(issues) == metrics["issues"][scope]["count"] == health[scope]["count"]
    assert ("outlier" in health["data"]) == run.document_vectors.exists()
    check_saved_models(name, run)


def load_tiny_without(sections: list[str], *overrides: str) -> Loaded:
    """Return the tiny config with whole sections replaced, and its settings for the others."""
    kept = [item for item in SETTINGS if item.split(".", 1)[0] not in sections]
    return load_config(TINY, [*kept, *overrides])


def check_saved_models(name: str, run: Run) -> None:
    """What is saved labels raw test texts as the stage did; an estimator is not saved."""
    if name == "custom estimator":
        assert not list(run.stage("cleanlearn").glob("cleaned.*"))
        return
    table = artifacts.load_table(run.examples, ["text", "split"]).to_pylist()
    texts = [row["text"] for row in table if row["split"] == "test"]
    for model, probs in (("baseline", "baseline"), ("cleaned", "cleanlearning")):
        if run.linear_model(model).is_file():
            obtained = load_linear(run.linear_model(model)).pred_probs(texts)
        else:
            obtained = load_network(run.keras_model(model)).pred_probs(texts)
        expected = artifacts.load_arrays(run.test_pred_probs)[probs]
        np.testing.assert_allclose(obtained, expected, atol=1e-5)
