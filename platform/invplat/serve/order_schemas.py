"""What a request for orders may say and what its answer says. Knows nothing of how an order is decided."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field, model_validator

from invplat.serve.schemas import MOST_SERIES, Amount, Chosen, Level, ModelNamed, Name, Positive, Share, Strict, WhatIf

SERVICE = 0.95  # where nothing else is asked for
ORDER_COST = 5.0  # of placing one order of one item, in the business's money
LONGEST = 366  # periods of lead time, and between two orders

Chances = Annotated[list[Share], Field(min_length=1, max_length=LONGEST + 1)]


class OrderException(StrEnum):
    """What a planner should look at first."""

    STOCKOUT = "stockout"
    OVERSTOCK = "overstock"
    STALE = "stale"
    STOCK_UNKNOWN = "stock_unknown"


class ItemTerms(Strict):
    """Stock, terms and costs of an item. Times are periods of the model, money is of one unit."""

    on_hand: Amount | None = None
    on_order: Amount | None = Field(None, description="Ordered before and not yet there.")
    lead_time: Annotated[float, Field(ge=0, le=LONGEST, allow_inf_nan=False)] | None = Field(
        None, description="Periods; 2.5 is two or three with equal chances.", examples=[4]
    )
    lead_time_chances: Chances | None = Field(
        None, description="Of a lead time of 0, 1, 2, … periods.", examples=[[0, 0, 0.7, 0.3]]
    )
    review: Annotated[int, Field(ge=1, le=LONGEST)] | None = Field(
        None, description="Periods from one order to the next; a week where not given."
    )
    pack: Positive | None = Field(None, description="Units ordered at a time; the product's where not given.")
    minimum: Amount | None = Field(None, description="An order is this much or nothing.")
    maximum: Positive | None = Field(None, description="The most that one order may be.")
    capacity: Positive | None = Field(None, description="The most that may be on hand or on its way.")
    unit_cost: Positive | None = None
    price: Positive | None = None
    holding: Positive | None = Field(
        None, description="Cost of a unit and period kept; a quarter of its cost a year where not given."
    )
    shortage: Positive | None = Field(None, description="Cost of a unit that is lacking; needs holding.")
    service: Level | None = Field(
        None,
        description=f"Chance of no stockout until the next order arrives, in place of shortage; {SERVICE} "
        "where neither is given.",
    )
    order_cost: Amount | None = Field(
        None, description=f"Of placing one order of the item, for the EOQ; {ORDER_COST:g} where not given."
    )

    @model_validator(mode="after")
    def _agree(self) -> ItemTerms:
        if self.lead_time is not None and self.lead_time_chances is not None:
            raise ValueError("give lead_time or lead_time_chances, not both")
        if self.lead_time_chances is not None and abs(sum(self.lead_time_chances) - 1) > 0.01:
            raise ValueError(f"lead_time_chances sum to {sum(self.lead_time_chances):g}; give chances that sum to 1")
        if self.service is not None and self.shortage is not None:
            raise ValueError("give service or shortage, not both: holding and shortage make a service level")
        if self.shortage is not None and self.holding is None:
            raise ValueError("shortage needs holding beside it")
        if None not in (self.minimum, self.maximum) and self.minimum > self.maximum:  # type: ignore[operator]
            raise ValueError("minimum lies above maximum")
        return self


class Item(ItemTerms):
    store: Name
    sku: Name


class OrdersAsked(Chosen):
    """Items by name with what is known of them, or a choice of series whose stock is known from the data."""

    items: Annotated[list[Item], Field(max_length=MOST_SERIES)] | None = None
    defaults: ItemTerms = Field(
        default_factory=lambda: ItemTerms.model_validate({}),
        description="Of items that say nothing of their own; they count before what the data tell.",
    )
    budget: Amount | None = Field(None, description="The most that all orders together may cost.")
    as_of: date | None = Field(None, description="The last day that counts as known; the end of history if not given.")
    what_if: WhatIf | None = None
    correlation: Share | None = Field(
        None, description="Between the demands of periods; as the history tells where not given."
    )
    only_orders: bool = Field(False, description="Leave out items of which nothing is to be ordered.")

    @model_validator(mode="after")
    def _one_choice(self) -> OrdersAsked:
        if self.items is None:
            return self
        if self.series is not None or self.stores or self.skus or self.categories:
            raise ValueError("name items, or choose series, stores, skus or categories; not both")
        seen: set[tuple[str, str]] = set()
        for item in self.items:
            name = (item.store, item.sku)
            if name in seen:
                raise ValueError(f"{item.sku!r} in {item.store!r} is named twice")
            seen.add(name)
        return self


class Order(BaseModel):
    store: str
    sku: str
    category: str | None
    order: float
    order_up_to: float = Field(description="mean_demand + safety_stock.")
    reorder_point: float = Field(description="With this or less, an order can't wait for the next review.")
    safety_stock: float = Field(description="Below zero where holding costs more than lacking.")
    eoq: float | None = Field(description="Economic order quantity; null where no holding cost is known.")
    on_hand: float
    on_order: float
    lead_time: float = Field(description="Mean, in periods.")
    review: int
    service_level: float = Field(description="Asked for, or the one that the costs make.")
    mean_demand: float = Field(description="Until the next order arrives.")
    per_period: float = Field(description="Mean demand of a period.")
    cover: float | None = Field(description="Periods that what is on hand and on order lasts; null if endless.")
    stockout_risk: float = Field(description="Until the next order could arrive, if nothing is ordered now.")
    stockout_risk_after: float = Field(description="The same, if the order is placed.")
    expected_cost: float | None = Field(
        description="After ordering: holding of what is left, and shortage of what is lacking, when the next order "
        "arrives; null where no holding cost is known."
    )
    unit_cost: float | None
    price: float | None
    order_value: float | None = Field(description="The order at cost.")
    money_at_risk: float | None = Field(
        description="Margin (the price where no cost is known) of the demand that is expected to be lost until the "
        "next order could arrive, if nothing is ordered now."
    )
    exceptions: list[OrderException]
    reason: str


class OrderTotals(BaseModel):
    items: int
    orders: int
    units: float
    value: float | None = Field(description="Null where no item's cost is known.")
    money_at_risk: float | None
    exceptions: dict[OrderException, int]
    budget: float | None
    spent: float | None = Field(description="Of the budget.")


class Orders(BaseModel):
    tenant: str
    model: ModelNamed
    dataset: int = Field(description="The version of the data that it answers from.")
    as_of: date
    frequency: str
    orders: list[Order]
    totals: OrderTotals
    notes: list[str] = Field(description="What was assumed.")
