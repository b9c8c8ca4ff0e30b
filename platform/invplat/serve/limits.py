"""How much one caller and all together may ask of a server: refused early and cheaply, so that it never collapses."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from invplat.serve.problems import Refused, of_error, problem

FREE = ("/healthz", "/metrics")  # answered however much there is to do
MANY_KEYS = 10_000  # remembered; beyond, those that are at rest are forgotten
BODIES = ("application/json", "application/vnd.apache.arrow.stream")


@dataclass(frozen=True)
class Limits:
    rate: float = 200.0  # requests a second of one key, in the long run; 0: as many as come
    burst: int = 400  # at once
    body: int = 32 * 1024 * 1024  # bytes
    in_flight: int = 256  # requests that are being answered; 0: as many as come
    patience: float = 60.0  # seconds in which a body must have come


class Rates:
    """For each key, the time at which its requests so far would be worked off at the allowed rate."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._step = 1 / limits.rate if limits.rate > 0 else 0.0
        self._ahead = max(limits.burst - 1, 0) * self._step
        self._clock = clock
        self._until: dict[str, float] = {}

    def wait(self, key: str) -> float:
        """Count a request; 0, or the seconds after which one more would be taken."""
        if not self._step:
            return 0.0
        now = self._clock()
        until = max(self._until.get(key, now), now)
        if until - now > self._ahead + 1e-9:
            return until - now - self._ahead
        if len(self._until) >= MANY_KEYS and key not in self._until:
            self._until = {name: each for name, each in self._until.items() if each > now}
        self._until[key] = until + self._step
        return 0.0

    def check(self, key: str) -> None:
        wait = self.wait(key)
        if wait > 0:
            raise too_many("too many requests with this key", wait)


def too_many(said: str, wait: float = 1.0) -> Refused:
    return Refused(429, said, hint="wait as long as Retry-After says", headers={"Retry-After": _whole(wait)})


def _whole(wait: float) -> str:
    return str(max(math.ceil(wait), 1))


def path_of(scope: Scope) -> str:
    """Without what a server in front has put before it."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


class Bounds:
    """ASGI: requests in flight, the size of a body (by what it says and by what comes) and its kind."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app = app
        self.limits = limits
        self.in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or path_of(scope) in FREE:
            await self.app(scope, receive, send)
            return
        if 0 < self.limits.in_flight <= self.in_flight:
            await of_error(too_many("too much is asked of this server at once"))(scope, receive, send)
            return
        if scope["method"] not in ("GET", "HEAD"):
            try:
                comes = _looked_at(scope["headers"], self.limits.body, path_of(scope).startswith("/v1/"))
            except HTTPException as error:
                said = problem(error.status_code, error.detail, headers={"Connection": "close"})
                await said(scope, receive, send)
                return
            receive = _counted(receive, self.limits) if comes else receive
        self.in_flight += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.in_flight -= 1


def _looked_at(headers: Iterable[tuple[bytes, bytes]], most: int, ours: bool) -> bool:
    """Whether a body comes; refuses one that says it is too long, or of a kind that nothing here reads."""
    kind, length, comes = b"", 0, False
    for name, value in headers:
        if name == b"content-length":
            if not value.isdigit() or len(value) > 20:
                raise HTTPException(400, "Content-Length is no number")
            length = int(value)
            comes = comes or length > 0
        elif name == b"transfer-encoding":
            comes = True
        elif name == b"content-type":
            kind = value
        elif name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            raise HTTPException(415, "a body must not be compressed")
    if length > most:
        raise _too_large(most)
    if comes and ours:
        named = kind.partition(b";")[0].strip().lower().decode("latin-1")
        if named not in BODIES:
            raise HTTPException(415, f"a body must be {' or '.join(BODIES)}")
    return comes


def _counted(receive: Receive, limits: Limits) -> Receive:
    """A body that neither grows without end nor comes so slowly that others are kept from coming."""
    came, whole = 0, False
    until = asyncio.get_running_loop().time() + limits.patience

    async def more() -> Message:
        nonlocal came, whole
        if whole:  # what is waited for now is that somebody hangs up
            return await receive()
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, "the body did not come in time", headers={"Connection": "close"}) from None
        came += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if came > limits.body:
            raise _too_large(limits.body)
        return message

    return more


def _too_large(most: int) -> HTTPException:
    size = f"{most // 1024 // 1024} MiB" if most >= 1024 * 1024 else f"{most:,} bytes"
    return HTTPException(413, f"a body may be {size} at most", headers={"Connection": "close"})
