"""Label errors of texts in memory: the finder of the pipeline as one function."""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.compute.finders import combine_scope
from pipeline.compute.trial import suggest_finder
from pipeline.config.suggest import FIND_ISSUES, FOLDS, SEED, STRENGTHS
from pipeline.data.examples import count_per_class, group_texts
from pipeline.data.pred_probs import first_bad_row, what_is_bad
from pipeline.data.prepared import Labels
from pipeline.frame.errors import DataError
from pipeline.frame.messages import shown
from pipeline.frame.progress import StageProgress
from pipeline.issues.calibration import fit_wrong_probability
from pipeline.issues.fitness import judge_fitness
from pipeline.issues.lists import SCORES
from pipeline.issues.ranking import find_issues_ranked
from pipeline.issues.sections import FindIssues
from pipeline.models.folds import LEAST_TEXTS, FoldPlans
from pipeline.models.judges import Corpus, ask_member
from pipeline.models.members import MODEL, EnsembleFinder, Member, VectorsMember, named
from pipeline.models.sections import Crossval, Scope

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "IProgress not found")  # a notebook without ipywidgets
    import cleanlab.filter  # noqa: F401  # imports tqdm, which warns of that

OPTIONS = FindIssues.model_validate(FIND_ISSUES | {"neighbors": False})


def find_label_errors(
    texts: Any,
    labels: Any,
    *,
    text: str = "text",
    pred_probs: np.ndarray | None = None,
    embeddings: np.ndarray | None = None,
    verified: Mapping[int, Any] | None = None,
    every_row: bool = False,
    folds: int = FOLDS,
    seed: int = SEED,
    progress: bool = True,
) -> pd.DataFrame:
    """Return the labels that are probably wrong, the most probable first.

    Who judges is the ensemble that `label-errors init` writes, without the network: classifiers
    of words, of characters and naive Bayes, in cross-validation, each brought to honest
    confidence. What is listed is what cleanlab's `find_label_issues` makes of their mean.

    Args:
        texts: n strings: a list, an array, a pandas Series, a column. Or a pandas DataFrame or a
            Hugging Face Dataset that has them in the column `text`. None with `pred_probs` or
            `embeddings`.
        labels: n class names or numbers; or the name of the column that has them.
        pred_probs: (n, classes) out-of-sample probabilities that you have already, classes in
            sorted order (of a ClassLabel: in its order); no text is read then.
        embeddings: (n, dim) vectors of the texts: one more classifier, a linear one on them.
        verified: {row: true label} of labels that people checked, right ones and wrong ones; 30
            of both kinds or more calibrate `probability_wrong`.
        every_row: a line for every text in its order instead of the issues alone.
        folds: of the cross-validation. seed: of the folds.
        progress: say how far it is.

    Returns:
        A line for each issue, with the index of `texts` where that is of pandas: `rank` from 1,
        `row` from 0, `given`, `suggested` (the most probable class), `self_confidence`,
        `normalized_margin`, `confidence_weighted_entropy` (of cleanlab; low is suspicious),
        `probability_wrong` (NaN without enough `verified`), `text`.

    Raises:
        DataError: lengths that differ, a text or label that is missing, one class only, a class
            with fewer than two different texts, probabilities that are not.

    Warns:
        UserWarning: the judge is not fit to judge these labels, and why.
    """
    data = columns_of(texts, labels, text)
    probs = pred_probs
    if probs is None:
        probs = judge(data, embeddings, folds=folds, seed=seed, progress=progress)
    else:
        probs = checked_probs(np.asarray(probs), (len(data.given), len(data.classes)))
    fitness = judge_fitness(probs, data.given, unknown=0.0, curves=[])
    for why, remedy in fitness.reasons:
        warnings.warn(f"not fit to judge these labels: {why}; {remedy}", stacklevel=2)
    issues = find_issues_ranked(data.given, probs, OPTIONS)
    found = score_all(data, probs, issues, verified or {})
    return found if every_row else found.iloc[issues]


class Columns(NamedTuple):
    """What is judged. texts: None for no texts. given: (n,) places in `classes`."""

    texts: list[str] | None
    given: np.ndarray
    classes: list[Any]
    index: Any


def columns_of(texts: Any, labels: Any, text: str) -> Columns:
    """Return texts and labels out of whatever holds them; see find_label_errors."""
    classes = None
    index = getattr(texts, "index", None) if isinstance(texts, pd.Series | pd.DataFrame) else None
    if isinstance(labels, str):
        for name in (text, labels):
            if name not in (have := getattr(texts, "column_names", getattr(texts, "columns", []))):
                raise DataError(f"no column {shown(name)}; there is {', '.join(map(shown, have))}")
        classes = getattr(getattr(texts, "features", {}).get(labels), "names", None)
        texts, labels = texts[text], texts[labels]
    values = [value.item() if isinstance(value, np.generic) else value for value in labels]
    if missing := [row for row, value in enumerate(values) if pd.isna(value)]:
        raise DataError(f"row {missing[0]}: has no label; label it, or leave it out")
    if classes is None:
        classes = sorted(set(values), key=lambda value: (isinstance(value, str), value))
        place = {value: number for number, value in enumerate(classes)}
        values = [place[value] for value in values]
    given = np.array(values, np.int64)
    if len(np.unique(given)) < 2:
        raise DataError("the labels are of one class only; 2 are needed")
    read = None if texts is None else list(texts)
    if read is not None:
        if len(read) != len(given):
            raise DataError(f"there are {len(read)} texts and {len(given)} labels")
        if others := [row for row, value in enumerate(read) if not isinstance(value, str)]:
            raise DataError(f"row {others[0]}: the text is {shown(read[others[0]])}, not a string")
    return Columns(read, given, classes, pd.RangeIndex(len(given)) if index is None else index)


