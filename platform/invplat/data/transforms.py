"""Fitted transforms: what a model must remember of the data it was fitted on, as plain JSON.

Each has a `kind`, a format `version` and the cutoff its numbers come from; the caller gives `fit` only what was known
by then. Scaling skips NaN and leaves it NaN. `from_json` knows them all by kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from invplat.core.errors import DatasetError
from invplat.data.dense import Floats, Ints

UNKNOWN = 0  # the id of every name that a vocabulary has not seen


class Transform(Protocol):
    kind: ClassVar[str]
    version: ClassVar[int]

    @property
    def cutoff(self) -> str: ...
    def to_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Categories:
    """Names to ids from 1 on; 0 is every other name and no name."""

    kind: ClassVar[str] = "categories"
    version: ClassVar[int] = 1
    names: tuple[str, ...]
    cutoff: str

    @classmethod
    def fit(cls, names: Iterable[str | None], *, cutoff: Any, order: str = "name", least: int = 1) -> Categories:
        """`order`: by name, or by frequency (most frequent first). Names seen fewer than `least` times stay unknown."""
        if order not in ("name", "frequency"):
            raise DatasetError(f"order {order!r} is not known", hint="write name or frequency")
        counts = Counter(name for name in names if name is not None)
        kept = sorted(name for name, times in counts.items() if times >= least)
        if order == "frequency":
            kept.sort(key=lambda name: -counts[name])
        return cls(tuple(kept), str(cutoff))

    def extend(self, names: Iterable[str | None], *, cutoff: Any) -> Categories:
        """New names after the old ones, whose ids stay."""
        new = sorted({name for name in names if name is not None} - set(self.names))
        return Categories((*self.names, *new), str(cutoff))

    @property
    def size(self) -> int:
        """Rows that an embedding needs, the unknown one included."""
        return len(self.names) + 1

    def apply(self, names: Sequence[str | None]) -> Ints:
        place = {name: number for number, name in enumerate(self.names, 1)}
        return np.array([UNKNOWN if name is None else place.get(name, UNKNOWN) for name in names], np.int64)

    def invert(self, ids: npt.ArrayLike) -> list[str | None]:
        found = (None, *self.names)
        return [found[number] for number in np.asarray(ids).tolist()]

    def to_json(self) -> dict[str, Any]:
        return _json(self, names=list(self.names))

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Categories:
        return cls(tuple(_checked(cls, raw)["names"]), raw["cutoff"])


@dataclass(frozen=True)
class OneHot:
    """Names to columns of 0 and 1, the first for the unknown."""

    kind: ClassVar[str] = "one_hot"
    version: ClassVar[int] = 1
    categories: Categories

    @classmethod
    def fit(cls, names: Iterable[str | None], *, cutoff: Any, least: int = 1) -> OneHot:
        return cls(Categories.fit(names, cutoff=cutoff, least=least))

    @property
    def cutoff(self) -> str:
        return self.categories.cutoff

    def apply(self, names: Sequence[str | None]) -> Floats:
        ids = self.categories.apply(names)
        found = np.zeros((len(ids), self.categories.size), np.float32)
        found[np.arange(len(ids)), ids] = 1
        return found

    def invert(self, columns: npt.ArrayLike) -> list[str | None]:
        return self.categories.invert(np.asarray(columns).argmax(axis=1))

    def to_json(self) -> dict[str, Any]:
        return _json(self, names=list(self.categories.names))

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> OneHot:
        return cls(Categories(tuple(_checked(cls, raw)["names"]), raw["cutoff"]))


@dataclass(frozen=True)
class Standardise:
    """To mean 0 and standard deviation 1; a constant becomes 0."""

    kind: ClassVar[str] = "standardise"
    version: ClassVar[int] = 1
    mean: float
    deviation: float
    cutoff: str

    @classmethod
    def fit(cls, values: npt.ArrayLike, *, cutoff: Any) -> Standardise:
        known = _known(values)
        return (
            cls(float(known.mean()), float(known.std()) or 1.0, str(cutoff))
            if len(known)
            else cls(0.0, 1.0, str(cutoff))
        )

    def apply(self, values: npt.ArrayLike) -> Floats:
        return ((np.asarray(values, np.float64) - self.mean) / self.deviation).astype(np.float32)

    def invert(self, values: npt.ArrayLike) -> Floats:
        return (np.asarray(values, np.float64) * self.deviation + self.mean).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        return _json(self, mean=self.mean, deviation=self.deviation)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Standardise:
        _checked(cls, raw)
        return cls(raw["mean"], raw["deviation"], raw["cutoff"])


@dataclass(frozen=True)
class LogScale:
    """The logarithm, standardised: for costs and sizes that span decades. Values below zero mirror those above."""

    kind: ClassVar[str] = "log_scale"
    version: ClassVar[int] = 1
    inner: Standardise

    @classmethod
    def fit(cls, values: npt.ArrayLike, *, cutoff: Any) -> LogScale:
        return cls(Standardise.fit(_log(values), cutoff=cutoff))

    @property
    def cutoff(self) -> str:
        return self.inner.cutoff

    def apply(self, values: npt.ArrayLike) -> Floats:
        return self.inner.apply(_log(values))

    def invert(self, values: npt.ArrayLike) -> Floats:
        logs = np.asarray(values, np.float64) * self.inner.deviation + self.inner.mean
        return (np.sign(logs) * np.expm1(np.abs(logs))).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        return _json(self, mean=self.inner.mean, deviation=self.inner.deviation)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> LogScale:
        _checked(cls, raw)
        return cls(Standardise(raw["mean"], raw["deviation"], raw["cutoff"]))


@dataclass(frozen=True)
class MinMax:
    """The range seen becomes 0 to 1; a constant becomes 0."""

    kind: ClassVar[str] = "min_max"
    version: ClassVar[int] = 1
    low: float
    high: float
    cutoff: str

    @classmethod
    def fit(cls, values: npt.ArrayLike, *, cutoff: Any) -> MinMax:
        known = _known(values)
        return cls(float(known.min()), float(known.max()), str(cutoff)) if len(known) else cls(0.0, 1.0, str(cutoff))

    @property
    def _width(self) -> float:
        return (self.high - self.low) or 1.0

    def apply(self, values: npt.ArrayLike) -> Floats:
        return ((np.asarray(values, np.float64) - self.low) / self._width).astype(np.float32)

    def invert(self, values: npt.ArrayLike) -> Floats:
        return (np.asarray(values, np.float64) * self._width + self.low).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        return _json(self, low=self.low, high=self.high)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> MinMax:
        _checked(cls, raw)
        return cls(raw["low"], raw["high"], raw["cutoff"])


KINDS: dict[str, Any] = {cls.kind: cls for cls in (Categories, OneHot, Standardise, LogScale, MinMax)}


def from_json(raw: Mapping[str, Any]) -> Any:
    """Whichever transform this is the JSON of."""
    kind = raw.get("kind")
    if kind not in KINDS:
        raise DatasetError(
            f"a transform of kind {kind!r} is not known", hint=f"kinds: {', '.join(KINDS)}; or upgrade invplat"
        )
    return KINDS[kind].from_json(raw)


def _json(transform: Transform, **fields: Any) -> dict[str, Any]:
    return {"kind": transform.kind, "version": transform.version, "cutoff": transform.cutoff, **fields}


def _checked(cls: Any, raw: Mapping[str, Any]) -> Mapping[str, Any]:
    if raw.get("kind") != cls.kind or raw.get("version", 0) > cls.version:
        raise DatasetError(
            f"version {raw.get('version')} of a {raw.get('kind')!r} transform, not {cls.version} of {cls.kind!r}",
            hint="upgrade invplat, or fit it again",
        )
    return raw


def _known(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    flat = np.asarray(values, np.float64).reshape(-1)
    return flat[np.isfinite(flat)]


def _log(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    array = np.asarray(values, np.float64)
    found: npt.NDArray[np.float64] = np.sign(array) * np.log1p(np.abs(array))
    return found
