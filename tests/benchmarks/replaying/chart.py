"""What the year cost with retraining and without, week by week, and when each trouble began and was found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from replaying.replay import ARMS, WITH, WITHOUT, Outcome
from replaying.world import Shop

COLOURS = {WITH: "#2f6f8f", WITHOUT: "#b5533c"}


def drawn(out: Outcome, shops: Sequence[Shop], path: Path) -> Path:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (above, below) = pyplot.subplots(
        2, 1, figsize=(8, 6.5), layout="constrained", sharex=True, height_ratios=(3, 2)
    )
    for arm in ARMS:
        above.plot(out.weeks, out.curve(arm), color=COLOURS[arm], label=arm)
    above.set_ylabel("cost so far: stock kept and demand lost")
    above.ticklabel_format(axis="y", style="plain")
    saved = out.curve(WITHOUT) - out.curve(WITH)
    below.plot(out.weeks, saved, color=COLOURS[WITH])
    below.axhline(0, color="#8a8f94", linewidth=0.8)
    below.set_ylabel("saved so far by retraining")
    for shop in shops:
        if shop.trouble is None:
            continue
        found = out.found(shop.trouble)
        for axes in (above, below):
            axes.axvline(shop.trouble.day, color="#8a8f94", linestyle=":", linewidth=1)
        said = shop.trouble.kind
        if found is not None:
            said += f"\nfound in {(found['told'] - shop.trouble.day).days + 1} days"
            below.axvline(found["told"], color="#5b8c4a", linewidth=1)
        above.annotate(
            said, (shop.trouble.day, 0.98), xycoords=("data", "axes fraction"), va="top", fontsize=7, xytext=(3, 0),
            textcoords="offset points",
        )  # fmt: skip
    above.legend(loc="lower right", frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
    return path
