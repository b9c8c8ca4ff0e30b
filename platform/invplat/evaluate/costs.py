"""What forecasts would have cost as orders: each model's quantiles become order-up-to levels, simulated on what came.

Every model starts each origin with the same stock, orders on the same days with the same lead time, and loses what it
can't serve. Hindsight, which knew the demand, stands beside them. Knows nothing of how a forecast was made.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """One model's decisions over all origins and series; money in units of one period's holding, or of the business."""

    model: str
    holding: float
    stockout: float
    units_held: float  # mean at a period's end, a series
    stockout_rate: float  # share of series-periods with unmet demand
    fill_rate: float  # share of demand met
    turnover: float  # units sold over the mean stock on hand, in the periods counted
    above_hindsight: float | None  # total over hindsight's, less 1; None where hindsight cost nothing
    on_hand: tuple[float, ...]  # of each period that counts, all series together, mean of the origins

    @property
    def total(self) -> float:
        return self.holding + self.stockout
