"""What forecasts would have cost as orders: each model's quantiles become order-up-to levels, simulated on what came.

Every model begins each origin with the same stock and orders on the same days with the same lead time; what it can't
serve waits, and costs as long as it does. Hindsight, which knew the demand, stands beside them. Knows no forecaster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from invplat.core.errors import DatasetError, FigureRefused
from invplat.data.lead_times import LeadTimes
from invplat.data.panel import Panel
from invplat.data.split import Origin
from invplat.evaluate.answers import Doubles
from invplat.evaluate.backtest import Forecast, Forecaster
from invplat.evaluate.naive import certain, mean_of_known

if TYPE_CHECKING:
    from invplat.inventory.outcome import Outcome

HINDSIGHT = "hindsight"
USUAL = {"daily": (7, 7), "weekly": (2, 1), "monthly": (1, 1)}  # periods of lead and between reviews
DAYS = {"daily": 1, "weekly": 7, "monthly": 30.4}
LATELY = {"daily": 28, "weekly": 8, "monthly": 3}  # periods whose mean makes the stock to begin with
YEARS = {"daily": 365, "weekly": 52, "monthly": 12}


@dataclass(frozen=True)
class Terms:
    """How everybody orders, and what it costs. Per unit and period: kept, and owed; `valued`: as shares of what a unit
    of the product costs, so that sums are money."""

    lead: int
    review: int
    holding: float = 1.0
    shortage: float = 9.0
    valued: bool = False

    def __post_init__(self) -> None:
        for name in ("holding", "shortage"):
            if not getattr(self, name) > 0:
                raise FigureRefused(f"{name} = {getattr(self, name):g}", hint="write a cost above 0, such as 1 and 9")

    @classmethod
    def usual(
        cls,
        frequency: str,
        horizon: int,
        times: LeadTimes | None,
        holding: float = 1.0,
        shortage: float = 9.0,
        valued: bool = False,
    ) -> Terms:
        """The median lead time of the receipts, or a usual one; both shortened so that an order fits the horizon."""
        lead, review = USUAL[frequency]
        if times is not None and len(times.days):
            lead = max(round(float(np.median(times.days)) / DAYS[frequency]), 1)
        lead = min(lead, max(horizon // 2, 1))
        return cls(lead, min(review, max(horizon - lead, 1)), holding, shortage, valued)


@dataclass(frozen=True)
class Cost:
    """One model's decisions over all origins and series."""

    model: str
    holding: float
    stockout: float
    units_held: float  # mean at a period's end, a series
    stockout_rate: float  # share of series-periods with unmet demand
    fill_rate: float  # share of demand met on its day
    turnover: float  # a year: units sold over the mean stock on hand
    above_hindsight: float | None  # total over hindsight's, less 1; None where hindsight cost nothing
    on_hand: tuple[float, ...]  # of each period that counts, all series together, mean of the origins
    terms: Terms | None = None  # that everybody ordered by

    @property
    def total(self) -> float:
        return self.holding + self.stockout


@dataclass
class Recorded:
    """A forecaster, and what it said of each store at each cutoff."""

    forecaster: Forecaster
    said: dict[tuple[date, str], Forecast] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.forecaster.name

    def fit(self, panels: Sequence[Panel], origin: Origin) -> None:
        self.forecaster.fit(panels, origin)

    def predict(self, panels: Sequence[Panel], origin: Origin, horizon: int) -> list[Forecast]:
        found = self.forecaster.predict(panels, origin, horizon)
        self.said.update(
            {(origin.cutoff, panel.store): forecast for panel, forecast in zip(panels, found, strict=True)}
        )
        return found


@dataclass(frozen=True)
class Scene:
    """One store at one origin: what came, and the stock that everybody begins with."""

    key: tuple[date, str]
    demand: Doubles  # series × horizon; what nobody saw is filled in
    initial: Doubles  # series
    unseen: int  # series-periods filled in
    worth: Doubles  # series: what a unit counts for


