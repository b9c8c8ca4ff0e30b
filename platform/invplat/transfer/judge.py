"""What models say of a tenant's held-out windows, and what that comes to: the figures that the gate decides by.

All answer for the same windows; what nobody saw, or saw whole, counts for nobody. A forecast's error is the loss of its
quantiles, which only the right ones keep least. The mean's absolute error would not do: where most days sell nothing it
is least for whoever says too little. Orders are simulated for many tenants at once, by the rules that `evaluate.costs`
judges everyone by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import torch
from torch import Tensor

from invplat.data.stretches import gathered
from invplat.data.windows import Windows
from invplat.evaluate.answers import Doubles
from invplat.evaluate.backtest import Forecast
from invplat.evaluate.costs import Scene, Terms, correlation, followed
from invplat.evaluate.references import SEASON
from invplat.model import Model
from invplat.transfer.batch import answered
from invplat.transfer.examples import CHOOSE, JUDGE, Examples, Frozen, plain, rebuilt
from invplat.transfer.gate import Judged
from invplat.transfer.tenants import roomy
from invplat.transfer.ways import Way
from invplat.workload import Prediction

BACK = 4  # seasons that the naive forecast looks back
SIMULATED = 60  # series of a tenant whose orders are simulated
NEXT = date(1970, 1, 1)


@dataclass(frozen=True)
class Held:
    """A tenant's windows that are held out: the part for judging, or where it has none the one for choosing."""

    rows: Tensor
    series: Tensor  # of each row
    actual: Tensor  # n × horizon, in units
    counts: Tensor  # n × horizon: seen whole, inside the history
    room: Tensor  # n: periods that its part knows
    level: Tensor  # n
    levels: tuple[float, ...]  # that quantiles are judged at

    @classmethod
    def of(cls, examples: Examples) -> Held:
        rows = examples.rows(JUDGE)
        rows = rows if len(rows) else examples.rows(CHOOSE)
        windows, horizon = examples.windows, examples.spec.horizon
        columns = windows.columns
        first = windows.starts[rows] + examples.spec.past
        demand, observed, censored = (
            gathered(getattr(columns, name), first, horizon).squeeze(-1) for name in ("demand", "observed", "censored")
        )
        room = examples.rooms[rows].gather(1, examples.part[rows, None]).squeeze(1)
        counts = observed.bool() & ~censored.bool() & (torch.arange(horizon) < room[:, None])
        series = torch.from_numpy(windows.series[rows.numpy()])
        return cls(rows, series, demand, counts, room, windows.levels[rows], examples.layout.quantiles)

    def __len__(self) -> int:
        return len(self.rows)


@torch.no_grad()
def said_by(
    examples: Examples, frozen: Frozen, way: Way, net: torch.nn.Module, weights: Mapping[str, Tensor], rows: Tensor
) -> Prediction:
    """What a net with these weights says of some rows."""
    where = rows.to(frozen.batch.level.device)
    told = {name: value[where] for name, value in frozen.told.items()}
    fields = {name: value[where] if name in frozen.kept else value for name, value in plain(frozen.batch).items()}
    outputs = answered(examples.workload, net, way, weights, told)
    found = examples.workload.predict(outputs, rebuilt(frozen.batch, fields), examples.layout)
    return replace(found, quantiles=found.quantiles.cpu(), mean=found.mean.cpu())


def naive(examples: Examples, held: Held) -> Prediction:
    return naive_of(examples.windows, examples.tenant.frequency, examples.layout.quantiles, held.rows)


