"""Which items are decided, by whom and how: arrays that follow the journal line by line."""

import numpy as np

from pipeline.corrections.votes import Standing, disagree, is_wrong


class State:
    """What the journal says of each item. Reading a line changes one place, not all.

    anybody, disputed, settled: (n,) decided by anybody, on which reviewers disagree, which have a
    majority. wrong: (n,) 1 where the majority says the given label is wrong, 0 where it is right,
    -1 where nothing is known.
    """

    def __init__(self, places: dict[str, int]) -> None:
        self.places = places
        self._forget(Standing())

    def _forget(self, standing: Standing) -> None:
        n = len(self.places)
        self._standing, self._read = standing, 0
        self.anybody = np.zeros(n, bool)
        self.disputed = np.zeros(n, bool)
        self.settled = np.zeros(n, bool)
        self.wrong = np.full(n, -1, np.int8)
        self._mine: dict[str, np.ndarray] = {}
        self._my_wrong: dict[str, np.ndarray] = {}

    @property
    def version(self) -> tuple[int, int]:
        """Return what changes when anything does."""
        return id(self._standing), self._read

    def follow(self, standing: Standing) -> None:
        """Take in the lines that are new."""
        if standing is not self._standing:
            self._forget(standing)
        for id_ in dict.fromkeys(standing.log[self._read :]):
            place = self.places.get(id_)
            if place is not None:
                self._update(place, id_)
        self._read = len(standing.log)

    def _update(self, place: int, id_: str) -> None:
        decisions = self._standing.of(id_)
        outcome = is_wrong(decisions.values())
        self.anybody[place] = bool(decisions)
        self.disputed[place] = disagree(decisions.values())
        self.settled[place] = outcome is not None
        self.wrong[place] = -1 if outcome is None else outcome
        for reviewer in {*self._mine, *self._standing.stacks[id_]}:
            self.mine(reviewer)[place] = reviewer in decisions
            own = is_wrong([decisions[reviewer]]) if reviewer in decisions else None
            self.my_wrong(reviewer)[place] = -1 if own is None else own

    def mine(self, reviewer: str) -> np.ndarray:
        """Return (n,) whether `reviewer` decided."""
        if reviewer not in self._mine:
            self._mine[reviewer] = np.zeros(len(self.places), bool)
        return self._mine[reviewer]

    def my_wrong(self, reviewer: str) -> np.ndarray:
        """Return (n,) 1 where `reviewer` calls the given label wrong, 0 right, -1 unknown."""
        if reviewer not in self._my_wrong:
            self._my_wrong[reviewer] = np.full(len(self.places), -1, np.int8)
        return self._my_wrong[reviewer]
