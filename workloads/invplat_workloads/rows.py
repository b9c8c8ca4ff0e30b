"""A flat table as examples: each row one period of one series, with attributes and no past.

A row's level is what its names say of it (see `effects`); the net answers relative to that, from the attributes and
from how much each name said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from invplat.core.errors import DatasetError
from invplat.data.design import Design
from invplat.data.layout import Layout, Numbers, checked_quantiles, numbers
from invplat_workloads.bands import Bands
from invplat_workloads.effects import Effects, Standing
from invplat_workloads.flat import FlatBatch
from invplat_workloads.straight import Straight


@dataclass(frozen=True)
class RowBatch(FlatBatch):
    weight: Tensor  # n: a wrong answer to a large row costs more, as the study's squares count it


@dataclass(frozen=True)
class Rows:
    names: tuple[str, ...]
    static: Tensor  # rows × names; unknown is 0 and its indicator X_known is 0
    ids: Mapping[str, Tensor]
    sizes: Mapping[str, int]  # rows of each embedding
    target: Tensor  # rows, in units
    observed: Tensor
    censored: Tensor
    level: Tensor  # rows
    usual: float  # the training rows' mean demand
    bands: Bands  # numbers that group names
    effects: Effects | None  # what the training rows' names said; None where no column is a name
    straight: Straight | None = None  # what quantities said beside it; None where there are none

    def __len__(self) -> int:
        return len(self.target)

    def to(self, device: str) -> Rows:
        moved = {name: getattr(self, name).to(device) for name in ("static", "target", "observed", "censored", "level")}
        return replace(self, **moved, ids={name: codes.to(device) for name, codes in self.ids.items()})

    def centred(self, layout: Layout) -> Rows:
        """As the net of this layout reads them."""
        return replace(self, static=layout.static.centred(self.static))

    def batch(self, which: Tensor) -> RowBatch:
        level = self.level[which]
        nothing = self.static.new_zeros((len(which), 1, 0))
        return RowBatch(
            past=nothing[:, :0],
            ahead=nothing,
            static=self.static[which],
            ids={name: codes[which] for name, codes in self.ids.items()},
            target=(self.target[which] / level)[:, None],
            observed=self.observed[which, None],
            censored=self.censored[which, None],
            level=level,
            series=which,
            now=nothing[:, 0],
            phases=nothing,
            weight=(level / self.usual).square(),
        )

    def layout(self, quantiles: Sequence[float]) -> Layout:
        none = Numbers((), (), ())
        static = numbers(self.names, self.static)
        return Layout(0, 1, checked_quantiles(quantiles), none, (), none, static, dict(self.sizes))


def rows_of(design: Design, sizes: Mapping[str, int], *, like: Rows | None = None) -> Rows:
    """`sizes`: of the vocabularies behind the table's ids. `like`: the training part; its effects and columns hold."""
    values = {name: design.values[:, place] for place, name in enumerate(design.names)}
    columns: dict[str, Any] = {}
    for name in design.names:
        if name in design.categorical:
            continue
        known = np.isfinite(values[name])
        columns[name] = np.where(known, values[name], np.float32(0))
        if (f"{name}_known" in like.names) if like else not known.all():
            columns[f"{name}_known"] = known.astype(np.float32)
    seen = design.target[design.observed]
    usual = like.usual if like is not None else max(float(seen.mean()) if len(seen) else 1.0, 1e-3)
    ids = {name: values[name].astype(np.int64) for name in design.categorical}
    numbers = {name: values[name] for name in design.names if name not in design.categorical}
    bands = Bands.fit(numbers, ids) if like is None else like.bands
    effects, standing = _standing(ids, bands.codes(numbers), design, like)
    level, observed = np.full(len(design.target), usual), design.observed
    straight: Straight | None = None
    if effects is not None and standing is not None:
        columns |= dict(standing.columns(effects.keys))
        level, observed = standing.level, design.observed & ~standing.first
        if design.quantities:
            units = np.column_stack([level, *(columns[name].clip(min=0) for name in design.quantities)])
            ratios = np.column_stack([np.log(units + 1), *(np.isfinite(values[name]) for name in design.quantities)])
            straight = like.straight if like is not None else None
            straight = straight or Straight.fit(ratios, units, design.target.astype(np.float64), observed)
            level = straight.level(ratios, units)
            columns["straight"] = np.log(level)
        for name in design.quantities:
            columns[f"{name}_beside"] = np.log((columns[name].clip(min=0) + 1) / (level + 1)) * np.isfinite(
                values[name]
            )
    if like is not None and tuple(columns) != like.names:
        raise DatasetError(
            f"a table with {', '.join(columns)} is not like the one learnt from, with {', '.join(like.names)}",
            hint="make both with one recipe",
        )
    return Rows(
        names=tuple(columns),
        static=torch.from_numpy(np.stack(list(columns.values()), axis=1).astype(np.float32)),
        ids={name: torch.from_numpy(codes) for name, codes in ids.items()},
        sizes={name: sizes[name] for name in design.categorical},
        target=torch.from_numpy(design.target),
        observed=torch.from_numpy(observed),
        censored=torch.from_numpy(design.censored),
        level=torch.from_numpy(level.astype(np.float32)),
        usual=usual,
        bands=bands,
        effects=effects,
        straight=straight,
    )


def _standing(
    ids: Mapping[str, Any], bands: Mapping[str, Any], design: Design, like: Rows | None
) -> tuple[Effects | None, Standing | None]:
    every = {**ids, **bands}
    if like is not None:
        return like.effects, None if like.effects is None else like.effects.standing(every)
    if not ids:
        return None, None
    target = np.where(
        design.observed, design.target, design.target[design.observed].mean() if design.observed.any() else 1
    )
    return Effects.fit(every, target, apart=bands, when=design.dates)
