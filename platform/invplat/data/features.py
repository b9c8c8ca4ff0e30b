"""Features of a panel's series by a recipe: what the past of demand, price and promotion says at each period.

One recipe makes one layout whatever the store, and a bundle keeps it. Every feature at a period uses that period and
earlier ones; those that look further (calendar, plans) stand apart as known ahead. Unknown is NaN here; `featured`
puts them on the panel as nets want them, `design` as trees want them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from invplat.core.errors import DatasetError
from invplat.data import rolling
from invplat.data.calendar import REACH, calendar_columns, holiday_columns, read_holidays
from invplat.data.dataset import Dataset
from invplat.data.dense import Bools, Floats
from invplat.data.panel import Panel
from invplat.data.signals import read_signals

Statistic = Callable[[Floats, int], Floats]
STATISTICS: dict[str, Statistic] = {
    "mean": rolling.mean,
    "std": rolling.deviation,
    "min": rolling.lowest,
    "max": rolling.highest,
}
YEAR = {"daily": 364, "weekly": 52, "monthly": 12}  # periods; of days 52 weeks, so that weekdays meet
NEAR = {"daily": 7, "weekly": 1, "monthly": 1}  # periods to the neighbours of the same weekday
LEVEL = {"daily": 56, "weekly": 8, "monthly": 6}  # periods that make a level
ADI, CV2 = 1.32, 0.49  # Syntetos and Boylan's borders of smooth, erratic, intermittent and lumpy demand


@dataclass(frozen=True)
class Recipe:
    lags: tuple[int, ...] = ()
    windows: tuple[int, ...] = (7, 28)  # widths of the rolling statistics, in periods
    statistics: tuple[str, ...] = ("mean", "std")
    quantiles: tuple[float, ...] = ()
    half_lives: tuple[float, ...] = ()  # of exponentially weighted means
    pattern: int = (
        56  # periods over which zeros, intermittency and trends of category and store are judged; 0: not at all
    )
    last_year: int = 0  # the farthest horizon that looks at what the same period was a year ago; 0: none does
    prices: bool = True
    promotions: bool = True
    calendar: str = "cycles"  # cycles, ids, both, or empty for none
    holidays: bool = True
    country: str = ""  # adds its public holidays
    signals: tuple[str, ...] | None = None  # None: all the dataset has
    delays: Mapping[str, int] = field(default_factory=dict)  # days from a signal's date to its publication

    def __post_init__(self) -> None:
        odd = [name for name in self.statistics if name not in STATISTICS]
        if odd:
            raise DatasetError(f"statistic {odd[0]!r} is not known", hint=f"write some of {', '.join(STATISTICS)}")
        if any(number < 1 for number in (*self.lags, *self.windows)) or any(life <= 0 for life in self.half_lives):
            raise DatasetError("a lag, window or half-life below one period", hint="a lag of 1 is the period before")
        if self.last_year < 0:
            raise DatasetError(f"last_year = {self.last_year}", hint="write the horizon, in periods, or 0 for none")
        if any(not 0 <= part <= 1 for part in self.quantiles):
            raise DatasetError(f"quantiles {self.quantiles} must lie between 0 and 1", hint="for example 0.1, 0.5, 0.9")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Recipe:
        fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in raw.items()}
        return cls(**fields)


@dataclass(frozen=True)
class Features:
    """Series × periods each, or one row for all series; NaN where unknown."""

    past: dict[str, Floats]
    ahead: dict[str, Floats]
    quantities: frozenset[str]  # counted in units of demand


def features(panel: Panel, recipe: Recipe, dataset: Dataset | None = None) -> Features:
    """The dataset is needed for holidays and signals only."""
    found = Features(dict(_demand(panel, recipe)), {}, frozenset())
    quantities = frozenset(found.past)
    if recipe.pattern:
        found.past.update(_pattern(panel, recipe.pattern))
        found.past.update(_aggregates(panel, recipe.pattern))
    if recipe.prices and panel.has("price"):
        (found.ahead if "price" in panel.planned else found.past).update(_price(panel))
    if recipe.promotions and panel.has("promotion"):
        planned = "promotion" in panel.planned
        (found.ahead if planned else found.past).update(_promotion(panel, planned))
    if recipe.last_year:
        found.ahead.update(_last_year(panel, recipe.last_year))
    if recipe.calendar:
        found.ahead.update(calendar_columns(panel.timeline, recipe.calendar))
    if dataset is not None and recipe.holidays and (dataset.has("events") or recipe.country):
        days = read_holidays(dataset, panel.store, country=recipe.country, around=panel.timeline)
        found.ahead.update(holiday_columns(panel.timeline, days))
    if dataset is not None and (recipe.signals is None or recipe.signals):
        signals = read_signals(dataset, panel, recipe.signals, recipe.delays)
        found.past.update({f"signal_{name}": column for name, column in signals.past.items()})
        found.ahead.update({f"signal_{name}": column for name, column in signals.ahead.items()})
    return Features(found.past, found.ahead, quantities)


def featured(panel: Panel, recipe: Recipe, dataset: Dataset | None = None) -> Panel:
    """The panel with the recipe's features: unknown becomes 0, or a year ago the level as it was then; lags, years and
    signals get an indicator beside them."""
    found = features(panel, recipe, dataset)
    return panel.with_past(_filled(found.past), found.quantities).with_ahead(_filled(found.ahead))


def _filled(columns: Mapping[str, Floats]) -> dict[str, Floats | Bools]:
    whole: dict[str, Floats | Bools] = {}
    for name, column in columns.items():
        known = np.isfinite(column)
        whole[name] = np.where(known, column, np.float32(name.startswith("last_year")))
        if name.startswith(("lag_", "signal_", "last_year")):
            whole[f"{name}_known"] = known
    return whole


def sure_demand(panel: Panel) -> Floats:
    """Demand where it is known whole: neither hidden nor cut short by an empty shelf; NaN elsewhere."""
    return np.where(panel.observed & ~panel.censored, panel.demand, np.float32(np.nan))


def _demand(panel: Panel, recipe: Recipe) -> dict[str, Floats]:
    sure = sure_demand(panel)
    columns = {f"lag_{periods}": rolling.lag(sure, periods) for periods in recipe.lags}
    for width in recipe.windows:
        for name in recipe.statistics:
            columns[f"{name}_{width}"] = STATISTICS[name](sure, width)
        for part in recipe.quantiles:
            columns[f"quantile{part:g}_{width}"] = rolling.quantile(sure, width, part)
    for life in recipe.half_lives:
        columns[f"weighted_{life:g}"] = rolling.weighted(sure, life)
    return columns


def _last_year(panel: Panel, horizon: int) -> dict[str, Floats]:
    """Demand of the same period a year ago beside the level that it had then, and the mean of it and its neighbours.

    As many whole years ago as it takes that all of it is known to whoever looks so far ahead.
    """
    year, near = YEAR[panel.frequency], NEAR[panel.frequency]
    back = year * -(-(horizon + near) // year)
    sure = sure_demand(panel)
    sure[:, panel.known :] = np.nan
    level = rolling.mean(sure, LEVEL[panel.frequency])
    beside = np.divide(sure, level, out=np.full_like(sure, np.nan), where=level > 0)
    around = np.stack([rolling.lag(beside, back + move) for move in (-near, 0, near)])
    known = np.isfinite(around)
    total, number = np.where(known, around, 0).sum(axis=0, dtype=np.float64), known.sum(axis=0, dtype=np.float64)
    return {"last_year": around[1], "last_year_smooth": rolling.share(total, number)}


def _pattern(panel: Panel, width: int) -> dict[str, Floats]:
    sure = sure_demand(panel)
    known, sold = np.isfinite(sure), sure > 0
    number, sales = rolling.window_sums(known, width), rolling.window_sums(sold, width)
    interval = rolling.share(number, sales)  # ADI: periods a sale
    sizes = np.where(sold, sure, np.float32(np.nan))
    variation = np.square(rolling.deviation(sizes, width) / rolling.mean(sizes, width))
    judged = np.isfinite(interval)
    rare, wild = interval >= ADI, variation >= CV2
    quadrants = {"smooth": ~rare & ~wild, "erratic": ~rare & wild, "intermittent": rare & ~wild, "lumpy": rare & wild}
    last = rolling.since(panel.observed & (panel.demand > 0), width)
    age = np.clip(np.arange(panel.timeline.length) - panel.launch[:, None], 0, width) / width
    return {
        "sale_since": last,
        "age": age.astype(np.float32),
        "zero_share": rolling.share(number - sales, number),
        "interval": interval,
        "variation": variation,
        **{name: (judged & there).astype(np.float32) for name, there in quadrants.items()},
    }


def _aggregates(panel: Panel, width: int) -> dict[str, Floats]:
    """How a store and a category do lately beside their own longer past: 1 is as ever."""
    sure = sure_demand(panel)
    columns = {"store_trend": np.broadcast_to(_trend(sure, width), panel.shape)}
    labels = panel.statics.texts.get("category")
    if labels is not None:
        found = np.empty(panel.shape, np.float32)
        groups = np.array([label or "" for label in labels], object)
        for group in set(groups.tolist()):
            mine = groups == group
            found[mine] = _trend(sure[mine], width)
        columns["category_trend"] = found
    return columns


def _trend(values: Floats, width: int) -> Floats:
    known = np.isfinite(values)
    # Rows are added one after the other, so a series that has not begun (all zero) leaves every digit as it is.
    sums = np.where(known, values, 0).sum(axis=0, dtype=np.float64)[None, :]
    counts = known.sum(axis=0, dtype=np.float64)[None, :]
    short = max(1, width // 8)
    lately = rolling.share(rolling.window_sums(sums, short), rolling.window_sums(counts, short))
    ever = rolling.share(rolling.window_sums(sums, width), rolling.window_sums(counts, width))
    return np.divide(lately, ever, out=np.full(ever.shape, np.nan, np.float32), where=ever > 0)


def _price(panel: Panel) -> dict[str, Floats]:
    """Price beside its own past mean, and the share taken off the highest price so far."""
    price = np.where(panel.column("price_known") > 0, panel.column("price"), np.float32(np.nan))
    top = np.fmax.accumulate(price, axis=1)
    ratio, cut = price / rolling.mean(price, None), 1 - price / top
    return {"price_ratio": ratio.astype(np.float32), "price_cut": cut.astype(np.float32)}


def _promotion(panel: Panel, planned: bool) -> dict[str, Floats]:
    reach = REACH[panel.frequency]
    running = panel.column("promotion") > 0
    columns = {"promotion_since": rolling.since(running, reach)}
    if planned:
        columns["promotion_until"] = rolling.until(running, reach)
    return columns
