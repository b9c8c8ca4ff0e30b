"""What one worker learns from: the windows of its stores, among those of all workers.

A worker reads the sales of its own stores only. What must be fitted over all of them is agreed on by small records: the
calendar by its days, vocabularies by their names, the draw of windows by counts of each store, and the layout by means
and deviations of the same windows that one worker would have taken. So the material is the same for any number of
workers. Receipts and what else is not by store are read by each, where the workload needs them. Knows no Ray.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import torch

from invplat.core.errors import DatasetError
from invplat.data.dataset import Dataset
from invplat.data.dense import Ints
from invplat.data.layout import SAMPLE, Layout, merged, unseen
from invplat.data.lead_times import read_lead_times
from invplat.data.panel import Panel
from invplat.data.transforms import Categories
from invplat.data.windows import Windows
from invplat.evaluate.panels import some_panels
from invplat.model import Preparation
from invplat.train.exchange import Exchange, agreed
from invplat.train.material import MOST, PARTS, Settled, drawn, places_of, stride_of
from invplat.train.material import Part as Rows
from invplat.train.schedule import Schedule
from invplat.train.shared import NOBODY, Shared
from invplat.workload import Workload


@dataclass(frozen=True)
class Shard:
    layout: Layout
    preparation: Preparation
    schedule: Schedule
    train: Shared
    validation: Shared
    windows: tuple[int, ...]  # learnt from, of each worker
    notes: tuple[str, ...]  # for a person to read, the same on every worker


def shard_of(
    workload: Workload,
    dataset: Dataset,
    made: Settled,
    shards: Sequence[Sequence[str]],
    exchange: Exchange,
    *,
    whole: bool = False,
    most: int = MOST,
    seed: int = 0,
) -> Shard:
    """`shards`: the stores of each worker, in order of rank. `whole`: learn from all of the history."""
    stores = shards[exchange.rank]
    panels, series, notes = _panels(dataset, made, stores, seed, exchange)
    schedule = _schedule(panels, series, made, exchange, whole=whole)
    preparation = Preparation(made.recipe, made.frequency, _vocabularies(panels, made, schedule, exchange))
    (cut, owned), told = agreed(
        exchange, lambda: _cut(panels, made, preparation, schedule, exchange), lambda found: _counts(panels, found)
    )
    counts = {store: count for one in told for store, count in one.items()}
    chosen = _Chosen.of(dataset.stores, counts, most, seed)
    rows, places = zip(*(chosen.own(part, panels, owned[part]) for part in range(len(PARTS))), strict=True)
    if not chosen.totals[0]:
        raise DatasetError("no window lies in the training part", hint="ask for a shorter past or bring more history")
    layout = _layout(workload, cut, made, rows[0], places[0], exchange)
    decides = bool({"vlt", "order"} & workload.predicts) and dataset.has("receipts")
    lead_times = [read_lead_times(dataset)] * len(panels) if decides else []
    source = workload.examples(cut, layout, panels=panels, lead_times=lead_times)
    train, validation = (
        Shared(Rows(source, torch.from_numpy(rows[part])), torch.from_numpy(places[part])) for part in range(2)
    )
    learnt = tuple(exchange.gather(len(rows[0])))
    return Shard(layout, preparation, schedule, train, validation, learnt, notes)


def _panels(
    dataset: Dataset, made: Settled, stores: Sequence[str], seed: int, exchange: Exchange
) -> tuple[Sequence[Panel], int, tuple[str, ...]]:
    """This worker's, how many series all stores have, and notes."""
    found, told = agreed(
        exchange,
        lambda: some_panels(
            dataset, stores, frequency=made.frequency, seed=seed, make=lambda panel: made.panels(dataset, panel)
        ),
        lambda found: {"series": found.series, "never": found.never, "notes": found.notes},
    )
    notes = [note for one in told for note in one["notes"]]
    series, never = (sum(one[name] for one in told) for name in ("series", "never"))
    if not series:
        raise DatasetError(f"no store of {dataset.tenant} has a usable history", hint=notes[0])
    if never == series:
        raise DatasetError(
            f"no series of {dataset.tenant} ever sold anything", hint="see what its sales hold: invplat data describe"
        )
    notes += [f"{never:,} series never sold anything"] if never else []
    return found.panels, series, tuple(notes)


def _schedule(panels: Sequence[Panel], series: int, made: Settled, exchange: Exchange, *, whole: bool) -> Schedule:
    """As `known_dates` tells it of all panels."""
    days = [panel.timeline.starts()[: panel.known] for panel in panels]
    first = [int(panel.timeline.starts()[max(int(panel.launch.min()), 0)]) for panel in panels]
    told = exchange.gather(
        {
            "days": np.unique(np.concatenate(days)).tolist() if days else [],
            "first": min(first, default=None),
        }
    )
    begun = min(one["first"] for one in told if one["first"] is not None)
    known = np.unique(np.concatenate([np.array(one["days"], np.int64) for one in told]))
    dates: list[date] = known[known >= begun].astype("datetime64[D]").tolist()
    if whole:
        return Schedule.of(dates, made.spec.horizon, validations=0, tests=0)
    return Schedule.of(dates, made.spec.horizon, stride=stride_of(series, dates))


