"""What every business of a synthetic world has in common: how a category of goods sells.

These are laws of the invented nation: the same for every tenant and every seed, so what is learnt of dairy at one
business is true of dairy at another. Knows nothing about any business, date or product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PATTERNS = ("smooth", "erratic", "intermittent", "lumpy")
OCCASIONS = ("feast", "gift", "outdoor")  # what a holiday is for


@dataclass(frozen=True)
class Category:
    name: str
    week: tuple[float, ...]  # share of an average day, Monday first
    season: float  # log amplitude over the year
    peak: int  # day of the year when it sells most
    elasticity: float  # demand's answer to price, log to log
    promotion: float  # how much of a campaign's uplift reaches it
    occasions: tuple[float, float, float]  # log uplift before a feast, a day of gifts, a day outdoors
    payday: float  # log uplift when wages have just been paid
    warmth: float  # log effect of 10 °C more than usual
    ramp: float  # days a new product takes to become known
    novelty: float  # how far it overshoots when new
    patterns: tuple[float, float, float, float]  # chances of each of PATTERNS
    pace: float  # units a day next to an average product
    price: float
    size: float
    shelf_life: int  # days; 0 when it keeps


CATEGORIES = (
    Category("dairy", (0.94, 0.90, 0.93, 1.00, 1.12, 1.24, 0.87), 0.10, 20, -0.9, 0.7,
             (0.35, 0.00, -0.10), 0.10, -0.03, 15, 0.1, (0.85, 0.05, 0.08, 0.02), 2.2, 1.6, 1000, 14),
    Category("bakery", (0.88, 0.86, 0.90, 0.96, 1.08, 1.38, 0.94), 0.12, 350, -0.8, 0.6,
             (0.45, 0.05, 0.05), 0.07, -0.06, 10, 0.2, (0.75, 0.15, 0.08, 0.02), 2.0, 2.1, 500, 3),
    Category("produce", (1.05, 0.94, 0.98, 1.00, 1.10, 1.18, 0.75), 0.35, 190, -1.4, 0.9,
             (0.35, 0.00, 0.25), 0.08, 0.10, 10, 0.1, (0.70, 0.22, 0.06, 0.02), 1.9, 2.4, 800, 7),
    Category("beverages", (0.80, 0.82, 0.88, 1.00, 1.26, 1.40, 0.84), 0.55, 200, -2.0, 1.3,
             (0.45, 0.00, 0.75), 0.16, 0.30, 20, 0.3, (0.75, 0.15, 0.07, 0.03), 1.7, 1.2, 1500, 270),
    Category("spirits", (0.62, 0.66, 0.76, 0.98, 1.48, 1.70, 0.80), 0.35, 350, -1.8, 1.2,
             (0.85, 0.65, 0.30), 0.28, 0.02, 40, 0.3, (0.40, 0.20, 0.30, 0.10), 0.6, 17.0, 700, 0),
    Category("wine", (0.66, 0.70, 0.84, 1.02, 1.42, 1.54, 0.82), 0.30, 340, -1.7, 1.2,
             (0.90, 0.45, 0.10), 0.24, -0.05, 35, 0.2, (0.45, 0.20, 0.27, 0.08), 0.8, 9.5, 750, 0),
    Category("frozen", (0.98, 0.94, 0.95, 1.00, 1.10, 1.16, 0.87), 0.45, 205, -1.6, 1.1,
             (0.20, 0.00, 0.40), 0.12, 0.22, 20, 0.3, (0.65, 0.20, 0.12, 0.03), 1.1, 3.6, 450, 365),
    Category("household", (1.06, 1.02, 1.00, 0.98, 0.98, 1.14, 0.82), 0.15, 100, -2.3, 1.5,
             (0.05, 0.00, 0.00), 0.28, 0.00, 30, 0.1, (0.50, 0.20, 0.20, 0.10), 0.8, 4.9, 1000, 0),
    Category("hardware", (1.08, 1.00, 1.02, 1.00, 1.10, 1.46, 0.34), 0.50, 135, -1.2, 0.8,
             (-0.25, 0.10, 0.20), 0.15, 0.08, 60, 0.0, (0.20, 0.15, 0.40, 0.25), 0.3, 12.5, 1, 0),
    Category("toys", (0.74, 0.76, 0.86, 0.92, 1.10, 1.60, 1.02), 0.55, 345, -1.9, 1.3,
             (0.20, 1.20, 0.00), 0.18, -0.02, 25, 0.8, (0.30, 0.20, 0.30, 0.20), 0.4, 19.0, 1, 0),
    Category("flowers", (0.70, 0.72, 0.84, 0.98, 1.34, 1.50, 0.92), 0.40, 130, -1.1, 0.8,
             (0.40, 1.40, 0.05), 0.08, 0.04, 10, 0.1, (0.35, 0.40, 0.15, 0.10), 0.6, 8.0, 1, 6),
    Category("stationery", (1.22, 1.16, 1.12, 1.08, 1.00, 0.90, 0.52), 0.65, 245, -1.2, 0.9,
             (-0.30, 0.20, -0.25), 0.08, -0.02, 30, 0.2, (0.40, 0.15, 0.30, 0.15), 0.5, 3.2, 1, 0),
)  # fmt: skip


@dataclass(frozen=True)
class Promotion:
    """A kind of campaign and what it does beside its price cut."""

    name: str
    uplift: float  # log, before the category's own share
    depths: tuple[float, ...]  # price cuts it comes with


PROMOTIONS = (
    Promotion("leaflet", 0.45, (0.10, 0.15, 0.20, 0.25)),
    Promotion("display", 0.70, (0.05, 0.10, 0.15)),
    Promotion("clearance", 0.20, (0.30, 0.40)),
)


def weekly(category: Category) -> NDArray[np.float64]:
    """The log weekly profile, averaging to one day in units."""
    week = np.asarray(category.week)
    log: NDArray[np.float64] = np.log(week / week.mean())
    return log


def yearly(
    category: Category, day_of_year: NDArray[np.float64], *, amplitude: float, shift: float
) -> NDArray[np.float64]:
    """The log yearly profile; a business stretches it by `amplitude` and moves it by `shift` days."""
    return category.season * amplitude * np.cos(2 * np.pi * (day_of_year - category.peak - shift) / 365.25)
