"""From datasets to one trained model, judged once on what it never saw, beside the naive forecasts.

Learns on the training part, stops by the validation part, is judged on the test part. `whole`: afterwards it learns
again, as long, from everything; its figures stay those of the first fit. Knows nothing of where models are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import torch

from invplat.core.space import Params
from invplat.data.dataset import Dataset
from invplat.data.lead_times import LeadTimes, read_lead_times
from invplat.data.split import Origin, Span
from invplat.data.timeline import Timeline, as_day
from invplat.evaluate.backtest import backtest
from invplat.evaluate.compare import Comparison, Row, table_of_backtest
from invplat.evaluate.panels import read_panels
from invplat.evaluate.references import SEASON, YEAR, reference
from invplat.model import Model, lineage_of
from invplat.train.forecaster import Kept, curve_of, learnt, model_of
from invplat.train.loop import Fitted, Watch
from invplat.train.material import Material, assembled, known_dates
from invplat.train.plan import Plan
from invplat.train.schedule import Schedule

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
    material: Material,
    *,
    params: Params | None = None,
    plan: Mapping[str, Any] | None = None,
    whole: bool = False,
    watch: Watch | None = None,
) -> Trained:
    """Of material that was read from datasets. `plan`: entries of train.plan.Plan."""
    torch.set_num_threads(1)  # small nets; a second thread mostly waits
    datasets = [business.dataset for business in material.businesses if business.dataset is not None]
    chosen = material.workload.space.complete(params or {})
    steps = Plan.of(chosen, **(plan or {}))
    fitted = learnt(material, chosen, steps, watch=watch)

    def again(epochs: int) -> Model:
        every = _everything(material, steps.seed)
        fitted = learnt(every, chosen, replace(steps, epochs=epochs, patience=0), validated=False)
        return model_of(every, chosen, fitted)

    return concluded(
        model_of(material, chosen, fitted),
        fitted,
        datasets,
        [business.schedule for business in material.businesses],
        steps,
        windows=len(material.train),
        notes=material.notes,
        openings=material.openings,
        again=again if whole else None,
    )


def concluded(
    model: Model,
    fitted: Fitted,
    datasets: Sequence[Dataset],
    schedules: Sequence[Schedule],
    plan: Plan,
    *,
    windows: int,
    notes: Sequence[str],
    openings: int = 0,
    again: Callable[[int], Model] | None = None,
) -> Trained:
    """A fit's model, judged and with its lineage. `again` learns from everything, for so many epochs."""
    said = list(notes)
    if fitted.trouble:
        said.append(f"{fitted.trouble}; the weights of epoch {fitted.best} are kept")
    cutoffs = schedules[0].test
    rows = _judged(model, datasets[0], cutoffs, plan.seed, said)
    lineage = _lineage(model, datasets, schedules, plan, fitted, windows, again is not None, openings)
    if again is not None:
        model = again(max(fitted.best, 1))
    model = replace(model, lineage=lineage, metrics=_metrics(fitted, rows))
    return Trained(model, fitted, rows, cutoffs, windows, tuple(said))


def origins_at(cutoffs: Sequence[date], frequency: str, horizon: int) -> list[Origin]:
    """For judging what is fitted already: nothing is learnt at any of them."""
    found = []
    for cutoff in cutoffs:
        starts = Timeline(frequency, as_day(cutoff), 1).starts(horizon).astype("datetime64[D]").tolist()
        found.append(Origin(cutoff, Span(cutoff, cutoff, ()), starts[1], starts[-1]))
    return found


def _judged(model: Model, dataset: Dataset, cutoffs: Sequence[date], seed: int, notes: list[str]) -> tuple[Row, ...]:
    frequency, horizon = model.preparation.frequency, model.spec.horizon
    panels = read_panels(dataset, frequency=frequency, series=JUDGED, seed=seed).panels
    names = ["seasonal_naive", *(["seasonal_naive_year"] if SEASON[frequency] < YEAR[frequency] else [])]
    naive = [reference(name, frequency, model.spec.quantiles) for name in names]
    times = lead_times_for(model, dataset)
    run = backtest(
        [Kept(model, dataset, times, model.workload.name), *naive],
        panels,
        origins_at(cutoffs, frequency, horizon),
        horizon,
        season=SEASON[frequency],
    )
    notes += run.left_out
    return table_of_backtest(run, "").rows


def lead_times_for(model: Model, dataset: Dataset) -> LeadTimes | None:
    """Of the whole business, for a model that decides; None where it does not, or nothing was ever received."""
    decides = bool({"vlt", "order"} & model.workload.predicts)
    return read_lead_times(dataset) if decides and dataset.has("receipts") else None


def _everything(material: Material, seed: int) -> Material:
    horizon = material.spec.horizon
    businesses = [
        replace(business, schedule=Schedule.of(known_dates(business.panels), horizon, validations=0, tests=0))
        for business in material.businesses
    ]
    return assembled(material.workload, material.spec, businesses, most=len(material.train), seed=seed)


def _lineage(
    model: Model,
    datasets: Sequence[Dataset],
    schedules: Sequence[Schedule],
    plan: Plan,
    fitted: Fitted,
    windows: int,
    whole: bool,
    openings: int,
) -> dict[str, Any]:
    """`saw_until`: the last period whose demand had a part in the weights or in the choice of their epoch."""
    ends = []
    for parts in schedules:
        last = parts.test if whole and parts.test else parts.validation or parts.train
        ends.append(origins_at(last[-1:], model.preparation.frequency, model.spec.horizon)[0].last)
    more: dict[str, Any] = {"pooled": [[one.tenant, one.version] for one in datasets]} if len(datasets) > 1 else {}
    more |= {"openings": openings} if openings else {}
    return lineage_of(
        datasets[0],
        seed=plan.seed,
        saw_until=str(max(ends)),
        cutoffs={name: [str(part[0]), str(part[-1]), len(part)] for name, part in vars(schedules[0]).items() if part},
        windows=windows,
        epochs=fitted.best,
        plan=plan.to_json(),
        whole=whole,
        **more,
    )


def _metrics(fitted: Fitted, rows: Sequence[Row]) -> dict[str, Any]:
    curve = curve_of(fitted)
    return {
        "validation_loss": fitted.loss,
        "best_epoch": fitted.best,
        "ended": str(fitted.ended),
        "training": {"train": list(curve.train), "validation": list(curve.validation), "best": curve.best},
        "test": {row.model: {name: figure.value for name, figure in row.figures.items()} for row in rows},
    }


def seen_note(comparison: Comparison, name: str, lineage: Mapping[str, Any]) -> Comparison:
    """The comparison, with what is to be said of a model that has seen, or may have, what it was judged on."""
    until = lineage.get("saw_until")
    if until is None:
        note = f"{name} does not say how far its history went: it may have seen what it is judged on"
        return replace(comparison, notes=(note, *comparison.notes))
    origins = origins_at(comparison.cutoffs, comparison.frequency, comparison.horizon)
    known = [str(origin.cutoff) for origin in origins if as_day(origin.first) <= as_day(until)]
    if not known:
        note = f"{name} has seen nothing of what it is judged on: its history ends {until}"
    else:
        note = (
            f"{name} has seen sales until {until}, so its figures flatter it: it learnt from, or was chosen by, what "
            f"followed {len(known)} of {len(origins)} origins ({', '.join(known)})"
        )
    return replace(comparison, notes=(note, *comparison.notes))
