"""What people who looked at the labels found, in sentences for the page and the terminal."""

from typing import Any

Metrics = dict[str, Any]


def review_sentences(metrics: Metrics) -> list[str]:
    """Return what the decisions say, the effect of corrections first; [] without any."""
    found, lines = metrics.get("review"), []
    if corrections := metrics.get("corrections"):
        lines.append(corrections_sentence(corrections, found))
    if found:
        lines += [_list_sentence(found), *_audit_sentences(found), *_people_sentences(found)]
    return [line for line in lines if line]


def corrections_sentence(corrections: dict[str, Any], review: dict[str, Any] | None = None) -> str:
    """Return what the corrections did, and what a change of accuracy is worth."""
    accuracy = {
        which: corrections[f"test_accuracy_{which}_labels"]["baseline"]
        for which in ("given", "corrected")
    }
    said = (
        f"Corrections: {corrections['relabelled']:,} labels changed, {corrections['dropped']:,} "
        f"examples left out, {corrections['issues_left']:,} issues left; baseline accuracy "
        f"{accuracy['corrected']:.4f} on the corrected test labels, {accuracy['given']:.4f} on the "
        "given ones."
    )
    audited = ((review or {}).get("audit") or {}).get("test_accuracy", {}).get("baseline")
    if audited:
        low, high = audited["ci95"]
        return (
            f"{said} The fair figure is that of the audit: {audited['value']:.4f} "
            f"[{low:.4f}, {high:.4f}] if all test labels were looked at."
        )
    return (
        f"{said} That can hardly fall, because only labels that the model disputes were looked at; "
        "an audit tells the fair figure (make review AUDIT=200)."
    )


def _list_sentence(found: dict[str, Any]) -> str:
    if not found["decided"]:
        return ""
    said = f"People looked at {found['decided']:,} issues: {found['wrong']:,} labels are wrong"
    if expected := found.get("next"):
        low, high = expected["ci95"]
        said += (
            f"; of the next {expected['labels']} expect {expected['expected']:.0f} [{low}, {high}]"
        )
    if whole := found.get("wrong_in_list"):
        low, high = whole["ci95"]
        said += f", in the whole list {whole['value']:,.0f} [{low:,.0f}, {high:,.0f}]"
    return f"{said}."


def _audit_sentences(found: dict[str, Any]) -> list[str]:
    audit = found.get("audit")
    if not audit:
        return []
    low, high = audit["share_wrong"]["ci95"]
    said = (
        f"Of {audit['checked']:,} labels drawn by chance and audited {audit['wrong']:,} are wrong: "
        f"{audit['share_wrong']['value']:.1%} [{low:.1%}, {high:.1%}] of all labels."
    )
    if recall := audit["recall_of_list"]:
        low, high = recall["ci95"]
        said += f" The list holds {recall['value']:.0%} [{low:.0%}, {high:.0%}] of them."
    return [said]


def _people_sentences(found: dict[str, Any]) -> list[str]:
    lines = []
    if agreed := found.get("agreement"):
        beyond = ""
        if "value" in agreed:
            low, high = agreed["ci95"]
            beyond = f" ({agreed['measure']} {agreed['value']:.2f} [{low:.2f}, {high:.2f}])"
        lines.append(
            f"On {agreed['items']:,} labels that several decided they agree in "
            f"{agreed['observed']:.0%}{beyond}."
        )
    for name, person in found["reviewers"].items():
        if sway := person["sway"]:
            low, high = (100 * bound for bound in sway["ci95"])
            lines.append(
                f"{name} takes the suggestion {100 * sway['value']:+z.0f} "
                f"[{low:+z.0f}, {high:+z.0f}] "
                "points oftener when it is shown than where chance hid it."
            )
    return lines
