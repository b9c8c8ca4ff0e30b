"""A base that learns from some businesses of each set, up to the day on which the set's tenants sign up.

When to stop is chosen on shops that it does not learn from, as it is strangers that it shall serve, and on days after
those that it learns from: shops of a set share their days, and what a net has learnt by heart of a day helps it with
strangers on that day, too. Then it learns for as long again from all shops and days.

Beside whole histories it learns from openings, as `invplat train --base` of several businesses does: a tenant with four
weeks of history shall be nothing new to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from invplat.data.features import Recipe
from invplat.data.panel import Group, Panel
from invplat.model import Model, Preparation
from invplat.train.forecaster import learnt, model_of
from invplat.train.loop import Fitted
from invplat.train.material import Business, assembled, known_dates, usual_recipe
from invplat.train.openings import opened
from invplat.train.plan import Plan
from invplat.train.schedule import Schedule
from invplat.transfer.tenants import roomy
from invplat.workload import Spec, Workload
from transferring.sets import Kind, Shop

YEARLY, MONTHLY = ("month", "week_of_year"), ("day_of_month", "payday")
SAVES = 0.02  # of the loss on days after: what days of the month must save where a history has seen few months
EACH = 2_000  # windows of a shop's whole history, so that long ones do not drown the others
HELD = 5  # every so many-th shop is for choosing
OPENINGS = 8  # of a shop, where its history has room for them


def base_of(
    workload: Workload, kind: Kind, shops: Sequence[Shop], *, epochs: int = 30, most: int = 90_000, **params: Any
) -> Model:
    spec = replace(Spec(), past=kind.past, horizon=kind.horizon, ids=())
    recipe = replace(usual_recipe(kind.frequency, kind.horizon), last_year=0)
    chosen = workload.space.complete(params)
    kept: tuple[list[Business], Fitted] | None = None
    for left_out in ((*YEARLY, *MONTHLY), YEARLY):
        choosing, whole = businesses(kind, spec, recipe, shops, left_out)
        material = assembled(workload, spec, choosing, most=most)
        tried = learnt(material, chosen, Plan.of(chosen, epochs=epochs, patience=5))
        if kept is None or (tried.loss or 0.0) < (1 - SAVES) * (kept[1].loss or 0.0):
            kept = whole, tried
    assert kept is not None
    whole, tried = kept
    material = assembled(workload, spec, whole, most=most)
    fitted = learnt(material, chosen, Plan.of(chosen, epochs=max(tried.best, 1), patience=0))
    monthly = any(name.startswith(MONTHLY) for name in material.layout.ahead.names)
    made = {"shops": len(shops), "epochs": tried.best, "loss": tried.loss, "days of the month": monthly}
    return model_of(material, chosen, fitted, lineage={**made, "windows": len(material.train)})


def businesses(
    kind: Kind, spec: Spec, recipe: Recipe, shops: Sequence[Shop], left_out: tuple[str, ...]
) -> tuple[list[Business], list[Business]]:
    """To choose by, and to learn from in the end."""
    plain = Preparation(recipe, kind.frequency)
    choosing, whole = [], []
    for number, shop in enumerate(shops):
        history = shop.history(None)
        openings = opened(history, spec, OPENINGS, number)
        wide = [roomy(panel, spec.past, spec.horizon) for panel in (history, *openings)]
        panels = [without(plain.ready(panel)[0], left_out) for panel in wide]
        every, early, late = cutoffs(panels, spec)
        held = number % HELD == HELD - 1
        whole.append(Business(panels, recipe, Schedule(every)))
        choosing.append(Business(panels, recipe, Schedule(early[:1], late) if held else Schedule(early)))
    return choosing, whole


def cutoffs(panels: Sequence[Panel], spec: Spec) -> tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]:
    """All of a shop's, a share of them where they are many; those before its last weeks; all of the last weeks, whose
    targets no earlier one has seen."""
    dates = known_dates(panels)
    stride = -(-(len(dates) - 1) * len(panels[0].skus) // EACH)
    every = tuple(dates[-2 :: -(stride + (stride > 1 and stride % 7 == 0))][::-1])
    last = len(dates) - 1 - spec.horizon
    end = dates[last - 2 * spec.horizon]
    return every, tuple(day for day in every if day <= end) or every[:1], tuple(dates[last - spec.horizon : last + 1])


def without(panel: Panel, left_out: tuple[str, ...]) -> Panel:
    """A set has one spring, and what came after it is no law of springs; of days of the month it has seen a few."""
    kept = [place for place, name in enumerate(panel.ahead.names) if not name.startswith(left_out)]
    names = tuple(panel.ahead.names[place] for place in kept)
    return replace(panel, ahead=Group(names, panel.ahead.values[:, :, kept], panel.ahead.quantities))
