"""Stands in for a deployment: the same functions, no Ray, and a little HTTP server that answers as the API does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import Any

from tests.listening import listening

MODEL = {"reference": "mlp@2", "base": False, "workload": "mlp", "way": "head"}
FORECASTS: dict[str, Any] = {
    "tenant": "shop",
    "model": MODEL,
    "dataset": 1,
    "frequency": "daily",
    "as_of": "2024-05-31",
    "dates": ["2024-06-01", "2024-06-02", "2024-06-03"],
    "levels": [0.1, 0.5, 0.9],
    "forecasts": [
        {"store": "berlin", "sku": "milk", "mean": [1, 2, 3], "quantiles": [[0, 1, 2], [1, 2, 3], [2, 3, 4]]},
        {"store": "berlin", "sku": "=te\x1b[31ma", "mean": [1000.5, 0, 0], "quantiles": [[0, 0, 0]] * 3},
    ],
}
ORDER: dict[str, Any] = {
    "store": "berlin",
    "sku": "milk",
    "category": "dairy",
    "order": 12.0,
    "order_up_to": 20.0,
    "reorder_point": 8.5,
    "safety_stock": 3.0,
    "eoq": 24.0,
    "on_hand": 4.0,
    "on_order": 0.0,
    "stockout_risk": 0.123,
    "money_at_risk": 7.5,
    "order_value": 10.8,
    "exceptions": ["stockout"],
    "reason": "4 on hand last two days; the next order takes three",
}
ORDERS: dict[str, Any] = {
    **{name: FORECASTS[name] for name in ("tenant", "model", "dataset", "as_of", "frequency")},
    "orders": [ORDER, {**ORDER, "sku": "caviar", "money_at_risk": 1234.5, "stockout_risk": 1.0, "exceptions": []}],
    "totals": {"items": 2, "orders": 2, "units": 24.0, "value": 21.6, "money_at_risk": 1242.0, "exceptions": {}}
    | {"budget": 30.0, "spent": 21.6},
    "notes": ["lead times are of all suppliers together"],
}
KPIS: dict[str, Any] = {
    **{"tenant": "shop", "dataset": 1, "by": "total", "first": "2023-06-01", "last": "2024-05-31", "days": 366},
    "kpis": [
        {"group": None, "series": 12, "stock_known": 6, "sales_units": 1234.0, "turnover": 8.25, "service_level": 0.97}
        | {"holding_cost": 55.5, "lost_money": None}
    ],
    "notes": ["a quarter of its cost a year"],
}
ANSWERS = {
    ("GET", "/healthz"): {"status": "ok"},
    ("GET", "/v1/me"): {"tenant": "shop", "scopes": ["tenant:read"], "key": "k"},
    ("GET", "model"): {"tenant": "shop", "model": MODEL, "metrics": {"wape": 0.31}, "versions": [{}, {}]},
    ("GET", "kpis"): KPIS,
    ("POST", "forecasts"): FORECASTS,
    ("POST", "orders"): ORDERS,
}


@dataclass
class Shop:
    """What the service was asked, and by which key."""

    url: str = ""
    asked: list[tuple[str, str, Any, str]] = field(default_factory=list)  # method, path, body, key
    refuse: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)


@contextmanager
def serving() -> Iterator[Shop]:
    shop = Shop()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path, _, query = self.path.partition("?")
            said = json.loads(body) if body else query
            shop.asked.append((self.command, path, said, self.headers.get("Authorization", "")))
            last = path.rsplit("/", 1)[-1]
            if last in shop.refuse:
                status, content = shop.refuse[last]
                return self.say(status, json.dumps(content).encode(), "application/problem+json")
            if path == "/":
                return self.say(200, b"<!doctype html><html></html>", "text/html")
            found = ANSWERS.get((self.command, path)) or ANSWERS.get((self.command, last))
            if found is not None and "arrow" in self.headers.get("Accept", ""):
                return self.say(200, arrow_of(found), "application/vnd.apache.arrow.stream")
            return self.say(200 if found else 404, json.dumps(found or {"detail": "nothing there"}).encode())

        do_GET = do_POST = answer

        def say(self, status: int, content: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    with listening(Handler) as shop.url:
        yield shop


def arrow_of(answer: Mapping[str, Any]) -> bytes:
    import pyarrow as pa

    rows = answer.get("forecasts") or answer.get("orders")
    table = pa.table({"sku": [row["sku"] for row in rows or ()]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


@dataclass(frozen=True)
class Options:
    host: str = "127.0.0.1"
    port: int = 8000
    replicas: tuple[int, int] = (1, 1)
    workloads: tuple[str, ...] = ()
    haproxy: bool = True
    memory: int = 1 << 30
    in_flight: int = 256
    rate: float = 200.0


@dataclass
class Stand:
    """As `invplat.serve.deployment` is; `begun` is called while it starts."""

    shop: Shop
    begun: Callable[[], None] = lambda: None
    options: Any = None
    address: str | None = None
    stopped: bool = False
    there: bool = True
    Options: type[Options] = Options

    @contextmanager
    def deploy(self, settings: Any, options: Any, *, address: str | None, told: Callable[[str], None]) -> Iterator[Any]:
        self.options, self.address = options, address
        told("starting")
        self.begun()
        try:
            deployed = SimpleNamespace(url=self.shop.url, pages=f"{self.shop.url}/", tenants=1, replicas=1)
            yield deployed
        finally:
            self.stopped = True

    def status(self, settings: Any, address: str | None) -> dict[str, Any]:
        return {"state": "RUNNING", "message": "", "deployments": {"replica": {"status": "HEALTHY"}}, "at": address}

    def undeploy(self, settings: Any, address: str | None) -> bool:
        return self.there
