"""The days all businesses of a world live through: calendar, holidays, wages, weather, oil and consumer prices.

One seed, one nation. Knows nothing about businesses.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

AHEAD = 60  # days after the end for which holidays and campaigns are already known
RUN_UP = 8  # days before a holiday on which people already buy for it
PAYDAYS = (1, 15)  # of the month
USUAL_OIL = 70.0  # a barrel
CITIES = {
    "north": ("Aldmoor", "Brinvik", "Corhaven"),
    "east": ("Dunmere", "Eastwold", "Farrow"),
    "south": ("Gallport", "Harlisle", "Ilmouth"),
    "west": ("Jarrow Hill", "Keldale", "Lorne"),
}
REGIONS = tuple(CITIES)
CLIMATE = {"north": (5.0, 11.0), "east": (9.0, 12.0), "south": (15.0, 8.0), "west": (11.0, 7.0)}  # mean, swing in °C


@dataclass(frozen=True)
class Holiday:
    day: date
    name: str
    occasions: tuple[float, float, float]  # how much of a feast, a day of gifts, a day outdoors
    closing: bool = False  # most shops are shut or open briefly
    region: str = ""


@dataclass(frozen=True)
class Nation:
    start: date
    end: date
    holidays: tuple[Holiday, ...]
    weekday: NDArray[np.int64]
    day_of_year: Floats
    occasions: Floats  # region × occasion × day: how strongly an occasion is felt
    closing: Floats  # region × day
    payday: Floats
    temperature: Floats  # region × day, °C
    unusual: Floats  # region × day, °C above what the season brings
    oil: Floats
    consumer_prices: Floats

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    @property
    def first(self) -> int:
        """The first day as days since 1970, which is how dates are written fast."""
        return (self.start - date(1970, 1, 1)).days


def make_nation(rng: np.random.Generator, *, days: int, end: date) -> Nation:
    start = end - timedelta(days=days - 1)
    dates = [start + timedelta(days=i) for i in range(days)]
    holidays = tuple(
        holiday
        for year in range(start.year, (end + timedelta(days=AHEAD)).year + 1)
        for holiday in holidays_of(year)
        if start <= holiday.day <= end + timedelta(days=AHEAD)
    )
    occasions, closing = _felt(holidays, start, days)
    day_of_year = np.array([d.timetuple().tm_yday for d in dates], dtype=np.float64)
    temperature, unusual = _weather(rng, day_of_year)
    last_payday = np.array([min((d.day - p) % 31 for p in PAYDAYS) for d in dates])
    inflation = rng.uniform(0.015, 0.05) + rng.normal(0.0, 0.002, days).cumsum() / 30
    return Nation(
        start=start,
        end=end,
        holidays=holidays,
        weekday=np.array([d.weekday() for d in dates], dtype=np.int64),
        day_of_year=day_of_year,
        occasions=occasions,
        closing=closing,
        payday=np.exp(-last_payday / 3.0),
        temperature=temperature,
        unusual=unusual,
        oil=USUAL_OIL * np.exp(persistent(rng, (1, days), 0.995, 0.018)[0]),
        consumer_prices=100.0 * np.exp((inflation / 365.25).cumsum()),
    )


def holidays_of(year: int) -> list[Holiday]:
    easter = _easter(year)
    return [
        Holiday(date(year, 1, 1), "New Year", (0.8, 0.1, 0.0), closing=True),
        Holiday(date(year, 2, 14), "Sweethearts' Day", (0.2, 0.6, 0.0)),
        Holiday(easter, "Easter Sunday", (1.0, 0.2, 0.2), closing=True),
        Holiday(easter + timedelta(days=1), "Easter Monday", (0.2, 0.0, 0.3), closing=True),
        Holiday(date(year, 5, 1), "Labour Day", (0.1, 0.0, 0.8), closing=True),
        Holiday(date(year, 6, 21), "Midsummer", (0.4, 0.0, 1.0)),
        Holiday(date(year, 9, 3), "National Day", (0.4, 0.0, 0.7), closing=True),
        Holiday(_nth(year, 11, 3, 4), "Thanks Day", (1.0, 0.0, 0.0), closing=True),
        Holiday(date(year, 12, 25), "Christmas", (1.2, 1.0, 0.0), closing=True),
        Holiday(_nth(year, 2, 5, 2), "Winter Fair", (0.3, 0.1, 0.6), region="north"),
        Holiday(_nth(year, 10, 5, 1), "Wine Days", (0.8, 0.1, 0.2), region="east"),
        Holiday(_nth(year, 7, 5, 3), "Port Festival", (0.5, 0.0, 1.0), region="south"),
        Holiday(_nth(year, 6, 5, 2), "River Day", (0.2, 0.0, 0.9), region="west"),
    ]


def _felt(holidays: tuple[Holiday, ...], start: date, days: int) -> tuple[Floats, Floats]:
    occasions = np.zeros((len(REGIONS), 3, days))
    closing = np.zeros((len(REGIONS), days))
    for holiday in holidays:
        where = [REGIONS.index(holiday.region)] if holiday.region else list(range(len(REGIONS)))
        on = (holiday.day - start).days
        for before in range(RUN_UP + 1):
            day = on - before
            if 0 <= day < days and not (before == 0 and holiday.closing):
                weight = 1.0 - max(before - 1, 0) / RUN_UP
                felt = weight * np.asarray(holiday.occasions)
                occasions[where, :, day] = np.maximum(occasions[where, :, day], felt)
        if on < days and holiday.closing:
            closing[where, on] = 1.0
    return occasions, closing


def _weather(rng: np.random.Generator, day_of_year: Floats) -> tuple[Floats, Floats]:
    unusual = persistent(rng, (len(REGIONS), len(day_of_year)), 0.8, 2.2)
    year = np.cos(2 * np.pi * (day_of_year - 203) / 365.25)
    usual = np.array([mean + swing * year for mean, swing in CLIMATE.values()])
    return usual + unusual, unusual


def persistent(rng: np.random.Generator, shape: tuple[int, int], memory: float, spread: float) -> Floats:
    """Rows of noise in which tomorrow resembles today (first-order autoregression from its steady state)."""
    shocks = rng.normal(0.0, spread, shape)
    shocks[:, 0] /= np.sqrt(1.0 - memory**2)
    for day in range(1, shape[1]):
        shocks[:, day] += memory * shocks[:, day - 1]
    return shocks


def _nth(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _easter(year: int) -> date:
    """Gregorian Easter Sunday, by the anonymous algorithm."""
    golden, century, rest = year % 19, year // 100, year % 100
    leap, common = century // 4, century % 4
    moon = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leap - moon + 15) % 30
    sunday = (32 + 2 * common + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (golden + 11 * epact + 22 * sunday) // 451
    month, day = divmod(epact + sunday - 7 * late + 114, 31)
    return date(year, month, day + 1)
