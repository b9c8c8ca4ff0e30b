"""Every store's panel, read one after the other and kept as far as memory is meant to go.

Where all series would be too many, every store keeps the same share of them, drawn at random. Knows no windows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from invplat.core.errors import DatasetError
from invplat.data.assemble import build_panel
from invplat.data.dataset import Dataset
from invplat.data.dense import Ints
from invplat.data.panel import Panel
from invplat.data.timeline import Timeline, as_day
from invplat.evaluate.known import some_series

NUMBERS = 150_000_000  # kept in panels, 4 bytes each; windows and nets hold two or three times as much


Make = Callable[[Panel], Sequence[Panel]]


@dataclass(frozen=True)
class Panels:
    panels: tuple[Panel, ...]
    notes: tuple[str, ...]  # what was left out, and why
    series: int  # of whole stores
    never: int = 0  # of them, that never sold anything


def read_panels(
    dataset: Dataset,
    *,
    frequency: str | None = None,
    series: int | None = None,
    numbers: int = NUMBERS,
    seed: int = 0,
    make: Make = lambda panel: (panel,),
    told: Callable[[int, int], None] | None = None,
) -> Panels:
    """`make`: what each panel becomes as it is read, such as one with features; of several the first is the whole
    store. `series` and `numbers`: at most."""
    found = some_panels(
        dataset, dataset.stores, frequency=frequency, series=series, numbers=numbers, seed=seed, make=make, told=told
    )
    if not found.series:
        raise DatasetError(f"no store of {dataset.tenant} has a usable history", hint=found.notes[0])
    if found.never == found.series:
        raise DatasetError(
            f"no series of {dataset.tenant} ever sold anything",
            hint="see what its sales hold: invplat data describe",
        )
    notes = (f"{found.never:,} series never sold anything",) if found.never else ()
    return Panels(found.panels, (*found.notes, *notes), found.series, found.never)


def some_panels(
    dataset: Dataset,
    stores: Sequence[str],
    *,
    frequency: str | None = None,
    series: int | None = None,
    numbers: int = NUMBERS,
    seed: int = 0,
    make: Make = lambda panel: (panel,),
    told: Callable[[int, int], None] | None = None,
) -> Panels:
    """Of these stores; none where none of them has a usable history."""
    found: list[Panel] = []
    notes: list[str] = []
    kept = never = 0
    share = 1.0
    random = np.random.default_rng(seed)
    all_of_them = sum(file.series for file in dataset.manifest.tables["sales"].files if file.store in set(stores))
    for done, store in enumerate(stores):
        try:
            made = make(build_panel(dataset, store, frequency=frequency))
        except DatasetError as error:  # one store without a usable history is no reason to do without the others
            notes.append(f"store {store} is left out: {error.message}")
            continue
        if not found:
            share = _share(all_of_them, made[0], series, numbers)
        drawn = [_drawn(panel, share, random) for panel in made]
        found += drawn
        kept += len(drawn[0].skus)
        never += int((~drawn[0].demand.any(axis=1)).sum())
        if told is not None:
            told(done + 1, len(stores))
    if share < 1:
        notes.append(f"{kept:,} of {all_of_them:,} series are looked at, drawn at random: all are too many")
    return Panels(tuple(found), tuple(notes), kept, never)


def periods(dataset: Dataset, frequency: str | None = None) -> int:
    """Of the whole history, before any store is read; incomplete first and last ones do not count."""
    wanted = frequency or dataset.frequency
    span = Timeline.covering(wanted, as_day(dataset.manifest.start), as_day(dataset.manifest.end))
    return span.length if wanted == dataset.frequency else max(span.length - 2, 0)


def _share(all_of_them: int, panel: Panel, series: int | None, numbers: int) -> float:
    """Of all series, as the first panel's width and length tell what each takes."""
    each = panel.timeline.length * (len(panel.past.names) + len(panel.ahead.names) + 3)
    every = max(all_of_them, 1)
    return min(1.0, numbers / (each * every), 1.0 if series is None else series / every)


def _drawn(panel: Panel, share: float, random: np.random.Generator) -> Panel:
    count = max(round(share * len(panel.skus)), 1)
    if count >= len(panel.skus):
        return panel
    rows: Ints = np.sort(random.choice(len(panel.skus), count, replace=False))
    return some_series(panel, rows)
