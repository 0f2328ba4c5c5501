"""The tables that `make evidence` writes into the documents, each between two comments."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.detect_page import NAMES, NETWORK, OURS

Figures = dict[str, Any]
PLACE = re.compile(r"(<!-- evidence: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
DOCUMENTS = ("README.md", "docs/study.md", "docs/detection.md")
FILTERS = ("prune_by_noise_rate", "confident_learning", "predicted_neq_given")


def write_tables(parts: Figures, root: Path = Path()) -> list[Path]:
    """Write the tables of all parts there are; return the documents that changed."""
    changed = []
    for name in DOCUMENTS:
        path = root / name
        before = path.read_text(encoding="utf-8")
        after = with_tables(before, parts)
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed.append(path)
    return changed


def with_tables(text: str, parts: Figures) -> str:
    """Return the document with each of its tables made from the figures.

    A table whose parts are not there stays as it is.
    """

    def made(match: re.Match[str]) -> str:
        begin, name, _, end = match.groups()
        needed, make = TABLES[name]
        if not all(part in parts for part in needed):
            return match.group()
        return f"{begin}{make(*(parts[part]['figures'] for part in needed))}\n{end}"

    return PLACE.sub(made, text)


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(line)} |" for line in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


# --- README ---------------------------------------------------------------------------------


def published(imdb: Figures) -> str:
    """Return the figures of the published experiment beside ours."""
    rows = []
    for row in imdb["run"]["published"]:
        digits = 0 if isinstance(row["obtained"], int) else 4
        shown = [f"{row[key]:,.{digits}f}" for key in ("published", "obtained", "tolerance")]
        rows.append([row["figure"], *shown, "yes" if row["within"] else "no"])
    return table(["figure", "published", "obtained", "tolerance", "within"], rows)


def finders(imdb: Figures, ensemble: Figures) -> str:
    """Return what IMDb's two finders are worth."""
    runs, keys = ([part[name] for part in (imdb, ensemble)] for name in ("run", "key"))
    baseline = runs[0]["test_accuracy"]["baseline"]
    precision = [key["average_precision"] for key in keys]
    rows = [
        [
            "average precision, test reviews nobody judged taken as right",
            *(f"{each['whole']['self_confidence']:.3f}" for each in precision),
        ],
        [
            f"the same among the {keys[0]['judged']:,} that people judged",
            *(f"{each['judged']['self_confidence']:.3f}" for each in precision),
        ],
        [
            "of the first 100 test issues, confirmed by people",
            *(str(key["confirmed_of_100"]) for key in keys),
        ],
        ["issues found", *(f"{run['issues']['all']['count']:,}" for run in runs)],
        [
            f"test accuracy without them (baseline {baseline:.4f})",
            *(f"{run['test_accuracy']['cleanlearning']:.4f}" for run in runs),
        ],
    ]
    return table(["IMDb", "finder: the network", "finder: the ensemble"], rows)


# --- the study ------------------------------------------------------------------------------


def arms(part: Figures) -> str:
    """Return each arm's accuracy, on given and corrected labels, and its probabilities."""
    study = part["study"]
    honest = study["calibration"]
    head = ["arm", "test accuracy (least to greatest)", "on the labels people corrected"]
    head += ["log loss, as trained"] + ["calibrated", "calibration error, before and after"] * bool(
        honest
    )
    rows = []
    for name, figures in study["arms"].items():
        cells = [_ranged(figures["test_accuracy"]), f"{_corrected(figures)['mean']:.4f}"]
        cells.append(f"{figures['test_log_loss']['mean']:.4f}")
        if honest:
            before, after = honest[name]["before"], honest[name]["after"]
            cells += [f"{after['log_loss']:.4f}", f"{before['ece']:.3f}, {after['ece']:.3f}"]
        rows.append([name, *cells])
    return table(head, rows)


def differences(part: Figures) -> str:
    """Return every comparison with its three intervals."""
    head = ["arm", "against", "labels", "difference", "95% over seeds", "95% over test sets"]
    rows = [
        [each["arm"], each["control"], each["labels"], f"{each['mean']:+z.4f}"]
        + [_interval(each[key]) for key in ("ci95", "ci95_test_set", "ci95_both")]
        for each in part["study"]["differences"]
    ]
    return table([*head, "over both"], rows)


