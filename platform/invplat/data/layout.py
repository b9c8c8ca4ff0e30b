"""What a net was built for: the columns of its windows by name and order, embedding sizes, and how numbers are centred.

A bundle keeps it. Windows of another business are brought into it by name: a column that they lack stands at its
centre, one that they have beyond it is left out. Fitted on what training windows see, so nothing after a cutoff counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from invplat.core.errors import DatasetError

if TYPE_CHECKING:
    import torch

    from invplat.data.windows import Batch, Windows

SAMPLE = 4096  # windows that centres are taken from, evenly spread
VERSION = 1


@dataclass(frozen=True)
class Numbers:
    """Columns that share one fate, each with its mean and deviation after a signed logarithm."""

    names: tuple[str, ...]
    centres: tuple[float, ...]
    spreads: tuple[float, ...]


@dataclass(frozen=True)
class Layout:
    past: int  # periods seen; 0 where rows know no time
    horizon: int
    quantiles: tuple[float, ...]
    sees: Numbers  # of the past
    quantities: tuple[str, ...]  # those of the past that come divided by the level
    ahead: Numbers
    static: Numbers
    ids: Mapping[str, int]  # vocabulary → rows of its embedding; row 0 is every unknown name

    @classmethod
    def of(cls, windows: Windows, quantiles: Sequence[float]) -> Layout:
        import torch

        levels = checked_quantiles(quantiles)
        count = min(SAMPLE, len(windows))
        spread = torch.arange(count, device=windows.starts.device) * len(windows) // count
        batch = windows.batch(spread)
        dividing = windows.columns.quantities.tolist()
        return cls(
            past=windows.past,
            horizon=windows.horizon,
            quantiles=levels,
            sees=numbers(windows.past_names, batch.past),
            quantities=tuple(windows.past_names[place] for place in dividing),
            ahead=numbers(windows.ahead_names, batch.ahead),
            static=numbers(windows.static_names, batch.static),
            ids={name: _size(encoder) for name, encoder in windows.encoders.items()},
        )

    def align(self, windows: Windows) -> Aligned:
        """The windows as this net reads them, whatever other columns they have."""
        if (windows.past, windows.horizon) != (self.past, self.horizon):
            raise DatasetError(
                f"windows of {windows.past} + {windows.horizon} periods for a model of {self.past} + {self.horizon}",
                hint=f"cut them with past={self.past}, horizon={self.horizon}",
            )
        return Aligned(windows, self)

    def lacking(self, windows: Windows) -> tuple[str, ...]:
        """Columns and vocabularies that the net knows and these windows don't have."""
        have = {*windows.past_names, *windows.ahead_names, *windows.static_names, *windows.encoders}
        names = (*self.sees.names, *self.ahead.names, *self.static.names, *self.ids)
        return tuple(name for name in dict.fromkeys(names) if name not in have)

    def to_json(self) -> dict[str, Any]:
        return {"version": VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Layout:
        fields = dict(raw)
        version = fields.pop("version", 0)
        if version > VERSION:
            raise DatasetError(f"a layout of version {version}; this code knows {VERSION}", hint="upgrade invplat")
        for name in ("sees", "ahead", "static"):
            fields[name] = Numbers(**{key: tuple(value) for key, value in fields[name].items()})
        return cls(**fields | {name: tuple(fields[name]) for name in ("quantiles", "quantities")})


@dataclass(frozen=True)
class Aligned:
    """Windows read by name into a layout; a source of batches."""

    windows: Windows
    layout: Layout

    def __len__(self) -> int:
        return len(self.windows)

    def to(self, device: str) -> Aligned:
        return Aligned(self.windows.to(device), self.layout)

    def batch(self, which: torch.Tensor) -> Batch:
        import torch

        found, want = self.windows.batch(which), self.layout
        ids = {
            name: torch.where(found.ids[name] < rows, found.ids[name], 0)
            if name in found.ids
            else torch.zeros_like(found.series)
            for name, rows in want.ids.items()
        }
        return replace(
            found,
            past=_chosen(found.past, self.windows.past_names, want.sees),
            ahead=_chosen(found.ahead, self.windows.ahead_names, want.ahead),
            static=_chosen(found.static, self.windows.static_names, want.static),
            ids=ids,
        )


def numbers(names: Sequence[str], values: torch.Tensor) -> Numbers:
    """Centres and spreads of the last axis; a constant keeps a spread of 1."""
    squeezed = squash(values.double()).reshape(-1, values.shape[-1])
    centres = squeezed.mean(dim=0)
    spreads = squeezed.std(dim=0, correction=0)
    spreads[spreads < 1e-6] = 1.0
    return Numbers(tuple(names), tuple(centres.tolist()), tuple(spreads.tolist()))


def squash(values: torch.Tensor) -> torch.Tensor:
    """The signed logarithm: costs and sizes span decades, and what is small stays as it is."""
    return values.sign() * values.abs().log1p()


def checked_quantiles(quantiles: Sequence[float]) -> tuple[float, ...]:
    levels = tuple(float(level) for level in quantiles)
    if not levels or list(levels) != sorted(set(levels)) or not 0 < levels[0] <= levels[-1] < 1 or 0.5 not in levels:
        raise DatasetError(
            f"quantiles {list(quantiles)}", hint="rising, between 0 and 1, 0.5 among them: for example 0.1, 0.5, 0.9"
        )
    return levels


def _size(encoder: Any) -> int:
    size = getattr(encoder, "size", None)
    if not isinstance(size, int):
        raise DatasetError(
            f"a vocabulary of type {type(encoder).__name__} tells no size", hint="use transforms.Categories"
        )
    return size


def _chosen(values: torch.Tensor, have: Sequence[str], want: Numbers) -> torch.Tensor:
    """Columns by name; one that isn't there stands at its centre, undone to its own unit."""
    import torch

    if tuple(have) == want.names:
        return values
    place = {name: number for number, name in enumerate(have)}
    found = torch.empty((*values.shape[:-1], len(want.names)), dtype=values.dtype, device=values.device)
    for number, name in enumerate(want.names):
        if name in place:
            found[..., number] = values[..., place[name]]
        else:
            centre = 0.0 if name.endswith("_known") else want.centres[number]
            found[..., number] = math.copysign(math.expm1(abs(centre)), centre)
    return found
