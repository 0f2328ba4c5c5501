"""A small chart: numbers in, one SVG out, text as text and colours from the page's style.

A figure made here carries no style attribute, id or date: it obeys a strict content security
policy, follows the reader's light or dark theme, and is the same bytes every time.
"""

import math
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 380, 250
TITLE_CHARACTERS = 38
LINE_HEIGHT = 17
LEGEND_COLUMNS, LEGEND_LINE = 2, 16
Form = Callable[[float], str]


@dataclass(frozen=True)
class Figure:
    """name: of its file. title: the finding, in words. description: what is drawn."""

    name: str
    title: str
    description: str
    body: str
    width: int = WIDTH
    height: int = HEIGHT

    def inline(self) -> Markup:
        """Return the SVG for the page, which shows the title beside it."""
        return Markup(self._open("") + self.body + "</svg>")

    def file(self, css: str) -> str:
        """Return a file of its own: with its title, its style and a background."""
        lines = textwrap.wrap(self.title, TITLE_CHARACTERS)
        top = LINE_HEIGHT * len(lines) + 8
        title = "".join(
            f'<text class="title" x="10" y="{20 + LINE_HEIGHT * i}">{escape(line)}</text>'
            for i, line in enumerate(lines)
        )
        return (
            self._open(' xmlns="http://www.w3.org/2000/svg"', top)
            + f"<style>{css}</style>"
            + f'<rect class="paper" width="{self.width}" height="{self.height + top}"/>'
            + f'{title}<g transform="translate(0 {top})">{self.body}</g></svg>\n'
        )

    def _open(self, extra: str, top: int = 0) -> str:
        label = escape(f"{self.title}. {self.description}")
        return (
            f'<svg{extra} class="chart" viewBox="0 0 {self.width} {self.height + top}" '
            f'role="img" aria-label="{label}">'
        )


@dataclass(frozen=True)
class Scale:
    """Where values lie between two pixels. low, high: the ends of the axis, in data units."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Return 0 at low and 1 at high; outside values are drawn at the end."""
        if self.log:
            value = max(value, self.low)
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return min(max(share, 0.0), 1.0)

    def ticks(self, count: int = 5) -> list[float]:
        """Return round numbers within the axis, about `count` of them."""
        if self.log:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            return [10.0**power for power in range(first, last + 1)]
        step = _round_step((self.high - self.low) / count)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [i * step for i in range(first, last + 1)]


def _round_step(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= raw * (1 - 1e-9))


def spanning(values: Iterable[float], *, room: float = 0.06, zero: bool = False) -> Scale:
    """Return a linear scale around `values` with some room; `zero` keeps 0 on it."""
    known = [*values, *([0.0] if zero else [])]
    low, high = min(known), max(known)
    margin = (high - low) * room or abs(high) * room or 1.0
    if low == high:  # also where all of it is zero
        return Scale(low - margin, high + margin)
    return Scale(
        low if zero and low == 0 else low - margin, high if zero and high == 0 else high + margin
    )


def number(value: float) -> str:
    """Return a tick's label: 1,000 or 0.85 or 1e-05, without trailing zeros."""
    if value == 0:
        return "0"
    if abs(value) < 1e-4:
        return f"{value:.0e}".replace("-", "−")
    text = f"{value:,.4f}".rstrip("0").rstrip(".")
    return text.replace("-", "−")


def percent(value: float) -> str:
    return f"{number(round(100 * value, 6))}%"