def two_finders(imdb: Figures, ensemble: Figures) -> str:
    """Return the gains of an arm with the ensemble's labels and with the network's own."""
    gains = [
        {
            (each["arm"], each["control"]): each
            for each in part["study"]["differences"]
            if each["labels"] == "given"
        }
        for part in (imdb, ensemble)
    ]
    rows = []
    for pair, each in gains[1].items():
        if pair[0] in ("prune", "weight"):
            own = gains[0].get(pair)
            cells = [_gain(found) if found else "" for found in (each, own)]
            rows.append([*pair, *cells])
    return table(["arm", "against", "issues of the ensemble", "the network's own issues"], rows)


def _gain(found: Figures) -> str:
    return f"{found['mean']:+z.4f} {_interval(found['ci95_both'])}"


def _corrected(figures: Figures) -> dict[str, float]:
    found: dict[str, float] = figures["test_accuracy_corrected"]
    return found


def _ranged(spread: dict[str, float]) -> str:
    return f"{spread['mean']:.4f} ({spread['least']:.4f}-{spread['greatest']:.4f})"


def _interval(ends: list[float]) -> str:
    return f"[{ends[0]:+z.4f}, {ends[1]:+z.4f}]"


def definitions(imdb: Figures) -> str:
    """Return how many of our issues people confirm, by what counts as an error."""
    verified = imdb["run"]["verified"]
    ranks = list(next(iter(verified["definitions"].values()))["precision_at"])
    rows = [
        [name, f"{each['confirmed']:,}"]
        + [f"{each['precision_at'][rank]:.2f}" for rank in ranks]
        + [f"{each[key]:.3f}" for key in ("base_rate", "auroc")]
        for name, each in verified["definitions"].items()
    ]
    head = ["an error is", f"confirmed of {verified['shown']:,}"]
    head += [f"precision at {rank}" for rank in ranks]
    judged = f"{verified['judged_rows']:,}"
    return table([*head, "of all judged", f"AUROC in the {judged}"], rows)


# --- noise ----------------------------------------------------------------------------------


def noise(part: Figures) -> str:
    """Return each arm's accuracy under each noise, and what is recommended."""
    names = list(part["cells"][0]["accuracy"])
    head = ["noise", "rate", *("everything" if n == "baseline" else n for n in names)]
    rows = [
        [cell["kind"].replace("_", " "), f"{cell['rate']:.0%}"]
        + [f"{cell['accuracy'][name]:.4f}" for name in names]
        + [cell["recommend"] or "nothing", f"{cell['behind_the_best']:.4f}"]
        for cell in part["cells"]
    ]
    return table([*head, "recommended", "behind the best arm"], rows)


def noise_found(part: Figures) -> str:
    """Return how much of the noise is found."""
    head = ["noise", "rate", "average precision of the ranking"]
    head += [f"{name.replace('_', ' ')}: precision, recall" for name in FILTERS]
    rows = []
    for cell in part["cells"]:
        if found := cell["found"]:
            ranked = found["score self_confidence"]["average_precision"]
            listed = [f"{found[n]['precision']:.3f}, {found[n]['recall']:.3f}" for n in FILTERS]
            kind = cell["kind"].replace("_", " ")
            rows.append([kind, f"{cell['rate']:.0%}", f"{ranked:.3f}", *listed])
    return table(head, rows)


# --- detection ------------------------------------------------------------------------------


def detected(part: Figures) -> str:
    """Return the average precision of every finder on every set."""
    finders = list(part["sets"][0]["finders"])
    head = ["set", "rows (checked)", "wrong", *(SHORT[name] for name in finders)]
    rows = []
    for each in part["sets"]:
        scores = [each["finders"][name]["average_precision"] for name in finders]
        shown = [f"**{s:.3f}**" if s == max(scores) else f"{s:.3f}" for s in scores]
        low, high = each["ci95"]
        sizes = [f"{each['rows']:,} ({each['checked']:,})", f"{each['wrong']:,}"]
        ahead = f"{each['difference']:+z.3f} [{low:+z.3f}, {high:+z.3f}]"
        costs = (each["finders"][name]["cpu_seconds"] for name in (OURS, each["best_peer"]))
        rows.append([each["set"], *sizes, *shown, ahead, ", ".join(f"{c:.0f}" for c in costs)])
    return table([*head, "ensemble - best peer", "CPU s: ensemble, best peer"], rows)


