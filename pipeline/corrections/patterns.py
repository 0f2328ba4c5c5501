"""What confirmed errors have in common: classes, words, length, and columns the config names.

Only people's decisions count: labels that a majority calls wrong against those it keeps, one of
each text. What is not a count is tested: Fisher's exact test of each word and value, the
Mann-Whitney test of lengths and of columns with an order, and of each family of tests those
are kept that Benjamini and Hochberg's procedure (1995) lets through. Which words and values are
tested depends on how many labels have them, never on which of these are wrong.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from scipy import sparse
from scipy.stats import false_discovery_control, hypergeom, mannwhitneyu

from pipeline.corrections.queue import Item, Queue
from pipeline.corrections.votes import consensus
from pipeline.frame.messages import shown
from pipeline.models.ngrams import SplitTexts, split_plain_words

FEWEST, FEWEST_OF_EACH = 20, 5  # decisions, and of them wrong and right ones
RATE = 0.05  # of false ones among those that are told
FAR = 2.0  # odds ratio of what is told
ATTAINABLE = 0.001  # p of a word or value if all labels with it were wrong
ALIKE = 0.7  # two words whose wrong labels overlap so far are told once
MOST_PAIRS, MOST_WORDS, MOST_VALUES = 5, 8, 5
CATEGORIES = 20  # different values; only a column with more has an order
MONTH = 7  # characters of "2024-03"


class Pair(NamedTuple):
    """Wrong labels of one class that should be of another."""

    given: str
    label: str
    wrong: int

    def sentence(self, wrong: int) -> str:
        return (
            f"Tell {shown(self.given)} from {shown(self.label)} with care: {self.wrong:,} of the "
            f"{wrong:,} wrong labels were the one and are the other."
        )


class Shared(NamedTuple):
    """A word, or a value of a column, that wrong labels have far more often than right ones.

    column: "" for words. wrong, decided: labels with it. wrong_without, decided_without: others.
    pair: what most of the wrong ones were and are. q: the p-value, adjusted for all that were
    tested.
    """

    column: str
    value: str
    wrong: int
    decided: int
    wrong_without: int
    decided_without: int
    pair: Pair | None
    q: float

    @property
    def odds_ratio(self) -> float:
        odds = (self.wrong + 0.5) / (self.decided - self.wrong + 0.5)
        without = (self.wrong_without + 0.5) / (self.decided_without - self.wrong_without + 0.5)
        return odds / without

    def sentence(self) -> str:
        where = f"{self.column} is" if self.column else "the text says"
        mostly = ""
        if self.pair:
            mostly = f", mostly {self.pair.given} → {self.pair.label} ({self.pair.wrong:,})"
        return (
            f"Look twice where {where} {shown(self.value)}: {self.wrong:,} of {self.decided:,} "
            f"such labels were wrong{mostly}; of the others {self.wrong_without:,} of "
            f"{self.decided_without:,}."
        )


class Shift(NamedTuple):
    """A length or a column with an order that is higher, or lower, for wrong labels.

    column: "" for the words of a text. wrong, right: medians.
    """

    column: str
    wrong: str
    right: str
    is_higher: bool
    q: float

    def sentence(self) -> str:
        if self.column:
            where = f"{self.column} is {'high or late' if self.is_higher else 'low or early'}"
            return (
                f"Look twice where {where}: its median is {self.wrong} for wrong labels and "
                f"{self.right} for right ones."
            )
        return (
            f"Look twice at {'long' if self.is_higher else 'short'} texts: those with wrong labels "
            f"have {self.wrong} words (median), those with right ones {self.right}."
        )


class Patterns(NamedTuple):
    """What confirmed errors have in common, of so many decided labels."""

    decided: int
    wrong: int
    pairs: list[Pair]
    shared: list[Shared]
    shifts: list[Shift]

    def sentences(self) -> list[str]:
        """Return a sentence for each that could stand in a labelling guideline."""
        found: list[Shared | Shift] = [*self.shared, *self.shifts]
        return [pair.sentence(self.wrong) for pair in self.pairs] + [f.sentence() for f in found]

    def as_json(self) -> dict[str, Any]:
        """Return what metrics.json says of it."""
        return {
            "decided": self.decided,
            "wrong": self.wrong,
            "pairs": [pair._asdict() for pair in self.pairs],
            "shared": [
                each._asdict() | {"pair": each.pair and each.pair._asdict(), "q": rounded(each.q)}
                for each in self.shared
            ],
            "shifts": [each._asdict() | {"q": rounded(each.q)} for each in self.shifts],
            "sentences": self.sentences(),
        }


class Decided(NamedTuple):
    """Labels that people decided on. wrong: (n,) mask. after: the right class, None if unknown."""

    items: list[Item]
    wrong: np.ndarray
    after: list[str | None]

    def pairs(self, chosen: np.ndarray) -> list[Pair]:
        """Return the pairs of the wrong labels of a (n,) mask, the most frequent first."""
        counts = Counter(
            (self.items[n].given, label)
            for n in np.flatnonzero(chosen & self.wrong)
            if (label := self.after[n]) is not None
        )
        return [Pair(*pair, count) for pair, count in counts.most_common()]


def find_patterns(queue: Queue) -> Patterns | None:
    """Return what the errors that people confirmed have in common; None while they are too few."""
    decided = decided_labels(queue)
    count, wrong = len(decided.items), int(decided.wrong.sum())
    if count < FEWEST or min(wrong, count - wrong) < FEWEST_OF_EACH:
        return None
    names = dict.fromkeys(name for item in decided.items for name in item.metadata)
    columns = {name: [item.metadata.get(name, "") for item in decided.items] for name in names}
    texts = pa.array([item.text for item in decided.items], pa.large_string())
    tokens = split_plain_words(texts)
    lengths = np.bincount(tokens.rows, minlength=count).astype(float)
    shared = shared_words(decided, tokens)
    for name, values in columns.items():
        shared += shared_values(decided, name, values)
    pairs = [pair for pair in decided.pairs(decided.wrong) if pair.wrong >= FEWEST_OF_EACH]
    shifts = find_shifts(decided, lengths, columns)
    return Patterns(count, wrong, pairs[:MOST_PAIRS], shared, shifts)


def decided_labels(queue: Queue) -> Decided:
    """Return the labels with a majority, one of each text.

    Labels of the audit that are not issues are left out: what distinguishes them from issues would
    be taken for what distinguishes right labels from wrong ones.
    """
    state, seen = queue.follow(), set[str]()
    items, after = [], []
    for place in np.flatnonzero(state.wrong >= 0):
        item = queue.items[place]
        by_chance = item.rank is None and item.id in queue.audited
        if by_chance or item.text in seen:
            continue
        seen.add(item.text)
        items.append(item)
        outcome = consensus(queue.decisions(item).values())
        after.append(outcome[1] if outcome else None)
    wrong = [state.wrong[queue.places[item.id]] == 1 for item in items]
    return Decided(items, np.array(wrong, bool), after)


# --- words and values -----------------------------------------------------------------------


def shared_words(decided: Decided, tokens: SplitTexts) -> list[Shared]:
    """Return the words, and pairs of them, that wrong labels have far more often; each once.

    A word is told already if its wrong labels are those of another one, or if it is a part of
    another one that has most of them.
    """
    has, words = words_of(tokens)
    told, kept = [], list[tuple[set[str], np.ndarray]]()
    for each, thing, labels in tested(decided, "", has, lambda thing: as_text(words(thing))):
        parts, errors = set(words(thing)), labels & decided.wrong
        for others, known in kept:
            least = (errors | known).sum()
            if parts & others:
                least = min(errors.sum(), known.sum())
            if (errors & known).sum() >= ALIKE * least:
                break
        else:
            kept.append((parts, errors))
            told.append(each)
    return told[:MOST_WORDS]


def words_of(tokens: SplitTexts) -> tuple[sparse.csc_matrix, Callable[[int], tuple[str, ...]]]:
    """Return (texts, n-grams) whether a text has a word or a pair of words, and their words."""
    size, codes, rows = len(tokens.distinct), tokens.codes.astype(np.int64), tokens.rows
    together = rows[1:] == rows[:-1]
    pairs = (codes[:-1] * size + codes[1:])[together]
    distinct, numbers = np.unique(pairs, return_inverse=True)
    columns = np.concatenate([codes, size + numbers])
    places = (np.concatenate([rows, rows[:-1][together]]), columns)
    shape = (tokens.texts, size + len(distinct))
    has = sparse.coo_matrix((np.ones(len(columns)), places), shape=shape).tocsc()

    def words(column: int) -> tuple[str, ...]:
        codes = (column,) if column < size else divmod(int(distinct[column - size]), size)
        return tuple(str(tokens.distinct[code]) for code in codes)

    return has.astype(bool), words


def as_text(words: Sequence[str]) -> str:
    """Return words as a reader sees them; characters that are words stand without spaces."""
    is_unspaced = all(len(word) == 1 and not word.isascii() for word in words)
    return ("" if is_unspaced else " ").join(words)


def shared_values(decided: Decided, column: str, values: Sequence[str]) -> list[Shared]:
    """Return the values of a column, months of dates, that wrong labels have far more often."""
    if all(is_date(value) for value in values if value):
        values = [value[:MONTH] for value in values]
    distinct = sorted({value for value in values if value})
    numbers = {value: number for number, value in enumerate(distinct)}
    has = np.zeros((len(values), len(distinct)), bool)
    for row, value in enumerate(values):
        if value:
            has[row, numbers[value]] = True
    found = tested(decided, column, sparse.csc_matrix(has), distinct.__getitem__)
    return [each for each, _, _ in found[:MOST_VALUES]]


def tested(
    decided: Decided, column: str, has: sparse.csc_matrix, name: Callable[[int], str]
) -> list[tuple[Shared, int, np.ndarray]]:
    """Return what wrong labels have far more often, its number, and (n,) which labels have it.

    The surest comes first, of equally sure ones the last.

    Args:
        has: (n, things) whether a label has a thing. name: of a thing.
    """
    count, wrong = len(decided.items), int(decided.wrong.sum())
    sizes = np.diff(has.indptr)
    known, inverse = np.unique(sizes, return_inverse=True)
    best = hypergeom.sf(np.minimum(known, wrong) - 1, count, wrong, known)
    chosen = np.flatnonzero(best[inverse] <= ATTAINABLE)
    if not len(chosen):
        return []
    hits = np.asarray(has[:, chosen].T @ decided.wrong.astype(int)).ravel()
    p = hypergeom.sf(hits - 1, count, wrong, sizes[chosen])
    q = false_discovery_control(np.clip(p, 0, 1))
    found = []
    for place in np.lexsort((-chosen, p)):
        if q[place] > RATE:
            break
        thing = int(chosen[place])
        hit, size = int(hits[place]), int(sizes[thing])
        labels = has[:, [thing]].toarray().ravel()
        pair = next(iter(decided.pairs(labels)), None)
        pair = pair if pair and 2 * pair.wrong > hit else None
        numbers = (hit, size, wrong - hit, count - size)
        each = Shared(column, name(thing), *numbers, pair, float(q[place]))
        if each.odds_ratio >= FAR:
            found.append((each, thing, labels))
    return found


# --- lengths and what has an order ----------------------------------------------------------


def find_shifts(
    decided: Decided, lengths: np.ndarray, columns: dict[str, list[str]]
) -> list[Shift]:
    """Return whether wrong labels stand on longer texts, or later in a column; one family."""
    ordered = {"": (lengths.tolist(), [f"{length:.0f}" for length in lengths])}
    for name, values in columns.items():
        if (order := order_of(values)) is not None:
            ordered[name] = (order, values)
    found, ps = [], []
    for name, (order, texts) in ordered.items():
        numbers = np.array(order)
        known = ~np.isnan(numbers)
        groups = [np.flatnonzero(known & (decided.wrong == is_wrong)) for is_wrong in (True, False)]
        if min(map(len, groups)) < FEWEST_OF_EACH:
            continue
        wrong, right = (sorted(group, key=numbers.__getitem__)[len(group) // 2] for group in groups)
        test = mannwhitneyu(numbers[groups[0]], numbers[groups[1]])
        is_higher = test.statistic > len(groups[0]) * len(groups[1]) / 2
        found.append(Shift(name, texts[wrong], texts[right], bool(is_higher), 1.0))
        ps.append(float(test.pvalue))
    qs = false_discovery_control(ps) if ps else []
    return [each._replace(q=float(q)) for each, q in zip(found, qs, strict=True) if q <= RATE]


def order_of(values: Sequence[str]) -> list[float] | None:
    """Return the values as numbers, of dates their seconds, nan for none; None without an order."""
    given = {value for value in values if value}
    for read in (float, seconds_of):
        try:
            known = {value: read(value) for value in given} | {"": float("nan")}
        except (ValueError, OverflowError):
            continue
        return [known[value] for value in values] if len(given) > CATEGORIES else None
    return None


def seconds_of(value: str) -> float:
    return (datetime.fromisoformat(value).replace(tzinfo=None) - datetime.min).total_seconds()


def is_date(value: str) -> bool:
    try:
        seconds_of(value)
    except (ValueError, OverflowError):
        return False
    return len(value) > MONTH and "-" in value[:MONTH]


def rounded(q: float) -> float:
    return float(f"{q:.2g}")
