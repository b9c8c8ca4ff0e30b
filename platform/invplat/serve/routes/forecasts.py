"""POST forecasts: of one series, some or all, or summed; as JSON, or as Arrow for many."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from invplat.registry.keys import READ
from invplat.serve import telling
from invplat.serve.asking import ARROW, asked_of, wants_arrow
from invplat.serve.auth import caller_of, check
from invplat.serve.described import body
from invplat.serve.schemas import By, Forecasts, ForecastsAsked
from invplat.serve.summed import summed

router = APIRouter(tags=["forecasts"])
LONG = 200  # forecasts whose answer is written in a thread
EXAMPLE = {"series": [{"store": "north", "sku": "A-1"}], "horizon": 14, "quantiles": [0.1, 0.5, 0.9]}


@router.post(
    "/v1/tenants/{tenant}/forecasts",
    summary="Demand of the coming periods",
    responses={200: {"model": Forecasts, "content": {ARROW: {}}}},
    openapi_extra=body(ForecastsAsked, EXAMPLE),
)
async def forecasts(tenant: str, request: Request) -> Response:
    """Mean and quantiles, per series or summed. Reads only, so it may be sent again."""
    check(caller_of(request), tenant, READ)
    service = request.app.state.service
    asked = await asked_of(request, ForecastsAsked)
    volume, rows = await service.rows(tenant, asked)
    alone = asked.by is By.SERIES
    said = await service.said(volume, rows, asked if alone else asked.model_copy(update={"quantiles": None}))

    def told() -> Response:
        counts, answer = None, said
        if not alone:
            counts, answer = summed(said, asked.by, volume.book.categories, asked.correlation, asked.quantiles)
        if wants_arrow(request):
            return telling.arrow(telling.table_of(answer, counts))
        return telling.json(telling.forecasts(tenant, answer, volume.book.frequency, counts))

    return told() if len(said) < LONG else await asyncio.to_thread(told)
