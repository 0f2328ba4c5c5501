"""What people said of the issues so far: how many they confirmed, of which kind."""

from collections import Counter
from dataclasses import dataclass

from pipeline.config.load import Loaded
from pipeline.corrections.apply import load_changes, load_source
from pipeline.corrections.journal import Journal
from pipeline.corrections.load import journal_path
from pipeline.corrections.votes import consensus
from pipeline.frame import artifacts
from pipeline.frame.errors import DataError
from pipeline.frame.run import Run
from pipeline.report.numbers import share_interval

CONFIRMED, REFUTED, OPEN = "confirmed", "refuted", "undecided"


@dataclass(frozen=True)
class Verdict:
    """What people say of one listed issue. outcome: confirmed, refuted or undecided."""

    rank: int
    id: str
    given: str
    suggested: str
    outcome: str
    label: str | None
    text: str


@dataclass(frozen=True)
class Decided:
    """The listed issues of scope all that people decided on, in rank order.

    elsewhere: decisions on examples that are not listed. problem: why the journal was not read.
    """

    verdicts: list[Verdict]
    elsewhere: int = 0
    problem: str = ""

    def of(self, outcome: str) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.outcome == outcome]

    def hit_rate(self) -> tuple[int, int, float, float] | None:
        """Return confirmed, decided, and the 95% interval of the share confirmed; None of none."""
        confirmed, count = len(self.of(CONFIRMED)), len(self.verdicts) - len(self.of(OPEN))
        return (confirmed, count, *share_interval(confirmed, count)) if count else None

    def by_pair(self) -> list[tuple[str, str, int, int]]:
        """Return (given, suggested, confirmed, decided) of each pair, the most decided first."""
        known = [verdict for verdict in self.verdicts if verdict.outcome != OPEN]
        count = Counter((verdict.given, verdict.suggested) for verdict in known)
        hits = Counter((v.given, v.suggested) for v in known if v.outcome == CONFIRMED)
        return [(*pair, hits[pair], number) for pair, number in count.most_common()]


def load_decided(loaded: Loaded, run: Run) -> Decided | None:
    """Return what people said of the issues; None without a decision.

    A label that was changed or dropped confirms an issue, one that was kept refutes it. A journal
    that cannot be read is no reason to have no report: it says so instead.
    """
    path = journal_path(loaded)
    if not path.is_file():
        return None
    dataset = artifacts.load_json(run.dataset)
    examples = artifacts.load_table(run.examples).to_pylist()
    try:
        source = load_source(dataset, examples, load_changes(run, dataset))
        standing = Journal(path, source, arguments=loaded.arguments).standing
    except DataError as error:
        return Decided([], problem=str(error))
    verdicts, seen = [], set()
    for issue in artifacts.read_issues(run.issues("all")):
        decisions = standing.of(issue["id"])
        if not decisions:
            continue
        seen.add(issue["id"])
        choice = consensus(decisions.values())
        outcome = OPEN if choice is None else REFUTED if choice[0] == "keep" else CONFIRMED
        names = (issue["given_label"], issue["suggested_label"])
        label = choice[1] if choice else None
        verdict = Verdict(int(issue["rank"]), issue["id"], *names, outcome, label, issue["text"])
        verdicts.append(verdict)
    others = sum(1 for id_ in standing.stacks if standing.of(id_) and id_ not in seen)
    return Decided(verdicts, others) if verdicts or others else None
