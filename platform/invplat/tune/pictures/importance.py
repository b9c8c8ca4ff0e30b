"""How much each param decides: bars with how sure they are, beside what a param that changes nothing would get."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from invplat.evaluate.pictures.canvas import ACCENT, BEHIND, INK, OTHER, SOFT, figure, legend, styled, word
from invplat.tune.importance import Importance


def importances(panels: Sequence[tuple[str, Importance]], title: str) -> Figure:
    """head → importance, side by side, in the order of the first one's params."""
    names = list(dict.fromkeys(name for _, one in panels for name in one.shares))
    with styled():
        drawn, axes = figure(title, 1.5 + 0.33 * max(len(names), 2), 1, len(panels), sharey=True)
        for axis, (head, one) in zip(axes, panels, strict=True):
            for place, name in enumerate(names):
                share = one.shares.get(name)
                if share is None:
                    axis.text(0.01, place, "not varied", va="center", color=SOFT, fontsize=8.5)
                    continue
                sure = name in one.telling
                axis.barh(place, share.mean, height=0.66, color=ACCENT if sure else BEHIND, linewidth=0)
                axis.plot([share.low, share.high], [place, place], color=INK, linewidth=1.1)
                text = "<1" if 0 < share.mean < 0.005 else f"{100 * share.mean:.0f}"
                axis.text(max(share.high, share.mean) + 0.02, place, text, va="center", fontsize=8.5, color=INK)
            axis.axvline(one.chance, color=OTHER, linewidth=1.2, linestyle=(0, (4, 3)))
            axis.set_xlim(0, 1.12)
            axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100 %"])
            axis.set_title(word(head, 60))
            axis.grid(axis="y", visible=False)
        axes[0].set_yticks(range(len(names)), [word(name) for name in names])
        axes[0].set_ylim(len(names) - 0.4, -0.6)
        for label in axes[0].get_yticklabels():
            label.set_color(INK)
        legend(
            drawn,
            [
                Patch(color=ACCENT, label="matters"),
                Patch(color=BEHIND, label="can't be told from chance"),
                Line2D([], [], color=INK, linewidth=1.1, label="eight of ten resamplings"),
                Line2D([], [], color=OTHER, linestyle=(0, (4, 3)), label="a param that changes nothing"),
            ],
        )
    return drawn
