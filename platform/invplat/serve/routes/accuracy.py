"""How right the forecasts have been of late: findings of the last look, error by week, and the series far off.

Always answers, with less where less is known: nobody may have looked yet, or nothing may have come.
"""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from invplat.core.errors import InvplatError
from invplat.data.dataset import Dataset, versions
from invplat.evaluate.misses import misses
from invplat.serve.answered import sent
from invplat.serve.auth import Reader, TenantName
from invplat.serve.remembered import Remembered
from invplat.serve.routes import Served, Service
from invplat.serve.routes.monitor import FindingSaid

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["monitor"])
MOST = 1000  # series far off that are named
_FOUND = Remembered(200)


class MissSaid(BaseModel):
    store: str
    sku: str
    periods: int
    expected: float = Field(description="Units, in these periods together.")
    sold: float
    outside: int = Field(description="Periods in which sales lay outside the forecast's outermost quantiles.")
    off: float = Field(description="Sold more than expected, as a share of that; below 0: less.", examples=[-0.45])


class Accuracy(BaseModel):
    tenant: str
    looked: str | None = Field(description="The day of the operator's last look; null: nobody has looked yet.")
    findings: list[FindingSaid] = Field(description="Of that look, the gravest first.")
    accuracy: dict[str, Any] = Field(description="Of the last four weeks: wape, naive_wape, bias, coverage, promised.")
    weeks: list[dict[str, Any]] = Field(description="The same by week, oldest first.")
    off: list[MissSaid] = Field(description="Series whose forecasts were far off of late, the farthest first.")
    off_in_all: int


@router.get(
    "/accuracy",
    summary="How right the forecasts have been",
    description="Findings and weeks are of the last look of `invplat monitor`; series far off are found out now, once "
    "for each version of the data.",
    response_model=Accuracy,
)
def accuracy(tenant: TenantName, service: Service, caller: Reader) -> Response:
    look = _look(service, tenant)
    off = _off(service, tenant)
    known = {name: look.get(name, usual) for name, usual in (("findings", []), ("accuracy", {}), ("weeks", []))}
    return sent({"tenant": tenant, "looked": look.get("today"), **known, "off": off[:MOST], "off_in_all": len(off)})


def _look(service: Served, tenant: str) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = orjson.loads(service.storage.read(f"tenants/{tenant}/monitor/latest.json"))
    except FileNotFoundError:
        return {}
    return kept


def _off(service: Served, tenant: str) -> list[dict[str, Any]]:
    """What is said now is of days to come, so it changes nothing until the data do."""
    numbers = versions(service.storage, tenant)
    if not numbers:
        return []
    key = (service.storage.url, tenant, numbers[-1])

    def found() -> list[dict[str, Any]]:
        try:
            dataset = Dataset.open(service.storage, tenant, numbers[-1])
            return [{**vars(one), "off": one.off} for one in misses(service.database, dataset)]
        except InvplatError:  # data from which nothing can be told are told of elsewhere
            return []

    return _FOUND.get(key, found)
