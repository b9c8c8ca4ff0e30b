"""POST orders: what to order now, of items named or series chosen; as JSON, or as Arrow for many."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from invplat.registry.keys import READ
from invplat.serve import telling
from invplat.serve.asking import ARROW, asked_of, wants_arrow
from invplat.serve.auth import caller_of, check
from invplat.serve.described import body
from invplat.serve.order_schemas import Orders, OrdersAsked

router = APIRouter(tags=["orders"])
LONG = 100  # orders whose answer is written in a thread
EXAMPLE = {
    "items": [{"store": "north", "sku": "A-1", "on_hand": 12, "lead_time": 3, "pack": 6}],
    "defaults": {"review": 7, "service": 0.95},
}


@router.post(
    "/v1/tenants/{tenant}/orders",
    summary="What to order now",
    responses={200: {"model": Orders, "content": {ARROW: {}}}},
    openapi_extra=body(OrdersAsked, EXAMPLE),
)
async def orders(tenant: str, request: Request) -> Response:
    """Quantity, levels, risk and the reason of each item. Places no order and reads only, so it may be sent again."""
    check(caller_of(request), tenant, READ)
    service = request.app.state.service
    asked = await asked_of(request, OrdersAsked, "items")
    found = await service.orders(tenant, asked)

    def told() -> Response:
        if wants_arrow(request):
            return telling.arrow(found.table())
        said = found.said
        about = {"tenant": tenant, "model": said.model, "dataset": said.dataset, "as_of": said.as_of}
        about |= {"frequency": found.frequency, "orders": found.records(), "totals": found.totals}
        return telling.json({**about, "notes": found.notes})

    return told() if len(found) < LONG else await asyncio.to_thread(told)
