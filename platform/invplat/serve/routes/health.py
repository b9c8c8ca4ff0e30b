"""Whether it is up, and what Prometheus reads."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from invplat.core.errors import InvplatError
from invplat.serve.metrics import KIND, Metrics
from invplat.serve.problems import problem

router = APIRouter(tags=["operation"])


class Health(BaseModel):
    status: Literal["ok"] = "ok"


async def _ready(request: Request) -> bool:
    return bool(getattr(request.app.state.service, "ready", True))


@router.get(
    "/healthz",
    summary="Whether it takes requests",
    response_model=Health,
    responses={503: {"description": "It is starting"}},
)
async def healthz(ready: Annotated[bool, Depends(_ready)]) -> Response:
    if not ready:
        return problem(503, "it is starting", headers={"Retry-After": "1"})
    return Response(b'{"status":"ok"}', media_type="application/json")


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    description="Counts by business are there for an administrator's key only.",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(request: Request) -> Response:
    try:
        everything = request.app.state.doors.caller(request.headers).admin
    except InvplatError:
        everything = False
    found: Metrics = request.app.state.metrics
    return Response(found.page(everything=everything), media_type=KIND)
