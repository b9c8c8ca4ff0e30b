"""Why a model says what it says: which inputs drive one forecast (and order), or its forecasts altogether.

A forecast is compared with what the same net says of a usual window at the same level: each input at its mean over
windows of the business before the cutoff. What lies between the two is shared out among the inputs, and adds up. Works
on any workload: `reasons.told` makes its net a function of numbers, `reasons.origins` finds out what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
import torch
from torch import Tensor

from invplat.core.errors import DatasetError, SettingRefused
from invplat.data.lead_times import LeadTimes
from invplat.data.panel import Panel
from invplat.data.windows import Windows
from invplat.evaluate.known import some_series
from invplat.evaluate.reasons.drivers import detail, driver
from invplat.evaluate.reasons.explanation import Explanation, Importance, Share, Weight, about, ranked
from invplat.evaluate.reasons.gradients import Attributed, attributed, usual
from invplat.evaluate.reasons.origins import Origin, origins
from invplat.evaluate.reasons.told import Answer, Asked, Told
from invplat.model import Model
from invplat.workload import Prediction

USUAL = 256  # windows whose mean is what is usual
CUTOFFS = 24  # that they are taken from
SAMPLE = 96  # windows that a whole model is judged on


@dataclass(frozen=True)
class Setting:
    """A model and the panels, `ready`, that it is explained on."""

    model: Model
    panels: Sequence[Panel]
    lead_times: Sequence[LeadTimes] = ()

    def asked(self, windows: Windows, answer: Answer, panels: Sequence[Panel] | None = None) -> Asked:
        model = self.model
        chosen = self.panels if panels is None else panels
        source = model.workload.examples(
            windows, model.layout, panels=chosen, lead_times=self.lead_times[: len(chosen)]
        )
        return Asked(model.workload, model.module.eval(), model.layout, source, answer)

    def sample(self, count: int, before: Any, *, targets: bool, seed: int) -> Windows:
        """Windows of all series at cutoffs spread over the history before one, drawn at random."""
        spec = self.model.spec
        first = min(panel.timeline.starts()[max(int(panel.launch.min()), 0)] for panel in self.panels)
        dates = np.unique(np.concatenate([panel.dates[: panel.known] for panel in self.panels]))
        dates = dates[(dates <= np.datetime64(before, "D")) & (dates.astype("datetime64[D]").astype(np.int64) >= first)]
        if targets:
            dates = dates[: len(dates) - spec.horizon]
        # Whole weeks apart, all would be the same weekday.
        step = max(len(dates) // CUTOFFS, 1)
        step += step > 1 and step % 7 == 0
        found = self.model.preparation.cut(self.panels, spec, list(dates[::-1][::step][:CUTOFFS]), targets=targets)
        if len(found) <= count:
            return found
        random = np.random.default_rng(seed)
        return found.select(np.sort(random.choice(len(found), count, replace=False)))

    def origins(self, panel: Panel, row: int, cutoff: Any) -> dict[str, list[Origin]]:
        """Found on one window of one series: which number is what is the same for all."""
        alone = [some_series(panel, np.array([row]))]
        windows = self.model.preparation.cut(alone, self.model.spec, [cutoff], targets=False)
        aligned = self.model.layout.align(windows)

        def tell(changed: Windows) -> Told:
            return self.asked(changed, _total, alone).told(torch.tensor([0]))

        return origins(aligned, tell)


def _total(said: Prediction) -> Tensor:
    return said.mean.sum(dim=1)


def _step(number: int) -> Answer:
    return lambda said: said.mean[:, number - 1]


def _order(said: Prediction) -> Tensor:
    if said.order is None:
        raise DatasetError("this model says no order", hint="explain its demand")
    return said.order.flatten(1).sum(1) if said.order.ndim > 1 else said.order


def explain(
    setting: Setting,
    store: str,
    sku: str,
    cutoff: Any = None,
    *,
    step: int | None = None,
    itself: bool = False,
    seed: int = 0,
) -> tuple[Explanation, ...]:
    """The demand forecast of one series: of one step of the horizon, or in total; and the order, where one is said.

    `cutoff`: the last known period by default; the panels must have room for the horizon after it. `itself`: compared
    with what is usual for this series, not for all of the panels' series; what it always is then drives nothing."""
    model = setting.model
    if step is not None and not 1 <= step <= model.spec.horizon:
        raise SettingRefused(f"step {step} of a horizon of {model.spec.horizon}", hint=f"1 to {model.spec.horizon}")
    panel, row = found_series(setting.panels, store, sku)
    day = panel.last if cutoff is None else cutoff
    if not panel.launch[row] <= panel.period(day) < panel.known:
        raise DatasetError(
            f"{sku} in store {store} is not known on {day}",
            hint=f"its history is {panel.dates[max(int(panel.launch[row]), 0)]} to {panel.last}",
        )
    alone = some_series(panel, np.array([row]))
    windows = model.preparation.cut([alone], model.spec, [day], targets=False)
    whose = replace(setting, panels=[alone], lead_times=setting.lead_times[:1]) if itself else setting
    reference = whose.sample(USUAL, day, targets=False, seed=seed)
    places = setting.origins(panel, row, day)
    frequency = model.preparation.frequency
    subject = about(frequency, model.spec.horizon, step)
    answers: dict[str, Answer] = {subject: _total if step is None else _step(step)}
    if "order" in model.workload.predicts:
        answers["order, with the stock that there is"] = _order
    found = []
    for subject, answer in answers.items():
        base = usual(whose.asked(reference, answer), torch.arange(len(reference)))
        parts = attributed(setting.asked(windows, answer, [alone]), torch.tensor([0]), base)
        found.append(
            Explanation(
                about=subject,
                store=store,
                sku=sku,
                cutoff=windows.cutoffs[0].item(),
                level=float(windows.levels[0]),
                forecast=float(parts.answers[0]),
                baseline=float(parts.usual[0]),
                drivers=_shares(parts, places, lambda origin: driver(origin, frequency)),
                details=_shares(parts, places, lambda origin: detail(origin, frequency)),
                steps=parts.steps,
                gap=float(parts.gaps[0]),
            )
        )
    return tuple(found)


