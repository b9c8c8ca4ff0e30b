"""Our rule: many paths of demand from here to the arrival, the stock that each leaves, and a newsvendor on the need.

A path is a Poisson draw around the expected demand, times a log-normal factor of which a part is common to all weeks;
on some paths the series is out of stock in the record's way. Each path eats its way through what is on hand and what
is coming; what it then asks for in the week of arrival, less what it left, is its need. The order is the newsvendor's
quantile of needs: a unit too many waits `waits` weeks, a unit too few is lost. What is seen only from below (an own
shelf that was emptied) is filled with the mean of the paths that asked for no less.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from invplat.inventory.newsvendor import newsvendor_empirical
from weekly.correction import Correction
from weekly.demand import outlook
from weekly.listing import chances, kinds
from weekly.record import Floats, Record
from weekly.replay import HOLDING, LEAD, ORDERS, SHORTAGE, View
from weekly.season import week_factors

PATHS = 200
TOGETHER = 0.5  # correlation of a series' weeks


@dataclass(frozen=True)
class Setting:
    """Chosen on windows before the one that is judged."""

    blend: float = 0.5  # how far to go from the outlook to LightGBM's, on the log scale
    waits: float = 1.25  # weeks that a unit too many is paid for
    spread: float = 0.2  # squared coefficient of variation of demand beyond Poisson's
    peaks: float = 0.3  # the same, for each unit of the season's logarithm
    lumps: float = 0.1  # variance in units of the mean beyond Poisson's, for slow movers


@dataclass
class Planner:
    correction: Correction
    setting: Setting = field(default_factory=Setting)
    seed: int = 0

    def __post_init__(self) -> None:
        self._filled: dict[int, tuple[Floats, Floats]] = {}

    def order(self, view: View) -> Floats:
        if view.week == 0:
            self._filled = {}
            self._season = week_factors(view.record)
            self._listed = kinds(view.record.seen)
            self._chances = chances(view.record.seen, LEAD + ORDERS - 1)
        else:
            self._fill(view)
        draws = self._paths(self._whole(view.record), view.week)
        self._next = draws[:, :, 0]
        stock = np.repeat(view.on_hand[:, None], PATHS, axis=1)
        for week in range(LEAD - 1):
            stock = np.maximum(stock + view.coming[:, week, None] - draws[:, :, week], 0)
        need = draws[:, :, LEAD - 1] - stock
        return np.maximum(newsvendor_empirical(self.setting.waits * HOLDING, SHORTAGE, need).quantity, 0)

    def _paths(self, record: Record, week: int) -> Floats:
        said = outlook(record, self._season)
        mean = said.mean * np.exp(self.setting.blend * self.correction.logarithm(said))
        mean, season = mean[:, :LEAD], said.season[:, :LEAD]
        setting = self.setting
        excess = setting.spread + setting.peaks * np.abs(np.log(season)) + setting.lumps / np.maximum(mean, 0.2)
        width = np.sqrt(np.log1p(excess))[:, None]
        chance = np.random.default_rng((self.seed, week))  # the same draws whatever the setting
        common, alone = chance.standard_normal((len(mean), PATHS, 1)), chance.standard_normal((len(mean), PATHS, LEAD))
        listed = chance.random((len(mean), PATHS, 1)) < self._chances[self._listed][:, None, week : week + LEAD]
        score = np.sqrt(TOGETHER) * common + np.sqrt(1 - TOGETHER) * alone
        drawn = chance.poisson(mean[:, None] * np.exp(width * score - width**2 / 2))
        return np.asarray(drawn * listed, np.float64)

    def _fill(self, view: View) -> None:
        week = view.record.known - 1
        sold = view.record.sales[:, week]
        enough = self._next >= sold[:, None]
        mean = np.where(enough, self._next, 0).sum(1) / np.maximum(enough.sum(1), 1)
        emptied = ~view.record.seen[:, week] & (view.on_hand <= 0)
        self._filled[week] = (emptied.astype(np.float64), np.maximum(mean, sold))

    def _whole(self, record: Record) -> Record:
        sales, seen = record.sales.copy(), record.seen.copy()
        for week, (emptied, mean) in self._filled.items():
            sales[:, week] = np.where(emptied > 0, mean, sales[:, week])
            seen[:, week] |= emptied > 0
        return replace(record, sales=sales, seen=seen)
