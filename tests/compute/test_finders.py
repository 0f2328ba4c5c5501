"""Who judges the labels: never by what it learned, put together by what each is worth."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import TypeAdapter

from pipeline.compute import finders
from pipeline.compute.finders import (
    Asked,
    before_trainings,
    by_ensemble,
    by_file,
    by_model,
    combine,
)
from pipeline.data.prepared import Labels, load_labels, text_groups
from pipeline.frame import artifacts
from pipeline.frame.errors import DataError
from pipeline.frame.progress import StageProgress
from pipeline.frame.run import SCOPES, Run
from pipeline.models import judges
from pipeline.models.folds import FoldPlans, plan_folds
from pipeline.models.judges import Corpus, ask_member
from pipeline.models.members import Finder, Member
from tests.tiny import load_tiny

WORDS = {"member": "words", "longest": 2, "min_df": 2, "max_features": 25, "C": [1.0]}
MEMBERS = {
    "words": WORDS,
    "characters": WORDS | {"member": "characters", "shortest": 2, "longest": 3, "C": [1.0, 3.0]},
    "naive_bayes": {"member": "naive_bayes", "longest": 2, "min_df": 1, "max_features": None,
                    "alpha": 0.3},
}  # fmt: skip
RNG = np.random.default_rng(0)
GIVEN = RNG.integers(0, 2, 60)
BANKS = ["good fine great film plot cast scene", "bad awful poor film plot cast scene"]
TEXTS = [" ".join(RNG.choice(BANKS[label].split(), 6)) for label in GIVEN]
TRAIN = np.arange(60) < 40
PLAN = plan_folds(GIVEN[TRAIN], folds=4, shuffle=True, seed=0)
OTHER_PLAN = plan_folds(GIVEN[TRAIN], folds=4, shuffle=True, seed=1)


def make_member(name: str, **changes: object) -> Any:
    return TypeAdapter(Member).validate_python(MEMBERS[name] | changes)


def ask(
    member: Any,
    *,
    texts: list[str] = TEXTS,
    labels: np.ndarray = GIVEN,
    plans: list[list[np.ndarray]] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    corpus = Corpus(lambda: pa.array(texts, pa.large_string()))
    return ask_member(member, corpus, labels, TRAIN, plans or [PLAN], num_classes=2)


def test_what_a_member_says_has_a_row_for_each_text() -> None:
    held_out, unseen = ask(make_member("words"), plans=[PLAN, OTHER_PLAN])
    assert held_out.shape == (2, 40, 2)
    assert unseen.shape == (20, 2)
    np.testing.assert_allclose(np.exp(held_out).sum(axis=2), 1, rtol=1e-5)
    assert (held_out.argmax(axis=2) == GIVEN[TRAIN]).mean() > 0.9
    assert (unseen.argmax(axis=1) == GIVEN[~TRAIN]).mean() > 0.9


def test_a_fold_of_any_repetition_is_not_judged_by_its_own_labels() -> None:
    """Bit for bit, as the penalty is given and nothing is fitted to held-out labels."""
    member = make_member("words")
    before, _ = ask(member, plans=[PLAN, OTHER_PLAN])
    for repetition, fold in ((0, 1), (1, 3)):
        positions = (PLAN, OTHER_PLAN)[repetition][fold]
        other = GIVEN.copy()
        other[positions] = 1 - other[positions]
        after, _ = ask(member, labels=other, plans=[PLAN, OTHER_PLAN])
        same = np.zeros((2, 40), bool)
        same[repetition, positions] = True
        np.testing.assert_array_equal(after[same], before[same])
        assert (after[repetition, ~same[repetition]] != before[repetition, ~same[repetition]]).any()


@pytest.mark.parametrize("name", MEMBERS)
def test_nothing_of_others_reaches_those_that_are_learned(name: str) -> None:
    strange = [f"awful zzz{n} fine {text[::-1]}" for n, text in enumerate(TEXTS)]
    texts = [mine if train else o for mine, o, train in zip(TEXTS, strange, TRAIN, strict=True)]
    before, test_before = ask(make_member(name))
    after, test_after = ask(
        make_member(name), texts=texts, labels=np.where(TRAIN, GIVEN, 1 - GIVEN)
    )
    np.testing.assert_array_equal(after, before)
    assert (test_after != test_before).any()


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_that_finds_nothing_to_read_says_so(name: str) -> None:
    with pytest.raises(ValueError, match="min_df"):
        ask(make_member(name, min_df=41))


@pytest.mark.parametrize("name", MEMBERS)
def test_what_is_counted_once_is_not_changed_by_whom_it_is_for(name: str) -> None:
    """A member is asked twice of one corpus, for the scopes all and train."""
    member = make_member(name, max_features=None)
    corpus = Corpus(lambda: pa.array(TEXTS, pa.large_string()))
    parts = {"labels": GIVEN, "learned": np.ones(60, bool), "num_classes": 2}
    first, second = (
        ask_member(member, corpus, plans=[[np.arange(30), np.arange(30, 60)]], **parts)[0]
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


# --- put together --------------------------------------------------------------------------


def say(accuracy: float, labels: Labels, *, sure: float = 0.9) -> dict[str, np.ndarray]:
    """Return what a member says that is right about a share of the labels."""
    right = np.arange(len(labels.given)) % 10 < 10 * accuracy
    toward = np.where(right, labels.given, 1 - labels.given)
    logs = np.log(np.where(np.eye(2)[toward] == 1, sure, 1 - sure))
    return {"all": logs[None], "train": logs[None, labels.is_train], "test": logs[~labels.is_train]}


LABELS = Labels(np.tile([0, 1], 100), np.arange(200) < 150)


def test_only_the_scopes_that_are_asked_for_are_needed() -> None:
    whole = say(0.9, LABELS, sure=0.9)
    for scopes in (("all", "train"), ("train",), ("all",)):
        judged = combine({"a": {scope: whole[scope] for scope in scopes}}, LABELS, scopes)
        assert set(judged.pred_probs) == set(judged.member_probs["a"]) == set(scopes)
        expected = combine({"a": whole}, LABELS).pred_probs[scopes[0]]
        np.testing.assert_array_equal(judged.pred_probs[scopes[0]], expected)


def test_members_are_brought_to_honest_confidence() -> None:
    judged = combine({"a": say(0.9, LABELS, sure=0.999), "b": say(0.9, LABELS, sure=0.6)}, LABELS)
    for name in ("a", "b"):
        for scope, count in (("all", 200), ("train", 150), ("test", 50)):
            probs = judged.member_probs[name][scope]
            assert probs.shape == (count, 2)
            np.testing.assert_allclose(probs.max(axis=1), 0.9, atol=0.01)
        assert judged.members[name]["all"]["accuracy"] == pytest.approx(0.9)
        assert judged.members[name]["all"]["weight"] == 0.5
    assert judged.members["a"]["all"]["temperature"] > 1 > judged.members["b"]["all"]["temperature"]
    assert judged.pred_probs["test"].dtype == np.float32


def test_a_much_worse_member_has_no_weight() -> None:
    good, useless = say(0.9, LABELS), say(0.5, LABELS)
    alone, judged = combine({"good": good}, LABELS), combine({"good": good, "no": useless}, LABELS)
    assert {scope: judged.members["no"][scope]["weight"] for scope in ("all", "train")} == {
        "all": 0,
        "train": 0,
    }
    assert judged.members["good"]["all"]["weight"] == 1
    assert judged.members["no"]["all"]["temperature"] > 100
    for scope in SCOPES:
        np.testing.assert_array_equal(judged.pred_probs[scope], alone.pred_probs[scope])


def test_labels_of_test_combine_nothing_of_train_and_test() -> None:
    said = {"a": say(0.9, LABELS), "b": say(0.8, LABELS)}
    other = Labels(np.where(LABELS.is_train, LABELS.given, 1 - LABELS.given), LABELS.is_train)
    before, after = combine(said, LABELS), combine(said, other)
    for scope in ("train", "test"):
        np.testing.assert_array_equal(after.pred_probs[scope], before.pred_probs[scope])
    assert (after.pred_probs["all"] != before.pred_probs["all"]).any()


def test_repetitions_are_averaged() -> None:
    one, other = say(0.9, LABELS), say(0.9, LABELS)
    other = {scope: np.roll(logs, 2, axis=-2) for scope, logs in other.items()}
    both = {s: np.concatenate([one[s], other[s]]) for s in ("all", "train")} | {"test": one["test"]}
    probs = combine({"a": both}, LABELS).member_probs["a"]["all"]
    parts = [combine({"a": each}, LABELS).member_probs["a"]["all"] for each in (one, other)]
    np.testing.assert_allclose(probs, np.mean(parts, axis=0), atol=1e-6)


# --- on a finished run ---------------------------------------------------------------------


@pytest.fixture
def small_run(tiny_run: Run, tmp_path: Path) -> Run:
    """What is prepared, and the folds."""
    for name in ("prepare", "crossval"):
        shutil.copytree(tiny_run.stage(name), tmp_path / "run" / name)
    return Run(tmp_path / "run")


def asked_of(run: Run, section: dict[str, Any], key: str = "key") -> Asked:
    labels, options = load_labels(run), load_tiny().config.crossval
    plans = FoldPlans(labels, text_groups(run), options, 7)
    finder = TypeAdapter(Finder).validate_python(section)
    return Asked(run, finder, labels, plans, StageProgress("crossval"), key)


def ensemble(*several: dict[str, Any], repeats: int = 1) -> dict[str, Any]:
    return {"by": "ensemble", "repeats": repeats, "members": list(several)}


TWO = ensemble(MEMBERS["words"], MEMBERS["naive_bayes"])


@pytest.fixture
def judging(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The members that are asked, by name, and not read from a file."""
    names: list[str] = []
    real = judges.judge

    def watched(member: Any, question: Any) -> np.ndarray:
        names.append(f"{member.member} {'all' if question.learned.all() else 'train'}")
        return real(member, question)

    monkeypatch.setattr(judges, "judge", watched)
    yield names