def legend_room(entries: int) -> int:
    """Return the top margin, in pixels, of a chart with a legend of so many entries."""
    return 14 + LEGEND_LINE * -(-entries // LEGEND_COLUMNS)


class Chart:
    """Axes to draw on; everything is clipped to nothing, so give it scales that hold the data."""

    def __init__(
        self,
        x: Scale,
        y: Scale,
        *,
        width: int = WIDTH,
        height: int = HEIGHT,
        left: int = 52,
        right: int = 12,
        top: int = 12,
        bottom: int = 40,
    ) -> None:
        self.x, self.y = x, y
        self.width, self.height = width, height
        self.left, self.right, self.top, self.bottom = left, right, top, bottom
        self.parts: list[str] = []

    def at_x(self, value: float) -> float:
        return self.left + self.x.place(value) * (self.width - self.left - self.right)

    def at_y(self, value: float) -> float:
        return (
            self.height - self.bottom - self.y.place(value) * (self.height - self.top - self.bottom)
        )

    def x_axis(self, label: str, ticks: Sequence[float] | None = None, form: Form = number) -> None:
        base = self.height - self.bottom
        for value in self.x.ticks() if ticks is None else ticks:
            at = self.at_x(value)
            self._add(f'<path class="tick" d="M{at:.1f} {base}v4"/>')
            self.text(at, base + 16, form(value), "middle")
        self._add(f'<path class="axis" d="M{self.left} {base}H{self.width - self.right}"/>')
        self.text((self.left + self.width - self.right) / 2, self.height - 6, label, "middle label")

    def y_axis(self, label: str, ticks: Sequence[float] | None = None, form: Form = number) -> None:
        for value in self.y.ticks() if ticks is None else ticks:
            at = self.at_y(value)
            self._add(f'<path class="grid" d="M{self.left} {at:.1f}H{self.width - self.right}"/>')
            self.text(self.left - 6, at + 4, form(value), "end")
        middle = (self.top + self.height - self.bottom) / 2
        self._add(
            f'<text class="middle label" transform="translate(12 {middle:.1f}) rotate(-90)">'
            f"{escape(label)}</text>"
        )

    def rect(self, x0: float, x1: float, y0: float, y1: float, css: str) -> None:
        """Draw a filled rectangle between data coordinates."""
        left, right = sorted((self.at_x(x0), self.at_x(x1)))
        upper, lower = sorted((self.at_y(y0), self.at_y(y1)))
        self._add(
            f'<rect class="{css}" x="{left:.1f}" y="{upper:.1f}" width="{right - left:.1f}" '
            f'height="{lower - upper:.1f}"/>'
        )

    def line(self, xs: Iterable[float], ys: Iterable[float], css: str) -> None:
        points = [(self.at_x(x), self.at_y(y)) for x, y in zip(xs, ys, strict=True)]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        self._add(f'<path class="line {css}" d="M{path}"/>')

    def band(
        self, xs: Sequence[float], lows: Sequence[float], highs: Sequence[float], css: str
    ) -> None:
        there = [(self.at_x(x), self.at_y(y)) for x, y in zip(xs, highs, strict=True)]
        back = [(self.at_x(x), self.at_y(y)) for x, y in zip(xs, lows, strict=True)][::-1]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in there + back)
        self._add(f'<path class="band {css}" d="M{path}Z"/>')

    def dot(self, x: float, y: float, css: str, radius: float = 4) -> None:
        at = f'cx="{self.at_x(x):.1f}" cy="{self.at_y(y):.1f}"'
        self._add(f'<circle class="{css}" {at} r="{radius}"/>')

    def diamond(self, x: float, y: float, css: str, radius: float = 5) -> None:
        at_x, at_y, r = self.at_x(x), self.at_y(y), radius
        self._add(
            f'<path class="{css}" d="M{at_x - r:.1f} {at_y:.1f}l{r} {-r}l{r} {r}l{-r} {r}Z"/>'
        )

    def note(self, x: float, y: float, words: str, css: str = "") -> None:
        """Write at data coordinates."""
        self.text(self.at_x(x), self.at_y(y), words, css)

    def text(self, x: float, y: float, words: str, css: str = "") -> None:
        """Write at pixels."""
        attribute = f' class="{css}"' if css else ""
        self._add(f'<text{attribute} x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>')

    def legend(self, entries: Sequence[tuple[str, str]]) -> None:
        """Write (css, words) with a sample of each colour above the plot: see `legend_room`."""
        for i, (css, words) in enumerate(entries):
            x = self.left + i % LEGEND_COLUMNS * (self.width - self.left) / LEGEND_COLUMNS
            y = 14 + LEGEND_LINE * (i // LEGEND_COLUMNS)
            self._add(f'<rect class="{css}" x="{x:.1f}" y="{y - 9:.1f}" width="12" height="10"/>')
            self.text(x + 17, y, words)

    def figure(self, name: str, title: str, description: str) -> Figure:
        return Figure(name, title, description, "".join(self.parts), self.width, self.height)

    def _add(self, element: str) -> None:
        self.parts.append(element)