def checked_probs(pred_probs: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return (n, classes) probabilities.

    Raises:
        DataError: they are of another shape, or not probabilities.
    """
    if pred_probs.shape != shape or pred_probs.dtype.kind != "f":
        found = f"{pred_probs.dtype} of shape {pred_probs.shape}"
        raise DataError(f"pred_probs: are {found}; floats of shape {shape} are needed")
    if (row := first_bad_row(pred_probs)) is not None:
        raise DataError(f"pred_probs: row {row} {what_is_bad(pred_probs[row])}")
    return pred_probs


def judge(
    data: Columns, embeddings: np.ndarray | None, *, folds: int, seed: int, progress: bool
) -> np.ndarray:
    """Return (n, classes) out-of-sample probabilities of the ensemble."""
    count, num_classes = len(data.given), len(data.classes)
    if data.texts is None and embeddings is None:
        raise DataError("texts: are needed without pred_probs and embeddings")
    if embeddings is not None:
        embeddings = np.asarray(embeddings)
        if embeddings.ndim != 2 or len(embeddings) != count or not np.isfinite(embeddings).all():
            raise DataError(f"embeddings: a finite ({count}, dim) array is needed")
    groups = group_texts(data.texts) if data.texts is not None else np.arange(count)
    sizes = count_per_class(data.given, num_classes=num_classes, groups=groups)
    if sizes.min() < LEAST_TEXTS:
        name = shown(data.classes[int(sizes.argmin())])
        raise DataError(f"class {name} has {sizes.min()} different text(s); 2 are needed")
    scope = Scope(folds=min(folds, int(sizes.max())), shuffle=True)
    options = Crossval(group_duplicates=True, all=scope, train=scope)
    labels = Labels(data.given, np.ones(count, bool))
    characters = sum(map(len, data.texts or []))
    finder = EnsembleFinder.model_validate(suggest_finder(count, num_classes, characters))
    plans = FoldPlans(labels, groups, options, seed).repeats("all", finder.repeats)
    members: list[Member] = [m for m in finder.members if m.member != MODEL] if data.texts else []
    if embeddings is not None:
        members.append(VectorsMember(member="vectors", path="embeddings", C=STRENGTHS))
    corpus = Corpus(
        lambda: pa.array(data.texts, pa.large_string()), lambda _: np.asarray(embeddings)
    )
    said, learned = {}, np.ones(count, bool)
    with telling(progress) as tell:
        for number, (name, member) in enumerate(named(members)):
            tell(number, len(members), name)
            with contextlib.suppress(ValueError):  # nothing that it reads occurs often enough
                said[name], _ = ask_member(
                    member, corpus, data.given, learned, plans, num_classes=num_classes
                )
    if not said:
        raise DataError("no word and no run of characters occurs in two texts; add texts")
    return combine_scope(said, data.given).pred_probs


@contextlib.contextmanager
def telling(progress: bool) -> Iterator[Callable[[int, int, str], None]]:
    """Yield what says how far it is, or nothing."""
    if not progress:
        yield lambda done, total, text: None
        return
    with StageProgress("label errors") as line:
        yield line.update


def score_all(
    data: Columns, pred_probs: np.ndarray, issues: np.ndarray, verified: Mapping[int, Any]
) -> pd.DataFrame:
    """Return a line for every text, in its order."""
    from cleanlab.rank import get_label_quality_scores

    probs = pred_probs.astype(np.float64)
    count = len(data.given)
    rank = pd.array([pd.NA] * count, dtype="Int64")
    rank[issues] = np.arange(1, len(issues) + 1)
    name_of: Sequence[Any] = data.classes
    columns: dict[str, Any] = {
        "rank": rank,
        "row": np.arange(count),
        "given": [name_of[place] for place in data.given],
        "suggested": [name_of[place] for place in probs.argmax(axis=1)],
    }
    columns |= {m: get_label_quality_scores(data.given, probs, method=m) for m in SCORES}
    own, rows = columns["self_confidence"], np.array(list(verified), np.int64)
    is_wrong = np.array([columns["given"][row] != true for row, true in verified.items()], bool)
    fit = fit_wrong_probability(own[rows], is_wrong) if len(rows) else None
    columns["probability_wrong"] = np.full(count, np.nan) if fit is None else fit.of(own)
    if data.texts is not None:
        columns["text"] = data.texts
    return pd.DataFrame(columns, index=data.index)
