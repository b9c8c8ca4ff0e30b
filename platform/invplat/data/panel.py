"""A panel: every series of one store on one timeline, as dense arrays with masks (series × periods × features).

Causal by construction: what stands at period t comes from facts dated no later than t; nothing dated after the
panel's end is read, save columns that are planned ahead. `assemble` makes one, `features` adds, `windows` cuts it.
Arrays never hold NaN: an unknown value is 0 and its indicator (`price_known`, …) is 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from invplat.core.errors import DatasetError
from invplat.data.dense import Bools, Floats, Ints
from invplat.data.statics import Statics
from invplat.data.timeline import Dates, Timeline, as_day


@dataclass(frozen=True)
class Group:
    """Features that share one fate: all of the past, or all known ahead."""

    names: tuple[str, ...]
    values: Floats  # series × periods × names
    quantities: frozenset[str]  # those counted in units, which a window divides by its level

    @classmethod
    def of(cls, columns: Mapping[str, Floats | Bools], shape: tuple[int, int], quantities: Iterable[str] = ()) -> Group:
        """Columns are series × periods, or anything that broadcasts to it."""
        values = np.empty((*shape, len(columns)), np.float32)
        for place, column in enumerate(columns.values()):
            values[:, :, place] = column
        return cls(tuple(columns), values, frozenset(quantities) & set(columns))

    def column(self, name: str) -> Floats:
        return self.values[:, :, self.names.index(name)]

    def plus(self, columns: Mapping[str, Floats | Bools], quantities: Iterable[str] = ()) -> Group:
        twice = [name for name in columns if name in self.names]
        if twice:
            raise DatasetError(f"the panel already has {', '.join(twice)}", hint="add each feature once")
        series, periods, _ = self.values.shape
        added = Group.of(columns, (series, periods), quantities)
        values = np.concatenate([self.values, added.values], axis=2)
        return Group(self.names + added.names, values, self.quantities | added.quantities)


@dataclass(frozen=True)
class Panel:
    store: str
    timeline: Timeline
    known: int  # periods before this one are history; the rest hold plans only
    skus: tuple[str, ...]
    launch: Ints  # the period of a series' first row; negative where it lies before the panel
    demand: Floats  # series × periods; 0 where not observed
    observed: Bools  # False: nobody knows what demand was
    censored: Bools  # observed, but the shelf was empty for some of it: demand was at least this
    past: Group
    ahead: Group  # known ahead of time: planned columns, calendar
    statics: Statics
    planned: tuple[str, ...]  # which columns of sales stand in `ahead`; a bundle keeps them
    row_share: float  # share of the existing cells that had a row of their own

    @property
    def frequency(self) -> str:
        return self.timeline.frequency

    @property
    def dates(self) -> Dates:
        return self.timeline.dates

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.skus), self.timeline.length

    @property
    def last(self) -> date:
        """The last known period: the cutoff to forecast from."""
        found: date = self.dates[self.known - 1].item()
        return found

    @property
    def exists(self) -> Bools:
        """Cells from each series' launch to the end of history."""
        steps = np.arange(self.timeline.length)
        there: Bools = (steps >= self.launch[:, None]) & (steps < self.known)
        return there

    def launched(self, cutoff: Any) -> Bools:
        """Which series had begun by a cutoff: the only ones a vocabulary or a scaler may be fitted on."""
        there: Bools = self.launch <= self.period(cutoff)
        return there

    def period(self, day: Any) -> int:
        """The period that a day lies in; it may lie outside the panel."""
        return int(self.timeline.index(as_day(day)))

    def column(self, name: str) -> Floats:
        for group in (self.past, self.ahead):
            if name in group.names:
                return group.column(name)
        raise DatasetError(
            f"the panel of store {self.store!r} has no {name!r}",
            hint=f"it has {', '.join(self.past.names + self.ahead.names)}",
        )

    def has(self, name: str) -> bool:
        return name in self.past.names or name in self.ahead.names

    def with_past(self, columns: Mapping[str, Floats | Bools], quantities: Iterable[str] = ()) -> Panel:
        """More features of the past; whatever they hold beyond the end of history is dropped."""
        added = replace(self, past=self.past.plus(columns, quantities)) if columns else self
        added.past.values[:, self.known :, len(self.past.names) :] = 0.0
        return added

    def with_ahead(self, columns: Mapping[str, Floats | Bools], quantities: Iterable[str] = ()) -> Panel:
        return replace(self, ahead=self.ahead.plus(columns, quantities)) if columns else self

    def widened(self, before: int) -> Panel:
        """With so many empty periods before it: room for the windows of young series."""

        def room(values: Any) -> Any:
            return np.pad(values, ((0, 0), (before, 0), *((0, 0),) * (values.ndim - 2)))

        return replace(
            self,
            timeline=self.timeline.widened(before, 0),
            known=self.known + before,
            launch=self.launch + before,
            demand=room(self.demand),
            observed=room(self.observed),
            censored=room(self.censored),
            past=replace(self.past, values=room(self.past.values)),
            ahead=replace(self.ahead, values=room(self.ahead.values)),
        )

    def cut(self, first: int, stop: int) -> Panel:
        """These periods as if they were all of its history: nothing before them, and no plans beyond."""
        there = np.flatnonzero(self.launch < stop)
        rows = (there, slice(first, stop))
        texts = {name: tuple(values[row] for row in there.tolist()) for name, values in self.statics.texts.items()}
        return replace(
            self,
            timeline=self.timeline.cut(first, stop - first),
            known=stop - first,
            skus=tuple(self.skus[row] for row in there.tolist()),
            launch=np.maximum(self.launch[there] - first, 0),
            demand=self.demand[rows],
            observed=self.observed[rows],
            censored=self.censored[rows],
            past=replace(self.past, values=self.past.values[rows]),
            ahead=replace(self.ahead, values=self.ahead.values[rows]),
            statics=Statics(self.statics.names, self.statics.values[there], texts),
        )
