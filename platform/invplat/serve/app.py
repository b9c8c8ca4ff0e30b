"""The HTTP application around a service: its routes, and what stands before them.

From outside in: what is counted, what nobody expected, how much may come, who may come. Knows no model.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import invplat
from invplat.serve import console, problems
from invplat.serve.auth import Doors, Guard
from invplat.serve.described import describe
from invplat.serve.lane import Lane
from invplat.serve.limits import Bounds, Limits, Rates
from invplat.serve.metrics import Counted, Metrics, observed_batch, observed_shadow
from invplat.serve.problems import Caught
from invplat.serve.routes import (
    Asked,
    Served,
    accuracy,
    admin,
    explain,
    forecasts,
    health,
    history,
    insights,
    jobs,
    kpis,
    me,
    model,
    monitor,
    orders,
)

ROUTES = (
    forecasts,
    orders,
    health,
    me,
    model,
    history,
    kpis,
    insights,
    monitor,
    accuracy,
    explain,
    jobs,
    admin,
    console,
)
ABOUT = """Forecasts and orders of a business's stores, by the model that is served for it.

Send `Authorization: Bearer KEY` with every request under `/v1`. Errors are `application/problem+json` (RFC 9457).
"""


def application(service: Served, limits: Limits | None = None) -> FastAPI:
    """`limits`: else the service's own, where it has some, or the usual ones."""
    bounds = limits or getattr(service, "limits", None) or Limits()
    doors = Doors(service.database)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        doors.close()
        asked.database.close()
        if callable(close := getattr(service, "close", None)):
            close()

    app = FastAPI(
        title="invplat",
        version=invplat.__version__,
        description=ABOUT,
        docs_url=None,  # it would be drawn by somebody else's server; the console has its own
        redoc_url=None,
        redirect_slashes=False,  # to an address that the Host header would choose
        lifespan=life,
    )
    app.state.service = service
    app.state.asked = asked = Asked(service)
    app.state.doors = doors
    app.state.metrics = metrics = Metrics(lambda: doors.age)
    if hasattr(service, "batcher"):
        service.batcher.told = observed_batch
    shadow = getattr(service, "shadow", None)
    if shadow is not None:
        shadow.told = observed_shadow
    problems.install(app)
    for each in ROUTES:
        app.include_router(each.router)
    describe(app)
    # The last is the outermost.
    app.add_middleware(Lane, endpoints={"forecasts": forecasts.forecasts, "orders": orders.orders})
    app.add_middleware(Guard, doors=doors, rates=Rates(bounds))
    app.add_middleware(Bounds, limits=bounds)
    app.add_middleware(Caught)
    app.add_middleware(Counted, metrics=metrics)
    return app