def naive_of(windows: Windows, frequency: str, quantiles: Sequence[float], rows: Tensor | None = None) -> Prediction:
    """As a season ago, or where no season fits into what is seen, as the last period; about it its own jumps, with the
    middle one as none: a trend of a few periods is nothing that a naive forecast knows."""
    past, horizon = windows.past, windows.horizon
    season = SEASON[frequency]
    season = season if past >= 2 * season else 1
    columns = windows.columns
    starts, level = (each if rows is None else each[rows] for each in (windows.starts, windows.levels))
    demand, observed, censored = (
        gathered(getattr(columns, name), starts, past).squeeze(-1) for name in ("demand", "observed", "censored")
    )
    view = torch.where(observed.bool() & ~censored.bool(), demand, torch.nan)
    steps = torch.arange(horizon)
    mean = torch.full((len(level), horizon), torch.nan)
    for back in range(1, BACK + 1):
        place = past + steps % season - season * back
        if int(place.min()) >= 0:
            mean = torch.where(mean.isnan(), view[:, place], mean)
    mean = torch.where(mean.isnan(), level[:, None], mean)
    levels = torch.tensor(quantiles, dtype=view.dtype)
    jumped = view[:, season:] - view[:, :-season]
    usual = torch.nanquantile(jumped, 0.5, dim=1)  # nanmedian would be the lower of two
    jumps = (torch.nanquantile(jumped, levels, dim=1) - usual).nan_to_num().T
    return Prediction((mean[:, :, None] + jumps[:, None, :]).clamp(min=0), tuple(quantiles), mean)


def model_said(model: Model, examples: Examples, held: Held) -> Prediction:
    """What any model of the tenant's, such as its champion, says of the same windows."""
    spec, mine = model.spec, examples.spec
    wide = [roomy(panel, spec.past, max(spec.horizon, mine.horizon)) for panel in examples.tenant.panels]
    ready = model.preparation.ready(wide, examples.tenant.dataset)
    cutoffs = sorted(set(examples.windows.cutoffs[held.rows.numpy()].tolist()))
    windows = model.preparation.cut(ready, spec, cutoffs, targets=False, least=0)
    times = [examples.tenant.lead_times] * len(ready) if examples.tenant.lead_times is not None else []
    found = model.predict(windows, panels=ready, lead_times=times)
    place = {key: row for row, key in enumerate(zip(windows.series.tolist(), windows.cutoffs.tolist(), strict=True))}
    rows = held.rows.numpy()
    keys = zip(examples.windows.series[rows].tolist(), examples.windows.cutoffs[rows].tolist(), strict=True)
    index = torch.tensor([place[key] for key in keys])
    short = max(mine.horizon - spec.horizon, 0)  # beyond its horizon it says its last period again
    steps = torch.arange(mine.horizon).clamp(max=mine.horizon - short - 1)
    return Prediction(found.quantiles[index][:, steps], found.levels, found.mean[index][:, steps])


@dataclass(frozen=True)
class Errors:
    """Of each series, summed over its held-out periods; in units."""

    quantiles: Doubles  # twice their mean pinball loss: as much as `median` where there is only that
    median: Doubles  # absolute
    sold: Doubles

    @classmethod
    def of(cls, held: Held, said: Prediction) -> Errors:
        levels, actual = torch.tensor(held.levels), held.actual[..., None]
        above = at_levels(said, held.levels) - actual
        loss = 2 * torch.maximum((1 - levels) * above, -levels * above).mean(dim=-1)
        absolute = (said.median - held.actual).abs()
        places, series = torch.unique(held.series, return_inverse=True)
        sums = [
            torch.zeros(len(places), dtype=torch.float64)
            .index_add(0, series, torch.where(held.counts, one, 0.0).sum(dim=1).double())
            .numpy()
            for one in (loss, absolute, held.actual)
        ]
        return cls(*sums)

    @property
    def share(self) -> float:
        """Of what was sold."""
        return float(self.quantiles.sum()) / max(float(self.sold.sum()), 1e-12)


def at_levels(said: Prediction, levels: Sequence[float]) -> Tensor:
    """Its quantiles at these levels: on the line between those that it says, beyond them the outermost."""
    if said.levels == tuple(levels):
        return said.quantiles
    known = np.array(said.levels)
    place = np.interp(levels, known, np.arange(len(known)))
    low = place.astype(np.int64)
    part = torch.from_numpy(place - low).to(said.quantiles.dtype)
    high = np.minimum(low + 1, len(known) - 1)
    return torch.lerp(said.quantiles[..., low], said.quantiles[..., high], part)


