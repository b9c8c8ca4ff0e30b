"""What the routes know of the service: where things are kept. Each file beside this one is one address or a few."""

from __future__ import annotations

from typing import Annotated, Any, Protocol

from fastapi import Depends
from starlette.requests import Request

from invplat.core.settings import Settings
from invplat.registry.database import Database
from invplat.storage import Storage

PATIENCE = 3.0  # seconds


class Served(Protocol):
    """What is asked of a service here; forecasts and orders ask for more."""

    @property
    def database(self) -> Database: ...
    @property
    def storage(self) -> Storage: ...
    @property
    def settings(self) -> Settings: ...


class Asked:
    """A service as people ask it who wait for the answer: its registry answers soon, or not at all."""

    def __init__(self, service: Served) -> None:
        self._service = service
        self.database = Database(service.database.url, PATIENCE)
        self.storage = service.storage
        self.settings = service.settings

    def __getattr__(self, name: str) -> Any:
        """What some services can, such as `reload`."""
        return getattr(self._service, name)


async def _service(request: Request) -> Served:
    found: Served = request.app.state.asked
    return found


Service = Annotated[Served, Depends(_service)]
