"""The list ranked again by what people decided: the quick members of a finder, asked once more.

What they say with the corrected labels, less what they said before, moves the probabilities of the
run: so the finder can be anything, and where nothing was corrected nothing moves. It is an order of
review and no result: no file of the run knows it.

`python -m pipeline.corrections.again` does it in a process of its own, for the review page: a line
of JSON in, a file out; it ends when nobody waits for it any more.
"""

import json
import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import TypeAdapter

from pipeline.compute.finders import combine_scope
from pipeline.compute.trial import suggest_finder
from pipeline.corrections.load import interleaved, make_item
from pipeline.corrections.queue import Queue
from pipeline.corrections.votes import consensus
from pipeline.data.prepared import (
    Labels,
    load_class_names,
    load_examples,
    load_labels,
    load_text_array,
    text_groups,
)
from pipeline.frame import artifacts
from pipeline.frame.run import Run
from pipeline.issues.sections import FindIssues
from pipeline.models.calibration import LEAST
from pipeline.models.folds import plan_folds
from pipeline.models.judges import Corpus, ask_member
from pipeline.models.members import EnsembleFinder, Finder, Member, named

QUICK = ("words", "characters", "naive_bayes")
FOLDS = 5
LEFT_OUT = -1


# --- the members, asked once more -----------------------------------------------------------


