"""From a CSV nobody has seen to ranked label errors with two commands and no code."""

import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from pipeline.config.load import load_config
from pipeline.frame import artifacts
from pipeline.frame.run import Run
from tests.tickets import make_tickets, write_tickets
from tests.tiny import command, run_stages

TOP = 500


@pytest.mark.skipif(
    "PIPELINE_SLOW_TESTS" not in os.environ, reason="set PIPELINE_SLOW_TESTS: 1 min"
)
def test_beats_multinomial_nb_in_its_own_top_500(tmp_path: Path) -> None:
    tickets = make_tickets(10_000, seed=7)
    wrong = tickets.given != tickets.true
    data, config = tmp_path / "tickets.csv", tmp_path / "tickets.yaml"
    write_tickets(data, tickets)
    done = command("init", data, "--output", config)
    assert done.returncode == 0, done.stderr
    run_stages(load_config(config), tmp_path / "results", upto="find_issues")
    issues = artifacts.load_issues(Run(tmp_path / "results" / "tickets").issues("all"), limit=TOP)
    ours = wrong[[int(issue["row"]) for issue in issues]].mean()

    model = make_pipeline(CountVectorizer(), MultinomialNB())
    folds = StratifiedKFold(5, shuffle=True, random_state=1)
    pred_probs = cross_val_predict(
        model, tickets.texts, tickets.given, cv=folds, method="predict_proba"
    )
    confidence = pred_probs[np.arange(len(wrong)), tickets.given]
    theirs = wrong[np.argsort(confidence, kind="stable")[:TOP]].mean()
    assert ours > theirs + 0.02, (ours, theirs)
