"""Examples that are gathered once and then kept whole: a batch is then one look into a table for each kind of number.

What an example is told does not change from epoch to epoch, so whoever asks for it again and again, as training does,
shall not pay for gathering, dividing and centring again. Kept from the second time round, where all fits into memory;
the numbers are the same to the bit.
"""

from __future__ import annotations

from dataclasses import fields
from math import prod
from typing import Any, Self

import torch
from torch import Tensor

from invplat.data.windows import Batch
from invplat.workload import Source

MOST = 1 << 30  # bytes that the tables of one source may take
AT_ONCE = 4096  # examples gathered at once


class Kept:
    def __init__(self, source: Source, device: str = "cpu") -> None:
        self.source, self.device = source, device
        self.asked = 0
        self.tables: _Tables | None = None

    def __len__(self) -> int:
        return len(self.source)

    def to(self, device: str) -> Self:
        """What is kept stays so where nothing moves."""
        return self if device == self.device else type(self)(self.source.to(device), device)

    def batch(self, which: Tensor) -> Batch:
        if self.tables is None:
            self.asked += len(which)
            if self.asked > len(self) and _size(self.source.batch(which[:1])) * len(self) <= MOST:
                self.tables = _Tables.of(self.source, self.device)
        return self.source.batch(which) if self.tables is None else self.tables.batch(which)


class _Tables:
    """Numbers of one kind side by side, an example a row; fields of a batch are views of the rows asked for."""

    def __init__(self, like: Batch, rows: dict[torch.dtype, Tensor]) -> None:
        self.like, self.rows = like, rows
        named = _named(like)
        self.places = {kind: [name for name, value in named.items() if value.dtype == kind] for kind in rows}
        self.sizes = {kind: [prod(named[name].shape[1:]) for name in names] for kind, names in self.places.items()}
        self.shapes = {name: value.shape[1:] for name, value in named.items()}

    @classmethod
    def of(cls, source: Source, device: str) -> _Tables:
        parts: dict[torch.dtype, list[Tensor]] = {}
        for which in torch.split(torch.arange(len(source), device=device), AT_ONCE):
            batch = source.batch(which)
            found: dict[torch.dtype, list[Tensor]] = {}
            for value in _named(batch).values():
                found.setdefault(value.dtype, []).append(value.flatten(1) if value.dim() > 1 else value[:, None])
            for kind, columns in found.items():
                parts.setdefault(kind, []).append(torch.cat(columns, dim=1))
        return cls(batch, {kind: torch.cat(each) for kind, each in parts.items()})

    def batch(self, which: Tensor) -> Batch:
        found: dict[str, Any] = {}
        for kind, rows in self.rows.items():
            columns = torch.split(rows.index_select(0, which), self.sizes[kind], dim=1)
            for name, value in zip(self.places[kind], columns, strict=True):
                found[name] = value.view(len(which), *self.shapes[name])
        ids = {name: found.pop(f"ids.{name}") for name in self.like.ids}
        return type(self.like)(**found, ids=ids)


def _named(batch: Batch) -> dict[str, Tensor]:
    plain = {field.name: getattr(batch, field.name) for field in fields(batch) if field.name != "ids"}
    return {**plain, **{f"ids.{name}": codes for name, codes in batch.ids.items()}}


def _size(batch: Batch) -> int:
    return sum(value.nbytes for value in _named(batch).values())
