"""Counts, shares and intervals as the report writes them."""

import math


def share_interval(count: int, total: int) -> tuple[float, float]:
    """Return the 95% interval of a share (Wilson 1927)."""
    if not total:
        return 0.0, 1.0
    z, share = 1.959964, count / total
    middle = share + z * z / (2 * total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max((middle - half) / scale, 0.0), min((middle + half) / scale, 1.0)


def percent(share: float) -> str:
    """Return a share as "5.2%", or "62%" where a decimal says nothing."""
    return f"{share:.1%}" if share < 0.1 or share > 0.9 else f"{share:.0%}"


def share_text(count: int, total: int) -> str:
    """Return "62% [52%, 71%]": a share with its 95% interval."""
    low, high = share_interval(count, total)
    return f"{percent(count / max(total, 1))} [{percent(low)}, {percent(high)}]"


def span(low: float, high: float) -> str:
    """Return "913 to 1,270", or "none"."""
    if high <= 0:
        return "none"
    return f"{low:,.0f} to {high:,.0f}" if round(low) != round(high) else f"{high:,.0f}"


def plural(count: int, word: str, words: str = "") -> str:
    return f"{count:,} {word if count == 1 else words or word + 's'}"


def duration(seconds: float) -> str:
    """Return a length of time as a person says it."""
    if seconds < 90:
        return f"{max(round(seconds / 10) * 10, 10)} seconds"
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours" if seconds < 36_000 else f"{seconds / 3600:.0f} hours"
