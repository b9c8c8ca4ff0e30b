"""Every error of the HTTP API as a problem (RFC 9457), and what each kind of ours means there.

What a person at a terminal is told may name folders, databases and commands; what is said here names none of them.
An error that nobody meant is an id and nothing else: the rest is in the log under that id.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from invplat.core.errors import (
    BundleRefused,
    Conflict,
    DatabaseError,
    Interrupted,
    InvplatError,
    MissingExtra,
    StorageError,
    Unknown,
    UserError,
)

KIND = "application/problem+json"
ECHO = 200  # characters of a request that an answer repeats
LONGEST = 600  # of a sentence of ours
FIELDS = 20  # told of those that are wrong
NEAR = 3
MANY = 2000  # names that one is compared with
LATER = 2  # seconds until one may ask again
log = logging.getLogger("invplat.serve")


class Refused(UserError):
    """Raised by what stands before the routes: its status, and headers that belong to it."""

    def __init__(
        self, status: int, message: str, *, hint: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.headers = dict(headers or {})

    def __reduce__(self) -> tuple[object, ...]:
        return (_refused, (self.status, self.message, self.hint, self.headers))


def _refused(status: int, message: str, hint: str | None, headers: Mapping[str, str]) -> Refused:
    return Refused(status, message, hint=hint, headers=headers)


class Missing(Unknown):
    """A store, SKU or the like that one's own business has not; with the names nearest to it."""

    def __init__(self, message: str, *, hint: str | None = None, near: Iterable[str] = ()) -> None:
        super().__init__(message, hint=hint)
        self.near = list(near)

    def __reduce__(self) -> tuple[object, ...]:
        return (_missing, (self.message, self.hint, self.near))


def _missing(message: str, hint: str | None, near: list[str]) -> Missing:
    return Missing(message, hint=hint, near=near)


def missing(what: str, name: str, known: Iterable[str]) -> Missing:
    """`what`: store, SKU, category."""
    return Missing(f"there is no {what} {short(name)!r}", near=near(name, known))


def near(name: str, known: Iterable[str]) -> list[str]:
    """Of the known names those most like it; the same in other letters before all."""
    text = name[:ECHO].casefold()
    folded: dict[str, str] = {}
    for one in known:
        folded.setdefault(one.casefold(), one)
    if len(folded) > MANY:  # comparing takes its time
        ends = [one for one in folded if one[:3] == text[:3] or one[-3:] == text[-3:]]
        folded = {one: folded[one] for one in ends[:MANY]}
    return [folded[one] for one in get_close_matches(text, folded, n=NEAR, cutoff=0.5)]


def short(text: object, most: int = ECHO) -> str:
    """As an answer may repeat it: cut, and in letters that can be sent."""
    told = text if isinstance(text, str) else repr(text)
    told = told[: most + 1].encode("utf-8", "replace").decode()
    return told if len(told) <= most else told[: most - 1] + "…"


def problem(
    status: int,
    detail: str,
    *,
    hint: str | None = None,
    near: Iterable[str] | None = None,
    errors: list[dict[str, Any]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": short(detail, LONGEST),
    }
    if hint is not None:
        content["hint"] = short(hint, LONGEST)
    if near is not None:
        content["near"] = [short(one) for one in near]
    if errors is not None:
        content["errors"] = errors
    return Response(orjson.dumps(content), status, headers=dict(headers or {}), media_type=KIND)


def of_error(error: InvplatError) -> Response:
    """The answer to an error of ours."""
    if isinstance(error, Refused):
        return problem(error.status, error.message, hint=error.hint, headers=error.headers)
    if isinstance(error, DatabaseError):
        return _later("the registry does not answer", error)
    if isinstance(error, StorageError):
        return _later("the storage does not answer, or is full", error)
    if isinstance(error, BundleRefused):
        return _later("a model that is needed can't be read", error)
    if isinstance(error, MissingExtra | Interrupted):
        return _later("this server can't do that", error)
    status = 404 if isinstance(error, Unknown) else 409 if isinstance(error, Conflict) else 422
    names = error.near if isinstance(error, Missing) and error.near else None
    # Hints that are commands help only those who can type them here.
    hint = None if error.hint is None or "invplat " in error.hint else error.hint
    return problem(status if isinstance(error, UserError) else 500, error.message, hint=hint, near=names)


def _later(said: str, error: InvplatError) -> Response:
    log.warning("%s: %s", said, error)
    return problem(503, said, hint="try again in a moment", headers={"Retry-After": str(LATER)})


def of_http(error: HTTPException) -> Response:
    said = {404: "there is nothing at this address", 405: "this address does not take that method"}
    detail = said.get(error.status_code) or str(error.detail)
    return problem(error.status_code, detail, headers=error.headers)


def of_fields(errors: Iterable[Mapping[str, Any]]) -> Response:
    """Which fields of a request were wrong, and why."""
    found = [_field(each) for _, each in zip(range(FIELDS), errors, strict=False)]
    if not found:
        return problem(422, "the request could not be understood")
    first = found[0]
    return problem(422, f"{first['field'] or 'the request'}: {first['message']}", errors=found)


def _field(each: Mapping[str, Any]) -> dict[str, Any]:
    place = ".".join(short(part, 60) if isinstance(part, str) else str(part) for part in each.get("loc", ()))
    told: dict[str, Any] = {"field": short(place), "message": short(each.get("msg", "not valid"))}
    given = each.get("input")
    if given is None or isinstance(given, str | int | float | bool):  # lists and objects are named by their field
        told["received"] = short(given) if isinstance(given, str) else short(repr(given))
    return told


def unexpected(error: BaseException) -> Response:
    """Told by its id only."""
    name = secrets.token_hex(8)
    log.error("error %s", name, exc_info=error)
    return problem(500, f"something went wrong here; tell the operator this id: {name}")


class Caught:
    """ASGI: what no handler took becomes a 500 of ours, and the server hears nothing of it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = False

        async def told(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            await self.app(scope, receive, told)
        except InvplatError as error:
            if began:
                raise
            await of_error(error)(scope, receive, send)
        except ClientDisconnect:
            return  # nobody is there to be told
        except Exception as error:
            if began:
                raise  # the answer is cut off, which whoever reads it notices
            await unexpected(error)(scope, receive, send)


def install(app: FastAPI) -> None:
    """Handlers for what routes raise."""

    async def ours(_: Request, error: Exception) -> Response:
        assert isinstance(error, InvplatError)
        return of_error(error)

    async def fields(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return of_fields(error.errors())

    async def http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return of_http(error)

    app.add_exception_handler(InvplatError, ours)
    app.add_exception_handler(RequestValidationError, fields)
    app.add_exception_handler(HTTPException, http)
