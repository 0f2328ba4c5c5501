"""Counts, shares and intervals as the report writes them."""

from pipeline.corrections.agreement import Share, wilson


def share_interval(count: int, total: int) -> tuple[float, float]:
    """Return the 95% interval of a share; see `wilson`."""
    return wilson(Share(count, total))


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


def signed(value: float, form: str = "+z.4f") -> str:
    """Return a number with its sign, a true minus."""
    return format(value, form).replace("-", "−")