def scene(panel: Panel, cutoff: date, horizon: int, terms: Terms) -> Scene:
    """A hidden period takes the mean of those seen, one cut short by an empty shelf that or what was sold."""
    now = panel.period(cutoff)
    rows = np.flatnonzero(panel.launch <= now)
    cells = (rows, slice(now + 1, now + 1 + horizon))
    sales = panel.demand[cells].astype(np.float64)
    sure = panel.observed[cells] & ~panel.censored[cells]
    past = np.where(np.arange(panel.known) <= now, certain(panel), np.nan)[rows]
    lately = mean_of_known(past[:, max(0, now + 1 - LATELY[panel.frequency]) : now + 1], mean_of_known(past, 0.0))
    usual = mean_of_known(np.where(sure, sales, np.nan), lately)[:, None]
    demand = np.where(sure, sales, np.maximum(np.where(panel.observed[cells], sales, 0.0), usual))
    worth = unit_costs(panel)[rows] if terms.valued else np.ones(len(rows))
    return Scene((cutoff, panel.store), demand, lately * terms.lead, int((~sure).sum()), worth)


def unit_costs(panel: Panel) -> Doubles:
    """Of each series; the mean of those known where a product's is not."""
    if "unit_cost" not in panel.statics.names:
        raise DatasetError(
            "the products have no unit_cost to value stock by", hint="leave --valued out, or ingest products with costs"
        )
    known = panel.statics.column("unit_cost_known") > 0
    found = np.where(known, panel.statics.column("unit_cost").astype(np.float64), np.nan)
    return np.where(known, found, mean_of_known(found, 1.0))


def decision_costs(
    recorded: Sequence[Recorded], panels: Sequence[Panel], horizon: int, terms: Terms
) -> tuple[tuple[Cost, ...], tuple[str, ...]]:
    """Of every model that said quantiles, hindsight first and then the cheapest; and what is to be said of them."""
    keys = {key for one in recorded for key in one.said}
    stores = {panel.store: panel for panel in panels}
    scenes = [scene(stores[store], cutoff, horizon, terms) for cutoff, store in sorted(keys)]
    able = [one for one in recorded if all(len(said.levels) > 1 for said in one.said.values())]
    if not scenes or not able:
        return (), ("no model said quantiles, so nothing could be ordered by them",)
    whole = all(bool((panel.demand == np.round(panel.demand)).all()) for panel in panels)
    together = correlation(panels, min(cutoff for cutoff, _ in keys), terms.lead + terms.review)
    found = {HINDSIGHT: [in_hindsight(each, terms, whole) for each in scenes]}
    for one in able:
        found[one.name] = [followed(each, one.said[each.key], terms, whole, together) for each in scenes]
    least = sum(_money(found[HINDSIGHT], scenes, terms))
    origins = len({cutoff for cutoff, _ in keys})
    costs = [
        _cost(name, outcomes, _money(outcomes, scenes, terms), terms, least, panels[0].frequency, origins)
        for name, outcomes in found.items()
    ]
    total = sum(each.demand.size for each in scenes)
    unseen = sum(each.unseen for each in scenes)
    what = "of a unit's cost" if terms.valued else "a unit"
    notes = [
        f"an order every {terms.review} periods, {terms.lead} on its way; {terms.holding:g} {what} and period kept, "
        f"{terms.shortage:g} {what} and period owed; counted once the first order can be there"
    ]
    if unseen:
        notes.append(
            f"demand of {unseen:,} of {total:,} series-periods was not seen whole: the mean of those seen stands there"
        )
    silent = [one.name for one in recorded if one not in able]
    if silent:
        notes.append(f"no quantiles, so no orders: {', '.join(silent)}")
    return (costs[0], *sorted(costs[1:], key=lambda cost: cost.total)), tuple(notes)


def correlation(panels: Sequence[Panel], cutoff: date, width: int) -> float:
    """Between the surprises of periods that one order must last for, as the past up to a cutoff tells: beside the mean
    of the periods before. Daily quantiles added up as if independent would promise too little."""
    products, squares = 0.0, 0.0
    for panel in panels:
        now = min(panel.period(cutoff), panel.known - 1)
        past = certain(panel)[:, max(0, now + 1 - 8 * width - LATELY[panel.frequency]) : now + 1]
        back = LATELY[panel.frequency]
        starts = range(back, past.shape[1] - width + 1, width)
        for start in starts:
            usual = mean_of_known(past[:, start - back : start], np.nan)
            surprise = past[:, start : start + width] - usual[:, None]
            size = np.sqrt(np.maximum(usual, 1e-9))[:, None]  # as counts spread, so that no large series decides alone
            there = np.isfinite(surprise)
            scaled = np.where(there, surprise / size, 0.0)
            number = there.sum(axis=1)
            products += float((scaled.sum(axis=1) ** 2 - (scaled**2).sum(axis=1)).sum())
            squares += float(((scaled**2).sum(axis=1) * np.maximum(number - 1, 0)).sum())
    return float(np.clip(products / squares, 0, 1)) if squares > 0 else 0.0


