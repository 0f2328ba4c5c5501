"""What a fitted classifier has learned, whatever its kind."""

from typing import Any

import numpy as np


def network_of(classifier: Any) -> Any:
    """Return the Keras network inside a fitted classifier, or None."""
    network = getattr(classifier, "model_", None)
    return network if hasattr(network, "get_weights") else None


def arrays_of(classifier: Any) -> dict[str, np.ndarray]:
    """Return what a fitted classifier learned as arrays, enough to predict again.

    A network: weight_0, weight_1, ... A classifier of counts: see CountsClassifier.arrays.
    A custom estimator: nothing, as its inside is unknown.
    """
    if (network := network_of(classifier)) is not None:
        return {f"weight_{i}": weight for i, weight in enumerate(network.get_weights())}
    return classifier.arrays() if hasattr(classifier, "arrays") else {}
