"""One temperature brings probabilities to honest confidence."""

import numpy as np
import pytest

from pipeline.models.calibration import at_temperature, calibrate, fit_temperature, log_loss


def make_judged(count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Return log probabilities and labels that were drawn from them."""
    rng = np.random.default_rng(0)
    honest = at_temperature(2 * rng.normal(size=(count, 3)), 1)
    return honest, (honest + rng.gumbel(size=honest.shape)).argmax(axis=1)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_a_known_temperature_is_found_again(temperature: float) -> None:
    honest, labels = make_judged()
    assert fit_temperature(honest * temperature, labels) == pytest.approx(temperature, rel=0.05)


def test_what_says_nothing_of_the_labels_gets_a_large_temperature() -> None:
    honest, labels = make_judged()
    useless = np.roll(honest, 1, axis=0)
    assert fit_temperature(useless, labels) > 15
    assert fit_temperature(-honest, labels) > 900  # worse than nothing
    np.testing.assert_allclose(np.exp(calibrate(-honest, labels)), 1 / 3, atol=0.01)


def test_no_other_temperature_has_a_lower_log_loss() -> None:
    honest, labels = make_judged(500)
    best = log_loss(calibrate(5 * honest, labels), labels)
    assert all(
        best <= log_loss(at_temperature(5 * honest, t), labels) for t in (0.5, 1, 3, 4.5, 5.5, 8)
    )


def test_temperature_and_log_loss_on_literals() -> None:
    log_probs = np.log([[0.8, 0.2], [0.5, 0.5]])
    softer = np.exp(at_temperature(log_probs, 2))
    np.testing.assert_allclose(softer, [[2 / 3, 1 / 3], [0.5, 0.5]])
    assert log_loss(log_probs, np.array([1, 0])) == pytest.approx(-np.log([0.2, 0.5]).mean())