def followed(each: Scene, said: Forecast, terms: Terms, whole: bool, together: float) -> Outcome:
    import torch

    from invplat.inventory.decision import derive
    from invplat.inventory.outcome import Costs
    from invplat.inventory.policy import LevelsByPeriod
    from invplat.inventory.quantiles import Demand

    quantiles = torch.from_numpy(np.maximum.accumulate(np.maximum(np.asarray(said.quantiles), 0), axis=2))
    levels = torch.tensor(said.levels, dtype=torch.float64)
    items, horizon = each.demand.shape
    targets = torch.zeros((items, horizon), dtype=torch.float64)
    costs = Costs(terms.holding, terms.shortage)
    for day in range(0, horizon - terms.lead, terms.review):
        lasts = min(terms.review, horizon - terms.lead - day)
        ahead = Demand(levels, quantiles[:, day : day + terms.lead + lasts])
        targets[:, day] = derive(ahead, terms.lead, review=lasts, costs=costs, correlation=together).level
    reviews = torch.zeros(horizon, dtype=torch.bool)
    reviews[: horizon - terms.lead : terms.review] = True
    return _simulated(LevelsByPeriod(targets), each, terms.lead, reviews, terms, whole)


def in_hindsight(each: Scene, terms: Terms, whole: bool) -> Outcome:
    """What is needed until the next arrival, decided on the day of this one, save what is cheaper owed until then
    than kept until it is asked for. No orders that arrive on those days can do better."""
    import torch

    from invplat.inventory.policy import LevelsByPeriod

    items, horizon = each.demand.shape
    targets = torch.zeros((items, horizon), dtype=torch.float64)
    share = terms.shortage / (terms.holding + terms.shortage)
    reviews = torch.zeros(horizon, dtype=torch.bool)
    reviews[terms.lead :: terms.review] = True
    demand = torch.from_numpy(each.demand)
    for day in range(terms.lead, horizon, terms.review):
        lasts = min(terms.review, horizon - day)
        targets[:, day] = demand[:, day : day + min(int(share * lasts) + 1, lasts)].sum(dim=1)
    return _simulated(LevelsByPeriod(targets), each, 0, reviews, terms, whole)


def _simulated(policy: Any, each: Scene, lead: int, reviews: Any, terms: Terms, whole: bool) -> Outcome:
    import torch

    from invplat.inventory import terms as buying
    from invplat.inventory.simulate import World, simulate

    world = World(lead=lead, lost=False, reviews=reviews, terms=buying.Terms(pack=1.0 if whole else None))
    with torch.no_grad():
        return simulate(
            policy,
            torch.from_numpy(each.demand),
            world,
            initial=torch.from_numpy(each.initial),
            warm_up=terms.lead,
            record=True,
        )


def _money(outcomes: Sequence[Outcome], scenes: Sequence[Scene], terms: Terms) -> tuple[float, float]:
    """Of holding and of stockouts."""
    held, short = (
        sum(float(getattr(out, name).numpy() @ each.worth) for out, each in zip(outcomes, scenes, strict=True))
        for name in ("held", "short")
    )
    return terms.holding * held, terms.shortage * short


def _cost(
    name: str,
    outcomes: Sequence[Outcome],
    money: tuple[float, float],
    terms: Terms,
    least: float,
    frequency: str,
    origins: int,
) -> Cost:
    def total(of: str) -> float:
        return sum(float(getattr(outcome, of).sum()) for outcome in outcomes)

    periods = outcomes[0].periods
    items = sum(len(outcome.held) for outcome in outcomes)
    held, missed, demand = (total(name) for name in ("held", "missed", "demand"))
    holding, stockout = money
    on_hand = sum(outcome.path.on_hand.sum(dim=0)[terms.lead :] for outcome in outcomes if outcome.path is not None)
    return Cost(
        model=name,
        holding=holding,
        stockout=stockout,
        units_held=held / (items * periods),
        stockout_rate=total("stockouts") / (items * periods),
        fill_rate=1 - missed / demand if demand else 1.0,
        turnover=total("sold") / max(held / periods, 1e-12) * YEARS[frequency] / periods,
        above_hindsight=(holding + stockout) / least - 1 if least > 0 else None,
        on_hand=tuple((on_hand / origins).tolist()) if not isinstance(on_hand, int) else (),
        terms=terms,
    )
