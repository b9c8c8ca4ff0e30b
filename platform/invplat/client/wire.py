"""Requests that arrive: one keep-alive connection a thread, tried again where that helps, the key never shown.

Everything that is asked here may be asked twice: requests read only, or are joined to the first by the server.
Knows nothing of what is asked for.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit
from weakref import WeakSet

import requests
from requests import exceptions as trouble
from requests.adapters import HTTPAdapter

from invplat import __version__
from invplat.client.errors import NoAnswer, ServerSaid
from invplat.client.patience import Patience, Trouble
from invplat.core.errors import InvplatError, SettingRefused
from invplat.core.settings import hide_secrets

T = TypeVar("T")

JSON = "application/json"
CONNECT_WITHIN = 5.0  # seconds
PASSING = {408, 425, 429, 502, 503, 504}  # in a moment the answer may be another
FEW = 2  # more tries where the same request may well fail again
LOST = 4  # more tries of what ended as 500: a replica that was lost says so, as does a mistake that will be made again
NOT_YET = b"for available routes"  # of a front's own 404, which is up and has heard of no application so far
HINT = "is the service up (invplat status), and the URL right?"


class _Bearer(requests.auth.AuthBase):
    """As `auth`, not as a header, so that no .netrc of the person's takes its place."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class Wire:
    """Safe to use from many threads."""

    def __init__(self, url: str, key: str | None, timeout: float, patience: float) -> None:
        self.url = _checked_url(url)
        self._bearer = _Bearer(_checked_key(key)) if key is not None else None
        self._timeout = (min(CONNECT_WITHIN, timeout), timeout)
        self._patience = patience
        self._own = threading.local()
        self._open: WeakSet[requests.Session] = WeakSet()
        self._lock = threading.Lock()
        self._closed = False

    def ask(
        self,
        method: str,
        path: str,
        read: Callable[[bytes], T],
        *,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        kind: str = JSON,
        accept: str = JSON,
    ) -> T:
        """What `read` makes of the answer's bytes; a ValueError of it means that the answer came damaged."""
        headers = {"Accept": accept} | ({"Content-Type": kind} if body is not None else {})
        patience = Patience(self._patience)
        while True:
            found = self._once(method, path, read, query, body, headers)
            if not isinstance(found, Trouble):
                return found
            if not patience.once_more(found):
                raise found.error from found.cause

    def _once(
        self,
        method: str,
        path: str,
        read: Callable[[bytes], T],
        query: Mapping[str, Any] | None,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> T | Trouble:
        where = f"{self.url}{path}"
        try:
            answer = self._session().request(
                method,
                where,
                params=query,
                data=body,
                headers=dict(headers),
                auth=self._bearer,
                timeout=self._timeout,
                allow_redirects=False,  # a key goes where its owner sent it, and nowhere else
            )
        except trouble.RequestException as error:
            return self._unanswered(error)
        if 200 <= answer.status_code < 300:
            try:
                return read(answer.content)
            except ValueError as error:
                damaged = NoAnswer(f"what {where} answered makes no sense: {error}", hint=HINT)
                return Trouble(damaged, tries=FEW, cause=error)
        return _said(answer)

    def _unanswered(self, error: trouble.RequestException) -> Trouble:
        if isinstance(error, trouble.ReadTimeout):
            said = NoAnswer(f"{self.url} did not answer within {self._timeout[1]:g} seconds", hint="give a timeout=")
            return Trouble(said, tries=FEW, cause=error)
        if isinstance(error, trouble.SSLError):
            said = NoAnswer(f"{self.url} is not who it should be, or speaks no TLS: {_reason(error)}", hint=HINT)
            return Trouble(said, tries=0, cause=error)
        told = NoAnswer(f"{self.url} did not answer: {_reason(error)}", hint=HINT)
        if isinstance(error, trouble.ConnectionError | trouble.ChunkedEncodingError | trouble.ContentDecodingError):
            return Trouble(told, tries=FEW if _nameless(error) else None, cause=error)
        return Trouble(told, tries=0, cause=error)

    def _session(self) -> requests.Session:
        if self._closed:
            raise InvplatError("this client is closed", hint="make a new one, or use it inside its with")
        session: requests.Session | None = getattr(self._own, "session", None)
        if session is None or self._own.process != os.getpid():  # a fork must not share its parent's connection
            session = requests.Session()
            session.headers["User-Agent"] = f"invplat/{__version__}"
            for scheme in ("http://", "https://"):
                session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0))
            self._own.session, self._own.process = session, os.getpid()
            with self._lock:
                self._open.add(session)
        return session

    def close(self) -> None:
        self._closed = True
        with self._lock:
            for session in list(self._open):
                session.close()


