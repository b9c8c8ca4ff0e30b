"""What a simulation came to: totals an item over the periods that count, and the path where it was asked for.

Knows nothing of how the stock moved; costs are put on totals here, so one run answers for many prices.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from invplat.inventory.checks import at_least
from invplat.inventory.terms import Figure


@dataclass(frozen=True)
class Costs:
    """Per unit and period held; per unit short (lost, or owed each period); per order; per unit bought or expired."""

    holding: Figure = 1.0
    shortage: Figure = 9.0
    ordering: Figure = 0.0
    purchase: Figure = 0.0
    expiry: Figure = 0.0

    def __post_init__(self) -> None:
        at_least(0, **vars(self))

    @property
    def ratio(self) -> Figure:
        """The service level that pays: b / (h + b)."""
        return self.shortage / (self.holding + self.shortage)


@dataclass(frozen=True)
class Path:
    """Items × periods, as it happened. `sales` is what a till would show: demand cut off by what was there."""

    on_hand: Tensor  # at the end of the period
    short: Tensor
    order: Tensor
    received: Tensor
    sales: Tensor
    expired: Tensor

    @property
    def censored(self) -> Tensor:
        """Nothing was left: the demand of the period was at least the sales, nobody saw how much more."""
        return self.on_hand <= 0


@dataclass
class Outcome:
    periods: int  # that count
    lost: bool
    held: Tensor  # sum over periods of what was on hand at their end
    short: Tensor  # units lost; or units owed, summed over periods
    missed: Tensor  # units that found nothing on the day they were asked for
    stockouts: Tensor  # periods with such units
    placed: Tensor  # orders
    ordered: Tensor
    received: Tensor
    expired: Tensor
    demand: Tensor
    before: Tensor  # level when counting began
    level: Tensor  # at the end
    pipeline: Tensor  # items × periods, at the end: pass it on to go on from here
    path: Path | None = field(default=None, repr=False)

    @property
    def sold(self) -> Tensor:
        if self.lost:
            return self.demand - self.short
        return self.demand + (-self.before).clamp(min=0) - (-self.level).clamp(min=0)

    @property
    def fill_rate(self) -> Tensor:
        """Share of demand that was met from stock on its day; 1 where nothing was asked for."""
        return 1 - self.missed / self.demand.clamp(min=1e-12)

    @property
    def turnover(self) -> Tensor:
        """Units sold in all, over the mean stock on hand."""
        return self.sold / (self.held / self.periods).clamp(min=1e-12)

    def cost(self, costs: Costs) -> Tensor:
        """An item's cost over all periods that count."""
        total = costs.holding * self.held + costs.shortage * self.short
        for price, units in (
            (costs.ordering, self.placed),
            (costs.purchase, self.ordered),
            (costs.expiry, self.expired),
        ):
            if not (isinstance(price, float | int) and price == 0):
                total = total + price * units
        return total
