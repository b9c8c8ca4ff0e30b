"""Levels and orders of many items by `inventory.decision`: chunk by chunk, looking as far ahead as each item needs.

A forecast that ends before an order could arrive goes on with its last season again: seven days, four weeks, twelve
months, or its last period where it is shorter than that. Knows nothing of what is shown of an order.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from invplat.core.errors import FigureRefused
from invplat.inventory.budget import within_budget
from invplat.inventory.decision import Decision, derive
from invplat.inventory.outcome import Costs
from invplat.inventory.quantiles import GRID, Demand
from invplat.inventory.terms import Terms
from invplat.serve.order_terms import Ints, ItemColumns
from invplat.serve.said import Said

SEASON = {"daily": 7, "weekly": 4, "monthly": 12}
NUMBERS = 500_000  # of a chunk at once, 8 bytes each


def levels_of(said: Said, items: ItemColumns, frequency: str, together: float) -> Decision:
    """In chunks of items that look equally far ahead, those with a sure lead time apart: they need no mixing."""
    levels = torch.tensor(said.levels, dtype=torch.float64)
    quantiles = np.asarray(said.quantiles)
    horizon = quantiles.shape[1]
    longest = items.longest()
    needed = longest + items.review
    sure = (items.chances > 0).sum(axis=1)[items.lead] == 1
    parts: list[Decision] = []
    places: list[npt.NDArray[np.int64]] = []
    for alike in (np.flatnonzero(sure), np.flatnonzero(~sure)):
        alike = alike[np.argsort(needed[alike], kind="stable")]
        while len(alike):
            size = max(NUMBERS // (int(needed[alike[-1]]) * GRID), 64)
            rows, alike = alike[-size:], alike[:-size]
            far = int(longest[rows].max() + items.review[rows].max())  # one's lead time may meet another's review
            which = extended(horizon, far, frequency)[:far]
            values = np.maximum.accumulate(np.maximum(quantiles[rows][:, which], 0), axis=2).astype(np.float64)
            service = torch.from_numpy(items.service[rows])
            parts.append(
                derive(
                    Demand(levels, torch.from_numpy(values)),
                    torch.from_numpy(longest[rows]),
                    review=torch.from_numpy(items.review[rows]),
                    costs=Costs(1 - service, service),
                    lead_chances=None if sure[rows[0]] else torch.from_numpy(items.chances[items.lead[rows]]),
                    correlation=together,
                )
            )
            places.append(rows)
    if not parts:
        none = torch.zeros(0, dtype=torch.float64)
        return Decision(none, none, none, none, none, Demand(levels, torch.zeros(0, len(levels)).double()), items.terms)
    back = torch.from_numpy(np.argsort(np.concatenate(places)))
    level, point, safety, mean, service = (
        torch.cat([getattr(part, name) for part in parts])[back]
        for name in ("level", "reorder_point", "safety_stock", "mean", "service")
    )
    until = torch.cat([part.demand.values for part in parts])[back]
    return Decision(level, point, safety, mean, service, Demand(levels, until), items.terms)


def extended(periods: int, needed: int, frequency: str) -> Ints:
    """Which period of a forecast stands for each that is needed."""
    season = SEASON[frequency] if periods >= SEASON[frequency] else 1
    ahead = np.arange(max(needed, periods))
    return np.where(ahead < periods, ahead, periods - season + (ahead - periods) % season)


def affordable(
    said: Said, items: ItemColumns, decision: Decision, position: torch.Tensor, free: torch.Tensor, budget: float
) -> torch.Tensor:
    """The orders themselves where they are within the budget; only what would be ordered without it shares in it."""
    wanted = torch.nonzero(free > 0).reshape(-1)
    unit_cost = torch.from_numpy(items.unit_cost)[wanted]
    lacking = wanted[~unit_cost.isfinite()].tolist()
    if lacking:
        some = ", ".join(f"{said.names[row][1]!r} in {said.names[row][0]!r}" for row in lacking[:3])
        raise FigureRefused(
            f"a budget of {budget:g} for {len(lacking)} items to order without a unit cost, such as {some}",
            hint="give unit_cost for them (or in defaults), or leave the budget out",
        )
    if float((free[wanted] * unit_cost).sum()) <= budget:
        return free
    given = {name: figure[wanted] for name, figure in vars(decision.terms).items() if figure is not None}
    few = replace(
        decision,
        demand=Demand(decision.demand.levels, decision.demand.values[wanted]),
        terms=Terms(**given),
    )
    rows = wanted.numpy()
    costs = Costs(torch.from_numpy(items.holding[rows]), torch.from_numpy(items.shortage[rows]))
    order = within_budget(few, position[wanted], unit_cost, budget, costs)
    return torch.zeros_like(free).index_copy(0, wanted, order)


def prolonged(said: Said, items: ItemColumns, frequency: str) -> tuple[str, ...]:
    horizon = len(said.dates)
    far = int((items.longest() + items.review > horizon).sum())
    if not far:
        return ()
    season = SEASON[frequency] if horizon >= SEASON[frequency] else 1
    what, come = ("period", "comes") if season == 1 else (f"{season} periods", "come")
    return (f"the forecast of {horizon} periods is too short for {far:,} orders: its last {what} {come} again",)
