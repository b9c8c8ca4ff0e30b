"""Values of a TOML file, each checked as it is taken: what is not understood is one message with its remedy.

Knows nothing of mappings; `where` is the place as a person would name it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Any

from invplat.core.errors import MappingError


def only(raw: Mapping[str, Any], allowed: Iterable[str], where: str) -> None:
    names = sorted(allowed)
    for key in raw:
        if key not in names:
            near = get_close_matches(key, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(names) or 'nothing'}"
            raise MappingError(f"{where}: {key!r} is not understood", hint=hint)


def table(raw: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    value = raw.get(key, {})
    if not isinstance(value, dict):
        raise MappingError(f"{where}: {key} = {value!r} is not understood", hint=f'write {key} = {{ … = "…" }}')
    return value


def one_of(raw: Mapping[str, Any], key: str, allowed: tuple[str, ...], where: str) -> str:
    value = raw.get(key, allowed[0])
    if value not in allowed:
        raise MappingError(f"{where}: {key} = {value!r}", hint=f"write one of {', '.join(a for a in allowed if a)}")
    return str(value)


def truth(raw: Mapping[str, Any], key: str, where: str) -> bool:
    value = raw.get(key, False)
    if not isinstance(value, bool):
        raise MappingError(f"{where}: {key} = {value!r}", hint="write true or false, without quotes")
    return value


def texts(value: Any, where: str) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise MappingError(f"{where}: {value!r} is not understood", hint='write "one text" or ["several", "texts"]')


def text(value: Any) -> str:
    """As a file would spell it: true, not True."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def number(value: Any, where: str, least: float = 1e-12) -> float:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not fits or not least <= value <= 1e15:
        raise MappingError(f"{where}: {value!r} is not understood", hint=f"write a number from {least:g} up, no quotes")
    return float(value)


def day(value: Any, where: str) -> str:
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError as error:
        raise MappingError(f"{where}: {value!r} is not a date", hint='write for example "2024-01-01"') from error
