"""From datasets to one trained model, judged once on what it never saw, beside the naive forecasts.

Learns on the training part, stops by the validation part, is judged on the test part. `whole`: afterwards it learns
again, as long, from everything; its figures stay those of the first fit. Knows nothing of where models are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import torch

from invplat.core.space import Params
from invplat.data.dataset import Dataset
from invplat.data.split import Origin, Span
from invplat.data.timeline import as_day
from invplat.evaluate.backtest import backtest
from invplat.evaluate.compare import Row, table_of_backtest
from invplat.evaluate.panels import read_panels
from invplat.evaluate.references import SEASON, YEAR, reference
from invplat.model import Model, lineage_of
from invplat.train.forecaster import Kept, curve_of, learnt, model_of
from invplat.train.loop import Fitted, Watch
from invplat.train.material import Material, assembled, read_material
from invplat.train.plan import Plan
from invplat.train.schedule import Schedule
from invplat.workload import Workload

JUDGED = 2_000  # series of the test, drawn at random where there are more


@dataclass(frozen=True)
class Trained:
    model: Model
    fitted: Fitted  # the fit that was judged
    rows: tuple[Row, ...]  # of the test: the model and the naive forecasts, the smallest RMSE first
    cutoffs: tuple[date, ...]  # of the test
    windows: int  # learnt from
    notes: tuple[str, ...]


def trained(
    workload: Workload,
    datasets: Sequence[Dataset],
    *,
    params: Params | None = None,
    plan: Mapping[str, Any] | None = None,
    whole: bool = False,
    watch: Watch | None = None,
    told: Callable[[int, int], None] | None = None,
    **asked: Any,
) -> Trained:
    """`plan`: entries of train.plan.Plan. `told`: stores read. `asked`: what `read_material` takes."""
    torch.set_num_threads(1)  # small nets; a second thread mostly waits
    chosen = workload.space.check(params or {})
    steps = Plan.of(chosen, **(plan or {}))
    material = read_material(workload, datasets, seed=steps.seed, told=told, **asked)
    fitted = learnt(material, chosen, steps, watch=watch)
    notes = list(material.notes)
    if fitted.trouble:
        notes.append(f"{fitted.trouble}; the weights of epoch {fitted.best} are kept")
    model = model_of(material, chosen, fitted)
    cutoffs = material.businesses[0].schedule.test
    rows = _judged(model, datasets[0], cutoffs, steps.seed, notes)
    lineage = _lineage(material, datasets, steps, fitted, whole)
    if whole:
        every = _everything(material, steps.seed)
        again = learnt(every, chosen, replace(steps, epochs=max(fitted.best, 1), patience=0), validated=False)
        model = model_of(every, chosen, again)
    model = replace(model, lineage=lineage, metrics=_metrics(fitted, rows))
    return Trained(model, fitted, rows, cutoffs, len(material.train), tuple(notes))


def origins_at(cutoffs: Sequence[date], frequency: str, horizon: int) -> list[Origin]:
    """For judging what is fitted already: nothing is learnt at any of them."""
    step = {"daily": "D", "weekly": "W", "monthly": "M"}[frequency]
    found = []
    for cutoff in cutoffs:
        first, last = (np.datetime64(cutoff, step) + ahead for ahead in (1, horizon))
        days = [day.astype("datetime64[D]").item() for day in (first, last)]
        found.append(Origin(cutoff, Span(cutoff, cutoff, ()), days[0], days[1]))
    return found


def _judged(model: Model, dataset: Dataset, cutoffs: Sequence[date], seed: int, notes: list[str]) -> tuple[Row, ...]:
    frequency, horizon = model.preparation.frequency, model.spec.horizon
    panels = read_panels(dataset, frequency=frequency, series=JUDGED, seed=seed).panels
    names = ["seasonal_naive", *(["seasonal_naive_year"] if SEASON[frequency] < YEAR[frequency] else [])]
    naive = [reference(name, frequency, model.spec.quantiles) for name in names]
    times = model_lead_times(model, dataset)
    run = backtest(
        [Kept(model, dataset, times, model.workload.name), *naive],
        panels,
        origins_at(cutoffs, frequency, horizon),
        horizon,
        season=SEASON[frequency],
    )
    notes += run.left_out
    return table_of_backtest(run, "").rows


def model_lead_times(model: Model, dataset: Dataset) -> Any:
    """Of the whole business, for a model that decides; None where it does not, or nothing was ever received."""
    from invplat.data.lead_times import read_lead_times

    decides = bool({"vlt", "order"} & model.workload.predicts)
    return read_lead_times(dataset) if decides and dataset.has("receipts") else None


def _everything(material: Material, seed: int) -> Material:
    businesses = [replace(business, schedule=Schedule(business.schedule.every)) for business in material.businesses]
    return assembled(material.workload, material.spec, businesses, most=len(material.train), seed=seed)


def _lineage(
    material: Material, datasets: Sequence[Dataset], plan: Plan, fitted: Fitted, whole: bool
) -> dict[str, Any]:
    """`saw_until`: the last period whose demand had a part in the weights or in the choice of their epoch."""
    schedules = [business.schedule for business in material.businesses]
    parts = [
        schedule.test if whole and schedule.test else schedule.validation or schedule.train for schedule in schedules
    ]
    ends = [_last_target(material, part[-1]) for part in parts]
    return lineage_of(
        datasets[0],
        seed=plan.seed,
        saw_until=str(max(ends)),
        cutoffs={name: [str(part[0]), str(part[-1]), len(part)] for name, part in vars(schedules[0]).items() if part},
        windows=len(material.train),
        epochs=fitted.best,
        plan=plan.to_json(),
        whole=whole,
        **({"pooled": [[one.tenant, one.version] for one in datasets]} if len(datasets) > 1 else {}),
    )


def _last_target(material: Material, cutoff: date) -> date:
    """The last day of the last period that a cutoff's windows have as a target."""
    panel = max((panel for business in material.businesses for panel in business.panels), key=lambda panel: panel.last)
    period = min(panel.period(cutoff) + material.spec.horizon, panel.timeline.length - 1)
    return np.datetime64(int(panel.timeline.ends()[period]), "D").item()  # type: ignore[no-any-return]


def _metrics(fitted: Fitted, rows: Sequence[Row]) -> dict[str, Any]:
    curve = curve_of(fitted)
    return {
        "validation_loss": fitted.loss,
        "best_epoch": fitted.best,
        "ended": str(fitted.ended),
        "training": {"train": list(curve.train), "validation": list(curve.validation), "best": curve.best},
        "test": {row.model: {name: figure.value for name, figure in row.figures.items()} for row in rows},
    }


def seen(lineage: Mapping[str, Any], origins: Sequence[Origin]) -> tuple[date, ...] | None:
    """Which cutoffs a model has seen what followed of; None where its lineage does not say."""
    until = lineage.get("saw_until")
    if until is None:
        return None
    return tuple(origin.cutoff for origin in origins if as_day(origin.first) <= as_day(until))
