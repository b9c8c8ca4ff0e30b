"""A search space: which params a model has, and what each may be. Knows nothing of models, Optuna or Ray.

Three kinds of dimension, JSON-able, so that a study can keep its space and a person can narrow it in a file. One
marked `shape` changes the sizes of the net: trials that agree on all of those can be trained as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from itertools import product
from math import isfinite, prod
from typing import Any, ClassVar

from invplat.core.errors import SettingRefused

Value = bool | int | float | str
Params = Mapping[str, Value]


@dataclass(frozen=True)
class Choice:
    """One of some values of one type."""

    kind: ClassVar[str] = "choice"
    options: tuple[Value, ...]
    default: Value
    grid: tuple[Value, ...] = ()  # what an exhaustive search visits; all options where empty
    shape: bool = False

    def __post_init__(self) -> None:
        if not self.options or len({type(option) for option in self.options}) > 1:
            raise SettingRefused(
                f"a choice of {list(self.options)}", hint="give at least one option, all of one type: text or numbers"
            )
        _inside(self)

    def allows(self, value: Any) -> bool:
        return any(type(value) is type(known) and value == known for known in (*self.options, *self.grid))

    def __str__(self) -> str:
        extra = [value for value in self.grid if value not in self.options]
        beside = f", or of the grid {', '.join(map(str, extra))}" if extra else ""
        return f"one of {', '.join(map(str, self.options))}{beside}"


@dataclass(frozen=True)
class Integer:
    """A whole number from `low` to `high`, both included."""

    kind: ClassVar[str] = "integer"
    low: int
    high: int
    default: int
    log: bool = False
    step: int = 1
    grid: tuple[int, ...] = ()
    shape: bool = False

    def __post_init__(self) -> None:
        _ordered(self.low, self.high, self.log)
        if self.step < 1 or (self.log and self.step != 1):
            raise SettingRefused(f"step = {self.step}", hint="1 or more, and 1 on a logarithmic range")
        _inside(self)

    def allows(self, value: Any) -> bool:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole and (
            value in self.grid or (self.low <= value <= self.high and (value - self.low) % self.step == 0)
        )

    def __str__(self) -> str:
        return f"a whole number from {self.low} to {self.high}" + (f" in steps of {self.step}" if self.step > 1 else "")


@dataclass(frozen=True)
class Uniform:
    """A number from `low` to `high`, both included."""

    kind: ClassVar[str] = "uniform"
    low: float
    high: float
    default: float
    log: bool = False
    grid: tuple[float, ...] = ()
    shape: ClassVar[bool] = False  # sizes are whole

    def __post_init__(self) -> None:
        _ordered(self.low, self.high, self.log)
        _inside(self)

    def allows(self, value: Any) -> bool:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and (self.low <= value <= self.high or value in self.grid)

    def __str__(self) -> str:
        return f"a number from {self.low:g} to {self.high:g}"


Dimension = Choice | Integer | Uniform
KINDS: dict[str, Any] = {kind.kind: kind for kind in (Choice, Integer, Uniform)}


@dataclass(frozen=True)
class Space:
    dimensions: Mapping[str, Dimension]

    @property
    def defaults(self) -> dict[str, Value]:
        return {name: dimension.default for name, dimension in self.dimensions.items()}

    @property
    def shape_names(self) -> tuple[str, ...]:
        """Params that set the sizes of the net."""
        return tuple(name for name, dimension in self.dimensions.items() if dimension.shape)

    def check(self, params: Mapping[str, Any]) -> dict[str, Value]:
        """All params, what was not given at its default; refuses unknown names and values outside their range."""
        for name, value in params.items():
            if name not in self.dimensions:
                near = get_close_matches(name, self.dimensions, n=1)
                known = ", ".join(self.dimensions)
                raise SettingRefused(
                    f"param {name!r} is not in the space",
                    hint=f"did you mean {near[0]}?" if near else f"the params are {known}",
                )
            if not self.dimensions[name].allows(value):
                raise SettingRefused(f"{name} = {value!r} is outside the space", hint=f"write {self.dimensions[name]}")
        return {**self.defaults, **params}

    def complete(self, params: Mapping[str, Any]) -> dict[str, Value]:
        """All params, what was not given at its default; values may lie outside: a study may have widened the space."""
        self.check({name: value for name, value in params.items() if name not in self.dimensions})
        return {**self.defaults, **params}

    def grid_axes(self) -> dict[str, tuple[Value, ...]]:
        return {name: _axis(name, dimension) for name, dimension in self.dimensions.items()}

    def grid_size(self) -> int:
        """How many points `grid` has, without making them."""
        return prod(len(values) for values in self.grid_axes().values())

    def grid(self) -> Iterator[dict[str, Value]]:
        """Every point of an exhaustive search, once."""
        axes = self.grid_axes()
        for values in product(*axes.values()):
            yield dict(zip(axes, values, strict=True))

    def to_json(self) -> dict[str, Any]:
        return {name: {"kind": dimension.kind, **asdict(dimension)} for name, dimension in self.dimensions.items()}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Space:
        found: dict[str, Dimension] = {}
        for name, given in raw.items():
            fields = {key: tuple(value) if isinstance(value, list) else value for key, value in dict(given).items()}
            kind = fields.pop("kind", None)
            if kind not in KINDS:
                raise SettingRefused(f"{name} is of kind {kind!r}", hint=f"write one of {', '.join(KINDS)}")
            try:
                found[name] = KINDS[kind](**fields)
            except TypeError as error:
                raise SettingRefused(
                    f"{name}: {error}", hint=f"the entries of a {kind} are {_entries(kind)}"
                ) from error
        return cls(found)


def _entries(kind: str) -> str:
    return ", ".join(KINDS[kind].__dataclass_fields__)


def _axis(name: str, dimension: Dimension) -> tuple[Value, ...]:
    if dimension.grid:
        return tuple(dict.fromkeys(dimension.grid))
    if isinstance(dimension, Choice):
        return dimension.options
    if isinstance(dimension, Integer) and not dimension.log:
        return tuple(range(dimension.low, dimension.high + 1, dimension.step))
    raise SettingRefused(f"{name} is {dimension}: it has no finite grid", hint=f"give {name} a grid of values")


def _ordered(low: float, high: float, log: bool) -> None:
    if not (isfinite(low) and isfinite(high) and low <= high):
        raise SettingRefused(f"a range from {low} to {high} is empty", hint="write the lower end first")
    if log and low <= 0:
        raise SettingRefused(f"a logarithmic range from {low}", hint="begin above zero, or leave log out")


def _inside(dimension: Dimension) -> None:
    if not dimension.allows(dimension.default):
        raise SettingRefused(f"default {dimension.default!r} is not {dimension}", hint="choose a default inside")