@dataclass(frozen=True)
class Store:
    """The scene of a tenant's orders: its series from one cutoff, and the rows of its held-out windows they are."""

    held: Held
    rows: Tensor  # of the held-out windows
    periods: int
    terms: Terms
    whole: bool
    together: float

    @classmethod
    def of(cls, examples: Examples, held: Held) -> Store | None:
        """From the first held-out cutoff that leaves as much room as any; None where an order could not arrive."""
        horizon = examples.spec.horizon
        room = held.room.clamp(max=horizon)
        periods = int(room.max()) if len(room) else 0
        terms = Terms.usual(examples.tenant.frequency, periods, examples.tenant.lead_times)
        if periods < terms.lead + 1:
            return None
        enough = (room == periods).nonzero().flatten()
        if not len(enough):
            return None
        cutoffs = examples.windows.cutoffs[held.rows.numpy()]
        first = cutoffs[enough.numpy()].min()
        rows = torch.tensor([row for row in enough.tolist() if cutoffs[row] == first][:SIMULATED])
        panels = examples.tenant.panels
        whole = all(bool((panel.demand == np.round(panel.demand)).all()) for panel in panels)
        together = correlation(panels, first.astype("datetime64[D]").item(), terms.lead + terms.review)
        return cls(held, rows, periods, terms, whole, round(together, 1))

    def scene(self) -> Scene:
        counts = self.held.counts[self.rows, : self.periods]
        demand = self.held.actual[self.rows, : self.periods].double()
        seen = counts.sum(dim=1, keepdim=True)
        level = self.held.level[self.rows].double()
        usual = torch.where(seen > 0, (demand * counts).sum(dim=1, keepdim=True) / seen.clamp(min=1), level[:, None])
        filled = torch.where(counts, demand, torch.maximum(demand, usual)).numpy()
        return Scene((NEXT, ""), filled, (level * self.terms.lead).numpy(), int((~counts).sum()), np.ones(len(filled)))


def order_costs(stores: Sequence[Store | None], said: Sequence[Prediction]) -> list[Doubles | None]:
    """What each tenant's orders would have cost, a series an entry; those that order alike are simulated as one."""
    found: list[Doubles | None] = [None] * len(stores)
    groups: dict[Any, list[int]] = {}
    for place, store in enumerate(stores):
        if store is not None:
            key = (store.terms, store.periods, store.whole, store.together, said[place].levels)
            groups.setdefault(key, []).append(place)
    for (terms, periods, whole, together, levels), places in groups.items():
        scenes = [stores[place].scene() for place in places]  # type: ignore[union-attr]
        rows = [stores[place].rows for place in places]  # type: ignore[union-attr]
        joined = Scene(
            scenes[0].key,
            np.concatenate([one.demand for one in scenes]),
            np.concatenate([one.initial for one in scenes]),
            sum(one.unseen for one in scenes),
            np.concatenate([one.worth for one in scenes]),
        )
        quantiles = [said[place].quantiles[row, :periods] for place, row in zip(places, rows, strict=True)]
        means = [said[place].mean[row, :periods] for place, row in zip(places, rows, strict=True)]
        forecast = Forecast(torch.cat(means).double().numpy(), torch.cat(quantiles).double().numpy(), levels)
        out = followed(joined, forecast, terms, whole, together)
        cost = (terms.holding * out.held + terms.shortage * out.short).double().numpy()
        for place, part in zip(places, np.split(cost, np.cumsum([len(one) for one in rows])[:-1]), strict=True):
            found[place] = part
    return found


def judged(held: Sequence[Held], stores: Sequence[Store | None], said: Sequence[Prediction]) -> list[Judged]:
    """One figure set a tenant, of what one model said of each."""
    costs = order_costs(stores, said)
    return [_named(one, answer, cost) for one, answer, cost in zip(held, said, costs, strict=True)]


def _named(held: Held, said: Prediction, cost: Doubles | None) -> Judged:
    errors = Errors.of(held, said)
    return Judged(errors.quantiles, cost, errors.sold, errors.median)
