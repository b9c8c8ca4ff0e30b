"""What can go wrong between a program and the service.

InvplatError
├── ServerSaid   it answered, but not with what was asked for; exit code 2 where the request was at fault
└── NoAnswer     no answer, or none that makes sense, as long as there was patience
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from invplat.core.errors import InvplatError


class ServerSaid(InvplatError):
    """A problem as the API tells it (RFC 9457)."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        hint: str | None = None,
        near: Sequence[str] = (),
        errors: Sequence[Mapping[str, Any]] = (),
        after: float | None = None,
    ) -> None:
        shown = "; ".join(filter(None, (hint, f"did you mean {', '.join(near)}?" if near else "")))
        super().__init__(_sentence(status, title, detail, errors), hint=shown or None)
        self.status = status
        self.title = title
        self.detail = detail
        self.near = tuple(near)
        self.errors = tuple(dict(error) for error in errors)  # what was wrong with which field
        self.after = after  # seconds until it makes sense to ask again, where the server says so
        self.exit_code = 2 if 400 <= status < 500 else 1
        self._said_hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        given = (self.status, self.title, self.detail, self._said_hint, self.near, self.errors, self.after)
        return (type(self), given)


class NoAnswer(InvplatError):
    pass


def _sentence(status: int, title: str, detail: str, errors: Sequence[Mapping[str, Any]]) -> str:
    """Which field was wrong is said where the detail doesn't say so already."""
    said = detail or title
    fields = [(_where(error), _what(error)) for error in errors]
    fresh = [f"{where}: {what}" for where, what in fields if where and where not in said][:5]
    return f"{said} ({status})" + (": " + "; ".join(fresh) if fresh else "")


def _where(error: Mapping[str, Any]) -> str:
    place = error.get("loc") or error.get("where") or error.get("field") or ""
    parts = place if isinstance(place, list | tuple) else [place]
    return ".".join(str(part) for part in parts if part not in ("body", ""))


def _what(error: Mapping[str, Any]) -> str:
    return str(error.get("msg") or error.get("message") or error.get("detail") or error.get("what") or "refused")
