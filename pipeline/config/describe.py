"""What `init` says of a dataset that it looked at, one fact a line."""

import re
from collections import Counter

import numpy as np
import pyarrow as pa

from pipeline.compute.trial import Tried
from pipeline.config.suggest import FOLDS, suggest_words
from pipeline.data.examples import Examples, group_texts, varies
from pipeline.data.guess import Guess
from pipeline.data.scripts import is_unspaced, scripts_of
from pipeline.frame.messages import shown, some
from pipeline.models.members import VECTORS

SEVERAL_LABELS = 1.5  # a text, on average: with more the rows are labels of annotators
ANNOTATOR = re.compile("annotator|worker|rater|labell?er|coder|judge|crowd|user", re.IGNORECASE)


def describe(guess: Guess, examples: Examples, sizes: np.ndarray) -> list[str]:
    """Return what was found, one fact a line.

    Args:
        sizes: (classes,) see training_sizes.
    """
    splits = Counter(examples.splits)
    classes = Counter(examples.class_names[label] for label in examples.labels.tolist())
    counts = ", ".join(f"{shown(name)} {count:,}" for name, count in classes.most_common(8))
    counts += f" and {len(classes) - 8} more" if len(classes) > 8 else ""
    section = guess.section
    lines = [f"examples     {len(examples.texts):,}: {splits['train']:,} train, "
             f"{splits['test']:,} test ({section['split']['by']}; {guess.reasons['split']})",
             f"classes      {len(examples.class_names)}: {counts}"]  # fmt: skip
    if "text_columns" in section:
        others = ", ".join(f"{shown(n)} ({c} different)" for n, c in guess.other_labels.items())
        also = f"; also possible: {others}; choose with --label" if others else ""
        lines += [f"text         {some(section['text_columns'])}",
                  f"label        {shown(section['label_column'])}{also}"]  # fmt: skip
        lines += [f"id           {shown(section['id_column'])}"] if section["id_column"] else []
    for key in ("encoding", "quoting"):
        if key in guess.reasons:
            lines.append(f"{key:<12} {section[key]}: {guess.reasons[key]}")
    return [*lines, *_repeats(guess, examples), *_small_classes(examples.class_names, sizes)]


def _repeats(guess: Guess, examples: Examples) -> list[str]:
    """Return a line about texts that several annotators labelled, or none."""
    groups = group_texts(examples.texts)
    number = int(groups.max()) + 1
    each = len(groups) / number
    differ = int(varies(groups, examples.labels).sum())
    if each < SEVERAL_LABELS or not differ:
        return []
    names = [name for name in guess.unread.get("columns", []) if ANNOTATOR.search(name)]
    by = f" by {some(names)}" if names else ""
    return [
        f"annotators   a text has {each:.1f} labels{by}, {differ:,} of {number:,} texts different "
        "ones; every label is\n             judged by itself, by models that saw none of its text; "
        "for a vote first: docs/datasets.md"
    ]


def describe_script(texts: pa.Array) -> list[str]:
    """Return which scripts the texts are in and what a word of them is; none for plain English."""
    if suggest_words(texts) == "ascii":
        return []
    strings = texts.to_pylist()
    shares = ", ".join(f"{name} {share:.0%}" for name, share in scripts_of(strings).items())
    what = "a character is a word, there are no spaces" if is_unspaced(strings) else "words"
    return [f"script       {shares}: {what}; case and composed letters by Unicode's rules"]


def describe_unread(guess: Guess) -> list[str]:
    """Return what the file and its folder hold and nothing will read, one kind a line."""
    lines = [f"not read     {kind}: {some(names)}" for kind, names in guess.unread.items()]
    if guess.nested:
        lines.insert(0, f"not read     {some(guess.nested)} (lists and objects inside a record)")
    return lines


def _small_classes(class_names: list[str], sizes: np.ndarray) -> list[str]:
    """Return a line about classes that not every fold can hold out, or none."""
    few = np.flatnonzero(sizes < FOLDS).tolist()
    if not few:
        return []
    names = ", ".join(f"{shown(class_names[place], 20)} ({sizes[place]})" for place in few[:3])
    names += f" and {len(few) - 3} more" if len(few) > 3 else ""
    return [f"few          {names}: so few texts say little about their own labels"]


def describe_trial(tried: list[Tried]) -> list[str]:
    """Return what each member of the finder is worth on held-out texts, the best one first."""
    ranked = sorted(tried, key=lambda each: each.log_loss)
    words = [f"{t.name} {t.accuracy:.3f} right, log loss {t.log_loss:.3f}" for t in ranked]
    if all(each.name != VECTORS for each in tried):
        words.append("and the model")
    return [f"finder       an ensemble: {'; '.join(words)}"]