def key(imdb: Figures, ensemble: Figures) -> str:
    """Return what IMDb's finders and their members are worth on what people judged."""
    precision = ensemble["key"]["average_precision"]
    names = {"self_confidence": "the ensemble"} | {
        name: f"its member {name}" for name in precision["whole"] if name != "self_confidence"
    }
    rows = [
        [said, *(f"{precision[place][name]:.3f}" for place in ("whole", "judged"))]
        for name, said in names.items()
    ]
    network = imdb["key"]["average_precision"]
    alone = [f"{network[place]['self_confidence']:.3f}" for place in ("whole", "judged")]
    head = ["who judges", "AP, reviews nobody judged taken as right", "AP among the judged"]
    return table(head, [*rows, ["the published network", *alone]])


def spoken(part: Figures) -> str:
    """Return the average precision on each language."""
    said = {
        "function": "`find_label_errors`",
        "command": "`label-errors check`",
        "characters": "characters + LR",
    }
    rows = [
        [name, *(f"{value:.3f}" for value in part[judge].values())]
        for judge, name in said.items()
        if judge in part
    ]
    return table(["", *part["function"]], rows)


def covered(part: Figures) -> str:
    """Return how often the stated ranges held the truth."""
    rows = [
        [f"{each['set']} ({each['rows']:,})", each["errors"], f"{each['wrong']:.0f}"]
        + [f"{each['range95'][0]:.0f} to {each['range95'][1]:.0f}"]
        + [f"{each[key][0]} of {each[key][1]}" for key in ("holds", "joint", "classes")]
        for each in part["files"]
    ]
    head = ["set (rows)", "errors", "wrong", "range95, mean", "holds"]
    return table([*head, "confident learning alone", "classes"], rows)


def cleaned(part: Figures) -> str:
    """Return each arm's accuracy on every file: on true labels where they are known."""
    names = list(part["sets"][0]["arms"])
    head = [
        "file (train, test)",
        "labels",
        *("everything" if n == "baseline" else n for n in names),
    ]
    rows = []
    for each in part["sets"]:
        size = f"{each['set']} ({each['train']:,}, {each['test']:,})"
        for key, labels in (("test_accuracy", "given"), ("true_accuracy", "true")):
            if key in each["arms"]["baseline"]:
                scores = [f"{each['arms'][name][key]:.4f}" for name in names]
                rows.append([size, labels, *scores, each["advice"]["recommend"] or "nothing"])
    return table([*head, "recommended"], rows)


SHORT = {
    OURS: "ensemble",
    NETWORK: "network",
    "words_lr": "words + LR",
    "characters_lr": "characters + LR",
    "naive_bayes": "naive Bayes",
    "datalab": "Datalab",
}
assert set(SHORT) == set(NAMES)

TABLES: dict[str, tuple[tuple[str, ...], Callable[..., str]]] = {
    "published": (("imdb",), published),
    "finders": (("imdb", "imdb_ensemble"), finders),
    "arms_imdb": (("imdb",), arms),
    "arms_ensemble": (("imdb_ensemble",), arms),
    "differences_imdb": (("imdb",), differences),
    "differences_ensemble": (("imdb_ensemble",), differences),
    "definitions": (("imdb",), definitions),
    "two_finders": (("imdb", "imdb_ensemble"), two_finders),
    "noise": (("noise",), noise),
    "noise_found": (("noise",), noise_found),
    "detected": (("detect",), detected),
    "planted": (("planted",), detected),
    "key": (("imdb", "imdb_ensemble"), key),
    "cleaned": (("cleaning",), cleaned),
    "spoken": (("languages",), spoken),
    "covered": (("coverage",), covered),
}
