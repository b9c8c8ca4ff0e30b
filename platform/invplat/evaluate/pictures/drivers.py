"""What drives a forecast: bars to the left and right of nothing, and how much each input matters to a whole model."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from invplat.core.page.wording import number
from invplat.evaluate.pictures.canvas import ACCENT, INK, OTHER, SOFT, figure, legend, styled, word

MOST = 14  # drivers shown by name; the others are one


def shortened(shares: Sequence[tuple[str, float]], most: int = MOST) -> list[tuple[str, float]]:
    """The largest by name, what the rest adds as one."""
    if len(shares) <= most:
        return list(shares)
    rest = shares[most - 1 :]
    return [*shares[: most - 1], (f"{len(rest)} others together", sum(value for _, value in rest))]


def signed(value: float) -> str:
    return f"{'+' if value > 0 else '-' if value < 0 else ''}{number(float(f'{abs(value):.3g}'))}"


def drivers(
    shares: Sequence[tuple[str, float]], usual: float, forecast: float, title: str, unit: str = "units"
) -> Figure:
    """What each driver adds to, or takes from, the usual answer."""
    shown = shortened(shares)
    with styled():
        drawn, (axis,) = figure(title, 1.5 + 0.27 * max(len(shown), 2))
        most = max((abs(value) for _, value in shown), default=1.0) or 1.0
        for place, (_, value) in enumerate(shown):
            axis.barh(place, value, height=0.7, color=ACCENT if value >= 0 else OTHER, linewidth=0)
            side = 1 if value >= 0 else -1
            axis.text(
                value + side * 0.015 * most,
                place,
                signed(value),
                va="center",
                ha="left" if side > 0 else "right",
                fontsize=8.5,
                color=INK,
            )
        axis.set_yticks(range(len(shown)), [word(name, 48) for name, _ in shown])
        for label in axis.get_yticklabels():
            label.set_color(INK)
        axis.set_ylim(len(shown) - 0.4, -0.6)
        lowest = min((value for _, value in shown), default=0.0)
        highest = max((value for _, value in shown), default=0.0)
        axis.set_xlim(min(lowest * 1.0, 0) - 0.16 * most, max(highest, 0) + 0.16 * most)
        axis.axvline(0, color=SOFT, linewidth=1)
        axis.grid(axis="y", visible=False)
        axis.set_xlabel(f"{unit} added to the usual {number(usual)}; together {number(forecast)}")
        legend(drawn, [Patch(color=ACCENT, label="raises it"), Patch(color=OTHER, label="lowers it")])
    return drawn


def weights(rows: Sequence[tuple[str, float, float | None]], title: str) -> Figure:
    """name, share of all attributions, and by how much the error grows with another window's; fractions."""
    shown = rows[:MOST]
    with styled():
        drawn, axes = figure(title, 1.3 + 0.27 * max(len(shown), 2), 1, 2, sharey=True)
        columns = ([share for _, share, _ in shown], [worse or 0.0 for _, _, worse in shown])
        heads = ("Share of all attributions, %", "Error grows when it is another window's, by %")
        for axis, values, head, colour in zip(axes, columns, heads, (ACCENT, OTHER), strict=True):
            highest = max([*values, 1e-6])
            for place, value in enumerate(values):
                axis.barh(place, value, height=0.7, color=colour, linewidth=0)
                text = "<0.1" if 0 < value < 0.0005 else f"{100 * value:.1f}"
                axis.text(max(value, 0) + 0.015 * highest, place, text, va="center", fontsize=8.5, color=INK)
            axis.set_title(head)
            axis.set_xlim(min([0.0, *values]), 1.14 * highest)
            axis.set_xticks([])
            axis.grid(visible=False)
            axis.axvline(0, color=SOFT, linewidth=1)
            axis.spines["bottom"].set_visible(False)
        axes[0].set_ylim(len(shown) - 0.4, -0.6)
        axes[0].set_yticks(range(len(shown)), [word(name, 48) for name, _, _ in shown])
        for label in axes[0].get_yticklabels():
            label.set_color(INK)
    return drawn
