"""Decisions and probabilities in words."""

from typing import Any

from pipeline.corrections.decision import Decision


def said(decision: Decision) -> str:
    """Return a decision in words."""
    words = {"keep": f"keep {decision.label}", "relabel": f"→ {decision.label}"}
    return words.get(decision.decision, decision.decision)


def probability_text(probability: Any) -> str:
    """Return "99.7%"; a tiny or nearly certain one is not rounded to 0 or 100."""
    value = 100 * float(probability)
    if 0 < value < 0.1:
        return "< 0.1%"
    if 99.9 < value < 100:
        return "> 99.9%"
    return f"{value:.1f}%"
