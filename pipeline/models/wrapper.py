"""What every SciKeras classifier of this pipeline has in common."""

from typing import Any

from scikeras.wrappers import KerasClassifier


class TextClassifier(KerasClassifier):
    """A SciKeras classifier that scikit-learn recognizes as one."""

    def __sklearn_tags__(self) -> Any:
        # scikeras 0.13 with scikit-learn 1.9 is not recognised as a classifier without this:
        # cv=3 would silently become KFold instead of StratifiedKFold.
        from sklearn.utils import ClassifierTags

        tags = super().__sklearn_tags__()
        tags.estimator_type = "classifier"
        tags.classifier_tags = ClassifierTags()
        return tags
