"""Trials a minute against the width of packs: a line a cell, one picture a form of the model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from invplat.evaluate.pictures.canvas import figure, png, styled


def by_width(forms: Mapping[str, Mapping[str, Any]], folder: Path) -> list[Path]:
    made = []
    for name, cells in forms.items():
        with styled():
            drawn, (axis,) = figure(f"Trials a minute against the width of a pack: {name}", 4.8)
            for key, found in cells.items():
                alone = found["trials_a_minute"] / found["times"]
                widths = {int(width): alone * times for width, times in found["by_width"].items()}
                (line,) = axis.plot(list(widths), list(widths.values()), marker="o", markersize=3, linewidth=1.2)
                last = max(widths)
                axis.annotate(key, (last, widths[last]), (4, 0), textcoords="offset points", fontsize=7.5,
                              color=line.get_color(), va="center")  # fmt: skip
                axis.plot(
                    found["width"], widths.get(found["width"], found["trials_a_minute"]), "D", color=line.get_color()
                )
            axis.set_xscale("log", base=2)
            axis.set_yscale("log")
            axis.xaxis.set_major_formatter("{x:.0f}")
            axis.yaxis.set_major_formatter("{x:,.0f}")
            axis.set_xlabel("trials in a pack (a diamond: the width that is chosen)")
            axis.set_ylabel("trials a minute")
            folder.mkdir(parents=True, exist_ok=True)
            made.append(png(drawn, folder / f"tune_cells_{name}.png"))
    return made
