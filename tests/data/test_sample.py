"""The sample corpus: its promises, and that its planted errors can be found."""

import hashlib
import os
import re
import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest
from cleanlab.filter import find_label_issues
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from pipeline.data.sample import (
    CLASS_NAMES,
    MAX_WORDS,
    MIN_WORDS,
    SampleCorpus,
    generate_reviews,
    length_in_words,
)
from pipeline.data.sample_phrases import TURNS

GOLDEN_SHA256 = "82a7367f107c9c6aaeb4ca08ed5cee9a2f475816a1507abd9af796ac5984fe41"
SPLITS = {"train": slice(0, 1600), "test": slice(1600, 2000)}


@pytest.fixture(scope="module")
def corpus() -> SampleCorpus:
    return generate_reviews(seed=0)


def digest(corpus: SampleCorpus) -> str:
    return hashlib.sha256("\n".join(corpus.texts).encode()).hexdigest()


def is_mixed(text: str) -> bool:
    return any(turn in text for turn in TURNS)


def planted_errors(corpus: SampleCorpus) -> npt.NDArray[np.bool_]:
    errors: npt.NDArray[np.bool_] = corpus.given_labels != corpus.true_labels
    return errors


def out_of_sample_pred_probs(corpus: SampleCorpus) -> npt.NDArray[np.float64]:
    pred_probs: npt.NDArray[np.float64] = cross_val_predict(
        make_pipeline(TfidfVectorizer(), LogisticRegression()),
        corpus.texts,
        corpus.given_labels,
        cv=StratifiedKFold(5, shuffle=True, random_state=0),
        method="predict_proba",
    )
    return pred_probs


def test_shapes_and_types(corpus: SampleCorpus) -> None:
    assert CLASS_NAMES == ["neg", "pos"]
    assert len(corpus.texts) == 2000
    assert corpus.splits == ["train"] * 1600 + ["test"] * 400
    for labels in (corpus.given_labels, corpus.true_labels):
        assert labels.shape == (2000,)
        assert labels.dtype == np.int64
        assert set(labels.tolist()) == {0, 1}


def test_same_seed_same_corpus(corpus: SampleCorpus) -> None:
    again = generate_reviews(seed=0)
    assert again.texts == corpus.texts
    np.testing.assert_array_equal(again.given_labels, corpus.given_labels)
    np.testing.assert_array_equal(again.true_labels, corpus.true_labels)


def test_other_seed_other_corpus(corpus: SampleCorpus) -> None:
    other = generate_reviews(seed=1)
    assert other.texts != corpus.texts
    assert (other.true_labels != corpus.true_labels).any()
    assert (planted_errors(other) != planted_errors(corpus)).any()


def test_golden_texts(corpus: SampleCorpus) -> None:
    assert digest(corpus) == GOLDEN_SHA256


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_hash_seed_does_not_matter(hash_seed: str) -> None:
    script = (
        "import hashlib; from pipeline.data.sample import generate_reviews;"
        "texts = generate_reviews(num_train=40, num_test=20, seed=0).texts;"
        "print(hashlib.sha256('\\n'.join(texts).encode()).hexdigest())"
    )
    printed = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert printed.strip() == digest(generate_reviews(num_train=40, num_test=20, seed=0))


@pytest.mark.parametrize("split", ["train", "test"])
def test_true_classes_are_balanced(corpus: SampleCorpus, split: str) -> None:
    counts = np.bincount(corpus.true_labels[SPLITS[split]])
    assert counts[0] == counts[1]


@pytest.mark.parametrize("split", ["train", "test"])
def test_labels_are_shuffled(corpus: SampleCorpus, split: str) -> None:
    labels = corpus.true_labels[SPLITS[split]]
    half = len(labels) // 2
    assert 0.4 < labels[:half].mean() < 0.6


@pytest.mark.parametrize(
    ("num_train", "num_test", "error_rate", "expected"),
    [
        (1600, 400, 0.08, (128, 32)),
        (101, 33, 0.1, (10, 3)),
        (20, 20, 0.0, (0, 0)),
        (20, 40, 0.49, (10, 20)),
    ],
)
def test_number_of_planted_errors_is_exact(
    num_train: int, num_test: int, error_rate: float, expected: tuple[int, int]
) -> None:
    corpus = generate_reviews(num_train=num_train, num_test=num_test, error_rate=error_rate, seed=3)
    errors = planted_errors(corpus)
    assert (errors[:num_train].sum(), errors[num_train:].sum()) == expected


