"""Who may come in: keys held in memory, asked of the registry every two seconds, so that a revoked one is refused soon.

While the registry is down the last known keys go on opening. Checking costs microseconds, and as much for a key that
isn't there as for a wrong one. A business that is not the caller's is refused alike whether it exists or not.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends, Path
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from invplat.core.errors import DatabaseError, InvplatError
from invplat.registry import keys, tenants
from invplat.registry.database import Database
from invplat.registry.keys import ADMIN, NOBODY, READ, WRITE, Lock
from invplat.registry.tables import KEYS, TENANTS
from invplat.serve.limits import Rates, path_of
from invplat.serve.problems import Refused, of_error

EVERY = 2.0  # seconds between two readings of the keys
PATIENCE = 1.0  # seconds that a reading waits for a registry that is down
MARK = 60.0  # seconds between two writings of which keys were used
SEGMENT = "/v1/tenants/"
PRIVATE = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))  # figures of a business
log = logging.getLogger("invplat.serve")


@dataclass(frozen=True)
class Caller:
    tenant: str | None  # none: an administrator
    scopes: tuple[str, ...]
    key: str  # its id

    @property
    def admin(self) -> bool:
        return ADMIN in self.scopes

    @property
    def actor(self) -> str:
        """As the audit log names it."""
        return f"key {self.key}"


_NOBODY = Lock("", None, (), NOBODY)
_UNKNOWN = "this key opens nothing, or none was shown"
_WALL = "this key is not of that business"


class Doors:
    """`every`: seconds; tests that want no thread say 0 and call `refresh` themselves."""

    def __init__(self, database: Database, *, every: float = EVERY) -> None:
        # Connections of its own, and less patient: a request waits for none of this.
        self._database = Database(database.url, PATIENCE)
        self._locks: dict[str, Lock] | None = None
        self._callers: dict[str, Caller] = {}
        self._state: object = None
        self._read = time.monotonic()
        self._used: set[str] = set()
        self._marked = time.monotonic()
        self._over = threading.Event()
        self._turn = threading.Lock()
        self.refresh()
        if every > 0:
            work = (weakref.ref(self), every, self._over)
            threading.Thread(target=_refreshing, args=work, name="invplat-keys", daemon=True).start()

    @property
    def age(self) -> float:
        """Seconds since the keys were last read."""
        return time.monotonic() - self._read

    def refresh(self) -> bool:
        """Read the keys now; False where the registry does not answer: those that were known stay."""
        with self._turn:
            began = time.monotonic()
            try:
                state = _state(self._database)
                if state == self._state:
                    self._read = began
                    return True
                found = keys.locks(self._database)
            except InvplatError as error:
                if self._locks is None or self.age > 60:
                    log.warning("the keys could not be read: %s", error)
                return False
            self._callers = {name: Caller(lock.tenant, lock.scopes, name) for name, lock in found.items()}
            self._locks = found
            self._state, self._read = state, began
            return True

    def mark(self) -> None:
        """Write down which keys were used."""
        with self._turn:
            self._marked = time.monotonic()
            used, self._used = self._used, set()
            try:
                keys.used(self._database, used)
            except InvplatError:
                self._used |= used

    def close(self) -> None:
        self._over.set()
        self.mark()
        self._database.close()

    def caller(self, headers: Mapping[str, str]) -> Caller:
        """Whose key the request shows; 401 where it shows none that opens."""
        locks, callers = self._locks, self._callers
        if locks is None:
            raise DatabaseError("the keys are not known yet")
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        name = keys.id_of(secret) or ""
        right = locks.get(name, _NOBODY).opened_by(secret)
        found = callers.get(name)
        if not right or found is None or scheme.lower() != "bearer":
            raise Refused(
                401,
                _UNKNOWN,
                hint="send the header Authorization: Bearer KEY",
                headers={"WWW-Authenticate": 'Bearer realm="invplat"'},
            )
        self._used.add(name)
        return found

    def known(self, key: str) -> Caller | None:
        """Whose key this is, by its id."""
        return self._callers.get(key)


def _state(database: Database) -> object:
    """Another one whenever a key is made, revoked or removed: cheap to ask, where all keys would be dear."""
    made, revoked = KEYS.c.created, KEYS.c.revoked
    counts = sa.select(sa.func.count(), sa.func.max(made), sa.func.count(revoked), sa.func.max(revoked))
    leaving = sa.select(sa.func.count()).select_from(TENANTS).where(TENANTS.c.leaving)
    return database.read(
        lambda connection: (tuple(connection.execute(counts).one()), connection.execute(leaving).scalar())
    )


def check(caller: Caller, tenant: str, scope: str) -> None:
    """Refuse what this key may not do for this business."""
    if ADMIN in caller.scopes:
        return
    if caller.tenant != tenant:
        raise Refused(403, _WALL)
    if scope not in caller.scopes:
        raise Refused(403, f"this key may not do that: it takes the scope {scope}")


def check_admin(caller: Caller) -> None:
    if not caller.admin:
        raise Refused(403, "this takes an administrator's key")


def _refreshing(owner: weakref.ref[Doors], every: float, over: threading.Event) -> None:
    while not over.wait(every):
        doors = owner()
        if doors is None:
            return
        try:
            doors.refresh()
            if time.monotonic() - doors._marked > MARK:
                doors.mark()
        except Exception:  # the thread must outlive whatever it was
            log.exception("reading the keys")
        del doors


class Guard:
    """ASGI: whoever has no key, or one of another business, is refused before a byte of a body is read; so no route
    can forget it. Too many requests with one key are refused here, too."""

    def __init__(self, app: ASGIApp, doors: Doors, rates: Rates) -> None:
        self.app = app
        self.doors = doors
        self.rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = path_of(scope) if scope["type"] == "http" else ""
        if not path.startswith("/v1"):
            await self.app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *PRIVATE]
            await send(message)

        try:
            found = self.doors.caller(_Header(scope))
            self.rates.check(found.key)
            if path.startswith(SEGMENT) and not found.admin:
                named = path[len(SEGMENT) :].partition("/")[0]
                if named != found.tenant:
                    raise Refused(403, _WALL)
        except InvplatError as error:
            await of_error(error)(scope, receive, told)
            return
        scope["invplat.caller"] = found
        await self.app(scope, receive, told)


class _Header(dict[str, str]):
    """Of a raw request only what is asked for here: cheaper than to read all."""

    def __init__(self, scope: Scope) -> None:
        found = [value for name, value in scope["headers"] if name == b"authorization"]
        super().__init__({"authorization": found[0].decode("latin-1")} if len(found) == 1 else {})


def caller_of(request: Request) -> Caller:
    """As the guard has found out, or found out now."""
    known = request.scope.get("invplat.caller")
    if isinstance(known, Caller):
        return known
    doors: Doors = request.app.state.doors
    return doors.caller(request.headers)


TenantName = Annotated[
    str,
    Path(min_length=1, max_length=200, description="The business.", examples=["corner-shop"], pattern=r"^[^/\x00]+$"),
]


async def _admitted(request: Request, tenant: str, scope: str) -> Caller:
    found = caller_of(request)
    check(found, tenant, scope)
    if found.tenant is None:  # another's key can only be of a business that is there
        await run_in_threadpool(tenants.get, request.app.state.asked.database, tenant)
    return found


async def _reads(request: Request, tenant: TenantName) -> Caller:
    return await _admitted(request, tenant, READ)


async def _writes(request: Request, tenant: TenantName) -> Caller:
    return await _admitted(request, tenant, WRITE)


async def _anybody(request: Request) -> Caller:
    return caller_of(request)


async def _admin(request: Request) -> Caller:
    found = caller_of(request)
    check_admin(found)
    return found


Reader = Annotated[Caller, Depends(_reads)]
Writer = Annotated[Caller, Depends(_writes)]
Anybody = Annotated[Caller, Depends(_anybody)]
Admin = Annotated[Caller, Depends(_admin)]
