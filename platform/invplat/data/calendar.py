"""What the calendar says of each period: cycles of the week, month and year, paydays, holidays and events.

All of it is known ahead. Knows nothing of sales. Columns are one number a period.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from invplat.core.errors import DatasetError
from invplat.data.dataset import Dataset
from invplat.data.dense import Floats, Ints, days
from invplat.data.rolling import since, until
from invplat.data.timeline import Timeline, months_of

REACH = {"daily": 28, "weekly": 8, "monthly": 3}  # periods within which a holiday is felt coming or gone
FORMS = ("cycles", "ids", "both")


def calendar_columns(timeline: Timeline, form: str = "cycles") -> dict[str, Floats]:
    """As points on circles (`cycles`, for nets), as numbers (`ids`, for trees and embeddings), or both."""
    if form not in FORMS:
        raise DatasetError(f"calendar form {form!r} is not known", hint=f"write one of {', '.join(FORMS)}")
    parts = _parts(timeline)
    columns: dict[str, Floats] = {}
    for name, (value, length) in parts.items():
        if form != "ids":
            turn = 2 * np.pi * value / length
            columns[f"{name}_sin"], columns[f"{name}_cos"] = (
                np.sin(turn).astype(np.float32),
                np.cos(turn).astype(np.float32),
            )
        if form != "cycles":
            columns[name] = value.astype(np.float32)
    if timeline.frequency == "daily":
        columns["weekend"] = (parts["day_of_week"][0] >= 5).astype(np.float32)
    if timeline.frequency != "monthly":
        columns["payday"] = (_per_period(timeline, _paydays(timeline)) > 0).astype(np.float32)
    return columns


def _parts(timeline: Timeline) -> dict[str, tuple[npt.NDArray[np.float64], float]]:
    """Each number counted from zero, and how many make the circle."""
    starts = timeline.starts()
    month = months_of(starts)
    parts = {"month": ((month % 12).astype(np.float64), 12.0)}
    if timeline.frequency == "monthly":
        return parts
    year_start = ((month // 12 * 12).astype("datetime64[M]")).astype("datetime64[D]").astype(np.int64)
    parts["week_of_year"] = (((starts - year_start) // 7).astype(np.float64), 365.25 / 7)
    if timeline.frequency == "daily":
        month_start = month.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        parts["day_of_week"] = (((starts + 3) % 7).astype(np.float64), 7.0)
        parts["day_of_month"] = ((starts - month_start).astype(np.float64), 31.0)
    return parts


def _paydays(timeline: Timeline) -> Ints:
    """The 15th and the last day of each month."""
    first, last = int(timeline.origin), int(timeline.ends()[-1])
    months = np.arange(int(months_of(first)), int(months_of(last)) + 2)
    starts = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return np.concatenate([starts + 14, starts - 1])


def _per_period(timeline: Timeline, when: Ints) -> Ints:
    """How many of these days fall into each period."""
    period = timeline.index(when)
    period = period[(period >= 0) & (period < timeline.length)]
    return np.bincount(period, minlength=timeline.length)


@dataclass(frozen=True)
class Holidays:
    """Days that a store keeps: holidays, and other events (campaigns, local days)."""

    holidays: Ints
    events: Ints


def read_holidays(dataset: Dataset, store: str, *, country: str = "", around: Timeline | None = None) -> Holidays:
    """From the events table: rows of this store, of its city or region, and of everywhere.

    `country` (such as US or US-CA) adds its public holidays around the timeline.
    """
    rows = dataset.read("events")
    kinds = _texts(rows, "kind")
    places = _places(dataset, store)
    meant = np.array(
        [
            who in (None, "", store) and where in places
            for who, where in zip(_texts(rows, "store"), _texts(rows, "region"), strict=True)
        ],
        np.bool_,
    )
    holiday = np.array([not kind or "holiday" in kind.lower() for kind in kinds], np.bool_)
    when = days(rows.column("date")) if len(rows) else np.zeros(0, np.int64)
    public = _public(country, around) if country and around is not None else np.zeros(0, np.int64)
    return Holidays(np.unique(np.concatenate([when[meant & holiday], public])), np.unique(when[meant & ~holiday]))


def holiday_columns(timeline: Timeline, found: Holidays) -> dict[str, Floats]:
    """Days of holiday and of events in each period, and how near the next and the last holiday are (0 now, 1 far)."""
    reach = REACH[timeline.frequency]
    wide = timeline.widened(reach, reach)
    here = _per_period(wide, found.holidays)
    inner = slice(reach, reach + timeline.length)
    return {
        "holiday": here[inner].astype(np.float32),
        "event": _per_period(timeline, found.events).astype(np.float32),
        "holiday_since": since(here > 0, reach)[inner],
        "holiday_until": until(here > 0, reach)[inner],
    }


def _texts(rows: pa.Table, name: str) -> list[str | None]:
    if name not in rows.column_names:
        return [None] * len(rows)
    found: list[str | None] = rows.column(name).to_pylist()
    return found


def _places(dataset: Dataset, store: str) -> set[str | None]:
    places: set[str | None] = {None, ""}
    if dataset.has("stores"):
        rows = dataset.read("stores")
        mine = rows.column("store").to_pylist().index(store) if store in rows.column("store").to_pylist() else None
        if mine is not None:
            places |= {_texts(rows, name)[mine] for name in ("city", "region")}
    return places


def _public(country: str, around: Timeline) -> Ints:
    import holidays

    code, _, part = country.partition("-")
    reach = REACH[around.frequency]
    dates = around.widened(reach, reach).dates
    years = range(dates[0].item().year, dates[-1].item().year + 1)
    try:
        found = holidays.country_holidays(code, subdiv=part or None, years=years)
    except NotImplementedError as error:
        raise DatasetError(
            f"no public holidays are known for {country!r}",
            hint="write a country code such as US, DE or IN, or US-CA for a part of it",
        ) from error
    return np.array(sorted(np.datetime64(day, "D").astype(np.int64) for day in found), np.int64)