def test_planted_errors_go_both_ways(corpus: SampleCorpus) -> None:
    for split in SPLITS.values():
        flipped_from = corpus.true_labels[split][planted_errors(corpus)[split]]
        assert 0.25 < flipped_from.mean() < 0.75


@pytest.mark.parametrize("seed", [0, 1])
def test_texts_are_distinct(seed: int) -> None:
    texts = generate_reviews(seed=seed).texts
    assert len(set(texts)) == len(texts)


def test_lengths_are_within_bounds(corpus: SampleCorpus) -> None:
    lengths = [length_in_words(text) for text in corpus.texts]
    assert (MIN_WORDS, MAX_WORDS) == (40, 180)
    assert min(lengths) >= MIN_WORDS
    assert max(lengths) <= MAX_WORDS
    assert np.std(lengths) > 15


def test_articles_agree_with_the_next_word(corpus: SampleCorpus) -> None:
    text = "\n".join(corpus.texts).replace('"', "")
    after_a = set(re.findall(r"\b[Aa] (\w+)", text))
    after_an = set(re.findall(r"\b[Aa]n (\w+)", text))
    sounds_like_consonant = {"one", "university"}
    sounds_like_vowel = {"honest", "heir", "hour"}
    assert {word for word in after_a if word[0].lower() in "aeiou"} <= sounds_like_consonant
    assert {word for word in after_an if word[0].lower() not in "aeiou"} <= sounds_like_vowel
    assert not after_a & after_an
    assert sounds_like_consonant <= after_a
    assert sounds_like_vowel <= after_an


def test_no_template_is_left_unfilled(corpus: SampleCorpus) -> None:
    for text in corpus.texts:
        assert not re.search(r"[\[\]{}|]|\(n\)|  ", text), text
        assert text == text.strip()


def test_sentences_start_with_a_capital_and_end_with_a_mark(corpus: SampleCorpus) -> None:
    for text in corpus.texts:
        for start in re.findall(r"(?:^|[.!?] |<br />)([^\s<])", text):
            assert not start.islower(), text
        assert re.search(r"[.!?]( [^\w\s]+)?$", text), text


@pytest.mark.parametrize("label", [0, 1])
def test_about_fifteen_percent_are_mixed(corpus: SampleCorpus, label: int) -> None:
    mixed = np.array([is_mixed(text) for text in corpus.texts])
    assert 0.11 < mixed[corpus.true_labels == label].mean() < 0.19


@pytest.mark.parametrize(
    "pattern", [r"<br /><br />", r"[ñøöëéóí]", r'"', r"[\U0001F300-\U0001FAFF]"]
)
def test_texture_of_real_reviews_exists(corpus: SampleCorpus, pattern: str) -> None:
    assert sum(bool(re.search(pattern, text)) for text in corpus.texts) >= 20


@pytest.mark.parametrize("error_rate", [-0.01, 0.5, 1.0, float("nan")])
def test_error_rate_out_of_range_is_refused(error_rate: float) -> None:
    with pytest.raises(ValueError, match="error_rate"):
        generate_reviews(error_rate=error_rate, seed=0)


@pytest.mark.parametrize(("num_train", "num_test"), [(19, 400), (1600, 19), (0, 0), (-5, 400)])
def test_too_small_a_split_is_refused(num_train: int, num_test: int) -> None:
    with pytest.raises(ValueError, match="20 reviews"):
        generate_reviews(num_train=num_train, num_test=num_test, seed=0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_planted_errors_can_be_found(seed: int) -> None:
    corpus = generate_reviews(seed=seed)
    pred_probs = out_of_sample_pred_probs(corpus)
    found = find_label_issues(
        corpus.given_labels, pred_probs, filter_by="prune_by_noise_rate", n_jobs=1
    )
    planted = planted_errors(corpus)
    assert (found & planted).sum() / planted.sum() >= 0.90
    assert (found & planted).sum() / found.sum() >= 0.85


def test_only_the_mixed_reviews_are_hard(corpus: SampleCorpus) -> None:
    pred_probs = out_of_sample_pred_probs(corpus)
    right = pred_probs.argmax(axis=1) == corpus.true_labels
    mixed = np.array([is_mixed(text) for text in corpus.texts])
    assert right[~mixed].mean() > 0.99
    assert 0.9 < right[mixed].mean() < right[~mixed].mean()
