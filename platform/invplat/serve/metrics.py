"""What Prometheus reads of one application: requests, how long they took, batches, and how old the keys are.

Counts by business are kept apart: only an administrator's key sees them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from invplat.serve.shadow import OUTCOMES

KIND = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
NOWHERE = "none"  # the route of an address that there isn't
MOST_TENANTS = 20_000  # counted apart; the rest together
_BATCHES = Histogram("invplat_batch_size", "Requests answered by one pass.", registry=None, buckets=SIZES)
_SHADOW = Counter("invplat_shadow_series", "Series that a challenger was asked for.", ("outcome",), registry=None)
_OUTCOMES = {outcome: _SHADOW.labels(outcome) for outcome in OUTCOMES}  # there from the start, as zeros


def observed_batch(size: int) -> None:
    """So many requests went into one pass; counted for this process, whatever application asks."""
    _BATCHES.observe(size)


def observed_shadow(outcome: str, series: int) -> None:
    """What became of so many series that a challenger was to be asked for; counted for this process."""
    _OUTCOMES[outcome].inc(series)


class Metrics:
    def __init__(self, age: Callable[[], float]) -> None:
        self.open, self.closed = CollectorRegistry(), CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("invplat_requests", "Requests answered.", labels, registry=self.open)
        self.seconds = Histogram(
            "invplat_request_seconds", "From a request's first byte to its answer's last.", ("route",),
            registry=self.open, buckets=SECONDS,
        )  # fmt: skip
        self.in_flight = Gauge("invplat_requests_in_flight", "Requests being answered.", registry=self.open)
        keys = Gauge("invplat_keys_age_seconds", "Since the keys were last read.", registry=self.open)
        keys.set_function(age)
        self.open.register(_BATCHES)
        self.open.register(_SHADOW)
        self.tenants = Counter("invplat_tenant_requests", "Requests of a business.", ("tenant",), registry=self.closed)
        self._counters: dict[tuple[str, str, int], tuple[Any, Any]] = {}
        self._tenants: dict[str, Any] = {}

    def page(self, *, everything: bool = False) -> bytes:
        """As Prometheus reads it; `everything`: with the businesses' names."""
        found: bytes = generate_latest(self.open)
        return found + generate_latest(self.closed) if everything else found

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        which = (method, route, status)
        known = self._counters.get(which)
        if known is None:
            known = (self.requests.labels(method, route, str(status)), self.seconds.labels(route))
            self._counters[which] = known
        known[0].inc()
        known[1].observe(seconds)

    def count_tenant(self, tenant: str) -> None:
        known = self._tenants.get(tenant)
        if known is None:
            named = tenant if len(self._tenants) < MOST_TENANTS else ""
            known = self._tenants.get(named) or self.tenants.labels(named)
            self._tenants[named] = known
        known.inc()


class Counted:
    """ASGI: every request, by the route that took it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 499  # hung up before an answer

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = time.perf_counter()
        self.metrics.in_flight.inc()
        try:
            await self.app(scope, receive, told)
        finally:
            self.metrics.in_flight.dec()
            method = scope["method"] if scope["method"] in METHODS else "other"
            self.metrics.count(method, route_of(scope), status, time.perf_counter() - began)
            if status not in (401, 403, 404):  # names that are none's are not kept
                tenant = scope.get("path_params", {}).get("tenant")
                if tenant is not None:
                    self.metrics.count_tenant(tenant)


def route_of(scope: Scope) -> str:
    """The template, never the address itself."""
    route = scope.get("route")
    found = getattr(route, "path", None)
    return found if isinstance(found, str) else NOWHERE
