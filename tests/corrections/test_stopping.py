from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from pipeline.corrections.audit import Counted
from pipeline.corrections.findings import live_sentence, plan_sentence, rule_sentence
from pipeline.corrections.precision import Forecast
from pipeline.corrections.stopping import (
    Listed,
    Rule,
    expect_next,
    pace,
    plan_ahead,
    recall_of_list,
    wrong_in_list,
)


def listed(decided: int, errors: int, total: int = 400) -> Listed:
    """Return a list whose first `errors` labels are wrong, `decided` of them decided on."""
    wrong = np.where(np.arange(total) < errors, 1, 0)
    wrong[decided:] = -1
    return Listed(np.linspace(0.005, 0.5, total), wrong, np.arange(total) >= decided)


def test_live_precision_is_said_in_a_sentence() -> None:
    said = live_sentence(listed(50, 38))
    assert said.startswith("38 of your first 50 were wrong; expect ") and "next 50" in said
    assert live_sentence(listed(400, 38)) == "38 of your first 400 were wrong"
    assert live_sentence(listed(5, 5)) == "5 of your first 5 were wrong"
    assert live_sentence(listed(0, 0)) == ""
    assert expect_next(listed(380, 20))[0] == 20


def test_what_stays_is_known_only_from_an_audit() -> None:
    assert plan_ahead(listed(5, 5), 100, None) is None
    plan = plan_ahead(listed(100, 60), 100, None)
    assert plan.left is None and "only an audit can tell" in plan_sentence(plan, None)
    with_audit = plan_ahead(listed(100, 60), 100, [Counted(1000, 100, 3)])
    assert with_audit.found == plan.found
    assert with_audit.left.low <= 27 <= with_audit.left.high  # 30 outside, of which 3 are corrected
    said = plan_sentence(with_audit, 10.5)
    assert "at your pace 18 minutes" in said and "would stay in the data" in said
    everything = plan_ahead(listed(100, 60), 10_000, [Counted(1000, 1000, 3)])
    assert everything.labels == 300 and everything.left.value == 0


def test_a_rule_to_stop_says_when_it_is_reached_and_how_sure_it_is() -> None:
    assert rule_sentence(listed(5, 5), 10) == ""
    assert rule_sentence(listed(50, 45), 10).startswith("Go on")
    assert rule_sentence(listed(300, 40), 5).startswith("You may stop")
    assert "still allows more" not in rule_sentence(listed(350, 10), 3)


@pytest.mark.parametrize(
    ("expected", "low", "high", "is_reached", "is_certain"),
    [
        (8, 4, 9, True, True),
        (8, 4, 12, True, False),
        (8, 4, 10, True, False),  # 10 of 50 are 1 in 5, and not fewer
        (10, 8, 12, False, False),
        (12, 10, 15, False, True),
    ],
)
def test_a_rule_goes_by_what_is_expected_and_is_certain_by_the_interval(
    expected: float, low: int, high: int, is_reached: bool, is_certain: bool
) -> None:
    rule = Rule(one_in=5, next=Forecast(expected, low, high), labels=50)
    assert (rule.is_reached, rule.is_certain) == (is_reached, is_certain)


def test_what_is_known_to_be_wrong_counts_in_the_list() -> None:
    found = wrong_in_list(listed(100, 60))
    assert found is not None and found.min() >= 60
    assert (wrong_in_list(listed(400, 38)) == 38).all()


def test_recall_of_a_list_that_is_all_decided_depends_on_what_is_outside() -> None:
    assert recall_of_list(listed(400, 40), [Counted(100, 100, 10)]).value == 0.8
    assert recall_of_list(listed(3, 3), [Counted(100, 100, 10)]) is None


def test_the_pace_knows_breaks() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    times = [start + timedelta(seconds=7 * i) for i in range(20)]
    times += [start + timedelta(hours=3, seconds=7 * i) for i in range(20)]
    assert pace(times) == 7
    assert pace(times[:4]) is None
    now = start
    pairs = [now := now + timedelta(seconds=gap) for gap in (3600, 7) * 7]  # more breaks than not
    assert pace(pairs) == 7
    assert pace([start + timedelta(seconds=300 * i) for i in range(6)]) == 300
    assert pace([start + timedelta(seconds=301 * i) for i in range(6)]) is None
