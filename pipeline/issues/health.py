"""The health of a scope's labels: noise rates, class quality, overlaps, all filters together."""

from typing import Any, get_args

import numpy as np

from pipeline.issues.estimate import estimate_class_errors
from pipeline.issues.sections import FilterBy, FindIssues

MOST_OVERLAPS = 50
MOST_ROWS = 100  # classes whose joint is written as a matrix; of more, the pairs that occur


def describe_labels(
    labels: np.ndarray,
    pred_probs: np.ndarray,
    issues: np.ndarray,
    class_names: list[str],
    options: FindIssues,
    *,
    is_fit: bool = True,
) -> dict[str, Any]:
    """Return the health of a scope: confident joint, noise rates, quality of each class.

    confident_joint[i][j]: examples given class i and confidently of class j, scaled to the
    class counts; with more than MOST_ROWS classes joint_pairs, see
    as_written. noise_rate: estimated share of the examples given a class that is not of it.
    label_quality: 1 - noise_rate, as in cleanlab.dataset.rank_classes_by_label_quality. These
    three are point estimates, which a class of a few rows can make anything of. wrong95: [low,
    high] wrong labels, None for a small class and from a model that is not fit to judge.
    """
    from cleanlab.count import compute_confident_joint, estimate_latent

    joint = compute_confident_joint(labels, pred_probs, calibrate=True)
    _, noise_matrix, inverse_noise_matrix = estimate_latent(joint, labels)
    flagged = np.bincount(labels[issues], minlength=len(class_names))
    sizes = np.bincount(labels, minlength=len(class_names))
    wrong = joint.sum() - joint.trace()
    ranges = estimate_class_errors(labels, pred_probs) if is_fit else [None] * len(class_names)
    return {
        "count": len(issues),
        "fraction": len(issues) / len(labels),
        "estimated_errors": round(float(wrong / joint.sum() * len(labels))),
        **as_written(joint),
        "classes": [
            {
                "name": name,
                "examples": int(sizes[k]),
                "issues": int(flagged[k]),
                "noise_rate": float(1 - inverse_noise_matrix[k, k]),
                "inverse_noise_rate": float(1 - noise_matrix[k, k]),
                "label_quality": float(inverse_noise_matrix[k, k]),
                "wrong95": ranges[k],
            }
            for k, name in enumerate(class_names)
        ],
        "overlapping_classes": find_overlaps(joint, class_names),
    } | (
        {}  # every filter takes all examples at once
        if options.is_batched(len(labels))
        else {"filters": compare_filters(labels, pred_probs, class_names, options)}
    )


def as_written(joint: np.ndarray) -> dict[str, Any]:
    """Return a (classes, classes) joint as a matrix, or of many classes as what is not zero.

    joint_pairs: {"given", "probable": class indices, "examples": counts}, of equal length.
    """
    if len(joint) <= MOST_ROWS:
        return {"confident_joint": joint.tolist()}
    given, probable = np.nonzero(joint)
    examples = joint[given, probable]
    pairs = {"given": given, "probable": probable, "examples": examples}
    return {"joint_pairs": {name: values.tolist() for name, values in pairs.items()}}


def find_overlaps(joint: np.ndarray, class_names: list[str]) -> list[dict[str, Any]]:
    """Return the pairs of classes that examples are most often confused between.

    Args:
        joint: (classes, classes) confident joint. `examples` counts both directions, as
            cleanlab.dataset.find_overlapping_classes(asymmetric=False) does.
    """
    both = joint + joint.T
    first, second = np.triu_indices(len(class_names), k=1)
    order = np.argsort(-both[first, second], kind="stable")[:MOST_OVERLAPS]
    return [
        {
            "classes": [class_names[first[place]], class_names[second[place]]],
            "examples": int(both[first[place], second[place]]),
            "joint_probability": float(both[first[place], second[place]] / joint.sum()),
        }
        for place in order
    ]


def compare_filters(
    labels: np.ndarray, pred_probs: np.ndarray, class_names: list[str], options: FindIssues
) -> dict[str, Any]:
    """Return what each of cleanlab's filters finds, beside the others.

    names: of the filters, in the order of the table. count: issues of each. per_class[f]: of
    the examples given each class. overlap[f][g]: issues that filters f and g both find.
    """
    from cleanlab.filter import find_label_issues

    names = list(get_args(FilterBy))
    probs = pred_probs.astype(np.float64)
    found = np.array(
        [
            find_label_issues(
                labels,
                probs,
                n_jobs=1,
                **options.filter_options() | {"filter_by": name},
            )
            for name in names
        ]
    )
    per_class = [np.bincount(labels[mask], minlength=len(class_names)) for mask in found]
    return {
        "names": names,
        "count": found.sum(axis=1).tolist(),
        "per_class": np.array(per_class).tolist(),
        "overlap": (found.astype(int) @ found.T.astype(int)).tolist(),
    }
