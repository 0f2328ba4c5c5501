"""What people's decisions say of a finished run: metrics.json's "review"."""

from typing import Any

import numpy as np

from pipeline.config.load import Loaded
from pipeline.corrections.audit import DRAWS, NEUTRAL, Estimate
from pipeline.corrections.audit_sample import audit_path
from pipeline.corrections.findings import find_out
from pipeline.corrections.load import journal_of, load_queue
from pipeline.corrections.people import agreement_of, people
from pipeline.corrections.queue import Queue
from pipeline.corrections.votes import consensus
from pipeline.frame.artifacts import Arrays
from pipeline.frame.errors import DataError
from pipeline.frame.run import Run


def review_files(config: Any, run: Run) -> list[str]:
    """Return the journal of a run and its audit, as far as they are there."""
    journal = journal_of(config, run.folder.name)
    paths = (journal, audit_path(journal, "all"))
    return [str(path) for path in paths if path.exists()]


def review_metrics(
    loaded: Loaded, run: Run, test_ids: list[str], test_pred_probs: Arrays
) -> dict[str, Any] | None:
    """Return what the decisions say of the list and of the data; None without a journal.

    A journal at its usual place that is of other data is not part of this run.

    Args:
        test_ids: of the rows of test_pred_probs, {model: (n, classes)}.

    Raises:
        DataError: the config names a journal of other data.
    """
    journal = journal_of(loaded.config, loaded.run)
    if not journal.exists():
        return None
    try:
        queue = load_queue(loaded, run)
    except DataError:
        if loaded.config.corrections:
            raise
        return None
    from pipeline.corrections.patterns import find_patterns  # and with it SciPy's statistics

    agreed, patterns = agreement_of(queue), find_patterns(queue)
    found: dict[str, Any] = {"journal": str(journal)} | find_out(queue).as_json()
    found["reviewers"] = {person.name: person.as_json() for person in people(queue)}
    if agreed:
        found["agreement"] = {
            "measure": agreed.measure,
            "items": agreed.items,
            "observed": agreed.observed,
        } | (agreed.value.as_json() if agreed.value else {})
    if patterns:
        found["patterns"] = patterns.as_json()
    if "audit" in found:
        predicted = {model: probs.argmax(axis=1) for model, probs in test_pred_probs.items()}
        accuracies = {m: audited_accuracy(queue, test_ids, p) for m, p in predicted.items()}
        found["audit"]["test_accuracy"] = {m: a.as_json() for m, a in accuracies.items() if a}
    return found


def audited_accuracy(queue: Queue, test_ids: list[str], predicted: np.ndarray) -> Estimate | None:
    """Return the accuracy on the test labels if all were as the audit finds them; None without.

    The accuracy on the labels as given, plus what the audited labels change in it: each stratum's
    share of predictions that become right or wrong, drawn from its Dirichlet distribution. So the
    interval is of what is not known, not of the test set as a sample.

    Args:
        test_ids: (n,) predicted: (n,) class indices.
    """
    if queue.audit is None or not len(test_ids):
        return None
    index, given = queue.class_index, queue.source.given
    place_of = {id_: place for place, id_ in enumerate(test_ids)}
    right = np.array([predicted[p] == index[given[id_]] for id_, p in place_of.items()])
    rng = np.random.default_rng(0)
    change, audited = np.zeros(DRAWS), 0
    for stratum in queue.audit.strata:
        moves = []
        for id_ in stratum.ids:
            outcome = consensus(queue.journal.standing.of(id_).values())
            if id_ in place_of and outcome is not None and outcome[1] is not None:
                is_right = predicted[place_of[id_]] == index[outcome[1]]
                moves.append(int(is_right) - int(right[place_of[id_]]))
        counts = [sum(move == way for move in moves) + NEUTRAL for way in (-1, 0, 1)]
        shares = rng.dirichlet(counts, DRAWS)
        known, unknown = sum(moves), stratum.test - len(moves)
        rest = rng.multinomial(unknown, shares)
        change += known + rest[:, 2] - rest[:, 0]
        audited += len(moves)
    if not audited:
        return None
    low, middle, high = np.percentile(right.mean() + change / len(test_ids), [2.5, 50, 97.5])
    return Estimate(float(middle), max(float(low), 0), min(float(high), 1))
