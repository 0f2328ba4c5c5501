"""The audit as it is kept: which labels were drawn, from which strata, of which dataset."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.corrections.audit import Counted, draw_sample
from pipeline.frame import artifacts
from pipeline.frame.errors import ArtifactError, DataError


@dataclass(frozen=True)
class Stratum:
    """A stratum of the scope as it was when the sample was drawn.

    listed: whether its labels were issues. train, test: labels of it in each split.
    """

    listed: bool
    train: int
    test: int
    ids: list[str]

    @property
    def size(self) -> int:
        return self.train + self.test

    def counted(self, wrong: dict[str, bool]) -> Counted:
        """Return the stratum with what is known of its labels; id -> whether it is wrong."""
        known = [wrong[id_] for id_ in self.ids if id_ in wrong]
        return Counted(self.size, len(known), sum(known))


@dataclass(frozen=True)
class Audit:
    """A stratified random sample of a scope. ranking: a hash of the scores it was drawn by."""

    dataset: str
    scope: str
    seed: int
    ranking: str
    strata: list[Stratum]

    @property
    def ids(self) -> list[str]:
        return [id_ for stratum in self.strata for id_ in stratum.ids]


def audit_path(journal: Path, scope: str) -> Path:
    """Return where the audit of a scope is kept: beside the journal."""
    return journal.with_name(f"{journal.stem}.audit_{scope}.json")


def load_audit(path: Path, dataset: str) -> Audit | None:
    """Return the audit in `path`, None without one.

    Raises:
        DataError: it cannot be read, or was drawn from other data.
    """
    if not path.exists():
        return None
    try:
        values = artifacts.load_json(path)
        audit = Audit(**values | {"strata": [Stratum(**each) for each in values["strata"]]})
    except (ArtifactError, TypeError, KeyError):
        raise DataError(f"{path}: is not an audit; move it away to draw a new one") from None
    if audit.dataset != dataset:
        raise DataError(
            f"{path}: the data changed after this audit was drawn, so it is not used; move it away "
            "and draw a new one with `make review AUDIT=200`"
        )
    return audit


def draw_audit(
    path: Path,
    total: int,
    ids: list[str],
    is_train: np.ndarray,
    confidence: np.ndarray,
    listed: np.ndarray,
    *,
    dataset: str,
    scope: str,
    seed: int,
) -> tuple[Audit, str]:
    """Return the audit of a scope with `total` labels, written to `path`, and what to say of it.

    A smaller one that is there grows, as long as the scores are those it was drawn by.

    Args:
        ids: (n,) of the scope. is_train, listed: (n,) masks. confidence: (n,) of the given label.
    """
    ranking = hashlib.sha256(confidence.tobytes() + listed.tobytes()).hexdigest()
    known = load_audit(path, dataset)
    if known is not None and (len(known.ids) >= total or known.ranking != ranking):
        why = "the scores are others than it was drawn by; " if known.ranking != ranking else ""
        stays = f"{path}: {why}the audit stays as it is, {len(known.ids):,} labels"
        return known, stays if len(known.ids) < total else ""
    seed = known.seed if known else seed
    strata, drawn = draw_sample(confidence, listed, total, seed=seed)
    found = []
    for positions, chosen in zip(strata, drawn, strict=True):
        before = [] if known is None else _drawn_before(known, {ids[i] for i in positions})
        all_ids = list(dict.fromkeys([*before, *(ids[i] for i in chosen)]))
        train = int(is_train[positions].sum())
        is_listed = bool(listed[positions[0]])
        found.append(Stratum(is_listed, train, len(positions) - train, all_ids))
    audit = Audit(dataset, scope, seed, ranking, found)
    artifacts.save_json(path, as_json(audit))
    said = f"the scope has only {len(ids):,} labels: the audit is all of them"
    return audit, said if total > len(ids) else ""


def _drawn_before(known: Audit, ids: set[str]) -> list[str]:
    return [id_ for id_ in known.ids if id_ in ids]


def as_json(audit: Audit) -> dict[str, Any]:
    return asdict(audit)
