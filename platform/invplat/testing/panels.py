"""Small made-up panels, the same for the same seed, for tests of whatever reads panels. No dataset, no files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from invplat.data.dense import Bools, Floats
from invplat.data.features import Recipe, featured
from invplat.data.panel import Group, Panel
from invplat.data.statics import Statics
from invplat.data.timeline import Timeline, as_day
from invplat.data.transforms import Categories
from invplat.data.windows import Windows, windows

FIRST = date(2024, 1, 1)  # a Monday


@dataclass(frozen=True)
class Case:
    """What windows to make: of an ordinary little store unless told otherwise."""

    past: int = 28
    horizon: int = 7
    series: int = 4
    periods: int = 120
    seed: int = 0
    times: float = 1.0  # every demand
    bare: bool = False  # sales alone: no promotions, prices, products, calendar or sums of the past
    constant: bool = False  # no covariate ever changes
    cutoffs: int = 0  # the last so many only; 0: every one


def made_panel(case: Case) -> Panel:
    random = np.random.default_rng(case.seed)
    shape = (case.series, case.periods)
    promotion = np.zeros(shape) if case.constant else (random.random(shape) < 0.1).astype(float)
    week = 1 + 0.6 * (np.arange(case.periods) % 7 >= 5)
    rate = random.uniform(2, 9, (case.series, 1)) * week * (1 + promotion)
    return panel_of(random.poisson(rate) * case.times, promotion, case)


def panel_of(demand: npt.NDArray[Any], promotion: npt.NDArray[Any], case: Case) -> Panel:
    """A panel of these series; the last had an empty shelf every ninth day, each tenth day of the first is hidden."""
    shape = demand.shape
    observed, censored = np.ones(shape, np.bool_), np.zeros(shape, np.bool_)
    censored[-1, ::9] = True
    observed[0, 9::10] = False
    demand = np.where(observed, demand, 0).astype(np.float32)
    skus = tuple(f"sku-{number}" for number in range(shape[0]))
    past: dict[str, Floats | Bools] = {"demand": demand, "observed": observed, "censored": censored}
    price = np.linspace(2, 9, shape[0], dtype=np.float32)
    texts: dict[str, tuple[str | None, ...]] = {"sku": skus, "store": ("store",) * shape[0]}
    names: tuple[str, ...] = ()
    values = np.zeros((shape[0], 0), np.float32)
    ahead: dict[str, Floats | Bools] = {}
    if not case.bare:
        names, values = ("unit_cost", "unit_cost_known"), np.stack([price, np.ones_like(price)], axis=1)
        texts["category"] = tuple("ab"[number % 2] for number in range(shape[0]))
        ahead = {"promotion": promotion.astype(np.float32)}
    panel = Panel(
        store="store",
        timeline=Timeline.covering("daily", as_day(FIRST), as_day(FIRST + timedelta(days=shape[1] - 1))),
        known=shape[1],
        skus=skus,
        launch=np.zeros(shape[0], np.int64),
        demand=demand,
        observed=observed,
        censored=censored,
        past=Group.of(past, shape, ("demand",)),
        ahead=Group.of(ahead, shape),
        statics=Statics(names, values, texts),
        planned=tuple(ahead),
        row_share=1.0,
    )
    if case.bare or case.constant:
        return panel
    return featured(panel, Recipe(windows=(7,), pattern=28))


def made_windows(case: Case, panel: Panel | None = None, ids: Sequence[str] = ("sku", "category")) -> Windows:
    chosen = made_panel(case) if panel is None else panel
    texts = chosen.statics.texts
    encoders = {name: Categories.fit(texts[name], cutoff=chosen.last) for name in ids if name in texts}
    found = windows(chosen, past=case.past, horizon=case.horizon, encoders=encoders)
    if case.cutoffs:
        found = found.between(np.unique(found.cutoffs)[-case.cutoffs], found.cutoffs.max())
    return found


def odd_windows(case: Case) -> dict[str, Windows]:
    """Windows that break careless arithmetic, by what is odd about them."""
    shape = (case.series, case.periods)
    nothing = np.zeros(shape)
    once = nothing.copy()
    once[:, -case.horizon - 1] = 3.0
    peak = np.ones(shape)
    peak[:, -case.horizon :] = 1e5
    plain = replace(case, cutoffs=1)
    found = {
        "never sold": made_windows(plain, panel_of(nothing, nothing, plain)),
        "sold once": made_windows(plain, panel_of(once, nothing, plain)),
        "one observation": made_windows(plain, _seen_once(panel_of(once, nothing, plain), case.horizon)),
        "a peak a hundred thousand times the level": made_windows(plain, panel_of(peak, nothing, plain)),
    }
    return {**found, "features that never change": made_windows(replace(plain, constant=True))}


def _seen_once(panel: Panel, horizon: int) -> Panel:
    """Only one day of each past was ever observed."""
    observed = panel.observed.copy()
    observed[:, : -horizon - 1] = False
    return replace(panel, observed=observed)
