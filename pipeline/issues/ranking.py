"""Labels and out-of-sample probabilities -> the probable label errors, ranked."""

import numpy as np

from pipeline.issues.sections import FindIssues


def find_issues_ranked(
    labels: np.ndarray, pred_probs: np.ndarray, options: FindIssues
) -> np.ndarray:
    """Return the positions of the probable label errors, the most probable first.

    Args:
        labels: (n,) given class indices. pred_probs: (n, classes), out of sample.
        options: passed to cleanlab.filter.find_label_issues (Northcutt et al. 2021); more than
            batch_size examples go to cleanlab.experimental.label_issues_batched.
    """
    if options.is_batched(len(labels)):
        return _find_in_batches(labels, pred_probs, options)
    from cleanlab.filter import find_label_issues

    positions: np.ndarray = find_label_issues(
        labels,
        pred_probs.astype(np.float64),
        return_indices_ranked_by=options.return_indices_ranked_by,
        n_jobs=1,
        **options.filter_options(),
    )
    return positions.astype(np.int64)


def _find_in_batches(labels: np.ndarray, pred_probs: np.ndarray, options: FindIssues) -> np.ndarray:
    from cleanlab.experimental.label_issues_batched import find_label_issues_batched
    from cleanlab.rank import get_label_quality_scores

    found: np.ndarray = find_label_issues_batched(
        labels,
        pred_probs,
        batch_size=options.batch_size,
        n_jobs=1,
        verbose=False,
        quality_score_kwargs={"method": options.filter_by.removeprefix("low_")},
    )
    if not len(found):
        return np.empty(0, np.int64)
    method = options.return_indices_ranked_by
    probs = pred_probs[found].astype(np.float64)
    scores = get_label_quality_scores(labels[found], probs, method=method)
    ranked: np.ndarray = found[np.argsort(scores)]
    return ranked.astype(np.int64)