def quick_members(finder: Any, *, count: int, num_classes: int, characters: int) -> list[Member]:
    """Return the members of a finder that read texts and are done in seconds, or usual ones.

    Of several penalties the middle one, as held-out texts take their time to choose.

    Args:
        finder: the section of a config. count: texts. characters: in all of them.
    """
    members = [each for each in getattr(finder, "members", []) if each.member in QUICK]
    if not members:
        usual = EnsembleFinder.model_validate(suggest_finder(count, num_classes, characters))
        members = [each for each in usual.members if each.member in QUICK]
    return [
        each.model_copy(update={"C": [sorted(each.C)[len(each.C) // 2]]})
        if hasattr(each, "C")
        else each
        for each in members
    ]


def plan_again(given: np.ndarray, groups: np.ndarray, *, seed: int) -> list[np.ndarray]:
    """Return the held-out positions of each fold, the same for every ranking.

    Args:
        given: (n,) class indices. groups: (n,) equal numbers for copies of a text.
    """
    folds = min(FOLDS, int(np.bincount(given).max()))
    return plan_folds(given, folds=folds, shuffle=True, seed=seed, groups=groups)


def ask_again(
    corpus: Corpus,
    members: Sequence[Member],
    labels: np.ndarray,
    plan: Sequence[np.ndarray],
    *,
    num_classes: int,
) -> np.ndarray:
    """Return (n, classes) out-of-sample probabilities of quick members.

    Args:
        labels: (n,) class indices as corrected, LEFT_OUT for texts that are left out.
        plan: see plan_again.

    Raises:
        ValueError: no member can be trained on these texts.
    """
    learned = labels != LEFT_OUT
    place = np.cumsum(learned) - 1
    kept = [place[held_out[learned[held_out]]] for held_out in plan]
    said, problem = {}, ""
    for name, member in named(list(members)):
        try:
            said[name], _ = ask_member(
                member, corpus, np.maximum(labels, 0), learned, [kept], num_classes=num_classes
            )
        except ValueError as error:
            problem = str(error)
    if not said:
        raise ValueError(problem)
    probs = np.full((len(labels), num_classes), 1 / num_classes, np.float32)
    probs[learned] = combine_scope(said, labels[learned]).pred_probs
    return probs


def moved(pred_probs: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return (n, classes) probabilities of a run, moved as quick members moved.

    Args:
        pred_probs: (n, classes) of the run. before, after: of the members with the labels that
            the run had, and with the corrected ones.
    """
    logs = [
        np.log(np.maximum(each.astype(np.float64), LEAST)) for each in (pred_probs, after, before)
    ]
    odds = logs[0] + logs[1] - logs[2]
    probs = np.exp(odds - odds.max(axis=1, keepdims=True))
    return np.asarray(probs / probs.sum(axis=1, keepdims=True), np.float32)


def rank(
    given: np.ndarray,
    labels: np.ndarray,
    probs: np.ndarray,
    decided: np.ndarray,
    kept: np.ndarray,
    options: FindIssues,
) -> np.ndarray:
    """Return the positions of the list in its new order: open issues, and those decided on.

    Args:
        given: (n,) class indices as people saw them. labels: (n,) as corrected, or LEFT_OUT.
        probs: (n, classes). decided: (n,) mask. kept: positions that stay in the list.
    """
    from cleanlab.rank import get_label_quality_scores

    from pipeline.issues.ranking import find_issues_ranked

    learned = np.flatnonzero(labels != LEFT_OUT)
    found = learned[find_issues_ranked(labels[learned], probs[learned], options)]
    listed = np.union1d(found[~decided[found]], kept).astype(np.int64)
    method = options.return_indices_ranked_by
    scores = get_label_quality_scores(
        given[listed], probs[listed].astype(np.float64), method=method
    )
    return np.asarray(listed[np.argsort(scores, kind="stable")])


# --- the work of a process ------------------------------------------------------------------


class Asked(NamedTuple):
    """What is to be ranked again, as a line of JSON.

    decided: {id: the right class, None to leave it out}. kept: {id: given class} of the issues
    decided on. folder: where the result goes, and what the members said before stays.
    """

    run: str
    scope: str
    finder: dict[str, Any]
    find_issues: dict[str, Any]
    seed: int
    decided: dict[str, str | None]
    kept: dict[str, str]
    folder: str

    @property
    def result(self) -> Path:
        return Path(self.folder) / "ranked.npz"


def rank_run(asked: Asked) -> None:
    """Write pred_probs (n, classes) and issues, the positions of the list in order, of a scope."""
    run = Run(Path(asked.run))
    labels, names = load_labels(run), load_class_names(run)
    rows = labels.rows("train" if asked.scope == "train" else "all")
    given = labels.given[rows]
    ids = artifacts.load_table(run.examples, ["id"]).column("id").take(rows).to_pylist()
    place = {id_: number for number, id_ in enumerate(ids)}
    number = {name: index for index, name in enumerate(names)}
    corrected, decided, seen = given.copy(), np.zeros(len(given), bool), given.copy()
    for id_, name in asked.decided.items():
        if id_ in place:
            corrected[place[id_]] = LEFT_OUT if name is None else number[name]
            decided[place[id_]] = True
    for id_, name in asked.kept.items():
        seen[place[id_]] = number[name]
    before, after = _ask_twice(asked, run, rows, given, corrected, num_classes=len(names))
    chosen = _of_scope(labels, asked.scope, rows)
    pred_probs = artifacts.load_array(run.pred_probs(asked.scope))
    probs = moved(pred_probs, before[chosen], after[chosen])
    kept = np.searchsorted(chosen, sorted(place[id_] for id_ in asked.kept))
    options = FindIssues.model_validate(asked.find_issues)
    issues = rank(seen[chosen], corrected[chosen], probs, decided[chosen], kept, options)
    artifacts.save_arrays(asked.result, {"pred_probs": probs, "issues": issues})


def _of_scope(labels: Labels, scope: str, rows: np.ndarray) -> np.ndarray:
    """Return the places among `rows` of the rows of a scope."""
    return np.searchsorted(rows, labels.rows(scope))


def _ask_twice(
    asked: Asked,
    run: Run,
    rows: np.ndarray,
    given: np.ndarray,
    corrected: np.ndarray,
    *,
    num_classes: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what the members say with the labels of the run, once for all, and corrected."""
    texts = load_text_array(run).take(rows)
    characters = sum(map(len, texts.to_pylist()))
    finder = TypeAdapter(Finder).validate_python(asked.finder)
    members = quick_members(finder, count=len(rows), num_classes=num_classes, characters=characters)
    corpus = Corpus(lambda: texts)
    plan = plan_again(given, text_groups(run)[rows], seed=asked.seed)
    path = Path(asked.folder) / "before.npy"
    if not path.exists():
        artifacts.save_array(path, ask_again(corpus, members, given, plan, num_classes=num_classes))
    after = ask_again(corpus, members, corrected, plan, num_classes=num_classes)
    return artifacts.load_array(path), after


def main() -> int:
    """Do what a line on stdin asks for; return the exit code."""
    asked = Asked(**json.loads(sys.stdin.readline()))
    threading.Thread(target=_end_with_whoever_asked, daemon=True).start()
    os.nice(10)
    try:
        rank_run(asked)
    except Exception as error:
        sys.stderr.write(" ".join(f"{type(error).__name__}: {error}".split()))
        return 1
    return 0


def _end_with_whoever_asked() -> None:
    sys.stdin.read()
    os._exit(1)


# --- the queue in its new order -------------------------------------------------------------


def decided_so_far(queue: Queue) -> dict[str, str | None]:
    """Return {id: the class that the majority says, None to leave it out} of all decisions."""
    standing = queue.journal.standing
    found = {id_: consensus(standing.of(id_).values()) for id_ in list(standing.stacks)}
    return {id_: outcome[1] for id_, outcome in found.items() if outcome is not None}


def decided_issues(queue: Queue) -> dict[str, str]:
    """Return {id: given class} of the issues that anybody decided on."""
    anybody = queue.follow().anybody
    return {
        item.id: item.given
        for item, decided in zip(queue.items, anybody, strict=True)
        if decided and item.rank is not None and item.position is not None
    }


def reordered(queue: Queue, pred_probs: np.ndarray, issues: np.ndarray) -> Queue:
    """Return the queue in its new order; every item of it is still there, none is lost.

    Issues that came are new items; those that went stand at the end and have no rank.

    Args:
        pred_probs: (n, classes) of the scope. issues: positions in the new order.
    """
    names, run = queue.source.class_names, Run(queue.folder)
    known = {item.position: item for item in queue.items if item.position is not None}
    missing = np.array([p for p in issues.tolist() if p not in known], np.int64)
    rows = load_labels(run).rows(queue.scope)[missing]
    index = {name: number for number, name in enumerate(names)}
    for position, example in zip(missing.tolist(), load_examples(run, rows), strict=True):
        line = example._asdict() | {"label": index[queue.source.given[example.id]]}
        known[position] = make_item(line, names, queue.source, None, position, pred_probs[position])
    rank_of = {position: number for number, position in enumerate(issues.tolist(), start=1)}

    def again(item: Any) -> Any:
        if item.position is None:
            return item
        probs = pred_probs[item.position]
        suggested = names[int(probs.argmax())]
        rank = rank_of.get(item.position)
        return replace(item, rank=rank, suggested=suggested, pred_probs=probs)

    listed = [again(known[position]) for position in issues.tolist()]
    others = [again(item) for item in queue.items if item.position not in rank_of]
    audited = [item for item in others if item.id in queue.audited]
    rest = [item for item in others if item.id not in queue.audited]
    before = {item.id for item in queue.items if item.rank is not None}
    now = {item.id for item in listed}
    return replace(
        queue,
        items=[*interleaved(listed, audited), *rest],
        ranking=queue.ranking + 1,
        new=frozenset(now - before),
        gone=frozenset(before - now),
    )


if __name__ == "__main__":
    sys.exit(main())
