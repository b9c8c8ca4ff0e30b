"""A registry with two businesses and keys for them, and the application around it, asked as from outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from invplat.core.settings import Settings, load_settings
from invplat.registry import keys, tenants
from invplat.registry.database import Database, open_database
from invplat.serve.app import application
from invplat.serve.limits import Limits
from invplat.storage import Storage, open_storage

MINE, OTHER = "tenant-0000", "tenant-0001"
FREELY = Limits(rate=0)


@dataclass
class Kept:
    """A service that forecasts nothing."""

    database: Database
    storage: Storage
    settings: Settings
    ready: bool = True
    told: list[str] = field(default_factory=list)

    def reload(self) -> None:
        self.told.append("reload")


@dataclass
class House:
    service: Any
    app: FastAPI
    client: TestClient
    secrets: dict[str, str]  # read, write, other, admin

    def ask(self, method: str, path: str, who: str | None = "read", **more: Any) -> Any:
        headers = dict(more.pop("headers", {}))
        if who is not None:
            headers["Authorization"] = f"Bearer {self.secrets[who]}"
        return self.client.request(method, path, headers=headers, **more)

    def get(self, path: str, who: str | None = "read", **more: Any) -> Any:
        return self.ask("GET", path, who, **more)

    def post(self, path: str, who: str | None = "write", **more: Any) -> Any:
        return self.ask("POST", path, who, **more)


def service_in(home: Path) -> Kept:
    settings = load_settings({"home": str(home)}, {})
    return Kept(open_database(settings.database_url, patience=5), open_storage(settings.storage_url), settings)


@contextmanager
def opened(service: Any, limits: Limits = FREELY) -> Iterator[House]:
    database = service.database
    for name in (MINE, OTHER):
        tenants.ensure(database, name, actor="test")
    both = (keys.READ, keys.WRITE)
    secrets = {
        "read": keys.create(database, MINE, actor="test")[1],
        "write": keys.create(database, MINE, both, actor="test")[1],
        "other": keys.create(database, OTHER, both, actor="test")[1],
        "admin": keys.create(database, None, (keys.ADMIN,), actor="test")[1],
    }
    app = application(service, limits)
    with TestClient(app) as client:
        yield House(service, app, client, secrets)
    database.close()


def problem(answer: Any, status: int) -> dict[str, Any]:
    """What it says, having been told properly."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    said: dict[str, Any] = answer.json()
    assert said["status"] == status
    assert said["title"]
    assert said["detail"]
    return said
