"""What a person wants to see: error against days of history, and how the served model stands beside each rival."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

COLOURS = {
    "served": "#2f6f8f",
    "base": "#8a8f94",
    "scratch": "#b5533c",
    "lightgbm": "#5b8c4a",
    "seasonal_naive": "#c79a3a",
}
SAID = {
    "served": "fine-tuned (as served)",
    "base": "base, untouched (zero-shot)",
    "scratch": "from scratch",
    "lightgbm": "LightGBM per tenant",
    "seasonal_naive": "seasonal naive",
}


def drawn(curve: Mapping[int, Mapping[str, float]], results: Sequence[Mapping[str, Any]], folder: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    figure, axes = pyplot.subplots(figsize=(7.5, 4.5), layout="constrained")
    for name, colour in COLOURS.items():
        points = [(days, found[name]) for days, found in curve.items() if np.isfinite(found.get(name, np.nan))]
        if points:
            axes.plot(
                [str(days) for days, _ in points], [error for _, error in points], "o-", color=colour, label=SAID[name]
            )
    axes.set(xlabel="days of history", ylabel="WAPE on the test", title="Error against days of history (M5 stores)")
    axes.set_ylim(bottom=0)
    axes.legend()
    _saved(pyplot, figure, folder, "transfer_history")
    if not results:
        return
    figure, axes = pyplot.subplots(figsize=(8.5, 4.8), layout="constrained")
    groups = list(dict.fromkeys((one["set"], one["history"]) for one in results))
    wide = 0.8 / len(COLOURS)
    for place, (name, colour) in enumerate(COLOURS.items()):
        heights = []
        for group in groups:
            mine = [one["errors"] for one in results if (one["set"], one["history"]) == group]
            ratios = [each[name] / each["base"] for each in mine if name in each]
            heights.append(float(np.mean(ratios)) if ratios else np.nan)
        axes.bar(np.arange(len(groups)) + place * wide, heights, wide, color=colour, label=SAID[name])
    axes.axhline(1, color="#444444", linewidth=0.8)
    axes.set_xticks(
        np.arange(len(groups)) + 0.4,
        [f"{name} {history}" for name, history in groups],
        rotation=40,
        ha="right",
        fontsize=8,
    )
    axes.set(ylabel="WAPE beside the untouched base", title="Tenants of each set and periods of history", ylim=(0, 2.5))
    axes.legend(fontsize=8)
    _saved(pyplot, figure, folder, "transfer_sets")


def _saved(pyplot: Any, figure: Any, folder: Path, name: str) -> None:
    for kind in ("png", "svg"):
        figure.savefig(folder / f"{name}.{kind}", dpi=140)
    pyplot.close(figure)
