"""The published IMDb experiment as one plain script, changed only where Keras 3 forces it.

Forced: SciKeras for cleanlab's former Keras wrapper, a function that builds the model (a built
model would let the folds continue each other's weights), `metrics` as a list.
Prints one JSON line: the published figures and the seconds of each part.
"""

import json
import os
import re
import string
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from cleanlab.classification import CleanLearning
from cleanlab.filter import find_label_issues
from keras import Sequential, layers, losses, metrics, utils
from scikeras.wrappers import KerasClassifier
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_predict

SEED = 123456
MAX_FEATURES, SEQUENCE_LENGTH, EPOCHS = 10000, 250, 10
EXAMPLES = int(os.environ.get("BENCH_EXAMPLES", "50000"))  # of train + test
seconds: dict[str, float] = {}
started = time.perf_counter()


def lap(name: str) -> None:
    """Book the time since the last lap under `name`."""
    global started
    now = time.perf_counter()
    seconds[name] = round(now - started, 2)
    started = now


def load(split: str) -> tuple[np.ndarray, np.ndarray]:
    texts, labels = tfds.as_numpy(
        tfds.load("imdb_reviews", split=split, batch_size=-1, as_supervised=True)
    )
    return texts, labels


def preprocess_text(texts: tf.Tensor) -> tf.Tensor:
    lowercase = tf.strings.lower(texts)
    stripped_html = tf.strings.regex_replace(lowercase, "<br />", " ")
    return tf.strings.regex_replace(stripped_html, f"[{re.escape(string.punctuation)}]", "")


def new_vectorizer(texts: np.ndarray) -> layers.TextVectorization:
    layer = layers.TextVectorization(
        standardize=preprocess_text,
        max_tokens=MAX_FEATURES,
        output_mode="int",
        output_sequence_length=SEQUENCE_LENGTH,
    )
    layer.adapt(texts)
    return layer


def get_net() -> Sequential:
    net = Sequential(
        [
            layers.Input((None,), dtype="int64"),
            layers.Embedding(MAX_FEATURES + 1, 16),
            layers.Dropout(0.2),
            layers.GlobalAveragePooling1D(),
            layers.Dropout(0.2),
            layers.Dense(2),
            layers.Softmax(),
        ]
    )
    net.compile(
        optimizer="adam",
        loss=losses.SparseCategoricalCrossentropy(),
        metrics=[metrics.SparseCategoricalAccuracy()],
    )
    return net


def main() -> None:
    lap("import")
    utils.set_random_seed(SEED)
    # Half of each split where the size is reduced, in data order.
    part = EXAMPLES // 2
    full_split = "train+test" if EXAMPLES == 50000 else f"train[:{part}]+test[:{part}]"
    texts, labels = load(full_split)
    train_texts, train_labels = load(f"train[:{part}]")
    test_texts, test_labels = load(f"test[:{part}]")
    lap("read")
    tokens = new_vectorizer(texts)(texts).numpy()
    lap("vectorize")
    model = KerasClassifier(get_net, epochs=EPOCHS, verbose=0)
    folds = StratifiedKFold(3)  # what cv=3 meant before scikit-learn stopped recognising SciKeras
    pred_probs = cross_val_predict(model, tokens, labels, cv=folds, method="predict_proba")
    lap("crossval")
    issues = find_label_issues(
        labels, pred_probs, return_indices_ranked_by="self_confidence", n_jobs=1
    )
    lap("find_issues")
    vectorizer = new_vectorizer(train_texts)
    train_tokens, test_tokens = vectorizer(train_texts).numpy(), vectorizer(test_texts).numpy()
    lap("vectorize_train")
    baseline = KerasClassifier(get_net, epochs=EPOCHS, verbose=0).fit(train_tokens, train_labels)
    baseline_accuracy = accuracy_score(test_labels, baseline.predict(test_tokens))
    lap("baseline")
    cleaner = CleanLearning(
        KerasClassifier(get_net, epochs=EPOCHS, verbose=0),
        seed=SEED,
        find_label_issues_kwargs={"n_jobs": 1},
    )
    cleaner.fit(train_tokens, train_labels)
    cleaned_accuracy = accuracy_score(test_labels, cleaner.predict(test_tokens))
    lap("cleanlearning")
    figures = {
        "log_loss": float(log_loss(labels, pred_probs)),
        "issues": len(issues),
        "top_rows": issues[:10].tolist(),
        "baseline_accuracy": float(baseline_accuracy),
        "cleanlearning_accuracy": float(cleaned_accuracy),
    }
    print(json.dumps({"figures": figures, "seconds": seconds}))


if __name__ == "__main__":
    main()
