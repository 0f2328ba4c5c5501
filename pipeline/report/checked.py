"""The labels that people checked: what the answer keys say, one beside the other."""

from collections.abc import Iterator
from typing import Any

from pipeline.issues.answer_keys import AHEAD
from pipeline.report.numbers import span
from pipeline.report.tables import Table

Found = dict[str, Any]


def answer_keys(metrics: Found) -> dict[str, Found]:
    """Return what each key says, by its name; "" for an only one, {} without any."""
    first: Found = metrics.get("verified") or {}
    return first.get("keys") or ({"": first} if first else {})


def key_curves(metrics: Found) -> tuple[dict[str, Found], str]:
    """Return what precision at rank is drawn of: each definition of one key, or one of each."""
    keys = answer_keys(metrics)
    if len(keys) > 1:
        return {name: _strictest(found["definitions"]) for name, found in keys.items()}, "keys"
    return keys[""]["definitions"] if keys else {}, "definitions of an error"


def _strictest(definitions: Found) -> Found:
    """Return the definition by which the fewest judged labels are wrong."""
    found: Found = min(definitions.values(), key=lambda scored: scored["base_rate"])
    return found


def key_table(metrics: Found) -> Table:
    """Return a row for each definition of an error and key; keys of one definition together."""
    head = ["an error is", "of judged", "of issues shown", "of the first", "average precision"]
    scored = [
        (place, name, words, found["shown"], scores)
        for name, found in answer_keys(metrics).items()
        for place, words, scores in _scored(found)
    ]
    rows = [
        [
            f"{words} ({name})" if name else words,
            f"{scores['base_rate']:.0%}",
            f"{scores['confirmed']:,} of {shown:,}" if "confirmed" in scores else "–",
            _first(scores),
            _interval(scores["average_precision"]),
        ]
        for _, name, words, shown, scores in sorted(scored, key=lambda row: row[0])
    ]
    return {"head": head, "rows": rows}


def _scored(found: Found) -> Iterator[tuple[int, str, Found]]:
    """Yield (place in the table, words, scores) of each definition."""
    definitions = found["definitions"]
    for words, scores in definitions.items():
        ahead = 2 if words == AHEAD else 1
        yield 0 if words.startswith("given") else ahead, words, scores
    if found.get("graded") and len(definitions) > 1:  # with one vote a row it is the same
        yield 3, "by the share of votes against it", found["graded"]


def _first(scored: Found) -> str:
    """Return precision at the rank next to 100: of the judged, and the band of all."""
    ranks = [rank for rank in scored["precision_at"] if int(rank) <= 100]
    if not ranks:
        return "–"
    rank = ranks[-1]
    text = f"{int(rank):,}: {scored['precision_at'][rank]:.0%}"
    if ends := scored.get("precision_ci95"):  # none in a run of an earlier version
        text += f" [{ends[rank][0]:.0%}, {ends[rank][1]:.0%}]"
    low, high = scored["precision_band"][rank]
    return f"{text}; judged or not {low:.0%} to {high:.0%}"


def _interval(scored: Found | None) -> str:
    if not scored:
        return "–"
    low, high = scored["ci95"]
    return f"{scored['value']:.3f} [{low:.3f}, {high:.3f}]"


def key_lines(metrics: Found) -> list[str]:
    """Return what has the majority by each key, the corrected test set, and where keys differ."""
    lines = [line for name, found in answer_keys(metrics).items() for line in _lines(name, found)]
    for pair in (metrics.get("verified") or {}).get("agreement", []):
        parts = [
            f"{words}: by both {n['both']:,}, by the first alone {n['first']:,}, by the second "
            f"alone {n['second']:,}"
            for words, n in (
                ("given label without a majority", pair["doubted"]),
                ("another label with one", pair.get("flipped")),
            )
            if n
        ]
        both = f"{pair['first']} and {pair['second']} judged {pair['rows']:,} rows both. "
        lines.append(both + "; ".join(parts).capitalize())
    return lines


def _lines(name: str, found: Found) -> Iterator[str]:
    of = f"{name}: " if name else ""
    counts = {"given": "the given label", "other": "another", "both": "both", "neither": "neither"}
    said = [
        f"{counts.get(kind, 'no majority')} {n['judged']:,}"
        for kind, n in found.get("categories", {}).items()
        if n["judged"]
    ]
    low, high = found.get("votes", [1, 1])
    voted = f" by {span(low, high)} votes each" if high > 1 else ""
    yield (
        f"{of}{found['judged_rows']:,} test labels judged{voted} ({', '.join(said)}); "
        f"{found['shown']:,} of {found['issues']:,} listed test issues are among them"
    )
    accuracy = found["test_accuracy_corrected"]
    yield (
        f"{of}with {found['flipped_by_people']:,} test labels flipped and "
        f"{found['left_out_without_majority']:,} left out, test accuracy "
        f"{accuracy['baseline']:.4f} → {accuracy['cleanlearning']:.4f}"
    )


def study_table(study: Found) -> Table | None:
    """Return each arm against its controls on the labels of each key, where there are several."""
    on: dict[str, dict[tuple[str, str], str]] = {}
    for found in study["differences"]:
        if found["labels"] == "given" or "key" in found:
            bounds = found.get("ci95_both")
            ends = f" [{bounds[0]:+z.4f}, {bounds[1]:+z.4f}]" if bounds else ""
            row = on.setdefault(found.get("key", "as given"), {})
            row[found["arm"], found["control"]] = f"{found['mean']:+z.4f}{ends}"
    if len(on) < 2:
        return None
    pairs = list(on["as given"])
    return {
        "head": ["arm − control", *on],
        "rows": [
            [" − ".join(pair).replace("_", " "), *(cells.get(pair, "–") for cells in on.values())]
            for pair in pairs
        ],
    }
