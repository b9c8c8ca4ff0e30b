"""From a dataset's rows of one store to its panel. `build_panel` is the door.

What a cell says where no row stands: with gaps = "zero" nothing was sold (from the series' first row on), with
gaps = "missing" nobody knows. Days marked as outliers and days with a quarantined row of sales are hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from invplat.core.errors import DatasetError
from invplat.data.aggregate import aggregated
from invplat.data.dataset import Dataset
from invplat.data.dense import Bools, Floats, Ints, carried, days, marked, numbers, placed, summed
from invplat.data.intake.distinct import encode
from invplat.data.mapping import FREQUENCIES
from invplat.data.panel import Group, Panel
from invplat.data.statics import Statics, read_statics
from invplat.data.tables import SALES
from invplat.data.timeline import Timeline, as_day

PLANNABLE = ("price", "promotion", "discount")
DENSE = 0.8  # share of cells with a row, from which a planned column says nothing about whether something was sold
STILL_OPEN = 28  # days a store may be silent before the dataset's end and still count as open
STOCK_CARRY = {"daily": 7, "weekly": 1, "monthly": 0}  # periods that a stock count stays believable
OWN = frozenset(column.name for column in SALES.columns) | {"outlier"}


def planned_columns(dataset: Dataset) -> tuple[str, ...]:
    """Which columns of sales count as known ahead: those the mapping declares, and price, promotion and discount
    where rows stand whether or not something sold. Where a row means a sale, its promotion flag would betray it."""
    columns = dataset.columns("sales")
    declared = [name for name in columns if name in dataset.manifest.known]
    cells = rows = 0
    for file in dataset.manifest.tables["sales"].files:
        if file.start:
            cells += file.series * Timeline.covering(dataset.frequency, as_day(file.start), as_day(file.end)).length
            rows += file.rows
    dense = dataset.manifest.gaps == "missing" or rows >= DENSE * cells
    return tuple(dict.fromkeys([*declared, *(name for name in PLANNABLE if dense and name in columns)]))


def build_panel(
    dataset: Dataset,
    store: str,
    *,
    frequency: str | None = None,
    start: Any = None,
    end: Any = None,
    before: int = 0,
    after: int = 0,
    planned: Sequence[str] | None = None,
) -> Panel:
    """`end` is the last day anything is known of: nothing dated later is read, save `planned` columns (by default
    `planned_columns`). `before` and `after` add periods: room for the windows of young series, and the horizon.

    Weeks made of days begin on Monday. An incomplete first week or month is left out, an incomplete last one is
    not history.
    """
    frequency = _checked(dataset, frequency)
    plans = planned_columns(dataset) if planned is None else tuple(planned)
    lacking = [name for name in plans if name not in dataset.columns("sales")]
    if lacking:
        raise DatasetError(
            f"planned column {lacking[0]!r} is not in the sales of {dataset.tenant}",
            hint=f"they have {', '.join(dataset.columns('sales'))}",
        )
    columns = dict.fromkeys([*dataset.columns("sales"), "outlier"])
    sales = dataset.read("sales", store, [name for name in columns if name != "store"])
    day = days(sales.column("date"))
    last = _last_day(dataset, day) if end is None else as_day(end)
    facts = day <= last
    if not facts.any():
        raise DatasetError(
            f"store {store!r} has no sales up to {np.datetime64(last, 'D')}",
            hint="choose a later end, or another store",
        )
    earliest = int(day[facts].min())
    first = earliest if start is None else as_day(start)
    if first > last:
        raise DatasetError(
            f"start {np.datetime64(first, 'D')} lies after end {np.datetime64(last, 'D')}", hint="exchange them"
        )
    span, known = _span(frequency, dataset.frequency, first, last, earliest, store)
    span = span.cut(0, known).widened(before, after)
    grid = (
        span
        if frequency == dataset.frequency
        else Timeline("daily", span.origin, int(span.starts(1)[-1] - span.origin))
    )
    history = min(int(grid.index(last)) + 1, grid.length)
    panel = _Assembly(dataset, store, grid, history, last, plans).panel(sales, day, facts)
    return panel if grid is span else aggregated(panel, span, before + known)


def _checked(dataset: Dataset, frequency: str | None) -> str:
    native = dataset.frequency
    wanted = native if frequency is None else frequency
    if wanted not in FREQUENCIES:
        raise DatasetError(f"frequency {wanted!r} is not known", hint=f"write one of {', '.join(FREQUENCIES)}")
    if wanted != native and native != "daily":
        raise DatasetError(
            f"a {wanted} panel can't be made of {native} sales", hint=f"only days can be gathered; use {native}"
        )
    return wanted


def _last_day(dataset: Dataset, day: Ints) -> int:
    """A store that only sold nothing lately is still open; one that has long been silent ends with its last row."""
    own = int(day.max()) if len(day) else 0
    whole = as_day(dataset.manifest.end) if dataset.manifest.end else own
    return whole if 0 <= whole - own <= STILL_OPEN else own


def _span(frequency: str, native: str, first: int, last: int, earliest: int, store: str) -> tuple[Timeline, int]:
    anchor = earliest if native == "weekly" else None  # weekly sales keep the weekday of the business's own weeks
    span = Timeline.covering(frequency, first, last, anchor)
    known = span.length
    if frequency != native:
        if first > span.origin:
            span, known = span.cut(1, span.length - 1), known - 1
        if known and last < span.ends()[-1]:
            known -= 1
    if known < 1:
        period = frequency.removesuffix("ly").replace("dai", "day")
        raise DatasetError(
            f"store {store!r} has no complete {period} from {np.datetime64(first, 'D')} to {np.datetime64(last, 'D')}",
            hint=f"keep its {native} frequency",
        )
    return span, known


@dataclass
class _Assembly:
    dataset: Dataset
    store: str
    grid: Timeline
    history: int  # periods of the grid that are not the future
    last: int
    planned: tuple[str, ...]

    def panel(self, sales: pa.Table, day: Ints, facts: Bools) -> Panel:
        skus, codes = _series(sales.column("sku"), facts)
        shape = (len(skus), self.grid.length)
        period = self.grid.index(day)
        inside = (period >= 0) & (period < shape[1]) & (codes >= 0)
        cells = codes * shape[1] + period
        launch = np.full(len(skus), np.iinfo(np.int64).max)
        np.minimum.at(launch, codes[facts], period[facts])
        steps = np.arange(shape[1])
        exists = (steps >= launch[:, None]) & (steps < self.history)

        own = _Rows(sales, cells, facts & inside, inside, shape)
        present = own.marked()
        quantity = own.numbers("quantity")
        observed = exists.copy() if self.dataset.manifest.gaps == "zero" else present & exists
        hidden = ~np.isfinite(quantity)
        if "outlier" in sales.column_names:
            hidden |= own.numbers("outlier") > 0
        observed.reshape(-1)[cells[own.facts][hidden]] = False
        observed.reshape(-1)[self._quarantined(skus)] = False
        demand = np.where(observed, summed(cells[own.facts], quantity, shape), np.float32(0))

        statics = read_statics(self.dataset, self.store, skus)
        past: dict[str, Floats | Bools] = {"demand": demand, "observed": observed}
        censored = np.zeros(shape, np.bool_)
        if "available" in self.dataset.columns("sales"):
            available = own.placed("available")
            censored |= available < 1
            past["available"] = np.where(np.isfinite(available), available, np.float32(1))
        if "returned" in self.dataset.columns("sales"):
            past["returned"] = summed(cells[own.facts], own.numbers("returned"), shape)
        past.update(self._stock(skus, shape, censored))
        censored &= observed
        past["censored"] = censored
        ahead: dict[str, Floats | Bools] = {}
        for name in (*PLANNABLE, *sorted(set(self.dataset.columns("sales")) - OWN)):
            if name in self.dataset.columns("sales"):
                (ahead if name in self.planned else past).update(self._covariate(name, own, statics))
        for column in past.values():
            column[:, self.history :] = 0
        return Panel(
            store=self.store,
            timeline=self.grid,
            known=self.history,
            skus=skus,
            launch=launch,
            demand=demand,
            observed=observed,
            censored=censored,
            past=Group.of(past, shape, ("demand", "returned", "on_hand", "on_order")),
            ahead=Group.of(ahead, shape),
            statics=statics,
            planned=self.planned,
            row_share=float((present & exists).sum() / max(int(exists.sum()), 1)),
        )

    def _covariate(self, name: str, own: _Rows, statics: Statics) -> dict[str, Floats | Bools]:
        values = own.placed(name, plans=name in self.planned)
        if name in ("promotion", "discount"):
            return {name: np.nan_to_num(values, copy=False, nan=0.0)}
        if name == "price":
            values = carried(values)
            if "price" in statics.names:
                listed = np.where(statics.column("price_known") > 0, statics.column("price"), np.float32(np.nan))
                values = np.where(np.isfinite(values), values, listed[:, None])
        known = np.isfinite(values)
        return {name: np.where(known, values, np.float32(0)), f"{name}_known": known}

    def _stock(self, skus: tuple[str, ...], shape: tuple[int, int], censored: Bools) -> dict[str, Floats | Bools]:
        if not self.dataset.has("stock"):
            return {}
        rows = self.dataset.read("stock", self.store)
        found: dict[str, Floats | Bools] = {}
        cells, facts = self._cells(rows, skus)
        own = _Rows(rows, cells, facts, facts, shape)
        on_hand = own.placed("on_hand")
        censored |= on_hand <= 0
        limit = STOCK_CARRY[self.grid.frequency]
        for name in ("on_hand", "on_order"):
            if name in self.dataset.columns("stock"):
                values = carried(on_hand if name == "on_hand" else own.placed(name), limit)
                found[name] = np.nan_to_num(values, nan=0.0)
                if name == "on_hand":
                    found["stock_known"] = np.isfinite(values)
        return found

    def _quarantined(self, skus: tuple[str, ...]) -> Ints:
        rows = self.dataset.quarantine(self.store)
        rows = rows.filter(
            pc.and_(
                pc.equal(rows.column("table"), "sales"),
                pc.and_(pc.is_valid(rows.column("sku")), pc.is_valid(rows.column("date"))),
            )
        )
        cells, facts = self._cells(rows, skus)
        return cells[facts]

    def _cells(self, rows: pa.Table, skus: tuple[str, ...]) -> tuple[Ints, Bools]:
        """The cell of each row, and which rows are of our series, inside the grid and not of the future."""
        if not len(rows):
            return np.zeros(0, np.int64), np.zeros(0, np.bool_)
        distinct = encode(rows.column("sku"))
        place = {name: code for code, name in enumerate(skus)}
        codes = np.array([place.get(name, -1) for name in distinct.values.to_pylist()], np.int64)[distinct.codes]
        day = days(rows.column("date"))
        period = self.grid.index(day)
        return codes * self.grid.length + period, (codes >= 0) & (period >= 0) & (period < self.grid.length) & (
            day <= self.last
        )


@dataclass
class _Rows:
    table: pa.Table
    cells: Ints
    facts: Bools  # rows that count as history
    inside: Bools  # rows on the grid, plans included
    shape: tuple[int, int]

    def numbers(self, name: str) -> Any:
        if name not in self.table.column_names:  # a column that this store's files lack
            return np.full(int(self.facts.sum()), np.nan)
        return numbers(self.table.column(name))[self.facts]

    def placed(self, name: str, *, plans: bool = False) -> Floats:
        if not plans:
            return placed(self.cells[self.facts], self.numbers(name), self.shape)
        if name not in self.table.column_names:
            return np.full(self.shape, np.nan, np.float32)
        return placed(self.cells[self.inside], numbers(self.table.column(name))[self.inside], self.shape)

    def marked(self) -> Bools:
        return marked(self.cells[self.facts], self.shape)


def _series(column: pa.ChunkedArray, facts: Bools) -> tuple[tuple[str, ...], Ints]:
    """SKUs with a row in the known past, by name, and each row's place among them (-1: only ever in the future)."""
    distinct = encode(column)
    names = distinct.values.to_pylist()
    there = np.zeros(len(names), np.bool_)
    there[distinct.codes[facts]] = True
    order = sorted(np.flatnonzero(there).tolist(), key=names.__getitem__)
    place = np.full(len(names), -1, np.int64)
    place[order] = np.arange(len(order))
    return tuple(names[code] for code in order), place[distinct.codes]
