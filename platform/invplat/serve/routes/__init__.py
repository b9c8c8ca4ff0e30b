"""What the routes know of the service: where things are kept. Each file beside this one is one address or a few."""

from __future__ import annotations

from typing import Annotated, Protocol

from fastapi import Depends
from starlette.requests import Request

from invplat.core.settings import Settings
from invplat.registry.database import Database
from invplat.storage import Storage


class Served(Protocol):
    """What is asked of a service here; forecasts and orders ask for more."""

    @property
    def database(self) -> Database: ...
    @property
    def storage(self) -> Storage: ...
    @property
    def settings(self) -> Settings: ...


async def _service(request: Request) -> Served:
    found: Served = request.app.state.service
    return found


Service = Annotated[Served, Depends(_service)]
