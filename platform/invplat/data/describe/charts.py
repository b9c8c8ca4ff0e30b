"""Pictures as inline SVG: numbers in, markup out. Colours are the style sheet's, so light and dark are one picture.

Names from outside never enter a picture; the page sets them as text beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from math import ceil, floor, log10

from invplat.core.page.wording import MONTHS, STEPS, compact, number
from invplat.data.describe.description import Bubble

WIDE, HALF = 980, 470
LEFT, RIGHT, TOP, BOTTOM = 52, 22, 14, 40
LEVELS = 5  # shades of the heat map, nothing at all not counted


def lines(values: Sequence[float], starts: Sequence[str], label: str, height: int = 240) -> str:
    """One quantity over time, from zero, filled below."""
    plot = _Plot(WIDE, height, 0, max(len(values) - 1, 1), min(0.0, *values), max(*values, 0.0))
    points = [(plot.x(place), plot.y(value)) for place, value in enumerate(values)]
    if len(points) == 1:
        shape = f'<circle class="dot" cx="{plot.x(0.5):.1f}" cy="{points[0][1]:.1f}" r="5"/>'
    else:
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        base = plot.y(0)
        area = f'<path class="area" d="M{points[0][0]:.1f} {base:.1f}L{path}L{points[-1][0]:.1f} {base:.1f}Z"/>'
        shape = area + f'<path class="line" d="M{path}"/>'
    return plot.svg(shape + _dates(plot, starts), label)


def spark(values: Sequence[float], label: str) -> str:
    """A line without axes, from zero to its own highest."""
    highest = max(*values, 1e-12)
    step = 220 / max(len(values) - 1, 1)
    points = [(place * step, 50 - 46 * max(value, 0) / highest) for place, value in enumerate(values)]
    if len(points) == 1:
        points.append((220.0, points[0][1]))
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    inner = f'<path class="area" d="M0 50L{path}L{points[-1][0]:.1f} 50Z"/><path class="line" d="M{path}"/>'
    inner += '<path class="axis" d="M0 50.5H220"/>'
    return f'<svg class="spark" viewBox="0 0 220 52" role="img" aria-label="{label}">{inner}</svg>'


def columns(values: Sequence[float | None], names: Sequence[str], label: str) -> str:
    """Upright bars, one a name; a name too many is left out, never squeezed."""
    known = [value for value in values if value is not None]
    plot = _Plot(HALF, 230, 0, len(values), min([0.0, *known]), max([0.0, *known]))
    every = ceil(len(names) * max((len(name) for name in names), default=1) * 8 / (HALF - LEFT - RIGHT)) or 1
    parts = []
    for place, (value, name) in enumerate(zip(values, names, strict=True)):
        left, right = plot.x(place + 0.12), plot.x(place + 0.88)
        if value is not None:
            top, base = sorted((plot.y(value), plot.y(0)))
            title = f"<title>{name}: {number(value)}</title>"
            size = f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{max(base - top, 0):.1f}"'
            parts.append(f'<rect class="bar" {size}>{title}</rect>')
        if place % every == 0:
            parts.append(plot.below((left + right) / 2, name))
    return plot.svg("".join(parts), label)


def histogram(edges: Sequence[float], counts: Sequence[int], label: str, across: str, *, tail: bool = False) -> str:
    """Bars between borders, which are written below; with `tail`, the last bar is longer than it looks and says so."""
    most = max([1, *counts])
    plot = _Plot(HALF, 230, 0, len(counts), 0, most, ticks=[tick for tick in round_ticks(0, most) if tick % 1 == 0])
    every = ceil(len(edges) * 34 / (HALF - LEFT - RIGHT))
    parts = []
    for place, count in enumerate(counts):
        left, right = plot.x(place) + 0.75, plot.x(place + 1) - 0.75
        title = f"<title>{number(edges[place])} to {number(edges[place + 1])}: {number(count)}</title>"
        top, height = plot.y(count), plot.y(0) - plot.y(count)
        size = f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{height:.1f}"'
        parts.append(f'<rect class="bar" {size}>{title}</rect>')
    said = [compact(edge) for edge in edges]
    if tail:
        said[-1] = ""
    parts += [plot.below(plot.x(place), text) for place, text in enumerate(said) if place % every == 0]
    return plot.svg("".join(parts), label, across)


def curve(points: Sequence[tuple[float, float]], parted: Sequence[tuple[float, str]], label: str, across: str) -> str:
    """A share against a share, both from 0 to 100 %; `parted` is where each part ends, and its name."""
    plot = _Plot(HALF, 300, 0, 100, 0, 100, ticks=(0, 20, 40, 60, 80, 100), unit=" %")
    path = "L".join(f"{plot.x(100 * x):.1f} {plot.y(100 * y):.1f}" for x, y in points)
    parts = [
        f'<path class="area" d="M{path}L{plot.x(100):.1f} {plot.y(0):.1f}L{plot.x(0):.1f} {plot.y(0):.1f}Z"/>',
        f'<path class="line" d="M{path}"/>',
    ]
    begin = 0.0
    for end, text in parted:
        x = plot.x(100 * end)
        if end < 1:
            parts.append(f'<path class="mark" d="M{x:.1f} {plot.y(0):.1f}V{plot.y(100):.1f}"/>')
        if end - begin > 0.04:
            middle = plot.x(50 * (begin + end))
            parts.append(f'<text class="part" x="{middle:.1f}" y="{plot.y(6):.1f}" text-anchor="middle">{text}</text>')
        begin = end
    parts += [plot.below(plot.x(share), f"{share} %") for share in range(0, 101, 20)]
    return plot.svg("".join(parts), label, across)


def bubbles(found: Sequence[Bubble], borders: tuple[float, float], names: Sequence[str], label: str) -> str:
    """Series by interval between sales (across) and unevenness of sales (up), both logarithmic; area is their number.

    `names` are written in the corners: lower left, upper left, lower right, upper right."""
    right = max([0.6, *(log10(bubble.adi) + 0.1 for bubble in found)])
    ups = [log10(bubble.cv2) for bubble in found]
    low, high = min([-1.2, *(up - 0.45 for up in ups)]), max([0.6, *(up + 0.45 for up in ups)])
    decades = [10.0**power for power in range(ceil(low), floor(high) + 1)]
    plot = _Plot(
        HALF, 300, 0, right, low, high, ticks=[log10(tick) for tick in decades], said=[f"{t:g}" for t in decades]
    )
    most = max([1, *(bubble.series for bubble in found)])
    x, y = plot.x(log10(borders[0])), plot.y(log10(borders[1]))
    parts = [
        f'<path class="mark" d="M{x:.1f} {plot.y(low):.1f}V{plot.y(high):.1f}"/>',
        f'<path class="mark" d="M{plot.x(0):.1f} {y:.1f}H{plot.x(right):.1f}"/>',
    ]
    for bubble in found:
        radius = max(1.5, 15 * (bubble.series / most) ** 0.5)
        centre = f'cx="{plot.x(log10(bubble.adi)):.1f}" cy="{plot.y(log10(bubble.cv2)):.1f}"'
        parts.append(
            f'<circle class="bubble" {centre} r="{radius:.1f}"><title>{bubble.series:,} series</title></circle>'
        )
    for name, at, up, anchor in zip(
        names, (0.02, 0.02, right, right), (low, high, low, high), ("start", "start", "end", "end"), strict=True
    ):
        level = plot.y(up) + (12 if up == high else -6)
        parts.append(f'<text class="corner" x="{plot.x(at):.1f}" y="{level:.1f}" text-anchor="{anchor}">{name}</text>')
    ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100) if log10(tick) <= right]
    parts += [plot.below(plot.x(log10(tick)), str(tick)) for tick in ticks]
    return plot.svg("".join(parts), label, "")


def strip(shares: Sequence[float], label: str) -> str:
    """One row of the heat map: neighbours of one shade are one rectangle."""
    parts, begin = [], 0
    shades = [min(LEVELS, ceil(LEVELS * share - 1e-9)) if share > 0 else 0 for share in shares]
    for place in range(1, len(shades) + 1):
        if place == len(shades) or shades[place] != shades[begin]:
            if shades[begin]:
                parts.append(f'<rect class="s{shades[begin]}" x="{begin}" width="{place - begin}" height="1"/>')
            begin = place
    return (
        f'<svg class="strip" viewBox="0 0 {len(shares)} 1" preserveAspectRatio="none" role="img" aria-label="{label}">'
        f"{''.join(parts)}</svg>"
    )


class _Plot:
    """A frame with a scale upward; x and y turn values into places."""

    def __init__(
        self,
        width: int,
        height: int,
        left: float,
        right: float,
        low: float,
        high: float,
        ticks: Sequence[float] | None = None,
        unit: str = "",
        said: Sequence[str] | None = None,
    ) -> None:
        self.width, self.height, self.left, self.right = width, height, left, right
        self.ticks = list(ticks) if ticks is not None else round_ticks(low, high)
        self.low, self.high = min(low, self.ticks[0]), max(high, self.ticks[-1])
        self.said = list(said) if said is not None else [text + unit for text in alike(self.ticks)]

    def x(self, value: float) -> float:
        return LEFT + (value - self.left) / (self.right - self.left) * (self.width - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return self.height - BOTTOM - (value - self.low) / (self.high - self.low) * (self.height - TOP - BOTTOM)

    def below(self, x: float, text: str, anchor: str = "middle") -> str:
        return f'<text x="{x:.1f}" y="{self.height - BOTTOM + 17}" text-anchor="{anchor}">{text}</text>'

    def svg(self, inner: str, label: str, across: str = "") -> str:
        end = self.width - RIGHT
        grid = "".join(f"M{LEFT} {self.y(tick):.1f}H{end}" for tick in self.ticks)
        sides = "".join(
            f'<text x="{LEFT - 8}" y="{self.y(tick) + 4:.1f}" text-anchor="end">{text}</text>'
            for tick, text in zip(self.ticks, self.said, strict=True)
        )
        under = (
            f'<text x="{(LEFT + end) / 2}" y="{self.height - 4}" text-anchor="middle">{across}</text>' if across else ""
        )
        return (
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{label}">'
            f'<path class="grid" d="{grid}"/>{inner}{sides}{under}</svg>'
        )


def round_ticks(low: float, high: float) -> list[float]:
    """Four or five round numbers that enclose both."""
    span = high - low
    if span <= 0:
        return [low, low + 1]
    raw = span / 4
    power = 10 ** floor(log10(raw))
    step = next(size * power for size in (1, 2, 2.5, 5, 10) if size * power >= raw * 0.999)
    return [place * step for place in range(floor(low / step + 1e-9), ceil(high / step - 1e-9) + 1)]


def alike(ticks: Sequence[float]) -> list[str]:
    """All ticks of an axis with the same letter, the one that the highest needs."""
    highest = max(map(abs, ticks))
    step, letter = next(((step, letter) for step, letter in STEPS if highest >= step), (1.0, ""))
    return [f"{tick / step:,.10g}{letter if tick else ''}" for tick in ticks]


def _dates(plot: _Plot, starts: Sequence[str]) -> str:
    """Dates below a picture, as many as have room, the first bin's always."""
    places = tick_dates(starts, 9)
    return "".join(
        plot.below(plot.x(place if len(starts) > 1 else 0.5), text, "middle" if place or len(starts) == 1 else "start")
        for place, text in places
    )


def tick_dates(starts: Sequence[str], at_most: int) -> list[tuple[int, str]]:
    """Bins to write a date under: beginnings of months or years where there are some, evenly spaced days else."""
    days = [date.fromisoformat(start) for start in starts]
    if not days:
        return []
    turns = [place for place in range(1, len(days)) if days[place].month != days[place - 1].month]
    turns = [0, *turns] if days[0].day <= 7 else turns
    for every in (1, 2, 3, 6, 12, 24, 60, 120):
        chosen = [place for place in turns if (days[place].year * 12 + days[place].month - 1) % every == 0]
        if 3 <= len(chosen) <= at_most:
            return [(place, f"{MONTHS[days[place].month - 1]} {days[place].year}") for place in chosen]
    every = ceil(len(days) / at_most)
    return [(place, f"{days[place].day} {MONTHS[days[place].month - 1]}") for place in range(0, len(days), every)]
