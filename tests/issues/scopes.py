"""What the tests of the issues share: a scope with planted errors, and the usual settings."""

import numpy as np

from pipeline.issues.sections import FindIssues
from tests.tiny import load_tiny


def make_options(**changes: object) -> FindIssues:
    values = load_tiny().config.find_issues.model_dump() | changes
    return FindIssues(**values)


def make_scope(count: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, good probabilities, and the positions of planted errors."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, count)
    logits = rng.normal(size=(count, 3)) + 4 * (true[:, None] == np.arange(3))
    pred_probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    planted = rng.choice(count, 20, replace=False)
    labels = true.copy()
    labels[planted] = (labels[planted] + 1) % 3
    return labels, pred_probs.astype(np.float32), planted
