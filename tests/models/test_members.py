"""The tables of finders and members, and what is counted for them once."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy import sparse

from pipeline.frame.section import imported
from pipeline.models import judges, members
from pipeline.models.judges import Corpus, frequent
from pipeline.models.members import FINDERS, MEMBERS, code_of_finder, named

WORDS = {"member": "words", "longest": 2, "min_df": 2, "max_features": None, "C": [1.0]}
CHARACTERS = WORDS | {"member": "characters", "shortest": 2}
MODEL = {"member": "model"}
COUNTS = sparse.csr_matrix(np.array([[3, 1, 0, 1], [1, 1, 0, 0], [0, 1, 2, 1], [0, 0, 9, 0]]))


def make_finder(*several: dict[str, Any]) -> Any:
    section = {"by": "ensemble", "repeats": 1, "members": list(several)}
    return TypeAdapter(members.Finder).validate_python(section)


def options(min_df: int, max_features: int | None = None) -> Any:
    return SimpleNamespace(min_df=min_df, max_features=max_features)


def test_every_row_names_code_that_is_there() -> None:
    judges = [row.judge for row in MEMBERS.values() if row.judge]
    judges += [name for row in FINDERS.values() for name in (row.judge, row.before) if name]
    assert all(callable(imported(name)) for name in judges)
    assert set(MEMBERS) == {
        *("words", "characters", "naive_bayes", "vectors", "classifier", "model")
    }
    assert set(FINDERS) == {"model", "ensemble", "file"}


def test_a_finder_trains_the_model_only_if_it_asks_it() -> None:
    without, asking = make_finder(WORDS), make_finder(WORDS, MODEL)
    model, file = (
        TypeAdapter(members.Finder).validate_python(section)
        for section in ({"by": "model"}, {"by": "file", "path": "mine.npy"})
    )
    asks = [members.asks_the_model(each) for each in (without, asking, model, file)]
    assert asks == [False, True, True, False]
    assert members.files_of_finder(file) == ["mine.npy"]
    assert members.files_of_finder(asking) == []


def test_the_code_of_an_ensemble_is_that_of_its_members() -> None:
    assert code_of_finder(make_finder(CHARACTERS, MODEL)) == [
        "pipeline.compute.finders:by_ensemble",
        "pipeline.models.judges:judge_characters",
    ]


def test_members_of_one_kind_are_numbered() -> None:
    several = make_finder(WORDS, CHARACTERS, WORDS | {"longest": 1}, WORDS).members
    assert [name for name, _ in named(several)] == ["words", "characters", "words_2", "words_3"]
    assert [member.longest for _, member in named(several)] == [2, 2, 1, 2]


@pytest.mark.parametrize("wrong", [{"C": []}, {"C": [0.0]}, {"min_df": 0}, {"longest": 9}])
def test_a_member_out_of_its_limits_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make_finder(WORDS | wrong)


def test_a_corpus_is_read_and_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def load() -> pa.Array:
        done.append("load")
        return pa.array(["good film", "good plot"])

    for name in ("count_ngrams", "count_characters"):
        real = getattr(judges, name)
        monkeypatch.setattr(
            judges,
            name,
            lambda *a, _real=real, _name=name, **o: done.append(_name) or _real(*a, **o),
        )
    corpus = Corpus(load)
    assert done == []
    first = corpus.words(longest=2, min_df=1)
    assert corpus.words(longest=2, min_df=1) is first
    assert corpus.words(longest=1, min_df=1).shape == (2, 3)
    corpus.characters(shortest=2, longest=3, min_df=1)
    corpus.characters(shortest=2, longest=3, min_df=1)
    assert done == ["load", "count_ngrams", "count_ngrams", "count_characters"]


def test_frequent_columns_are_those_of_the_texts_learned_from() -> None:
    everything, first_three = np.ones(4, bool), np.array([True, True, True, False])
    assert frequent(COUNTS, everything, options(1)).toarray().tolist() == COUNTS.toarray().tolist()
    # In how many texts, all: 2, 3, 2, 2. In the first three: 2, 3, 1, 2.
    assert frequent(COUNTS, everything, options(3)).toarray().T.tolist() == [[1, 1, 1, 0]]
    assert frequent(COUNTS, first_three, options(2)).toarray().T.tolist() == [
        [3, 1, 0, 0],
        [1, 1, 1, 0],
        [1, 0, 1, 0],
    ]


def test_the_most_frequent_are_by_texts_and_the_first_of_equals() -> None:
    assert frequent(COUNTS, np.ones(4, bool), options(1, 2)).toarray().T.tolist() == [
        [3, 1, 0, 0],
        [1, 1, 1, 0],
    ]


def test_where_nothing_occurs_often_enough_there_is_no_member() -> None:
    with pytest.raises(ValueError, match="4 texts"):
        frequent(COUNTS, np.ones(4, bool), options(4))


# --- any classifier -----------------------------------------------------------------------------

COUNTED = {"kind": "words", "longest": 1, "min_df": 1, "max_features": None}
BAYES = {"name": "multinomial_nb", "alpha": 0.3}
LOGISTIC = {"name": "logistic_regression", "C": 1.0, "max_iter": 1000}
CUSTOM = {
    "name": "custom",
    "function": "tests.models.own_models:tfidf_forest",
    "options": {},
    "epochs": 1,
    "batch_size": 8,
}


def classifier(model: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
    return {"member": "classifier", "model": model, "inputs": inputs}


def ask(section: dict[str, Any], labels: np.ndarray, **more: Any) -> np.ndarray:
    member = make_finder(section).members[0]
    texts = [f"{'good fine' if label else 'bad poor'} thing {i}" for i, label in enumerate(LABELS)]
    corpus = Corpus(lambda: pa.array(texts, pa.large_string()), **more)
    plan = [np.arange(fold, 40, 4) for fold in range(4)]
    said, _ = judges.ask_member(member, corpus, labels, np.ones(40, bool), [plan], num_classes=2)
    return np.exp(said[0])


LABELS = np.random.default_rng(0).permutation(np.arange(40) % 2)


@pytest.mark.parametrize("model", [BAYES, LOGISTIC], ids=lambda model: model["name"])
@pytest.mark.parametrize("inputs", [COUNTED, COUNTED | {"kind": "characters", "shortest": 1}])
def test_a_classifier_of_counts_judges_what_it_did_not_learn(model, inputs) -> None:
    probs = ask(classifier(model, inputs), LABELS)
    assert (probs.argmax(axis=1) == LABELS).all()
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)
    other = np.where(np.arange(40) % 4 == 1, 1 - LABELS, LABELS)  # those that fold 1 holds out
    again = ask(classifier(model, inputs), other)
    np.testing.assert_array_equal(again[1::4], probs[1::4])
    assert (again[::4] != probs[::4]).any()


def test_a_linear_classifier_of_vectors_judges() -> None:
    vectors = np.eye(2)[LABELS] + 0.1
    section = classifier({"name": "linear", "C": 9.0, "max_iter": 100}, VECTORS)
    assert members.files_of_finder(make_finder(section)) == ["mine.npy"]
    probs = ask(section, LABELS, load_vectors=lambda path: vectors)
    assert (probs.argmax(axis=1) == LABELS).all()


VECTORS = {"kind": "vectors", "path": "mine.npy"}


@pytest.mark.parametrize(
    ("model", "inputs", "said"),
    [
        (BAYES, {"kind": "texts"}, "multinomial_nb takes inputs of words or characters"),
        ({"name": "linear", "C": 1.0, "max_iter": 9}, COUNTED, "linear takes inputs of vectors"),
        ({"name": "fasttext"}, {"kind": "texts"}, "does not match any of the expected tags"),
    ],
)
def test_a_classifier_takes_its_own_inputs(model, inputs, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        make_finder(classifier(model, inputs))


def test_a_classifier_of_yours_judges_texts() -> None:
    probs = ask(classifier(CUSTOM, {"kind": "texts"}), LABELS)
    assert (probs.argmax(axis=1) == LABELS).mean() > 0.9


def test_what_decides_a_classifier_is_its_own_code_too() -> None:
    section = classifier(CUSTOM, {"kind": "texts"})
    assert CUSTOM["function"] in code_of_finder(make_finder(section))


def test_a_solver_that_does_not_arrive_leaves_its_member_out() -> None:
    section = classifier(LOGISTIC | {"max_iter": 1, "C": 1e6}, COUNTED)
    with pytest.raises(ValueError, match="logistic_regression"):
        ask(section, LABELS)
