"""What words add to naive Bayes and logistic regression is exact, and is of the right fold."""

import numpy as np
import pytest
from scipy.special import softmax

from pipeline.config.load import load_config
from pipeline.data.prepared import load_labels
from pipeline.frame import artifacts
from pipeline.frame.run import Run
from pipeline.models.counted_words import CountsExplainer, split_counted, weighted
from pipeline.models.inputs import load_counts
from pipeline.models.sections import Counts
from tests.faults.matrix import SETTINGS
from tests.tiny import TINY, run_stages

MODELS = {
    "multinomial_nb": "model={name: multinomial_nb, alpha: 1.0}",
    "logistic_regression": "model={name: logistic_regression, C: 3.0, max_iter: 1000}",
}


@pytest.fixture(scope="module", params=MODELS)
def ran(request, tmp_path_factory):
    settings = [line for line in SETTINGS if not line.startswith("model=")]
    settings = [line.replace("max_ngram: 1", "max_ngram: 2") for line in settings]
    loaded = load_config(TINY, [*settings, MODELS[request.param]])
    results = tmp_path_factory.mktemp(request.param)
    run_stages(loaded, results, upto="crossval")
    return loaded.config, Run(results / loaded.run)


@pytest.mark.parametrize("scope", ["all", "train", "test"])
def test_the_parts_add_up_to_what_the_model_said(ran, scope: str) -> None:
    config, run = ran
    explainer = CountsExplainer(run, scope, config)
    explainer.wait()
    texts = artifacts.load_table(run.examples, ["text"]).column("text").to_pylist()
    rows, pred_probs = load_labels(run).rows(scope), artifacts.load_array(run.pred_probs(scope))
    counts = load_counts(run.inputs(scope, "npz"))
    told = 0
    for position in range(0, len(rows), 7):
        text = texts[rows[position]]
        found = explainer.pieces_and_parts(position, text, towards=1, away=0)
        assert found is not None
        pieces, parts = found
        assert "".join(piece.text for piece in pieces) == text
        assert sum(piece.position is not None for piece in pieces) == len(parts)
        learned = explainer._learned[explainer._fold_of[position]]
        logits = weighted(counts[[position]], learned)[1]
        bias = learned["intercept"][1] - learned["intercept"][0]
        assert parts.sum() + bias == pytest.approx(logits[1] - logits[0], abs=1e-6)
        assert softmax(logits) == pytest.approx(pred_probs[position], abs=1e-4)
        told += np.abs(parts).max() > 0
    assert told > 5


def test_another_text_and_another_model_are_not_explained(ran) -> None:
    config, run = ran
    explainer = CountsExplainer(run, "all", config)
    explainer.wait()
    text = artifacts.load_table(run.examples, ["text"]).column("text").to_pylist()[0]
    assert explainer.pieces_and_parts(0, text, towards=1, away=0) is not None
    assert explainer.pieces_and_parts(0, f"{text} great", towards=1, away=0) is None
    swapped = {
        fold: each | {"coef": each["coef"][::-1]} for fold, each in explainer._learned.items()
    }
    explainer._learned = swapped
    assert explainer.pieces_and_parts(0, text, towards=1, away=0) is None


def test_a_text_is_cut_where_its_words_are_counted() -> None:
    options = Counts(
        kind="counts", lowercase=True, token_pattern=r"(?u)\b(\w\w+)\b!?", max_ngram=1, min_df=1,
        max_features=None,
    )  # fmt: skip
    pieces = split_counted("  Fine! a so-so Day", options)
    assert [(p.text, p.position) for p in pieces] == [
        ("  ", None), ("Fine", 0), ("! a ", None), ("so", 1), ("-", None), ("so", 2), (" ", None),
        ("Day", 3),
    ]  # fmt: skip
    assert split_counted("İstanbul is", options)[0].position is None  # longer in lower case
    assert split_counted("", options) == []
