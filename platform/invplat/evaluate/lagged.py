"""Panels as rows for models that know no time, scale-free: every quantity is divided by the level of its series.

On top of `data.design`: what the same phase of past weeks and years said. A row's features are as of its cutoff; the
target is demand of the period `step` after it. Knows nothing of estimators.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from invplat.core.errors import DatasetError
from invplat.data.design import Design, design
from invplat.data.features import Recipe
from invplat.data.panel import Panel
from invplat.data.rolling import mean
from invplat.data.transforms import Categories
from invplat.evaluate.answers import Doubles, Ints
from invplat.evaluate.estimators import Rows, joined_rows
from invplat.evaluate.naive import certain, mean_of_known

RECIPES = {
    "daily": Recipe(windows=(7, 28, 91), pattern=56, calendar="ids"),
    "weekly": Recipe(lags=(1, 2), windows=(4, 13, 26), pattern=26, calendar="ids"),
    "monthly": Recipe(lags=(1, 2), windows=(3, 6, 12), pattern=12, calendar="ids"),
}
PHASES = {"daily": (7, 364), "weekly": (52,), "monthly": (12,)}  # a year of days is 52 weeks, so that weekdays meet
SHORT = {"daily": 28, "weekly": 8, "monthly": 3}  # periods that make a level
BACK = 8  # seasons that a phase looks back
TEXTS = ("sku", "store", "category", "brand", "supplier")


@dataclass(frozen=True)
class Lagged:
    rows: Rows
    level: Doubles  # of each row: units that 1 stands for
    target: Doubles  # in units; 0 where the future is not known
    panel: Ints  # of each row, which of the panels
    series: Ints
    steps: Ints

    def where(self, which: Any) -> Lagged:
        return Lagged(
            self.rows.where(which),
            self.level[which],
            self.target[which],
            self.panel[which],
            self.series[which],
            self.steps[which],
        )


def vocabularies(panels: Sequence[Panel], cutoff: Any, texts: Sequence[str] = TEXTS) -> dict[str, Categories]:
    """Of the texts that tell series apart, among series that had begun by the cutoff."""
    found = {}
    for name in texts:
        names = [
            text
            for panel in panels
            if name in panel.statics.texts
            for text, there in zip(panel.statics.texts[name], panel.launched(cutoff).tolist(), strict=True)
            if there
        ]
        if len(set(names)) > 1:
            found[name] = Categories.fit(names, cutoff=cutoff)
    return found


def lagged(
    panels: Sequence[Panel],
    *,
    horizon: int,
    cutoffs: Sequence[Any],
    encoders: Mapping[str, Categories],
    targets: bool,
    recipe: Recipe | None = None,
    most: int | None = None,
    seed: int = 0,
) -> Lagged:
    """With `targets`, only rows whose target is known whole. Panels without any of the cutoffs add no row. `most`:
    a random sample of so many rows, each panel's share by its number of series."""
    random = np.random.default_rng(seed)
    number = sum(len(panel.skus) for panel in panels)
    parts = []
    for place, panel in enumerate(panels):
        here = [cutoff for cutoff in cutoffs if _fits(panel, panel.period(cutoff), horizon)]
        if here:
            found = design(
                panel,
                recipe or RECIPES[panel.frequency],
                horizon=horizon,
                cutoffs=here,
                encoders={name: encoders[name] for name in encoders if name in panel.statics.texts},
                targets=targets,
            )
            share = None if most is None else max(most * len(panel.skus) // number, 1)
            parts.append(_scaled(panel, place, _sample(found, share, random), encoders, targets))
    if not parts:
        raise DatasetError("no panel has any of the cutoffs", hint="choose cutoffs inside the history")
    return Lagged(
        rows=joined_rows([part.rows for part in parts]),
        level=np.concatenate([part.level for part in parts]),
        target=np.concatenate([part.target for part in parts]),
        panel=np.concatenate([part.panel for part in parts]),
        series=np.concatenate([part.series for part in parts]),
        steps=np.concatenate([part.steps for part in parts]),
    )


def _fits(panel: Panel, period: int, horizon: int) -> bool:
    return 0 <= period < min(panel.known, panel.timeline.length - horizon) and bool((panel.launch <= period).any())


def _sample(found: Design, most: int | None, random: np.random.Generator) -> Design:
    if most is None or len(found.target) <= most:
        return found
    kept = np.sort(random.choice(len(found.target), most, replace=False))
    columns = ("values", "target", "observed", "censored", "series", "cutoffs", "steps", "dates")
    return replace(found, **{name: getattr(found, name)[kept] for name in columns})


def _scaled(panel: Panel, place: int, found: Design, encoders: Mapping[str, Categories], targets: bool) -> Lagged:
    now = panel.timeline.index(found.cutoffs.astype("datetime64[D]").astype(np.int64))
    sure = np.full(panel.shape, np.nan)
    sure[:, : panel.known] = certain(panel)
    level = levels(sure, SHORT[panel.frequency])[found.series, now]
    quantities = _quantities(panel, found.names)
    columns = {
        name: found.values[:, i].astype(np.float64) / (level if name in quantities else 1.0)
        for i, name in enumerate(found.names)
        if name not in found.categorical
    }
    columns.update(phases(sure, found.series, now, found.steps, PHASES[panel.frequency], SHORT[panel.frequency], level))
    codes = [
        found.values[:, found.names.index(name)].astype(np.int64)
        if name in found.categorical
        else np.zeros(len(level), np.int64)
        for name in encoders
    ]
    whole = Lagged(
        rows=Rows(
            np.stack(list(columns.values()), axis=1),
            np.stack(codes, axis=1) if codes else np.zeros((len(level), 0), np.int64),
            tuple(columns),
            tuple(encoders),
        ),
        level=level,
        target=found.target.astype(np.float64),
        panel=np.full(len(level), place, np.int64),
        series=found.series,
        steps=found.steps,
    )
    return whole.where(~found.censored) if targets else whole


def levels(sure: Doubles, width: int) -> Doubles:
    """The mean of the last periods as of each period, never below an eighth of the mean so far, or one unit in eight
    such stretches: a series that comes back after months of nothing would else be thousands of times its level."""
    short, ever = mean(sure.astype(np.float32), width), mean(sure.astype(np.float32), None)
    found = np.fmax(np.where(np.isfinite(short), short, ever), ever / 8).astype(np.float64)
    return np.fmax(np.where(np.isfinite(found), found, 0.0), 1 / (8 * width))


def phases(
    sure: Doubles, series: Ints, now: Ints, steps: Ints, seasons: Sequence[int], width: int, level: Doubles
) -> dict[str, Doubles]:
    """For short seasons the last, the mean of the last four and of the last eight same phases; for a year the same
    phase a year before beside the level that it had then."""
    found: dict[str, Doubles] = {}
    for season in seasons:
        turns = -(-steps // season)
        if season <= width:
            back = np.stack([_at(sure, series, now + steps - season * (turns + more)) for more in range(BACK)], axis=1)
            found[f"phase_{season}"] = back[:, 0] / level
            for number in (4, BACK):
                found[f"phase_{season}_mean_{number}"] = mean_of_known(back[:, :number], np.nan) / level
            continue
        around = seasons[0] if seasons[0] < season else 1  # neighbours of the same weekday
        then = now + steps - season * turns
        last_year = np.stack([_at(sure, series, then + move * around) for move in (-1, 0, 1)], axis=1)
        # A neighbour that lies after the cutoff is not known yet.
        last_year[(then[:, None] + np.array([-around, 0, around])) > now[:, None]] = np.nan
        ago = now - season * turns
        past_level = np.where(ago >= 0, levels(sure, width)[series, np.maximum(ago, 0)], np.nan)
        past_level = np.where(np.isfinite(_at(sure, series, np.maximum(ago, 0))), past_level, np.nan)
        found[f"phase_{season}"] = last_year[:, 1] / level
        found[f"phase_{season}_ratio"] = last_year[:, 1] / past_level
        found[f"phase_{season}_ratio_mean"] = mean_of_known(last_year, np.nan) / past_level
        found[f"phase_{season}_growth"] = level / past_level
    return found


def _at(sure: Doubles, series: Ints, period: Ints) -> Doubles:
    return np.where(period >= 0, sure[series, np.maximum(period, 0)], np.nan)


def _quantities(panel: Panel, names: Sequence[str]) -> set[str]:
    """Which columns are counted in units of demand."""
    made = tuple(f"{kind}_" for kind in ("lag", "mean", "std", "min", "max", "quantile", "weighted"))
    return {name for name in names if name in panel.past.quantities or (name.startswith(made) and name[-1].isdigit())}
