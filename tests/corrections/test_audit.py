"""A sample drawn by chance: its strata, its intervals, and what happens when the data changed."""

import numpy as np
import pytest

from pipeline.corrections.audit import (
    Counted,
    allocate,
    draw_sample,
    draw_wrong,
    recall_of,
    sample_size,
    split_strata,
    summarize,
)
from pipeline.corrections.audit_sample import draw_audit, load_audit
from pipeline.frame.errors import DataError


def scores(n: int = 1000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    confidence = np.random.default_rng(seed).beta(5, 1, n)
    return confidence, confidence < 0.4


def test_strata_are_a_partition_by_list_and_score() -> None:
    confidence, listed = scores()
    strata = split_strata(confidence, listed)
    assert sorted(np.concatenate(strata)) == list(range(1000))
    assert [listed[part].all() for part in strata] == [True, True, False, False, False]
    for first, second in ((0, 1), (2, 3), (3, 4)):
        assert confidence[strata[first]].max() <= confidence[strata[second]].min()
    assert len(split_strata(confidence, np.zeros(1000, bool))) == 3


def test_uncertain_strata_are_sampled_more_and_none_is_forgotten() -> None:
    assert allocate([100, 1000, 10_000], [0.5, 0.3, 0.15], 200)[0] >= 10
    drawn = allocate([100, 1000, 1000], [0.5, 0.5, 0.1], 200)
    assert sum(drawn) == 200 and drawn[1] > 2 * drawn[2]
    assert allocate([5, 7], [0.1, 0.1], 1000) == [5, 7]
    assert sum(allocate([5, 700], [0.5, 0.1], 3)) == 3


def test_every_label_of_a_stratum_is_drawn_with_the_same_chance() -> None:
    confidence, listed = scores(200)
    times = np.zeros(200)
    for seed in range(400):
        strata, drawn = draw_sample(confidence, listed, 60, seed=seed)
        times[np.concatenate(drawn)] += 1
    for positions, chosen in zip(strata, drawn, strict=True):
        expected = 400 * len(chosen) / len(positions)
        deviation = np.sqrt(400 * 0.25) * 4.5
        assert np.abs(times[positions] - expected).max() <= deviation


def test_a_larger_sample_holds_the_smaller() -> None:
    confidence, listed = scores()
    small, large = (
        set(np.concatenate(draw_sample(confidence, listed, total, seed=3)[1]).tolist())
        for total in (100, 300)
    )
    assert small < large


def test_intervals_hold_the_share_and_the_recall() -> None:
    held, recalled = [], []
    for seed in range(100):
        rng = np.random.default_rng(seed + 1000)
        confidence, listed = scores(2000, seed)
        wrong = rng.random(2000) < np.clip(1.1 * (1 - confidence) ** 2, 0, 1)
        strata, drawn = draw_sample(confidence, listed, 200, seed=seed)
        counted = [
            Counted(len(s), len(d), int(wrong[d].sum())) for s, d in zip(strata, drawn, strict=True)
        ]
        draws = draw_wrong(counted, seed=seed)
        total = summarize(draws.sum(axis=1))
        held.append(total.low <= wrong.sum() <= total.high)
        recall = recall_of(draws[:, :2].sum(axis=1), draws[:, 2:].sum(axis=1))
        recalled.append(recall.low <= wrong[listed].sum() / wrong.sum() <= recall.high)
    assert np.mean(held) >= 0.9 and np.mean(recalled) >= 0.9


def test_what_was_all_looked_at_is_known_exactly() -> None:
    estimate = summarize(draw_wrong([Counted(10, 10, 3), Counted(5, 5, 0)]).sum(axis=1))
    assert estimate == (3, 3, 3)


def test_the_size_for_a_wished_interval_keeps_its_promise() -> None:
    size = sample_size(0.02, [10_000], [0.1])
    assert 1.96 * np.sqrt(0.09 / size) == pytest.approx(0.02, rel=0.1)
    assert sample_size(0.0001, [300, 200], [0.1, 0.1]) == 500
    # Of 400 labels half of which are wrong, fewer than the 385 that would do for endlessly many.
    assert sample_size(0.05, [400], [0.5]) == 196


def test_a_list_misses_nothing_where_nothing_is_wrong() -> None:
    none = np.zeros(5, int)
    assert recall_of(none, none) == (1.0, 1.0, 1.0)
    assert recall_of(none, none + 2) == (0.0, 0.0, 0.0)


def audit_of(tmp_path, total, dataset="sha256:a", shift=0.0, seed=1, below=0.4):
    confidence, listed = scores(100)[0], scores(100)[0] < below
    ids = [f"train/{i}" for i in range(100)]
    return draw_audit(
        tmp_path / "j.audit_all.json", total, ids, np.arange(100) < 60, confidence + shift, listed,
        dataset=dataset, scope="all", seed=seed,
    )  # fmt: skip


def test_an_audit_is_kept_grows_and_is_not_mixed_with_another_ranking(tmp_path) -> None:
    first, said = audit_of(tmp_path, 40)
    assert len(first.ids) == 40 and not said
    assert load_audit(tmp_path / "j.audit_all.json", "sha256:a") == first
    assert audit_of(tmp_path, 20)[0] == first
    more, _ = audit_of(tmp_path, 60, seed=2)  # with the seed that it began with
    assert more.seed == 1
    assert set(first.ids) < set(more.ids) and len(more.ids) >= 60
    assert [(s.train, s.test) for s in more.strata] == [(s.train, s.test) for s in first.strata]
    same, said = audit_of(tmp_path, 90, shift=0.01)
    assert same == more and "stays as it is" in said
    same, said = audit_of(tmp_path, 90, below=0.6)  # another list of the same scores
    assert same == more and "stays as it is" in said
    assert "all of them" in audit_of(tmp_path / "other", 500)[1]


def test_an_audit_of_other_data_is_refused_in_a_sentence(tmp_path) -> None:
    audit_of(tmp_path, 40)
    with pytest.raises(DataError, match="the data changed after this audit was drawn"):
        load_audit(tmp_path / "j.audit_all.json", "sha256:b")
    (tmp_path / "j.audit_all.json").write_text("{}")
    with pytest.raises(DataError, match="is not an audit"):
        load_audit(tmp_path / "j.audit_all.json", "sha256:a")
