"""Figures of stock and service: turnover, holding cost, service level, stockouts."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from invplat.core.errors import FigureRefused
from invplat.serve.answered import dataset_of, sent
from invplat.serve.auth import Reader, TenantName
from invplat.serve.kpi_schemas import Kpis, KpisBy
from invplat.serve.kpis import kpis as counted
from invplat.serve.remembered import Remembered
from invplat.serve.routes import Service

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["kpis"])
_FOUND = Remembered(200)


@router.get("/kpis", summary="Turnover, holding cost, service level, stockouts", response_model=Kpis)
def kpis(
    tenant: TenantName,
    service: Service,
    caller: Reader,
    by: KpisBy = KpisBy.TOTAL,
    first: Annotated[date | None, Query(description="The first day; a year before the last if not given.")] = None,
    last: Annotated[date | None, Query(description="The last day; the end of history if not given.")] = None,
) -> Response:
    if first is not None and last is not None and last < first:
        raise FigureRefused(f"last, {last}, lies before first, {first}", hint="exchange them")
    dataset = dataset_of(service, tenant)
    key = (service.storage.url, tenant, dataset.version, dataset.manifest.content_hash, by, first, last)
    return sent(_FOUND.get(key, lambda: counted(dataset, by=by, first=first, last=last)).model_dump(mode="json"))
