"""What is known of each series beside its forecast: stock, cost, price, lead times, the pace of late, on one day.

Plain arrays, a row a series, that can be kept in a file and read back bit by bit. Nothing dated after the day is used.
The first that is known counts. Cost: products, receipts, the price less the usual margin. Price: the last in the
series' own sales, in the SKU's elsewhere, products, the cost and the usual margin. Knows no forecast and no order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from invplat.core.errors import DatasetError
from invplat.data.assemble import build_panel
from invplat.data.dataset import Dataset
from invplat.evaluate.costs import LATELY, USUAL, correlation
from invplat.evaluate.insights.cells import DAYS
from invplat.serve.assumed import lead_notes, money_notes, stock_notes
from invplat.serve.fact_tables import (
    PRODUCTS,
    last_counts,
    pace,
    paid,
    received,
    rows_of,
    sold,
    valued,
)
from invplat.serve.lead_chances import LEVELS, lead_chances

Numbers = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]  # None where not known

TOGETHER = 0.25  # between the demands of periods, where no history tells
STORES = 6  # that tell how periods go together


@dataclass(frozen=True, eq=False)
class Facts:
    as_of: date
    frequency: str  # of the periods that lead times and `recent` are counted in
    correlation: float  # between the demands of periods that one order must last for
    whole: bool  # nothing was ever sold in parts
    category: Texts
    supplier: Texts
    on_hand: Numbers  # as last counted; NaN where never
    on_order: Numbers  # NaN where not known
    counted: Numbers  # days before `as_of` of that count; NaN where never
    stale: Bools  # the count says nothing of today
    unit_cost: Numbers  # NaN where nothing tells
    price: Numbers
    cost_assumed: Bools  # from the price
    price_assumed: Bools  # from the cost
    pack: Numbers  # units ordered at a time; NaN where not known
    recent: Numbers  # mean demand of a period of late
    lead_table: npt.NDArray[np.float32]  # chances: distinct ones × lead times of 0, 1, 2, … periods
    lead_row: npt.NDArray[np.int32]  # of that table, a series
    lead_level: npt.NDArray[np.int8]  # place in lead_chances.LEVELS that they come from

    def __len__(self) -> int:
        return len(self.on_hand)

    @property
    def nbytes(self) -> int:
        """Texts count as their places."""
        return sum(value.nbytes for value in vars(self).values() if isinstance(value, np.ndarray))

    @property
    def lead_assumed(self) -> Bools:
        return np.asarray(self.lead_level == len(LEVELS) - 1)

    @property
    def assumed(self) -> tuple[str, ...]:
        """Sentences on what had to be assumed."""
        return (
            *money_notes(self.unit_cost, self.price, self.cost_assumed, self.price_assumed),
            *stock_notes(np.isnan(self.on_hand), self.stale),
            *lead_notes(self.lead_assumed, self.frequency),
        )

    def chances(self, rows: npt.ArrayLike | None = None) -> npt.NDArray[np.float32]:
        """Of lead times, series × periods."""
        found: npt.NDArray[np.float32] = self.lead_table[
            self.lead_row if rows is None else self.lead_row[np.asarray(rows, np.int64)]
        ]
        return found

    def tensors(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """Arrays for safetensors and texts for JSON; `of` makes the same facts of them."""
        arrays, texts = {}, {}
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in ("category", "supplier"):
                arrays[each.name], texts[each.name] = _coded(value)
            elif isinstance(value, np.ndarray):
                arrays[each.name] = np.ascontiguousarray(value)
            else:
                texts[each.name] = value
        return arrays, {**texts, "as_of": self.as_of.isoformat()}

    @classmethod
    def of(cls, arrays: Mapping[str, Any], texts: Mapping[str, Any]) -> Facts:
        """From NumPy arrays or torch tensors."""
        found = {name: np.asarray(array) for name, array in arrays.items()}
        words = {
            name: np.array([*texts[name], None], object)[found[name].astype(np.int64)]
            for name in ("category", "supplier")
        }
        told = {**texts, "as_of": date.fromisoformat(texts["as_of"])}
        return cls(**{**told, **found, **words})


def facts_of(dataset: Dataset, names: Sequence[tuple[str, str]], frequency: str, as_of: date | None = None) -> Facts:
    """Of each (store, SKU) in that order, at the end of history or as of a day; in periods of that frequency."""
    if not dataset.manifest.end:
        raise DatasetError(f"the dataset of {dataset.tenant} has no sales", hint="ingest sales first")
    whole_history = date.fromisoformat(dataset.manifest.end)
    end = whole_history if as_of is None else min(as_of, whole_history)
    asked = pl.DataFrame(
        {"store": [store for store, _ in names], "sku": [sku for _, sku in names]},
        schema={"store": pl.String, "sku": pl.String},
    )
    known = set(dataset.stores)
    stores = [store for store in asked["store"].unique(maintain_order=True).to_list() if store in known]
    products = rows_of(dataset.read("products", columns=list(PRODUCTS)), PRODUCTS).unique("sku", keep="first")
    receipts = received(dataset, products, end)
    frame = (
        asked.join(last_counts(dataset, stores, end), on=["store", "sku"], how="left", maintain_order="left")
        .join(sold(dataset, stores, end, frequency), on=["store", "sku"], how="left", maintain_order="left")
        .join(products, on="sku", how="left", maintain_order="left")
        .join(paid(receipts, end), on="sku", how="left", maintain_order="left")
    )
    frame = valued(frame)
    leads = lead_chances(receipts, frame.select("store", "sku", "supplier"), frequency)
    return Facts(
        as_of=end,
        frequency=frequency,
        correlation=_together(dataset, stores, frequency, end),
        whole=not frame["broken"].sum(),
        category=_texts(frame["category"]),
        supplier=_texts(frame["supplier"]),
        on_hand=_numbers(frame["on_hand"]),
        on_order=_numbers(frame["on_order"]),
        counted=_numbers(frame["counted"]),
        stale=frame["stale"].fill_null(False).to_numpy().astype(np.bool_),
        unit_cost=_numbers(frame["cost"]),
        price=_numbers(frame["worth"]),
        cost_assumed=_flags(frame["cost"].is_not_null() & frame["known_cost"].is_null()),
        price_assumed=_flags(frame["worth"].is_not_null() & frame["known_price"].is_null()),
        pack=_numbers(frame["pack"]),
        recent=_numbers(pace(frame, dataset.frequency, frequency, end).fill_null(0.0)),
        lead_table=leads.table,
        lead_row=leads.row,
        lead_level=leads.level,
    )


def _together(dataset: Dataset, stores: Sequence[str], frequency: str, end: date) -> float:
    """As some stores' history up to the day tells; as usual where none has enough of it."""
    width = sum(USUAL[frequency])
    start = end - timedelta(days=round((LATELY[frequency] + 8 * width + 1) * DAYS[frequency]))
    sales = dataset.manifest.tables["sales"]
    kept = tuple(name for name in ("store", "sku", "date", "quantity", "available") if name in sales.columns)
    narrow = Dataset(
        dataset.storage, replace(dataset.manifest, tables={"sales": replace(sales, columns=kept)}, quarantine=())
    )
    step = max(-(-len(stores) // STORES), 1)
    panels = []
    for store in stores[::step]:
        try:
            panels.append(build_panel(narrow, store, frequency=frequency, start=start, end=end, planned=()))
        except DatasetError:
            continue  # not open yet, or without a whole period
    if not panels or max(panel.known for panel in panels) < LATELY[frequency] + width:
        return TOGETHER
    return correlation(panels, end, width)


def _numbers(column: pl.Series) -> Numbers:
    found = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return np.array(found, np.float64)


def _flags(column: pl.Series) -> Bools:
    return column.to_numpy().astype(np.bool_)


def _texts(column: pl.Series) -> Texts:
    return np.array([*column.to_list(), None], object)[:-1]


def _coded(texts: Texts) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Each text once, and its place; -1 is none."""
    place: dict[str, int] = {}
    codes = [-1 if text is None else place.setdefault(text, len(place)) for text in texts.tolist()]
    return np.array(codes, np.int32), list(place)
