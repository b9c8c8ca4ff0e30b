"""A flat table as examples: each row one period of one series, with attributes and no past."""

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
from invplat_workloads.flat import FlatBatch


@dataclass(frozen=True)
class Rows:
    names: tuple[str, ...]
    static: Tensor  # rows × names; unknown is 0 and its indicator X_known is 0
    ids: Mapping[str, Tensor]
    sizes: Mapping[str, int]  # rows of each embedding
    target: Tensor  # rows, in units
    observed: Tensor
    censored: Tensor
    level: float  # of all rows: the training part's mean

    def __len__(self) -> int:
        return len(self.target)

    def to(self, device: str) -> Rows:
        moved = {name: getattr(self, name).to(device) for name in ("static", "target", "observed", "censored")}
        return replace(self, **moved, ids={name: codes.to(device) for name, codes in self.ids.items()})

    def centred(self, layout: Layout) -> Rows:
        """As the net of this layout reads them."""
        return replace(self, static=layout.static.centred(self.static))

    def batch(self, which: Tensor) -> FlatBatch:
        count = len(which)
        nothing = self.static.new_zeros((count, 1, 0))
        return FlatBatch(
            past=nothing[:, :0],
            ahead=nothing,
            static=self.static[which],
            ids={name: codes[which] for name, codes in self.ids.items()},
            target=self.target[which, None] / self.level,
            observed=self.observed[which, None],
            censored=self.censored[which, None],
            level=torch.full((count,), self.level, device=self.static.device),
            series=which,
            now=nothing[:, 0],
        )

    def layout(self, quantiles: Sequence[float]) -> Layout:
        none = Numbers((), (), ())
        static = numbers(self.names, self.static)
        return Layout(0, 1, checked_quantiles(quantiles), none, (), none, static, dict(self.sizes))


def rows_of(design: Design, sizes: Mapping[str, int], *, like: Rows | None = None) -> Rows:
    """`sizes`: of the vocabularies behind the table's ids. `like`: the training part, whose level and columns hold."""
    values = {name: design.values[:, place] for place, name in enumerate(design.names)}
    columns: dict[str, Any] = {}
    for name in design.names:
        if name in design.categorical:
            continue
        known = np.isfinite(values[name])
        columns[name] = np.where(known, values[name], np.float32(0))
        if (f"{name}_known" in like.names) if like else not known.all():
            columns[f"{name}_known"] = known.astype(np.float32)
    if like is not None and tuple(columns) != like.names:
        raise DatasetError(
            f"a table with {', '.join(columns)} is not like the one learnt from, with {', '.join(like.names)}",
            hint="make both with one recipe",
        )
    seen = design.target[design.observed]
    return Rows(
        names=tuple(columns),
        static=torch.from_numpy(np.stack(list(columns.values()), axis=1).astype(np.float32)),
        ids={name: torch.from_numpy(values[name].astype(np.int64)) for name in design.categorical},
        sizes={name: sizes[name] for name in design.categorical},
        target=torch.from_numpy(design.target),
        observed=torch.from_numpy(design.observed),
        censored=torch.from_numpy(design.censored),
        level=like.level if like is not None else max(float(seen.mean()) if len(seen) else 1.0, 1e-3),
    )
