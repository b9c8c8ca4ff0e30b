"""What is said of a business's stock over a stretch of time. Knows nothing of how it is counted."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import BaseModel, Field


class KpisBy(StrEnum):
    TOTAL = "total"
    STORE = "store"
    CATEGORY = "category"
    SKU = "sku"


class Kpi(BaseModel):
    """Of one group. Null where the data do not tell; money is the business's own."""

    group: str | None = Field(description="Null where it is the total, or a series without a category.")
    series: int
    sales_units: float
    sales_money: float | None
    cost_of_sales: float | None
    stock_known: int = Field(description="Series whose stock was counted in this time; figures of stock are of these.")
    stock_units: float | None = Field(description="Mean of the counts, summed over series.")
    stock_value: float | None = Field(description="The same at cost.")
    turnover: float | None = Field(description="A year: cost of sales (units where no cost is known) over mean stock.")
    days_of_supply: float | None = Field(
        description="That the last counts last at the pace of this time; null if nothing sold or no stock is known."
    )
    holding_cost: float | None = Field(description="Over this time.")
    service_level: float | None = Field(
        description="Share of the days on sale with something to sell, of those that the data tell of."
    )
    fill_rate: float | None = Field(description="Share of demand that was met; what was lost is reckoned by the pace.")
    stockout_days: float | None = Field(description="Series-days on sale with nothing to sell.")
    lost_units: float | None = Field(description="That would have sold on those days at the pace of the others.")
    lost_money: float | None = Field(description="Their price.")


class Kpis(BaseModel):
    tenant: str
    dataset: int = Field(description="The version of the data that it answers from.")
    by: KpisBy
    first: date
    last: date
    days: int
    holding_rate: float = Field(description="A year of holding a unit, as a share of its cost.")
    kpis: list[Kpi]
    notes: list[str] = Field(description="What was assumed, and what is not known.")
