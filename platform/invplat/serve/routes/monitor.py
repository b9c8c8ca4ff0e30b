"""What `invplat monitor` found at its last look at a business: findings, and how right the forecasts were."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from invplat.core.errors import Unknown
from invplat.serve.answered import sent
from invplat.serve.auth import Reader, TenantName
from invplat.serve.routes import Service

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["monitor"])


class FindingSaid(BaseModel):
    kind: str = Field(examples=["accuracy_worse"])
    severity: str = Field(examples=["high", "medium", "low"])
    since: str = Field(description="The day on which it began, as far as can be told.", examples=["2025-11-24"])
    subject: str = Field(description="Which store, category, column or supplier; empty: the whole business.")
    sentence: str
    remedy: str = Field(description="What to do about it.")
    figures: dict[str, Any]


class Monitoring(BaseModel):
    tenant: str
    today: str = Field(description="The day of the look.", examples=["2025-12-22"])
    dataset: int | None = Field(description="The version of the data; null where there are none.")
    end: str | None = Field(description="The last day of which anything is known.")
    learnt: str | None = Field(description="The last day of the data that the model has learnt from.")
    findings: list[FindingSaid] = Field(description="The gravest first.")
    drifts: list[dict[str, Any]] = Field(description="Of each column of the data: PSI, KS, and whether it is drift.")
    accuracy: dict[str, Any] = Field(description="Of the last four weeks: wape, naive_wape, bias, coverage, pinball.")
    weeks: list[dict[str, Any]] = Field(description="The same by week, oldest first.")
    groups: dict[str, list[dict[str, Any]]] = Field(description="Of the last weeks, by category, step and model.")
    cells: dict[str, int] = Field(description="What became of the forecasts that the look held against what came.")
    predictions: int = Field(description="Forecasts that were ever given: one a series and period.")
    notes: list[str] = Field(description="What was left out, and why.")


@router.get(
    "/monitor",
    summary="What monitoring found last",
    description="How right the forecasts were, and what has changed. Made by the operator's regular look, not now.",
    response_model=Monitoring,
)
def monitor(tenant: TenantName, service: Service, caller: Reader) -> Response:
    try:
        kept = service.storage.read(f"tenants/{tenant}/monitor/latest.json")
    except FileNotFoundError as error:
        raise Unknown("this business has not been looked at yet") from error
    return sent(orjson.loads(kept))