def test_what_a_member_said_is_kept(small_run: Run, judging: list[str]) -> None:
    before = by_ensemble(asked_of(small_run, TWO))
    every = ["words all", "words train", "naive_bayes all", "naive_bayes train"]
    assert judging == every
    kept = {path: path.read_bytes() for path in small_run.stage("crossval").glob("members/*/*")}
    judging.clear()
    again = by_ensemble(asked_of(small_run, TWO))
    assert judging == []
    for scope in SCOPES:
        np.testing.assert_array_equal(again.pred_probs[scope], before.pred_probs[scope])
    damaged = small_run.member("words", "train")
    damaged.write_bytes(damaged.read_bytes()[:-50])
    small_run.member("naive_bayes", "all").unlink()
    by_ensemble(asked_of(small_run, TWO))
    assert judging == ["words train", "naive_bayes all"]
    assert {path: path.read_bytes() for path in kept} == kept
    judging.clear()
    by_ensemble(asked_of(small_run, TWO, key="of other settings"))
    assert judging == every


def test_a_file_of_another_place_is_not_believed(small_run: Run, judging: list[str]) -> None:
    by_ensemble(asked_of(small_run, TWO))
    judging.clear()
    shutil.copy(small_run.member("words", "all"), small_run.member("naive_bayes", "all"))
    by_ensemble(asked_of(small_run, TWO))
    assert judging == ["naive_bayes all"]


