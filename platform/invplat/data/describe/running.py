"""A group-by that grows batch by batch: partial sums are added up, so memory is one row a key however long the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

COMPACT_AFTER = 32  # batches


class Running:
    def __init__(self, keys: Sequence[str], combine: Mapping[str, str]) -> None:
        """`combine` says for each value column how two partial values become one: sum, min or max."""
        self.keys = list(keys)
        self.combine = dict(combine)
        self._parts: list[pl.DataFrame] = []

    def add(self, part: pl.DataFrame) -> None:
        self._parts.append(part.select(*self.keys, *self.combine))
        if len(self._parts) >= COMPACT_AFTER:
            self._parts = [self._compact()]

    def frame(self) -> pl.DataFrame | None:
        """None before anything was added."""
        if len(self._parts) > 1:
            self._parts = [self._compact()]
        return self._parts[0] if self._parts else None

    def _compact(self) -> pl.DataFrame:
        values = [getattr(pl.col(name), how)() for name, how in self.combine.items()]
        return pl.concat(self._parts, how="vertical_relaxed").group_by(self.keys, maintain_order=True).agg(values)
