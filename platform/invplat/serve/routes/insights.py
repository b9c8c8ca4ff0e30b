"""What an owner would want to be told: where the money sits, what is out of stock, which supplier is late."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from invplat.evaluate.insights.findings import FINDERS
from invplat.evaluate.insights.findings import insights as found_in
from invplat.serve.answered import dataset_of, sent
from invplat.serve.auth import Reader, TenantName
from invplat.serve.problems import missing
from invplat.serve.remembered import Remembered
from invplat.serve.routes import Service

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["insights"])
_FOUND = Remembered(100)


class Money(BaseModel):
    amount: float | None = Field(description="In what the business's own prices are in; null where they lack.")
    per: str = Field(examples=["once", "year"])
    counted: str


class InsightSaid(BaseModel):
    name: str = Field(examples=["dead"])
    title: str
    sentence: str = Field(description="Empty where it could not be had: `lacking` says why.")
    as_of: str
    severity: str = Field(examples=["high", "medium", "low", "none"])
    act: bool = Field(description="Something to mend; else something to know.")
    money: Money
    rows_in_all: int
    rows: list[dict[str, Any]]
    thresholds: list[str]
    lacking: list[str]


class Insights(BaseModel):
    tenant: str
    version: int = Field(description="Of the data.")
    as_of: str | None
    insights: list[InsightSaid] = Field(description="What to mend first, by money.")


@router.get(
    "/insights",
    summary="What to mend and what to know, by money",
    description="Found out once for each version of the data, which takes some seconds.",
    response_model=Insights,
)
def insights(
    tenant: TenantName,
    service: Service,
    caller: Reader,
    only: Annotated[
        list[str], Query(max_length=20, description="Names of insights; all if none.", examples=[["dead"]])
    ] = [],  # noqa: B006  (FastAPI copies it)
    rows: Annotated[int, Query(ge=0, le=10_000, description="Of each.")] = 100,
) -> Response:
    for name in only:
        if name not in FINDERS:
            raise missing("insight", name, FINDERS)
    dataset = dataset_of(service, tenant)
    key = (service.storage.url, tenant, dataset.version, dataset.manifest.content_hash)
    found = _FOUND.get(key, lambda: found_in(dataset))
    listed = [each.to_dict(rows) for each in found if not only or each.name in only]
    as_of = found[0].as_of if found else None
    return sent({"tenant": tenant, "version": dataset.version, "as_of": as_of, "insights": listed})
