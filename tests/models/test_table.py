"""Every classifier of the table: learns, repeats itself, and can be saved without pickle."""

import ast
import functools
import inspect
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pytest
from pydantic import TypeAdapter
from scipy.sparse import csr_matrix
from sklearn.base import clone, is_classifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from pipeline.config.load import load_config
from pipeline.frame.errors import ConfigError
from pipeline.frame.section import imported, one_of
from pipeline.frame.tensorflow import load_tensorflow
from pipeline.models.learned import arrays_of, network_of
from pipeline.models.sections import Counts
from pipeline.models.table import (
    CLASSIFIERS,
    INPUTS,
    Classifier,
    Model,
    Vectorize,
    check_model,
    code_of_model,
    count_epochs,
    device_for,
    make_classifier,
    row_of,
)
from tests.models.own_models import MajorityModel
from tests.tiny import ROOT, TINY

SETTINGS: dict[str, dict[str, Any]] = {
    "fasttext": {"embedding_dim": 8, "dropout": 0.1, "optimizer": "adam", "learning_rate": 0.05,
                 "epochs": 8, "batch_size": 8},
    "cnn": {"embedding_dim": 8, "filters": 16, "kernel_size": 3, "dropout": 0.1,
            "learning_rate": 0.02, "epochs": 8, "batch_size": 8},
    "transformer": {"embedding_dim": 8, "num_heads": 2, "feed_forward_dim": 16, "num_layers": 1,
                    "dropout": 0.1, "learning_rate": 0.02, "epochs": 8, "batch_size": 8},
    "multinomial_nb": {"alpha": 1.0},
    "logistic_regression": {"C": 1.0, "max_iter": 200},
    "linear": {"C": 10.0, "max_iter": 200},
    "keras of my own": {"name": "custom", "function": "tests.models.own_models:keras_bag",
                        "options": {"width": 8}, "epochs": 40, "batch_size": 4},
    "scikit-learn of my own": {"name": "custom", "function": "tests.models.own_models:tfidf_forest",
                               "options": {}, "epochs": 1, "batch_size": 1},
}  # fmt: skip
KIND = {"multinomial_nb": "counts", "logistic_regression": "counts",
        "linear": "vectors", "scikit-learn of my own": "texts"}  # fmt: skip
COUNTS = Counts(kind="counts", lowercase=True, token_pattern=r"(?u)\b\w\w+\b", max_ngram=1,
                min_df=1, max_features=None)  # fmt: skip
WORDS = ["good fine great", "bad awful poor", "long middling short"]
VOCABULARY = ["", "[UNK]", "film", *" ".join(WORDS).split()]


def make_texts(seed: int, count: int = 60) -> tuple[list[str], np.ndarray]:
    """Return texts of three classes that differ by their words."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    texts = [" ".join(["film", *rng.choice(WORDS[label].split(), 4)]) for label in labels]
    return texts, labels


def inputs(name: str, texts: list[str]) -> Any:
    kind = KIND.get(name, "tokens")
    if kind == "texts":
        return np.array(texts, dtype=object)
    if kind in ("counts", "vectors"):
        counts = CountVectorizer(vocabulary=VOCABULARY[2:]).transform(texts)
        return counts if kind == "counts" else counts.toarray()
    from pipeline.models.tokens import encode, split_words

    words = split_words(pa.array(texts))
    return encode(words, np.arange(len(texts)), VOCABULARY, sequence_length=6)


def make(name: str, *, seed: int = 1) -> Any:
    load_tensorflow()
    model = TypeAdapter(Model).validate_python({"name": name} | SETTINGS[name])
    size = 0 if name in KIND else len(VOCABULARY)
    return make_classifier(model, vocabulary_size=size, seed=seed)


@functools.cache
def fitted(name: str) -> Any:
    """Return the classifier fit on the texts of seed 0."""
    texts, labels = make_texts(seed=0)
    return make(name).fit(inputs(name, texts), labels)


@pytest.mark.parametrize(
    ("name", "asked", "device"),
    [("fasttext", "auto", "cpu"), ("fasttext", "gpu", "gpu"), ("cnn", "auto", "auto")],
)
def test_auto_is_the_cpu_for_what_is_trained_by_blocks(name: str, asked: str, device: str) -> None:
    model = TypeAdapter(Model).validate_python({"name": name} | SETTINGS[name])
    assert device_for(model, asked) == device


@pytest.mark.parametrize("name", SETTINGS)
def test_learns_and_repeats_itself(name: str) -> None:
    texts, labels = make_texts(seed=0)
    unseen, truth = make_texts(seed=1)
    x = inputs(name, texts)
    pred_probs = fitted(name).predict_proba(inputs(name, unseen))
    assert pred_probs.shape == (60, 3)
    np.testing.assert_allclose(pred_probs.sum(axis=1), 1, rtol=1e-5)
    assert (pred_probs.argmax(axis=1) == truth).mean() > 0.9
    # A clone, after other trainings in the same process, gives the same bits.
    again = clone(make(name)).fit(x, labels).predict_proba(inputs(name, unseen))
    np.testing.assert_array_equal(again, pred_probs)


@pytest.mark.parametrize("name", SETTINGS)
def test_is_a_classifier_that_cleanlab_can_weight(name: str) -> None:
    classifier = make(name)
    assert is_classifier(classifier)
    assert "sample_weight" in inspect.signature(classifier.fit).parameters


@pytest.mark.parametrize(
    "name", ["cnn", "transformer", "multinomial_nb", "logistic_regression", "linear"]
)
def test_weights_count(name: str) -> None:
    """An example with weight zero might as well be absent."""
    texts, labels = make_texts(seed=0)
    wrong = (labels + 1) % 3
    both = inputs(name, texts + texts)
    weights = np.repeat([1.0, 0.0], len(labels))
    classifier = make(name).fit(both, np.concatenate([labels, wrong]), sample_weight=weights)
    assert (classifier.predict_proba(inputs(name, texts)).argmax(axis=1) == labels).mean() > 0.9


@pytest.mark.parametrize("name", SETTINGS)
def test_a_text_without_a_known_word_gets_finite_probabilities(name: str) -> None:
    pred_probs = fitted(name).predict_proba(inputs(name, ["", "unheard of"]))
    assert np.isfinite(pred_probs).all()
    np.testing.assert_allclose(pred_probs.sum(axis=1), 1, rtol=1e-5)


def test_a_training_step_is_traced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable made in the first trace would cost a second one."""
    load_tensorflow()
    from pipeline.models.optimizer import FusedAdam

    traces = []
    apply = FusedAdam.apply

    def counted(self: Any, *arguments: Any) -> Any:
        traces.append(self)
        return apply(self, *arguments)

    monkeypatch.setattr(FusedAdam, "apply", counted)
    texts, labels = make_texts(seed=0, count=24)  # whole batches: another size is another trace
    make("cnn").fit(inputs("cnn", texts), labels)
    assert len(traces) == 1


