"""What decisions cost: holding and stockouts of every model, hindsight beside them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from invplat.core.page.wording import compact
from invplat.evaluate.pictures.canvas import ACCENT, INK, OTHER, counted, figure, legend, styled, word

FAR = 3.0  # times the median: a longer bar is cut off


def costs(rows: Sequence[tuple[str, float, float]], ours: Collection[str], title: str, unit: str) -> Figure:
    """model, holding, stockouts; in the order given. A bar far beyond the others is cut off and says its sum."""
    totals = sorted(holding + stockout for _, holding, stockout in rows)
    usual = totals[len(totals) // 2] if totals else 1.0
    limit = max(min(max(totals, default=1.0), FAR * usual), 1e-9)
    with styled():
        drawn, (axis,) = figure(title, 1.5 + 0.27 * max(len(rows), 2))
        for place, (_, holding, stockout) in enumerate(rows):
            kept = min(holding, limit)
            owed = min(stockout, limit - kept)
            axis.barh(place, kept, height=0.7, color=ACCENT, linewidth=0)
            axis.barh(place, owed, left=kept, height=0.7, color=OTHER, linewidth=0)
            beyond = " ▸" if holding + stockout > limit * 1.001 else ""
            text = compact(round(holding + stockout)) + beyond
            axis.text(kept + owed + 0.01 * limit, place, text, va="center", fontsize=8.5, color=INK)
        axis.set_yticks(range(len(rows)), [word(name, 40) for name, _, _ in rows])
        for label, (name, _, _) in zip(axis.get_yticklabels(), rows, strict=True):
            label.set_color(ACCENT if name in ours else INK)
        axis.set_ylim(len(rows) - 0.4, -0.6)
        axis.set_xlim(0, 1.1 * limit)
        counted(axis.xaxis)
        axis.grid(axis="y", visible=False)
        axis.set_xlabel(unit)
        legend(drawn, [Patch(color=ACCENT, label="holding"), Patch(color=OTHER, label="stockouts")])
    return drawn
