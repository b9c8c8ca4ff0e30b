"""A workload's space as a person's file changes it: what is tried narrower, wider, on other points, or not at all.

learning_rate = 0.001            always this value

[hidden_one]
options = [64, 128]              one of these

[dropout_one]
low = 0.0                        a range; what is not written stays as the workload has it
high = 0.2
grid = [0.0, 0.1, 0.2]           what --search grid tries
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from invplat.core.errors import SettingRefused
from invplat.core.space import Choice, Dimension, Integer, Space, Uniform, Value
from invplat.tune.points import nearest

ENTRIES = {
    Choice: ("options", "grid", "value"),
    Integer: ("low", "high", "log", "step", "options", "grid", "value"),
    Uniform: ("low", "high", "log", "options", "grid", "value"),
}
LISTS = ("options", "grid")


def space_of(space: Space, path: Path) -> Space:
    """The space with the changes in this TOML file."""
    changed = dict(space.dimensions)
    for name, entries in _read(path).items():
        if name not in space.dimensions:
            raise SettingRefused(f"{path}: {name!r} is no param of this workload", hint=_near(name, space.dimensions))
        where = f"{path}: {name}"
        given = entries if isinstance(entries, Mapping) else {"value": entries}
        try:
            changed[name] = _changed(space.dimensions[name], given)
        except SettingRefused as error:
            raise SettingRefused(f"{where}: {error.message}", hint=error.hint) from error
    return Space(changed)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise SettingRefused(f"{path} can't be read: {error.strerror}", hint="give the path of a TOML file") from error
    except UnicodeDecodeError as error:
        raise SettingRefused(f"{path} is not UTF-8 text", hint="save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingRefused(
            f"{path} is not TOML: {error}", hint="write for example: [hidden], and below it options = [64, 128]"
        ) from error


def _changed(dimension: Dimension, given: Mapping[str, Any]) -> Dimension:
    allowed = ENTRIES[type(dimension)]
    for entry in given:
        if entry not in allowed:
            raise SettingRefused(f"{entry!r} can't be set: it is {dimension}", hint=_near(entry, allowed))
    if "value" in given and len(given) > 1:
        raise SettingRefused("a value and more", hint="either write value alone, or leave it out")
    if "options" in given and {"low", "high", "log", "step"} & set(given):
        raise SettingRefused("options and a range", hint="write one of them")
    values = {entry: _values(dimension, entry, given[entry]) for entry in LISTS if entry in given}
    if "value" in given:
        return _choice(dimension, (_like(dimension, "value", given["value"]),), ())
    if "options" in given or isinstance(dimension, Choice):
        kept = dimension.options if isinstance(dimension, Choice) else ()
        options = values.get("options", kept)
        return _choice(dimension, options, values.get("grid", () if "options" in given else dimension.grid))
    return _range(dimension, given, values)


def _choice(dimension: Dimension, options: tuple[Value, ...], grid: tuple[Value, ...]) -> Choice:
    plain = Choice(options, options[0], shape=dimension.shape)
    default = dimension.default if dimension.default in grid else nearest(plain, dimension.default)
    return replace(plain, grid=grid, default=default)


def _range(dimension: Integer | Uniform, given: Mapping[str, Any], values: Mapping[str, tuple[Any, ...]]) -> Dimension:
    for entry in {"low", "high", "step"} & set(given):
        _like(dimension, entry, given[entry])
    if not isinstance(given.get("log", False), bool):
        raise SettingRefused(f"log = {given['log']!r}", hint="write log = true or log = false")
    numbers = {entry: value for entry, value in given.items() if entry != "grid"}
    low, high = numbers.get("low", dimension.low), numbers.get("high", dimension.high)
    # Bounds first, with a default that every range holds: what is wrong with them shall be said of them.
    plain = replace(dimension, **{**numbers, "default": low if low <= high else dimension.default, "grid": ()})
    inside = tuple(value for value in dimension.grid if plain.allows(value))
    last: dict[str, Any] = {"default": nearest(plain, dimension.default), "grid": values.get("grid", inside)}
    return replace(plain, **last)


def _values(dimension: Dimension, entry: str, given: Any) -> tuple[Value, ...]:
    if not isinstance(given, list) or not given:
        raise SettingRefused(f"{entry} = {given!r}", hint=f"write a list with at least one value: {entry} = [1, 2]")
    kinds = {type(value) for value in given}
    if len(kinds) > 1 and kinds != {int, float}:
        raise SettingRefused(f"{entry} = {given} mixes types", hint="write all of them as numbers, or all as text")
    return tuple(dict.fromkeys(_like(dimension, entry, value) for value in given))


def _like(dimension: Dimension, entry: str, value: Any) -> Value:
    """The value as the dimension's own type."""
    known = dimension.options[0] if isinstance(dimension, Choice) else dimension.low
    wanted: type = float if isinstance(dimension, Uniform) else type(known)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is wanted and isinstance(value, bool | int | float | str) and value == value:
        return value
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    raise SettingRefused(f"{entry} = {value!r}", hint=f"write {words[wanted]}: by itself it is {dimension}")


def _near(name: str, known: Any) -> str:
    near = get_close_matches(name, known, n=1)
    listed = f"there are {', '.join(known)}"
    return f"did you mean {near[0]}? {listed}" if near else listed
