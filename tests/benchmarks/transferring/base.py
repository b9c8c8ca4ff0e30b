"""A base that learns from some businesses of each set, up to the day on which the set's tenants sign up.

When to stop is chosen on shops that it does not learn from, as it is strangers that it shall serve.

Beside whole histories it learns from short ones, as if each of its shops had opened several times: a tenant with four
weeks of history shall be nothing new to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from invplat.data.panel import Group, Panel
from invplat.model import Model, Preparation
from invplat.train.forecaster import learnt, model_of
from invplat.train.material import Business, assembled, known_dates, usual_recipe
from invplat.train.plan import Plan
from invplat.train.schedule import Schedule
from invplat.transfer.tenants import roomy
from invplat.workload import Spec, Workload
from transferring.sets import Kind, Shop, cut

SEASONS = ("month", "week_of_year", "day_of_month", "payday")
EACH = 2_000  # windows of a shop's whole history, so that long ones do not drown the others
HELD = 5  # every so many-th shop is for choosing
YOUNG = 8  # openings of a shop, where its history has room for them


def base_of(
    workload: Workload, kind: Kind, shops: Sequence[Shop], *, epochs: int = 30, most: int = 90_000, **params: Any
) -> Model:
    spec = replace(Spec(), past=kind.past, horizon=kind.horizon, ids=())
    recipe = replace(usual_recipe(kind.frequency, kind.horizon), last_year=0)
    plain = Preparation(recipe, kind.frequency)
    businesses = []
    for number, shop in enumerate(shops):
        wide = [roomy(panel, spec.past, spec.horizon) for panel in opened(shop, spec)]
        panels = [timeless(plain.ready(panel)[0]) for panel in wide]
        dates = known_dates(panels)[:-1]
        stride = -(-len(dates) * len(panels[0].skus) // EACH)
        chosen = tuple(dates[:: -(stride + (stride > 1 and stride % 7 == 0))][::-1])
        held = number % HELD == HELD - 1
        schedule = Schedule(chosen[:1], chosen[1:]) if held else Schedule(chosen)
        businesses.append(Business(panels, recipe, schedule))
    material = assembled(workload, spec, businesses, most=most)
    chosen_params = workload.space.complete(params)
    plan = Plan.of(chosen_params, epochs=epochs, patience=5)
    fitted = learnt(material, chosen_params, plan)
    made = {"shops": len(shops), "windows": len(material.train), "epochs": fitted.best, "loss": fitted.loss}
    return model_of(material, chosen_params, fitted, lineage=made)


def timeless(panel: Panel) -> Panel:
    """Without the seasons of the year: a set has one spring, and what came after it is no law of springs."""
    kept = [place for place, name in enumerate(panel.ahead.names) if not name.startswith(SEASONS)]
    names = tuple(panel.ahead.names[place] for place in kept)
    return replace(panel, ahead=Group(names, panel.ahead.values[:, :, kept], panel.ahead.quantities))


def opened(shop: Shop, spec: Spec) -> list[Panel]:
    whole = shop.history(None)
    length = spec.past + spec.horizon
    starts = np.linspace(0, whole.known - length, YOUNG + 1).astype(int)[1:] if whole.known > length else []
    young = [cut(whole, int(start), int(start) + length) for start in starts]
    return [whole, *(replace(panel, store=f"{panel.store} again") for panel in young if len(panel.skus))]
