"""A straight way for the two routes that are asked most: past the router, which would try every route in turn and ask
what each needs. They are routes all the same, so that they are described; whatever the lane does not know goes on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from invplat.serve.auth import SEGMENT
from invplat.serve.limits import path_of
from invplat.serve.problems import of_fields, of_http

Endpoint = Callable[[str, Request], Awaitable[Response]]


class Lane:
    def __init__(self, app: ASGIApp, endpoints: Mapping[str, Endpoint]) -> None:
        """By the last part of their address: POST /v1/tenants/TENANT/LAST."""
        self.app = app
        self.endpoints = {name: (_Route(f"{SEGMENT}{{tenant}}/{name}"), each) for name, each in endpoints.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            path = path_of(scope)
            tenant, _, last = path[len(SEGMENT) :].partition("/")
            known = self.endpoints.get(last)
            if known is not None and tenant and path.startswith(SEGMENT):
                scope["route"], scope["path_params"] = known[0], {"tenant": tenant}
                answer = await _answer(known[1], tenant, Request(scope, receive))
                await answer(scope, receive, send)
                return
        await self.app(scope, receive, send)


async def _answer(endpoint: Endpoint, tenant: str, request: Request) -> Response:
    try:
        return await endpoint(tenant, request)
    except RequestValidationError as error:
        return of_fields(error.errors())
    except HTTPException as error:
        return of_http(error)


class _Route:
    """What counts requests by route looks at."""

    def __init__(self, path: str) -> None:
        self.path = path