def _vocabularies(
    panels: Sequence[Panel], made: Settled, schedule: Schedule, exchange: Exchange
) -> dict[str, Categories]:
    """Of names that every panel knows, among series that had begun by the last cutoff to learn from."""
    cutoff = schedule.train[-1]
    mine: dict[str, list[str] | None] = {}
    for name in made.spec.ids:
        known = all(name in panel.statics.texts for panel in panels)
        names = {
            text
            for panel in panels
            if known
            for text, there in zip(panel.statics.texts[name], panel.launched(cutoff).tolist(), strict=True)
            if there and text is not None
        }
        mine[name] = sorted(names) if known else None
    told = exchange.gather(mine)
    found = {}
    for name in made.spec.ids:
        parts = [one[name] for one in told]
        every = {text for part in parts if part is not None for text in part}
        if None not in parts and len(every) > 1:
            found[name] = Categories.fit(every, cutoff=cutoff)
    return found


def _cut(
    panels: Sequence[Panel], made: Settled, preparation: Preparation, schedule: Schedule, exchange: Exchange
) -> tuple[Windows, list[list[Ints]]]:
    """Windows, and by part and panel which of them lie there."""
    try:
        cut = preparation.cut(panels, made.spec, schedule.every)
    except DatasetError as error:
        if exchange.size == 1:
            raise
        raise DatasetError(
            f"the stores of one of {exchange.size} workers have nothing to learn from: {error.message}",
            hint=f"ask for --workers {exchange.size - 1}",
        ) from error
    ends = np.cumsum([len(panel.skus) for panel in panels])
    owner, place = np.searchsorted(ends, cut.series, side="right"), places_of(cut, schedule)
    return cut, [
        [np.flatnonzero((place == part) & (owner == panel)) for panel in range(len(panels))]
        for part in range(len(PARTS))
    ]


def _counts(panels: Sequence[Panel], found: tuple[Windows, list[list[Ints]]]) -> dict[str, list[list[int]]]:
    """Of each store, and after it of its openings."""
    counts: dict[str, list[list[int]]] = {}
    for place, panel in enumerate(panels):
        counts.setdefault(panel.store, []).append([len(part[place]) for part in found[1]])
    return counts


@dataclass(frozen=True)
class _Chosen:
    """Which windows are learnt from, by number among all of a part: stores one after the other, in order of names."""

    starts: Mapping[str, Sequence[Sequence[int]]]  # of each store and its openings, their first number in each part
    numbers: Sequence[Ints]  # of each part

    @classmethod
    def of(cls, stores: Sequence[str], counts: Mapping[str, Sequence[Sequence[int]]], most: int, seed: int) -> _Chosen:
        starts: dict[str, list[list[int]]] = {}
        totals = [0] * len(PARTS)
        for store in stores:
            for count in counts.get(store, ()):
                starts.setdefault(store, []).append(totals)
                totals = [total + more for total, more in zip(totals, count, strict=True)]
        return cls(starts, drawn(totals, most, seed))

    @property
    def totals(self) -> list[int]:
        return [len(numbers) for numbers in self.numbers]

    def own(self, part: int, panels: Sequence[Panel], rows: Sequence[Ints]) -> tuple[Ints, Ints]:
        """Of these panels: the rows chosen, and of every chosen window of the part its place among them or NOBODY."""
        numbers = self.numbers[part]
        places = np.full(len(numbers), NOBODY, np.int64)
        found: list[Ints] = [np.zeros(0, np.int64)]
        taken = 0
        left = {panel.store: list(self.starts[panel.store]) for panel in panels}
        for panel, of_panel in zip(panels, rows, strict=True):
            start = left[panel.store].pop(0)[part]
            first, last = np.searchsorted(numbers, [start, start + len(of_panel)])
            found.append(of_panel[numbers[first:last] - start])
            places[first:last] = np.arange(taken, taken + last - first)
            taken += int(last - first)
        return np.concatenate(found), places


def _layout(workload: Workload, cut: Windows, made: Settled, rows: Ints, places: Ints, exchange: Exchange) -> Layout:
    """From the windows that `Layout.of` would take of all, each worker those that it has."""
    count = min(SAMPLE, len(places))
    mine = places[np.arange(count) * len(places) // count]
    sample = rows[mine[mine != NOBODY]]

    def fitted() -> Layout | None:
        return workload.layout(cut.select(sample), made.spec) if len(sample) else None

    first = unseen(cut.select(rows)) if len(rows) else cut.past
    _, told = agreed(exchange, fitted, lambda found: [found and found.to_json(), len(sample), first])
    known = [(Layout.from_json(layout), number) for layout, number, _ in told if layout]
    whole = merged([layout for layout, _ in known], [number for _, number in known])
    return replace(whole, unseen=min(seen for _, _, seen in told))
