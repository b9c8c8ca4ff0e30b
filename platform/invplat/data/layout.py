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

    from invplat.data.windows import Windows

SAMPLE = 4096  # windows that centres are taken from, evenly spread
VERSION = 2
SAME = 1e-6  # a spread below this is a constant's
FAR = 8.0  # spreads from the centre beyond which a number says no more


@dataclass(frozen=True)
class Numbers:
    """Columns that share one fate, each with its mean and deviation after a signed logarithm."""

    names: tuple[str, ...]
    centres: tuple[float, ...]
    spreads: tuple[float, ...]

    def centred(self, values: torch.Tensor) -> torch.Tensor:
        """About 0 with a spread of about 1, along the last axis."""
        centres, spreads = values.new_tensor(self.centres), values.new_tensor(self.spreads)
        return ((squash(values) - centres) / spreads).clamp(-FAR, FAR)

    def part(self, first: int, last: int | None = None) -> Numbers:
        kept = slice(first, last)
        return Numbers(self.names[kept], self.centres[kept], self.spreads[kept])

    def without(self, *names: str) -> Numbers:
        kept = [place for place, name in enumerate(self.names) if name not in names]
        groups = (self.names, self.centres, self.spreads)
        return Numbers(*(tuple(group[place] for place in kept) for group in groups))  # type: ignore[arg-type]

    def sorted(self, first: Sequence[str]) -> Numbers:
        rank = {name: place for place, name in enumerate(dict.fromkeys(first))}
        order = sorted(range(len(self.names)), key=lambda place: rank.get(self.names[place], len(rank)))
        names, centres, spreads = self.names, self.centres, self.spreads
        return Numbers(
            tuple(names[place] for place in order),
            tuple(centres[place] for place in order),
            tuple(spreads[place] for place in order),
        )


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
    # The first periods of the past, of which no example saw anything. What stands there while a net learns is the same
    # in all examples; one that reads it takes longer histories, when they come, for something else altogether.
    unseen: int = 0

    @property
    def reach(self) -> int:
        """Periods of the past that a net reads."""
        return self.past - self.unseen

    @classmethod
    def of(cls, windows: Windows, quantiles: Sequence[float], *, first: Sequence[str] = ()) -> Layout:
        """Columns as the windows have them, those named in `first` before the others."""
        import torch

        levels = checked_quantiles(quantiles)
        count = min(SAMPLE, len(windows))
        batch = windows.batch(torch.arange(count, device=windows.starts.device) * len(windows) // count)
        groups = (
            (windows.past_names, batch.past),
            (windows.ahead_names, batch.ahead),
            (windows.static_names, batch.static),
        )
        sees, ahead, static = (numbers(names, values).sorted(first) for names, values in groups)
        return cls(
            past=windows.past,
            horizon=windows.horizon,
            quantiles=levels,
            sees=sees,
            quantities=tuple(windows.past_names[place] for place in windows.columns.quantities.tolist()),
            ahead=ahead,
            static=static,
            ids={name: _size(encoder) for name, encoder in windows.encoders.items()},
            unseen=unseen(windows),
        )

    def align(self, windows: Windows) -> Windows:
        """The windows as this net reads them, whatever other columns they have and in whatever order."""
        import torch

        if (windows.past, windows.horizon) != (self.past, self.horizon):
            raise DatasetError(
                f"windows of {windows.past} + {windows.horizon} periods for a model of {self.past} + {self.horizon}",
                hint=f"cut them with past={self.past}, horizon={self.horizon}",
            )
        rows = windows.columns
        divided = [place for place, name in enumerate(self.sees.names) if name in self.quantities]
        nobody = torch.zeros(len(rows.static), dtype=torch.int64, device=rows.static.device)
        columns = replace(
            rows,
            past=_chosen(rows.past, windows.past_names, self.sees, self.quantities),
            ahead=_chosen(rows.ahead, windows.ahead_names, self.ahead),
            static=_chosen(rows.static, windows.static_names, self.static),
            quantities=torch.tensor(divided, dtype=torch.int64, device=rows.static.device),
            ids={name: _known(rows.ids.get(name, nobody), size) for name, size in self.ids.items()},
        )
        return replace(
            windows,
            columns=columns,
            past_names=self.sees.names,
            ahead_names=self.ahead.names,
            static_names=self.static.names,
        )

    def lacking(self, windows: Windows) -> tuple[str, ...]:
        """Columns and vocabularies that the net knows and these windows don't have."""
        have = {*windows.past_names, *windows.ahead_names, *windows.static_names, *windows.encoders}
        names = (*self.sees.names, *self.ahead.names, *self.static.names, *self.ids)
        return tuple(name for name in dict.fromkeys(names) if name not in have)

    def to_json(self) -> dict[str, Any]:
        raw = asdict(self)
        if self.unseen:
            return {"version": VERSION, **raw}
        del raw["unseen"]  # the first version knew none
        return {"version": 1, **raw}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Layout:
        fields = dict(raw)
        version = fields.pop("version", 0)
        if version > VERSION:
            raise DatasetError(f"a layout of version {version}; this code knows {VERSION}", hint="upgrade invplat")
        for name in ("sees", "ahead", "static"):
            fields[name] = Numbers(**{key: tuple(value) for key, value in fields[name].items()})
        return cls(**fields | {name: tuple(fields[name]) for name in ("quantiles", "quantities")})


def numbers(names: Sequence[str], values: torch.Tensor) -> Numbers:
    """Centres and spreads of the last axis; a constant keeps a spread of 1."""
    squeezed = squash(values.double()).flatten(0, -2)
    centres = squeezed.mean(dim=0)
    spreads = (squeezed - centres).square().mean(dim=0).sqrt()
    spreads[spreads < SAME] = 1.0
    return Numbers(tuple(names), tuple(centres.tolist()), tuple(spreads.tolist()))


def unseen(windows: Windows) -> int:
    """First periods of the past, of which none of these windows saw anything; never all, so that there is something to
    read."""
    import torch

    observed = windows.columns.observed.squeeze(-1)
    rows = torch.arange(len(observed), device=observed.device)
    after = torch.where(observed, rows, len(rows)).flip(0).cummin(0).values.flip(0)  # the next row that was observed
    first = (after[windows.starts] - windows.starts).clamp(max=windows.past - 1)
    return int(first.min()) if len(first) else 0


def merged(layouts: Sequence[Layout], counts: Sequence[int]) -> Layout:
    """The layout that all these examples together would give, from those of their parts, alike in all but numbers."""
    if len(layouts) == 1:
        return layouts[0]
    first = layouts[0]
    for other in layouts[1:]:
        if _form(other) != _form(first):
            raise DatasetError(
                "parts of one business have other columns than others",
                hint="see them: invplat data describe",
            )
    return replace(
        first,
        sees=_merged([layout.sees for layout in layouts], counts),
        ahead=_merged([layout.ahead for layout in layouts], counts),
        static=_merged([layout.static for layout in layouts], counts),
        unseen=min(layout.unseen for layout in layouts),
    )


def _form(layout: Layout) -> dict[str, Any]:
    names = {name: getattr(layout, name).names for name in ("sees", "ahead", "static")}
    return {**vars(layout), **names, "unseen": 0}


def _merged(parts: Sequence[Numbers], counts: Sequence[int]) -> Numbers:
    whole = sum(counts)
    centres, spreads = [], []
    for place in range(len(parts[0].names)):
        centre = sum(count * part.centres[place] for part, count in zip(parts, counts, strict=True)) / whole
        # A spread of 1 to the last digit is a constant's, see `numbers`.
        square = [
            (0.0 if part.spreads[place] == 1.0 else part.spreads[place] ** 2) + (part.centres[place] - centre) ** 2
            for part in parts
        ]
        spread = math.sqrt(sum(count * one for one, count in zip(square, counts, strict=True)) / whole)
        centres.append(centre)
        spreads.append(1.0 if spread < SAME else spread)
    return Numbers(parts[0].names, tuple(centres), tuple(spreads))


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


def _known(codes: torch.Tensor, size: int) -> torch.Tensor:
    """Names that came after this net's vocabulary are unknown to it."""
    import torch

    return torch.where(codes < size, codes, 0)


def _chosen(rows: torch.Tensor, have: Sequence[str], want: Numbers, quantities: Sequence[str] = ()) -> torch.Tensor:
    """Columns by name; one that isn't there stands at its centre, in its own unit, and is marked as not known.

    Quantities are 0 instead: what is divided by a level has no usual value before it.
    """
    import torch

    if tuple(have) == want.names:
        return rows
    place = {name: number for number, name in enumerate(have)}
    found = torch.empty((len(rows), len(want.names)), dtype=rows.dtype, device=rows.device)
    for number, (name, centre) in enumerate(zip(want.names, want.centres, strict=True)):
        if name in place:
            found[:, number] = rows[:, place[name]]
        else:
            usual = math.copysign(math.expm1(abs(centre)), centre)
            found[:, number] = 0.0 if name.endswith("_known") or name in quantities else usual
    return found