def test_the_model_is_a_member_by_its_folds(small_run: Run) -> None:
    asked = asked_of(small_run, ensemble({"member": "model"}))
    pooled, judged = by_model(asked), by_ensemble(asked)
    assert set(judged.members) == {"model"}
    for scope in SCOPES:
        np.testing.assert_array_equal(
            pooled.pred_probs[scope], artifacts.load_array(small_run.pred_probs(scope))
        )
        np.testing.assert_array_equal(
            judged.pred_probs[scope].argmax(axis=1), pooled.pred_probs[scope].argmax(axis=1)
        )


def test_a_member_with_nothing_to_read_is_left_out(
    small_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = MEMBERS["characters"] | {"min_df": 10_000}
    asked = asked_of(small_run, ensemble(nothing, WORDS))
    before_trainings(asked)
    judged = by_ensemble(asked)
    assert set(judged.members) == {"words"}
    assert capsys.readouterr().out.count("member characters is left out") == 1
    with pytest.raises(DataError, match=r"finder\.members: none .* lower min_df"):
        by_ensemble(asked_of(small_run, ensemble(nothing)))


def test_texts_of_test_move_no_bit_of_train_wherever_they_stand(
    small_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns are numbered as they appear; the rows of test come first here."""
    monkeypatch.setattr(finders, "load_class_names", lambda run: ["neg", "pos"])
    is_train = ~TRAIN
    strange = [
        text if train else "awful cast " + text[::-1]
        for text, train in zip(TEXTS, is_train, strict=True)
    ]
    options = load_tiny().config.crossval
    for name in MEMBERS:
        said = {}
        for place, texts in enumerate((TEXTS, strange)):
            monkeypatch.setattr(finders, "load_text_array", lambda run, t=texts: pa.array(t))
            given = np.where(is_train, GIVEN, place)
            labels = Labels(given, is_train)
            asked = asked_of(small_run, ensemble(MEMBERS[name]), key=f"{place}")
            plans = FoldPlans(labels, np.arange(60), options, 7)
            said[place] = finders._ask_members(asked._replace(labels=labels, plans=plans))[name]
        np.testing.assert_array_equal(said[0]["train"], said[1]["train"])
        assert said[0]["all"].shape == (1, 60, 2)


def test_every_row_gets_what_was_said_of_it(
    small_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of train and test in turns: each is still judged as itself."""
    monkeypatch.setattr(finders, "load_class_names", lambda run: ["neg", "pos"])
    monkeypatch.setattr(finders, "load_text_array", lambda run: pa.array(TEXTS))
    labels = Labels(GIVEN, np.arange(60) % 2 == 1)
    plans = FoldPlans(labels, np.arange(60), load_tiny().config.crossval, 7)
    asked = asked_of(small_run, ensemble(WORDS, repeats=2), key="turns")
    said = finders._ask_members(asked._replace(labels=labels, plans=plans))["words"]
    for scope in SCOPES:
        for each in said[scope][None] if scope == "test" else said[scope]:
            assert (each.argmax(axis=1) == GIVEN[labels.rows(scope)]).mean() >= 0.75


def test_a_file_is_split_by_scope_and_doubted_where_it_is_too_good(
    small_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, path = load_labels(small_run), tmp_path / "mine.npy"
    good = np.where(np.eye(2)[labels.given] == 1, 0.9, 0.1)
    wrong = np.arange(len(good)) % 4 == 0
    good[wrong] = good[wrong, ::-1]
    np.save(path, good)
    judged = by_file(asked_of(small_run, {"by": "file", "path": str(path)}))
    for scope in SCOPES:
        np.testing.assert_array_equal(
            judged.pred_probs[scope], good[labels.rows(scope)].astype(np.float32)
        )
    assert judged.members == {}
    assert "warning" not in capsys.readouterr().out
    good[wrong & labels.is_train] = good[wrong & labels.is_train, ::-1]
    np.save(path, good)
    by_file(asked_of(small_run, {"by": "file", "path": str(path)}))
    assert "agrees with 100.0% of the training labels and 75.0%" in capsys.readouterr().out
