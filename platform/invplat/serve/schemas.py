"""What a request may say and what an answer says: the words of the HTTP API, checked before anything is computed.

Unknown fields are refused, numbers are finite, lists are bounded. Knows nothing of models, storage or Ray.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

MOST_SERIES = 100_000  # named in one request
MOST_HORIZON = 366
FAR = 1e12  # no figure of a business is larger

Name = Annotated[str, Field(min_length=1, max_length=200)]
Amount = Annotated[float, Field(ge=0, le=FAR, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, le=FAR, allow_inf_nan=False)]
Level = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Names = Annotated[list[Name], Field(max_length=MOST_SERIES)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Series(Strict):
    """One SKU in one store."""

    store: Name
    sku: Name


class By(StrEnum):
    """What answers are summed to."""

    SERIES = "series"
    STORE = "store"
    SKU = "sku"
    CATEGORY = "category"
    TOTAL = "total"


class WhatIf(Strict):
    """Plans other than those that are known, for the series asked for and the periods named (all of the horizon)."""

    price: Positive | None = Field(default=None, description="Another price than the planned one.")
    price_change: Annotated[float, Field(gt=-1, le=10, allow_inf_nan=False)] | None = Field(
        default=None, description="The planned price and this share more; -0.1 is a tenth less."
    )
    promotion: bool | None = Field(default=None, description="On promotion or not.")
    first: date | None = Field(default=None, description="The first period that this is true of.")
    last: date | None = Field(default=None, description="The last one.")

    @model_validator(mode="after")
    def _one_price(self) -> WhatIf:
        if self.price is not None and self.price_change is not None:
            raise ValueError("give price or price_change, not both")
        if self.first and self.last and self.last < self.first:
            raise ValueError("last lies before first")
        return self


class Chosen(Strict):
    """Which series: those named, or those of these stores, SKUs and categories; none of all this: every one."""

    series: Annotated[list[Series], Field(max_length=MOST_SERIES)] | None = None
    stores: Names | None = None
    skus: Names | None = None
    categories: Names | None = None

    @model_validator(mode="after")
    def _either(self) -> Chosen:
        if self.series is not None and (self.stores or self.skus or self.categories):
            raise ValueError("name series, or filter by stores, skus and categories; not both")
        return self


class ForecastsAsked(Chosen):
    horizon: Annotated[int, Field(ge=1, le=MOST_HORIZON)] | None = Field(
        default=None, description="Periods; the model's own where not given."
    )
    quantiles: Annotated[list[Level], Field(min_length=1, max_length=99)] | None = Field(
        default=None, description="Levels; the model's own where not given."
    )
    as_of: date | None = Field(
        default=None, description="The last day that counts as known; the end of history if not given."
    )
    by: By = By.SERIES
    correlation: Share = Field(default=0.25, description="Between series, where they are summed.")
    what_if: WhatIf | None = None


class SeriesForecast(BaseModel):
    """`store` and `sku` where it is one series; what it is the sum of in `group` else."""

    store: str | None = None
    sku: str | None = None
    group: str | None = None
    series: int | None = Field(default=None, description="How many were summed.")
    mean: list[float]
    quantiles: list[list[float]] = Field(description="Of each period, of each level.")


class ModelNamed(BaseModel):
    reference: str = Field(description="NAME@VERSION", examples=["base@3"])
    base: bool = Field(description="Shared by all businesses, not this one's own.")
    workload: str
    way: str | None = Field(default=None, description="How it was adapted to this business.")


class Forecasts(BaseModel):
    tenant: str
    model: ModelNamed
    dataset: int = Field(description="The version of the data that it answers from.")
    frequency: str
    as_of: date
    dates: list[date]
    levels: list[float]
    forecasts: list[SeriesForecast]


class Problem(BaseModel):
    """RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    hint: str | None = None
    near: list[str] | None = Field(default=None, description="Names like the one that was asked for.")
    errors: list[dict[str, Any]] | None = Field(default=None, description="What was wrong with which field.")