@pytest.mark.parametrize("name", ["multinomial_nb", "logistic_regression"])
def test_counts_as_a_pipeline_that_vectorizes_each_fold(name: str) -> None:
    """Counts made once for all texts give what CountVectorizer in every fold gives."""
    texts, labels = make_texts(seed=0)
    texts = [f"{text} rare{number}" for number, text in enumerate(texts)]
    vectorizer, estimator = {
        "multinomial_nb": (CountVectorizer(), MultinomialNB()),
        "logistic_regression": (TfidfVectorizer(), LogisticRegression(max_iter=200)),
    }[name]
    pipeline = make_pipeline(vectorizer, estimator)
    options = {"cv": 3, "method": "predict_proba"}
    expected = cross_val_predict(pipeline, texts, labels, **options)
    counts = CountVectorizer().fit_transform(texts)
    obtained = cross_val_predict(make(name), counts, labels, **options)
    np.testing.assert_allclose(obtained, expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["multinomial_nb", "logistic_regression"])
@pytest.mark.parametrize("classes", [2, 3])
def test_saved_arrays_predict_the_same(name: str, classes: int) -> None:
    from pipeline.models.counts import deployable_arrays, predict_texts

    texts, labels = make_texts(seed=0)
    kept = labels < classes
    chosen = [text for text, keep in zip(texts, kept, strict=True) if keep]
    classifier = make(name).fit(inputs(name, chosen), labels[kept])
    arrays = deployable_arrays(arrays_of(classifier), VOCABULARY[2:], ["a", "b"], COUNTS)
    assert all(array.dtype != object for array in arrays.values())
    unseen = [*make_texts(seed=1)[0], "", "Unheard OF good"]
    expected = classifier.predict_proba(inputs(name, unseen))
    np.testing.assert_allclose(predict_texts(arrays, unseen), expected, rtol=1e-6, atol=1e-12)


# Keras 3.15 with NumPy 2: its own conversion of a variable warns.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("name", ["fasttext", "cnn", "transformer", "keras of my own"])
def test_saved_network_predicts_the_same_from_raw_text(name: str, tmp_path: Any) -> None:
    import keras
    import tensorflow as tf

    from pipeline.models.deployable import deployable_model

    texts, _ = make_texts(seed=0)
    classifier = fitted(name)
    model = deployable_model(network_of(classifier), VOCABULARY, ["a", "b", "c"], sequence_length=6)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    expected = classifier.predict_proba(inputs(name, texts))
    obtained = loaded(tf.constant(texts), training=False).numpy()
    np.testing.assert_allclose(obtained, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["fasttext", "cnn", "transformer", "keras of my own"])
def test_document_vectors_explain_the_probabilities(name: str) -> None:
    from pipeline.models.vectors import document_vectors

    texts, _ = make_texts(seed=0)
    classifier = fitted(name)
    network = network_of(classifier)
    vectors = document_vectors(network, inputs(name, texts))
    assert vectors is not None
    kernel, bias = network.get_weights()[-2:]
    logits = vectors @ kernel + bias
    expected = classifier.predict_proba(inputs(name, texts))
    np.testing.assert_array_equal(logits.argmax(axis=1), expected.argmax(axis=1))


