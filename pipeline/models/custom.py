"""A classifier of the user's own: a function that returns a Keras model or an estimator."""

import difflib
import importlib
import inspect
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from pipeline.data.rows import TokenRows
from pipeline.frame.errors import ConfigError
from pipeline.models.table import CustomModel


def import_function(name: str) -> Any:
    """Return the function behind "package.module:function".

    Raises:
        ConfigError: the module or the function cannot be found or imported.
    """
    module_name, function_name = name.split(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # a user's module may raise anything
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:80]}"
        raise ConfigError(
            f"model.function: {name[:60]}: cannot be imported ({reason}); run from the folder "
            "that holds it, or set PYTHONPATH"
        ) from None
    function = getattr(module, function_name, None)
    if not callable(function):
        close = difflib.get_close_matches(function_name, dir(module), n=1)
        hint = f"; did you mean {close[0]}?" if close else "; correct model.function"
        raise ConfigError(f"model.function: {module_name} has no function {function_name}{hint}")
    return function


def check_custom(model: CustomModel) -> None:
    """Stop before any training when the function cannot be imported.

    Raises:
        ConfigError: see import_function.
    """
    import_function(model.function)


def make_custom(model: CustomModel, **arguments: Any) -> "CustomClassifier":
    """Return an unfitted classifier of the user's."""
    return CustomClassifier(**model.model_dump(exclude={"name"}), **arguments)


class CustomClassifier(ClassifierMixin, BaseEstimator):
    """Whatever `function` returns, fit as the other classifiers are.

    The function is called in every fit as function(num_classes=, vocabulary_size=,
    sequence_length=, seed=, **options) and returns a compiled Keras model with
    (texts, classes) probabilities, or a scikit-learn classifier with predict_proba.
    """

    def __init__(
        self,
        function: str,
        *,
        options: dict[str, Any],
        epochs: int,
        batch_size: int,
        vocabulary_size: int,
        seed: int,
        callbacks: Any = None,
    ) -> None:
        self.function = function
        self.options = options
        self.epochs = epochs
        self.batch_size = batch_size
        self.vocabulary_size = vocabulary_size
        self.seed = seed
        self.callbacks = callbacks

    def fit(self, X: Any, y: np.ndarray, sample_weight: np.ndarray | None = None) -> Any:
        """Fit on what the vectorize stage made and (texts,) labels 0, 1, ...

        Weights are passed on where the model takes them.

        Raises:
            ConfigError: the function does not take these arguments, or returns something else.
        """
        X = _in_memory(X)
        self.classes_ = np.unique(y)
        self.model_ = self._call(num_classes=len(self.classes_), shape=np.shape(X))
        if hasattr(self.model_, "predict_proba"):
            takes_weights = "sample_weight" in inspect.signature(self.model_.fit).parameters
            weights = {"sample_weight": sample_weight} if takes_weights else {}
            self.model_.fit(X, y, **weights)
        else:
            self.history_ = self.model_.fit(
                X,
                y,
                sample_weight=sample_weight,
                epochs=self.epochs,
                batch_size=self.batch_size,
                callbacks=self.callbacks,
                verbose=0,
            ).history
        return self

    def _call(self, *, num_classes: int, shape: tuple[int, ...]) -> Any:
        function = import_function(self.function)
        arguments = {
            "num_classes": num_classes,
            "vocabulary_size": self.vocabulary_size,
            "sequence_length": shape[1] if len(shape) == 2 else 0,
            "seed": self.seed,
            **self.options,
        }
        try:
            inspect.signature(function).bind(**arguments)
        except TypeError as error:
            raise ConfigError(
                f"model.function: {self.function[:60]}: {error}; it is called with "
                f"{', '.join(arguments)[:100]}"
            ) from None
        if self.vocabulary_size:
            import keras

            keras.utils.clear_session()
            keras.utils.set_random_seed(self.seed)
        model = function(**arguments)
        if not hasattr(model, "fit") or not (
            hasattr(model, "predict_proba") or hasattr(model, "get_weights")
        ):
            raise ConfigError(
                f"model.function: {self.function[:60]}: returned {type(model).__name__}, not a "
                "compiled Keras model or a scikit-learn classifier with predict_proba"
            )
        if not hasattr(model, "predict_proba") and not getattr(model, "inputs", None):
            raise ConfigError(
                f"model.function: {self.function[:60]}: the Keras model has no inputs yet; begin "
                "it with keras.Input((sequence_length,))"
            )
        return model

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return (texts, classes) probabilities."""
        X = _in_memory(X)
        if hasattr(self.model_, "predict_proba"):
            return np.asarray(self.model_.predict_proba(X))
        return np.asarray(self.model_.predict(X, batch_size=512, verbose=0))

    def predict(self, X: Any) -> np.ndarray:
        """Return (texts,) the most probable class of each."""
        predicted: np.ndarray = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return predicted


def _in_memory(X: Any) -> Any:
    """Return rows on disk as an array: what a user's model does with them is unknown."""
    return np.asarray(X) if isinstance(X, TokenRows) else X
