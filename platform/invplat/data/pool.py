"""Windows of several businesses as one: columns by name, each business's own vocabularies side by side.

A column that some lack stands at its usual value there, and its indicator says unknown. Vocabularies that are equal are
shared; others are stacked, so that no two businesses' names meet in one id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from invplat.core.errors import DatasetError
from invplat.data.dense import Ints
from invplat.data.layout import Layout, Numbers

if TYPE_CHECKING:
    import torch

    from invplat.data.windows import Encoder, Windows


@dataclass(frozen=True)
class Stacked:
    """Vocabularies one after the other; it stands for their ids and can't name anything by itself."""

    size: int

    def apply(self, names: Sequence[str | None]) -> Ints:
        if any(name is not None for name in names):
            raise DatasetError(
                "names of several businesses were pooled: which one's is meant can't be told",
                hint="encode with the business's own vocabulary",
            )
        return np.zeros(len(names), np.int64)


def pooled(parts: Sequence[Windows]) -> Windows:
    import torch

    if not parts:
        raise DatasetError("no windows were given", hint="cut windows of at least one business")
    if len(parts) == 1:
        return parts[0]
    layouts = [Layout.of(part, (0.5,)) for part in parts]
    common = replace(
        layouts[0],
        sees=_union([layout.sees for layout in layouts]),
        ahead=_union([layout.ahead for layout in layouts]),
        static=_union([layout.static for layout in layouts]),
        quantities=tuple(dict.fromkeys(chain.from_iterable(layout.quantities for layout in layouts))),
        ids={},
    )
    ids, encoders = _ids(parts)
    alike = [common.align(part) for part in parts]
    rows = [part.columns for part in alike]
    row_starts = np.cumsum([0, *(len(row.past) for row in rows[:-1])]).tolist()
    series_starts = np.cumsum([0, *(len(row.static) for row in rows[:-1])]).tolist()

    def joined(name: str) -> torch.Tensor:
        return torch.cat([getattr(row, name) for row in rows])

    columns = replace(
        rows[0],
        **{name: joined(name) for name in ("past", "ahead", "demand", "observed", "censored", "static")},
        ids=ids,
        series=torch.cat([row.series + start for row, start in zip(rows, series_starts, strict=True)]),
    )
    names = dict.fromkeys(chain.from_iterable(part.texts for part in parts))
    return replace(
        alike[0],
        texts={
            name: tuple(
                chain.from_iterable(
                    part.texts.get(name, (None,) * len(row.static)) for part, row in zip(parts, rows, strict=True)
                )
            )
            for name in names
        },
        series=np.concatenate([part.series + start for part, start in zip(parts, series_starts, strict=True)]),
        cutoffs=np.concatenate([part.cutoffs for part in parts]),
        levels=torch.cat([part.levels for part in parts]),
        starts=torch.cat([part.starts + start for part, start in zip(parts, row_starts, strict=True)]),
        columns=columns,
        encoders=encoders,
    )


def _union(groups: Sequence[Numbers]) -> Numbers:
    names = tuple(dict.fromkeys(chain.from_iterable(group.names for group in groups)))
    found: dict[str, list[float]] = {name: [] for name in names}
    for group in groups:
        for name, centre in zip(group.names, group.centres, strict=True):
            found[name].append(centre)
    return Numbers(names, tuple(sum(found[name]) / len(found[name]) for name in names), (1.0,) * len(names))


def _ids(parts: Sequence[Windows]) -> tuple[dict[str, torch.Tensor], Mapping[str, Encoder]]:
    import torch

    names = dict.fromkeys(chain.from_iterable(part.encoders for part in parts))
    ids: dict[str, torch.Tensor] = {}
    encoders: dict[str, Encoder] = {}
    for name in names:
        known = [part.encoders.get(name) for part in parts]
        shared = next((encoder for encoder in known if encoder is not None), None)
        codes = []
        size = 1
        for part, encoder in zip(parts, known, strict=True):
            own = part.columns.ids.get(name, torch.zeros(len(part.columns.static), dtype=torch.int64))
            offset = 0 if all(other == shared for other in known) else size - 1
            codes.append(torch.where(own > 0, own + offset, 0))
            size += 0 if encoder is None else int(getattr(encoder, "size", 1)) - 1
        ids[name] = torch.cat(codes)
        if shared is not None:
            encoders[name] = shared if all(other == shared for other in known) else Stacked(size)
    return ids, encoders