def importance(setting: Setting, *, windows: int = SAMPLE, seed: int = 0) -> Importance:
    """Which drivers move a model's forecasts in general, two ways that know nothing of each other: the mean size of
    their attributions, and how much worse the forecasts get when a driver is another window's."""
    model = setting.model
    last = max(panel.last for panel in setting.panels)
    chosen = setting.sample(windows, last, targets=True, seed=seed)
    asked = setting.asked(chosen, _total)
    which = torch.arange(len(chosen))
    told = asked.told(which)
    base = {name: value.mean(dim=0, keepdim=True) for name, value in told.items()}
    parts = attributed(asked, which, base, together=True)
    panel, row = _place(setting.panels, int(chosen.series[-1]))
    places = setting.origins(panel, row, chosen.cutoffs[-1].item())
    groups = _groups(places, lambda origin: driver(origin, model.preparation.frequency))
    batch = asked.source.batch(which)
    judged = (batch.observed > 0) & ~(batch.censored > 0)
    truth = batch.target * batch.level[:, None]

    def error(instead: Told) -> float:
        whole = Asked(asked.workload, asked.module, asked.layout, asked.source, lambda said: said.mean)
        with torch.no_grad():
            missed = (whole.says(which, instead) - truth).abs() * judged
        return float(missed.sum() / judged.sum().clamp(min=1))

    plain = error(told)
    shuffled = torch.from_numpy(np.random.default_rng(seed).permutation(len(chosen)))
    sizes = {name: float(_sum(parts.parts, members).abs().mean()) for name, members in groups.items()}
    total = sum(sizes.values()) or 1.0
    weights = [
        Weight(name, sizes[name], sizes[name] / total, _worse(error(_mixed(told, members, shuffled)), plain))
        for name, members in groups.items()
    ]
    return Importance(
        len(chosen),
        plain,
        tuple(sorted(weights, key=lambda each: -each.attribution)),
        parts.steps,
        parts.gap,
    )


def _place(panels: Sequence[Panel], series: int) -> tuple[Panel, int]:
    """Series are counted over all panels."""
    for panel in panels:
        if series < len(panel.skus):
            return panel, series
        series -= len(panel.skus)
    raise DatasetError(f"there is no series {series} in {len(panels)} panels", hint="cut windows of these panels")


def _worse(error: float, plain: float) -> float | None:
    return error / plain - 1 if plain > 0 else None


Members = dict[str, Tensor]  # of each name, the places of its numbers


def _groups(places: Mapping[str, Sequence[Origin]], name_of: Callable[[Origin], str]) -> dict[str, Members]:
    found: dict[str, dict[str, list[int]]] = {}
    for name, owners in places.items():
        for place, origin in enumerate(owners):
            found.setdefault(name_of(origin), {}).setdefault(name, []).append(place)
    return {
        group: {name: torch.tensor(numbers) for name, numbers in members.items()} for group, members in found.items()
    }


def _sum(parts: Told, members: Members) -> Tensor:
    return torch.stack(
        [parts[name].reshape(len(parts[name]), -1)[:, where].sum(dim=1) for name, where in members.items()]
    ).sum(dim=0)


def _shares(
    parts: Attributed, places: Mapping[str, Sequence[Origin]], name_of: Callable[[Origin], str]
) -> tuple[Share, ...]:
    return ranked((group, float(_sum(parts.parts, members)[0])) for group, members in _groups(places, name_of).items())


def _mixed(told: Told, members: Members, order: Tensor) -> Told:
    """Each window's numbers of one driver are another window's."""
    found = dict(told)
    for name, where in members.items():
        flat = told[name].reshape(len(order), -1).clone()
        flat[:, where] = flat[order][:, where]
        found[name] = flat.view_as(told[name])
    return found


def found_series(panels: Sequence[Panel], store: str, sku: str) -> tuple[Panel, int]:
    stores = [panel.store for panel in panels]
    if store not in stores:
        near = get_close_matches(store, stores, n=3)
        raise DatasetError(f"there is no store {store!r}", hint=f"such as {', '.join(near or stores[:3])}")
    panel = panels[stores.index(store)]
    if sku not in panel.skus:
        near = get_close_matches(sku, panel.skus, n=3)
        raise DatasetError(
            f"store {store} has no SKU {sku!r}", hint=f"it sells {', '.join(near or panel.skus[:3])} and others"
        )
    return panel, panel.skus.index(sku)
