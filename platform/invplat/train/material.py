"""What a model learns from: businesses' histories as examples, split by time into training, validation and test.

Windows of all parts are cut once and share their rows; each part is a choice among them. What is fitted (vocabularies,
layout) is fitted on the training part. Training and the search for params read the same material. Knows no files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import torch

from invplat.core.errors import DatasetError
from invplat.data.dataset import Dataset
from invplat.data.dense import Ints
from invplat.data.features import Recipe
from invplat.data.layout import Layout
from invplat.data.lead_times import LeadTimes, read_lead_times
from invplat.data.panel import Panel
from invplat.data.pool import pooled
from invplat.data.timeline import as_day
from invplat.data.transforms import Categories
from invplat.data.windows import Batch, Windows
from invplat.evaluate.lagged import vocabularies
from invplat.evaluate.panels import periods, read_panels
from invplat.evaluate.references import SEASON, YEAR
from invplat.model import Preparation
from invplat.train.openings import number_of, opened
from invplat.train.schedule import Schedule, fitting
from invplat.workload import QUANTILES, Source, Spec, Workload, lost

PARTS = ("train", "validation", "test")
MOST = 60_000  # windows to learn from: a random choice where there are more; later parts take a third as many
YEARS = 3  # of history, from which a year ago is looked at
CANDIDATES = 2_000_000  # windows that are chosen among
RECIPES = {
    "daily": Recipe(windows=(7, 28, 91), pattern=0),
    "weekly": Recipe(windows=(4, 13, 26), pattern=0),
    "monthly": Recipe(windows=(3, 6, 12), pattern=0),
}


@dataclass(frozen=True)
class Business:
    """One business's panels, `ready` and with room before them for young series' windows, and when each part is."""

    panels: Sequence[Panel]  # of each store, and after it those of its openings
    recipe: Recipe
    schedule: Schedule
    lead_times: Sequence[LeadTimes] = ()  # of each panel, for workloads that decide
    dataset: Dataset | None = None

    @property
    def frequency(self) -> str:
        return self.panels[0].frequency


@dataclass(frozen=True)
class Part:
    """Some examples of a source; the source itself is shared."""

    whole: Source
    rows: torch.Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, which: torch.Tensor) -> Batch:
        return self.whole.batch(self.rows[which])

    def to(self, device: str) -> Part:
        return Part(self.whole.to(device), self.rows.to(device))


@dataclass(frozen=True)
class Material:
    workload: Workload
    spec: Spec
    layout: Layout
    preparation: Preparation  # of the business; of several, what they have in common
    train: Part
    validation: Part
    test: Part
    windows: Windows  # of all parts
    businesses: tuple[Business, ...]
    season: int  # periods
    notes: tuple[str, ...] = ()  # what was left out or is lost, for a person to read
    openings: int = 0  # asked for, of each store

    def to(self, device: str) -> Material:
        """The examples on a device, once for all parts."""
        whole = self.train.whole.to(device)
        parts = {name: Part(whole, getattr(self, name).rows.to(device)) for name in PARTS}
        return replace(self, train=parts["train"], validation=parts["validation"], test=parts["test"])


def read_material(
    workload: Workload,
    datasets: Sequence[Dataset],
    *,
    past: int | None = None,
    horizon: int | None = None,
    quantiles: Sequence[float] = QUANTILES,
    frequency: str | None = None,
    recipe: Recipe | None = None,
    openings: int = 0,
    most: int = MOST,
    seed: int = 0,
    told: Callable[[int, int], None] | None = None,
) -> Material:
    """From datasets to material. `past` and `horizon`: the usual ones of the frequency where they are not given, less
    where the shortest history has no room for them. `openings`: how often a store is learnt from as if it had just
    opened, too. `told`: stores read so far, and in all, of each dataset."""
    made = settled(
        datasets,
        past=past,
        horizon=horizon,
        quantiles=quantiles,
        frequency=frequency,
        recipe=recipe,
        openings=openings,
    )
    notes = list(made.notes)
    businesses = []
    for dataset in datasets:
        whose = f"{dataset.tenant}: " if len(datasets) > 1 else ""
        business, said = _business(workload, dataset, made, seed, told)
        businesses.append(business)
        notes += [whose + sentence for sentence in (*lost(workload, dataset), *said)]
    found = assembled(workload, made.spec, businesses, most=most, seed=seed, notes=notes)
    return replace(found, openings=openings)


@dataclass(frozen=True)
class Settled:
    """What is decided before any store is read."""

    spec: Spec
    frequency: str
    recipe: Recipe
    notes: tuple[str, ...] = ()
    openings: int = 0

    def panels(self, dataset: Dataset, panel: Panel) -> list[Panel]:
        """Of a store as it was read: ready, with room before it for young series' windows, and after it the same of its
        openings."""
        plain = Preparation(self.recipe, self.frequency)
        some = [panel]
        if self.openings:
            number = number_of(dataset, self.openings)
            some += opened(panel, self.spec, number, dataset.stores.index(panel.store))
        return [plain.ready(one.widened(self.spec.past), dataset)[0] for one in some]


def settled(
    datasets: Sequence[Dataset],
    *,
    past: int | None = None,
    horizon: int | None = None,
    quantiles: Sequence[float] = QUANTILES,
    frequency: str | None = None,
    recipe: Recipe | None = None,
    openings: int = 0,
) -> Settled:
    if not datasets:
        raise DatasetError("no business was given to learn from", hint="name at least one tenant")
    unit = frequency or datasets[0].frequency
    shortest = min(periods(dataset, unit) for dataset in datasets)
    spec, note = fitting(unit, shortest, past, horizon)
    chosen = recipe or usual_recipe(unit, spec.horizon, shortest)
    return Settled(replace(spec, quantiles=tuple(quantiles)), unit, chosen, (note,) if note else (), openings)


def _business(
    workload: Workload,
    dataset: Dataset,
    made: Settled,
    seed: int,
    told: Callable[[int, int], None] | None,
) -> tuple[Business, tuple[str, ...]]:
    found = read_panels(
        dataset,
        frequency=made.frequency,
        seed=seed,
        make=lambda panel: made.panels(dataset, panel),
        told=told,
    )
    dates = known_dates(found.panels)
    schedule = Schedule.of(dates, made.spec.horizon, stride=stride_of(found.series, dates))
    decides = bool({"vlt", "order"} & workload.predicts) and dataset.has("receipts")
    lead_times = [read_lead_times(dataset)] * len(found.panels) if decides else []
    return Business(found.panels, made.recipe, schedule, lead_times, dataset), found.notes


def assembled(
    workload: Workload,
    spec: Spec,
    businesses: Sequence[Business],
    *,
    most: int = MOST,
    seed: int = 0,
    notes: Sequence[str] = (),
) -> Material:
    """From panels to material. `seed` draws the windows where there are more than a part takes."""
    frequencies = sorted({panel.frequency for business in businesses for panel in business.panels})
    if len(frequencies) != 1:
        raise DatasetError(
            f"businesses by {' and '.join(frequencies) or 'no'} periods", hint="learn from businesses of one frequency"
        )
    encoders = [vocabularies(business.panels, business.schedule.train[-1], spec.ids) for business in businesses]
    cuts = [
        Preparation(business.recipe, business.frequency, coders).cut(business.panels, spec, business.schedule.every)
        for business, coders in zip(businesses, encoders, strict=True)
    ]
    places = np.concatenate([places_of(cut, business.schedule) for cut, business in zip(cuts, businesses, strict=True)])
    windows = pooled(cuts)
    parts = [np.flatnonzero(places == place) for place in range(len(PARTS))]
    rows = [part[kept] for part, kept in zip(parts, drawn([len(part) for part in parts], most, seed), strict=True)]
    if not len(rows[0]):
        raise DatasetError("no window lies in the training part", hint="ask for a shorter past or bring more history")
    layout = workload.layout(windows.select(rows[0]), spec)
    source = workload.examples(
        windows,
        layout,
        panels=[panel for business in businesses for panel in business.panels],
        lead_times=[times for business in businesses for times in business.lead_times],
    )
    train, validation, test = (Part(source, torch.from_numpy(chosen)) for chosen in rows)
    common = {name: coder for name, coder in windows.encoders.items() if isinstance(coder, Categories)}
    return Material(
        workload=workload,
        spec=spec,
        layout=layout,
        preparation=Preparation(businesses[0].recipe, frequencies[0], common),
        train=train,
        validation=validation,
        test=test,
        windows=windows,
        businesses=tuple(businesses),
        season=SEASON[frequencies[0]],
        notes=tuple(notes),
    )


def usual_recipe(frequency: str, horizon: int, history: int | None = None) -> Recipe:
    """The features of a model that looks so far ahead, where nobody says otherwise. A year back only where the history,
    in periods, lets a year and more of examples know theirs: from fewer a net learns that year by heart."""
    enough = history is None or history >= YEARS * YEAR[frequency]
    return replace(RECIPES[frequency], last_year=horizon if enough else 0)


def known_dates(panels: Sequence[Panel]) -> list[date]:
    """Periods of history, from the first in which any series has begun."""
    first = min(int(panel.timeline.starts()[max(int(panel.launch.min()), 0)]) for panel in panels)
    days = np.unique(np.concatenate([panel.timeline.starts()[: panel.known] for panel in panels]))
    found: list[date] = days[days >= first].astype("datetime64[D]").tolist()
    return found


def stride_of(series: int, dates: Sequence[date]) -> int:
    """Periods between training cutoffs, so that there are not too many windows to choose among."""
    return -(-series * len(dates) // CANDIDATES)


def places_of(cut: Windows, schedule: Schedule) -> Ints:
    """Of each window, the place in PARTS; by ranges, as stores of one business may begin their weeks on other days."""
    days = cut.cutoffs.astype("datetime64[D]").astype(np.int64)
    ends = [as_day(schedule.train[-1]), as_day((schedule.validation or schedule.train)[-1])]
    found: Ints = np.searchsorted(np.array(ends), days, side="left")
    return found


def drawn(counts: Sequence[int], most: int, seed: int) -> list[Ints]:
    """Of so many windows of each part, by number, those that are kept."""
    random = np.random.default_rng(seed)
    limits = (most, most // 3, most // 3)
    return [
        np.arange(count) if count <= limit else np.sort(random.choice(count, limit, replace=False))
        for count, limit in zip(counts, limits, strict=True)
    ]