def _said(answer: requests.Response) -> Trouble:
    status = answer.status_code
    if 300 <= status < 400:
        place = hide_secrets(answer.headers.get("Location", "elsewhere"))
        moved = ServerSaid(status, "moved", f"the service is not here but at {place}", "give that URL")
        return Trouble(moved, tries=0)
    if status == 404 and NOT_YET in answer.content and not answer.headers.get("Content-Type", "").endswith("json"):
        nobody = ServerSaid(503, "nobody serves", "what listens there knows of no application", "invplat deploy")
        return Trouble(nobody)
    told: dict[str, Any] = {}
    with suppress(ValueError):
        found = answer.json()
        told = found if isinstance(found, dict) else {}
    after = _seconds(answer.headers.get("Retry-After")) if status in PASSING else None
    title = str(told.get("title") or answer.reason or "an error")
    near, errors = told.get("near") or (), told.get("errors") or ()
    detail = str(told.get("detail") or "")
    hint = told.get("hint")
    if after is not None and not hint:
        hint = f"ask again in {after:.0f} seconds"
    said = ServerSaid(status, title, detail, hint, near, errors, after)
    tries = None if status in PASSING else LOST if status == 500 else 0
    return Trouble(said, tries=tries, after=after)


def _seconds(text: str | None) -> float | None:
    """Of a Retry-After: a number of seconds, or a moment."""
    if not text:
        return None
    with suppress(ValueError):
        return min(max(0.0, float(text)), 86_400.0)  # nan, too, ends as a number
    with suppress(ValueError, TypeError):
        moment = parsedate_to_datetime(text)
        return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    return None


def _reason(error: BaseException) -> str:
    """The innermost cause in its own words, without the names of objects around it."""
    inner: BaseException = error
    while True:
        below = getattr(inner, "reason", None) or next((one for one in inner.args if isinstance(one, Exception)), None)
        if not isinstance(below, BaseException) or below is inner:
            break
        inner = below
    parts = [part for part in inner.args if isinstance(part, str)]
    text = getattr(inner, "strerror", None) or (parts[-1] if parts else "") or type(inner).__name__
    return hide_secrets(str(text).split(": ", 1)[-1] if str(text).startswith("<") else str(text)).rstrip(".")


def _nameless(error: BaseException) -> bool:
    """The host's name is known to nobody: a slip of the pen rather than a service that restarts."""
    held = error.args[0] if error.args else None
    return isinstance(getattr(getattr(held, "reason", None), "__cause__", None), socket.gaierror)


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        whole = False
    if not whole or not url.isprintable() or " " in url:
        raise SettingRefused(f"{hide_secrets(url)!r} is no URL of a service", hint="for example http://127.0.0.1:8000")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingRefused(
            f"{hide_secrets(url)!r} says more than where the service is", hint="the key goes by itself, not in the URL"
        )
    return url.rstrip("/")


def _checked_key(key: str) -> str:
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise SettingRefused(
            "the key has letters that no key has",  # and is not repeated here
            hint="it is the one line that invplat tenant key create printed: ivp_…",
        )
    return key