def test_solver_that_does_not_arrive_says_so() -> None:
    from pipeline.models.counts import CountsClassifier

    x = csr_matrix(np.random.default_rng(0).integers(0, 9, (60, 30)))
    estimator = LogisticRegression(max_iter=1)
    with pytest.raises(ArithmeticError, match="did not converge"):
        CountsClassifier(estimator, tfidf=True).fit(x, np.arange(60) % 2)


@pytest.mark.parametrize(
    ("function", "says"),
    [
        ("no.such.module:make", "cannot be imported"),
        ("tests.models.own_models:keras_bug", "did you mean keras_bag"),
        ("tests.models.own_models:nothing", "returned NoneType"),
        ("tests.models.own_models:too_few_arguments", "vocabulary_size"),
        ("tests.models.own_models:unbuilt", "no inputs yet"),
    ],
)
def test_custom_function_that_cannot_be_used(function: str, says: str) -> None:
    load_tensorflow()
    settings = {"name": "custom", "function": function, "options": {}, "epochs": 1}
    model = TypeAdapter(Model).validate_python(settings | {"batch_size": 8})
    classifier = make_classifier(model, vocabulary_size=len(VOCABULARY), seed=1)
    texts, labels = make_texts(seed=0)
    with pytest.raises(ConfigError, match=r"model\.function") as caught:
        classifier.fit(inputs("fasttext", texts), labels)
    assert says in str(caught.value)
    assert len(str(caught.value)) <= 290


# --- the tables ----------------------------------------------------------------------------


def takes(name: str, *arguments: object, **named: object) -> None:
    """Fail unless "module:function" names a function that takes these arguments."""
    inspect.signature(imported(name)).bind(*arguments, **named)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_row_names_functions_that_are_there(name: str) -> None:
    load_tensorflow()
    row = CLASSIFIERS[name]
    takes(row.make, None, vocabulary_size=0, seed=0, callbacks=None)
    if row.check:
        takes(row.check, None)
    assert row.inputs in ("", *INPUTS)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_code_of_every_model_is_there(name: str) -> None:
    load_tensorflow()
    model = TypeAdapter(Model).validate_python({"name": name} | SETTINGS[name])
    named = code_of_model(model)
    assert row_of(model).make in named
    assert getattr(model, "function", row_of(model).make) in named
    assert all(callable(imported(each)) for each in named)


@pytest.mark.parametrize("kind", INPUTS)
def test_every_kind_of_input_names_functions_that_are_there(kind: str) -> None:
    load_tensorflow()
    row = INPUTS[kind]
    takes(row.load, "path")
    takes(row.write, "context", "labels", "options")
    takes(row.deploy, "run", "name", "learned", "classifier", "options")


def test_a_suffix_says_how_a_file_of_inputs_is_read() -> None:
    rows = INPUTS.values()
    assert len({(row.suffix, row.load) for row in rows}) == len({row.suffix for row in rows})


def test_a_config_can_name_every_row_and_nothing_else() -> None:
    for union, table in ((Model, CLASSIFIERS), (Vectorize, INPUTS)):
        sections = get_args(get_args(union)[0])
        assert list(sections) == [row.section for row in table.values()]
    assert {SETTINGS[name].get("name", name) for name in SETTINGS} == set(CLASSIFIERS)


@pytest.mark.parametrize(
    ("override", "table"),
    [("model={name: word2vec}", CLASSIFIERS), ("vectorize={kind: embeddings}", INPUTS)],
)
def test_an_unknown_name_is_refused_with_those_there_are(
    override: str, table: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match="must be one of") as caught:
        load_config(TINY, [override])
    assert ", ".join(f"'{name}'" for name in table) in str(caught.value)


def test_a_row_is_all_that_a_new_classifier_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Classifier(
        MajorityModel, "tests.models.own_models:make_majority", "texts", tensorflow=False
    )
    monkeypatch.setitem(CLASSIFIERS, "majority", row)
    union = one_of("name", [row.section for row in CLASSIFIERS.values()])
    model = TypeAdapter(union).validate_python({"name": "majority", "smoothing": 1.0})
    check_model(model)
    assert (row_of(model), count_epochs(model)) == (row, 1)
    assert row.make in code_of_model(model)
    classifier = make_classifier(model, vocabulary_size=0, seed=1)
    texts, labels = np.array(["a", "b", "c"], dtype=object), np.array([0, 1, 1])
    assert classifier.fit(texts, labels).predict(texts).tolist() == [1, 1, 1]


def test_no_other_code_compares_names_of_classifiers() -> None:
    """`init` suggests one in the config that it writes; "linear" is an activation of Keras, too."""
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "pipeline").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in CLASSIFIERS
    }
    activation = {"pipeline/models/temperature.py"}
    assert found - activation == {"pipeline/models/table.py", "pipeline/config/suggest.py"}
