"""Noise put in on purpose is what it says it is."""

import numpy as np
import pytest

from pipeline.study.noise import flip_labels

N = 6000


def flipped(kind: str, rate: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 3, N)
    pred_probs = rng.dirichlet([1, 1, 1], N)
    noisy = flip_labels(
        labels,
        rate=rate,
        kind=kind,
        num_classes=3,
        pred_probs=pred_probs,
        rng=np.random.default_rng(seed),
    )
    return labels, noisy, pred_probs


@pytest.mark.parametrize("kind", ["uniform", "class_dependent", "instance_dependent"])
@pytest.mark.parametrize("rate", [0, 0.05, 0.4])
def test_the_rate_is_exact_and_only_other_classes_are_given(kind: str, rate: float) -> None:
    labels, noisy, _ = flipped(kind, rate)
    assert (labels != noisy).sum() == round(rate * N)
    assert set(np.unique(noisy)) <= {0, 1, 2}


def test_a_label_of_which_a_model_is_sure_is_flipped_to_another() -> None:
    """Where all other probabilities are exactly 0, as float32 has them."""
    labels = np.array([0, 1, 2, 0])
    noisy = flip_labels(
        labels,
        rate=1.0,
        kind="instance_dependent",
        num_classes=3,
        pred_probs=np.eye(3, dtype=np.float32)[labels],
        rng=np.random.default_rng(0),
    )
    assert (noisy != labels).all()


def test_uniform_noise_prefers_no_class() -> None:
    labels, noisy, _ = flipped("uniform", 0.4)
    changed = labels != noisy
    shares = [changed[labels == k].mean() for k in range(3)]
    assert max(shares) - min(shares) < 0.06
    steps = np.bincount((noisy - labels)[changed] % 3, minlength=3)
    assert abs(steps[1] / steps[2] - 1) < 0.15


def test_class_dependent_noise_goes_to_the_next_class_and_grows_with_the_class() -> None:
    labels, noisy, _ = flipped("class_dependent", 0.2)
    changed = labels != noisy
    assert set(((noisy - labels)[changed] % 3).tolist()) == {1}
    shares = [changed[labels == k].mean() for k in range(3)]
    assert shares[0] < shares[1] < shares[2]


def test_instance_dependent_noise_takes_hard_examples_and_their_rival() -> None:
    labels, noisy, pred_probs = flipped("instance_dependent", 0.2)
    changed = labels != noisy
    confidence = pred_probs[np.arange(N), labels]
    assert confidence[changed].mean() < confidence[~changed].mean() - 0.1
    rivals = np.where(np.eye(3, dtype=bool)[labels], -1, pred_probs).argmax(axis=1)
    assert (noisy[changed] == rivals[changed]).all()


def test_noise_is_a_function_of_its_seed() -> None:
    first, again, other = (flipped("uniform", 0.2, seed)[1] for seed in (0, 0, 1))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()
