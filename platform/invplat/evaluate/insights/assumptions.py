"""What the insights take for granted: costs that no file tells, and where too much, too little and too late begin.

All of it can be set; every threshold that matters is printed with the insight that it shaped.
"""

from __future__ import annotations

from dataclasses import dataclass

from invplat.inventory.checks import above, at_least, share, whole


@dataclass(frozen=True)
class Assumptions:
    holding_rate: float = 0.25  # a year of holding a unit, as a share of its cost
    margin: float = 0.3  # share of the price, for goods whose price or cost is not known
    lead_days: float = 7.0  # where no receipt tells
    review_days: float = 7.0  # between two looks at the shelf
    transfer_cost: float = 5.0  # money, for each SKU that is carried from one store to another
    dead_days: int = 90  # in stock and unsold for so long
    slow_weeks: float = 26.0  # more stock than sells in that time is slow
    cover_weeks: float = 4.0  # what a transfer looks ahead, and leaves behind at least
    empty_share: float = 0.2  # of the last 13 weeks with an empty shelf, from which a store has too little
    late_share: float = 0.1  # of deliveries, surely exceeded by a supplier who is called unreliable
    deliveries: int = 20  # fewer say nothing about a supplier

    def __post_init__(self) -> None:
        at_least(0, **{"transfer cost": self.transfer_cost, "lead time": self.lead_days, "review": self.review_days})
        above(0, **{"holding rate": self.holding_rate, "slow weeks": self.slow_weeks, "cover weeks": self.cover_weeks})
        share(margin=self.margin, **{"empty share": self.empty_share, "late share": self.late_share})
        whole(1, **{"dead days": self.dead_days, "deliveries": self.deliveries})
