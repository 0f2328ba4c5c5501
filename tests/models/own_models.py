"""What a user's own model file looks like."""

from typing import Any, Literal

from pipeline.frame.section import Section


def keras_bag(
    *, num_classes: int, vocabulary_size: int, sequence_length: int, seed: int, width: int
) -> Any:
    import keras

    model = keras.Sequential(
        [
            keras.Input((sequence_length,)),
            keras.layers.Embedding(vocabulary_size, width),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(num_classes, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def tfidf_forest(*, seed: int, **sizes: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline

    forest = RandomForestClassifier(20, min_samples_leaf=2, random_state=seed)
    return make_pipeline(TfidfVectorizer(), forest)


def nothing(**sizes: int) -> None:
    return None


def too_few_arguments(num_classes: int) -> None:
    return None


def unbuilt(**sizes: int) -> Any:
    import keras

    model = keras.Sequential([keras.layers.Dense(2)])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


class MajorityModel(Section):
    """What the section of a new classifier looks like."""

    name: Literal["majority"]
    smoothing: float


def make_majority(
    model: MajorityModel, *, vocabulary_size: int, seed: int, callbacks: Any = None
) -> Any:
    from sklearn.dummy import DummyClassifier

    return DummyClassifier(strategy="prior")
