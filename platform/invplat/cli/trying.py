"""A service tried once, as those who use it do: is it up, its page, and forecasts and orders of every business.

Keys made for it are taken back. Knows the client, and nothing of what is behind it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from invplat.core.errors import InvplatError

if TYPE_CHECKING:
    from invplat.client import Client
    from invplat.registry.database import Database

MOST = 100  # businesses
PATIENCE = 60.0  # seconds; a new key is known a few seconds after it was made


@dataclass(frozen=True)
class Check:
    what: str
    tenant: str | None
    took: float  # seconds
    said: str


def every(database: Database, url: str, pages: str) -> list[Check]:
    """All that was asked; the first thing that fails is raised."""
    from invplat.client import Client
    from invplat.registry import tenants

    with Client(url, patience=PATIENCE) as client:
        found = [_timed("health", None, lambda: "up" if client.healthy() else "down")]
    found.append(_timed("page", None, lambda: _page(pages)))
    names = tenants.names(database)[:MOST]
    if not names:
        raise InvplatError("there is no business to be served", hint="invplat tenant add NAME --data FILES")
    for name in names:
        found += _business(database, url, name)
    return found


def _business(database: Database, url: str, tenant: str) -> list[Check]:
    from invplat.client import Client
    from invplat.registry import audit, keys

    made, secret = keys.create(database, tenant, (keys.READ,), label="tried once", actor=audit.person())
    try:
        with Client(url, secret, patience=PATIENCE) as client:
            _until_known(client)
            return [
                _timed("forecasts", tenant, lambda: _forecasts(client.forecasts())),
                _timed("orders", tenant, lambda: _orders(client.orders())),
            ]
    finally:
        keys.revoke(database, tenant, made.id, actor=audit.person())


def _until_known(client: Client) -> None:
    """Servers look for new keys every few seconds, and refuse them until then."""
    from invplat.client import ServerSaid

    until = time.monotonic() + PATIENCE
    while True:
        try:
            client.me()
            return
        except ServerSaid as said:
            if said.status != 401 or time.monotonic() > until:
                raise
        time.sleep(0.2)


def _timed(what: str, tenant: str | None, ask: Callable[[], str]) -> Check:
    began = time.monotonic()
    said = ask()
    return Check(what, tenant, round(time.monotonic() - began, 3), said)


def _page(pages: str) -> str:
    import requests

    answer = requests.get(pages, timeout=30)
    if answer.status_code != 200 or "<html" not in answer.text.lower():
        raise InvplatError(
            f"{pages} answered {answer.status_code} and no page", hint="is it invplat that serves there?"
        )
    return f"{len(answer.content):,} bytes"


def _forecasts(answer: dict[str, Any]) -> str:
    count = len(answer["forecasts"])
    if not count or not all(value >= 0 for one in answer["forecasts"] for value in one["mean"]):
        raise InvplatError(f"the forecasts of {answer['tenant']} are none, or below zero")
    return f"{count:,} series by {answer['model']['reference']}"


def _orders(answer: dict[str, Any]) -> str:
    count = len(answer["orders"])
    if not count:
        raise InvplatError(f"there are no orders of {answer['tenant']}, not even of nothing")
    return f"{sum(one['order'] > 0 for one in answer['orders']):,} orders of {count:,} items"
