"""Workloads and reference models beside each other on one dataset: the same windows, the same judge, one comparison.

Every model sees past sales in the protocol *ours* and none in *report*. Hyperparameters are chosen before the cutoffs,
or on the validation rows; what is judged is read once. Knows nothing of how a comparison is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from threadpoolctl import threadpool_limits

from invplat.core.errors import DatasetError, SettingRefused
from invplat.core.space import Params
from invplat.data.dataset import Dataset
from invplat.data.lead_times import LeadTimes, read_lead_times
from invplat.data.panel import Panel
from invplat.data.split import Origin, rolling_origins
from invplat.data.timeline import Timeline, as_day
from invplat.evaluate.backtest import Backtest, Forecaster, backtest
from invplat.evaluate.compare import (
    OURS,
    REPORT,
    Comparison,
    Curve,
    Table,
    Tabular,
    table_of_backtest,
    table_of_outcomes,
)
from invplat.evaluate.costs import Cost, Recorded, Terms, decision_costs, unit_costs
from invplat.evaluate.estimators import GRIDS
from invplat.evaluate.monthly import monthly
from invplat.evaluate.panels import periods, read_panels
from invplat.evaluate.references import QUICK, SEASON, YEAR, checked, reference
from invplat.evaluate.statistical import KINDS
from invplat.evaluate.tabular_references import compared
from invplat.train.forecaster import Learner
from invplat.train.material import known_dates
from invplat.train.schedule import fitting
from invplat.train.tabular import SETTINGS, ReadsTables, tabular_workload
from invplat.workload import Spec, Workload

PROTOCOLS = (OURS, REPORT)
REFERENCES = ("seasonal_naive", "seasonal_naive_year", "moving_average", *GRIDS)
FEW = 100  # series-origins up to which ARIMA and ETS, a model a series, are asked without being named
SERIES = 2_000  # judged at most, where nobody says otherwise
QUICK_WINDOWS = 10_000  # that a net learns from at each origin

Told = Callable[[str], None]


@dataclass(frozen=True)
class Rules:
    """What a person may set of a comparison."""

    models: tuple[str, ...] | None = None  # references; None: the usual ones
    protocols: tuple[str, ...] = (OURS,)
    origins: int = 2
    past: int | None = None
    horizon: int | None = None
    frequency: str | None = None  # of the periods; the dataset's own
    epochs: int = 15
    seed: int = 0
    holding: float = 1.0
    shortage: float = 9.0
    valued: bool = False  # both are shares of a product's unit cost
    thorough: bool = False  # all rows and settings of the references, all windows of the nets
    series: int | None = SERIES
    threads: int = 1
    by: tuple[str, ...] = ()  # labels that the answers will be grouped by: refused at once where there are none
    params: Mapping[str, Params] = field(default_factory=dict)  # by workload; those not given at their defaults

    def __post_init__(self) -> None:
        for name in self.protocols:
            if name not in PROTOCOLS:
                raise SettingRefused(f"protocol {name!r} is not known", hint=f"write {', '.join(PROTOCOLS)} or both")
        if self.models is not None:
            checked(self.models)
        Terms(1, 1, self.holding, self.shortage)  # refuses costs that make no sense
        if self.origins < 1:
            raise SettingRefused(f"origins = {self.origins}", hint="write 1 or more")


def contest(
    dataset: Dataset,
    workloads: Sequence[Workload],
    rules: Rules | None = None,
    *,
    others: Sequence[Forecaster] = (),
    told: Told = lambda line: None,
) -> Comparison:
    """`others`: more forecasters for OURS, such as kept models, counted among ours."""
    rules = rules or Rules()
    for workload in workloads:
        workload.space.check(rules.params.get(workload.name, {}))
    unit = rules.frequency or dataset.frequency
    spec, note = fitting(unit, periods(dataset, unit), rules.past, rules.horizon)
    names = tuple(dict.fromkeys([*(workload.name for workload in workloads), *(other.name for other in others)]))
    found = Comparison(
        dataset.tenant,
        names,
        unit,
        SEASON[unit],
        spec.horizon,
        (),
        {},
        notes=(note,) * bool(note),
    )
    with threadpool_limits(rules.threads):  # small products: threads would mostly wait for each other
        if OURS in rules.protocols:
            found = _ours(found, dataset, workloads, others, spec, rules, told)
        if REPORT in rules.protocols:
            found = _report(found, dataset, workloads, rules, told)
    return found


def origins_of(panels: Sequence[Panel], spec: Spec, count: int, *, past: int = 1) -> list[Origin]:
    """Rolling origins over the history, one horizon apart; refuses more than there is room for."""
    dates = known_dates(panels)
    room = (len(dates) - past - spec.horizon) // spec.horizon
    if count > room:
        raise DatasetError(
            f"{count} origins of {spec.horizon} periods each, in a history of {len(dates)}: "
            f"there is room for {max(room, 0)}",
            hint=f"ask for --origins {room}" if room > 0 else "ask for a shorter horizon, or bring more history",
        )
    frequency = panels[0].frequency
    first, last = as_day(dates[0]), as_day(dates[-1])
    line = Timeline.covering(frequency, first, last, first if frequency == "weekly" else None)
    return rolling_origins(line, horizon=spec.horizon, count=count, past=past)


def _ours(
    found: Comparison,
    dataset: Dataset,
    workloads: Sequence[Workload],
    others: Sequence[Forecaster],
    spec: Spec,
    rules: Rules,
    told: Told,
) -> Comparison:
    panels, left_out = _panels(dataset, rules)
    labels = ("step", "cutoff", "tenant", "series", *panels[0].statics.texts)
    odd = [key for key in rules.by if key not in labels]
    if odd:
        raise DatasetError(f"there is no {odd[0]!r} to group by", hint=f"group by {', '.join(labels)}")
    if rules.valued:
        unit_costs(panels[0])  # refuses at once where there are none
    origins = origins_of(panels, spec, rules.origins, past=2 * spec.horizon + 2)
    times = read_lead_times(dataset) if dataset.has("receipts") else None
    chosen, notes = _references(found.frequency, panels, rules)
    learners = [_learner(workload, spec, dataset, times, rules) for workload in workloads]
    levels = spec.quantiles
    models: list[Forecaster] = [
        reference(name, found.frequency, levels, seed=rules.seed, threads=rules.threads, quick=not rules.thorough)
        for name in chosen
    ]
    recorded = [Recorded(model) for model in (*models, *others, *learners)]
    run = backtest(
        recorded, panels, origins, spec.horizon, season=found.season, labels={"tenant": dataset.tenant}, told=told
    )
    costs, said = costs_of(recorded, panels, spec.horizon, times, rules)
    troubles = [
        f"{one.name} at {trouble}; its last good weights are judged" for one in learners for trouble in one.troubles
    ]
    return replace(
        found,
        cutoffs=tuple(origin.cutoff for origin in origins),
        tables={**found.tables, OURS: table_of(run, origins, spec.horizon, found.frequency)},
        backtest=run,
        costs=costs,
        training={**found.training, **{one.name: one.curve for one in learners if one.curve is not None}},
        notes=(*found.notes, *left_out, *run.left_out, *notes, *troubles, *said),
        panels=panels,
    )


def table_of(run: Backtest, origins: Sequence[Origin], horizon: int, frequency: str) -> Table:
    unit = {"daily": "days", "weekly": "weeks", "monthly": "months"}[frequency]
    times = f"{len(origins)} origins" if len(origins) > 1 else "one origin"
    return table_of_backtest(
        run,
        f"{times}, the last {horizon} {unit} after each judged: {origins[0].first} to {origins[-1].last}; "
        "past sales allowed to all",
    )


def costs_of(
    recorded: Sequence[Recorded], panels: Sequence[Panel], horizon: int, times: LeadTimes | None, rules: Rules
) -> tuple[tuple[Cost, ...], tuple[str, ...]]:
    terms = Terms.usual(panels[0].frequency, horizon, times, rules.holding, rules.shortage, rules.valued)
    if horizon <= terms.lead:
        return (), (f"a horizon of {horizon} is too short to order by: an order is {terms.lead} periods on its way",)
    return decision_costs(recorded, panels, horizon, terms)


def _panels(dataset: Dataset, rules: Rules) -> tuple[tuple[Panel, ...], tuple[str, ...]]:
    read = read_panels(dataset, frequency=rules.frequency, series=rules.series, seed=rules.seed)
    return read.panels, read.notes


def _learner(workload: Workload, spec: Spec, dataset: Dataset, times: LeadTimes | None, rules: Rules) -> Learner:
    decides = bool({"vlt", "order"} & workload.predicts)
    quick: dict[str, Any] = {} if rules.thorough else {"most": QUICK_WINDOWS}
    return Learner(
        workload,
        spec,
        rules.params.get(workload.name, {}),
        dataset=dataset,
        lead_times=times if decides else None,
        epochs=rules.epochs,
        seed=rules.seed,
        **quick,
    )


def _references(frequency: str, panels: Sequence[Panel], rules: Rules) -> tuple[tuple[str, ...], list[str]]:
    """Which references are asked, and what is to be said of those that are not, or only a little."""
    notes = []
    if rules.models is not None:
        names = checked(rules.models)
    else:
        names = tuple(
            name for name in REFERENCES if name != "seasonal_naive_year" or SEASON[frequency] < YEAR[frequency]
        )
        asked = sum(len(panel.skus) for panel in panels) * rules.origins
        if asked <= FEW:
            names = (*names, *KINDS)
        else:
            notes.append(
                f"arima and ets fit a model a series, {asked:,} here: name them with --models to wait for them"
            )
    few = [name for name in names if name in QUICK]
    if few and not rules.thorough:
        rows = ", ".join(f"{name} {QUICK[name][0]:,}" for name in few)
        notes.append(
            f"to be quick, references learn from a sample of rows with few settings ({rows}): --thorough for all"
        )
    return names, notes


def _report(found: Comparison, dataset: Dataset, workloads: Sequence[Workload], rules: Rules, told: Told) -> Comparison:
    table = monthly(dataset)
    data, parts, notes = table.data, table.parts, list(table.notes)
    names = [name for name in (GRIDS if rules.models is None else rules.models) if name in GRIDS]
    limits: dict[str, Any] = {}
    if not rules.thorough and len(parts.train) > QUICK["neighbours"][0]:
        few = [name for name in names if name in ("neighbours", "forest")]
        limits = {"most": {name: QUICK[name][0] for name in few}, "grids": {name: QUICK[name][1] for name in few}}
        if few:
            notes.append(f"to be quick, {' and '.join(few)} learn from {QUICK[few[0]][0]:,} rows: --thorough for all")
    outcomes = []
    for outcome in compared(data, parts, names, seed=rules.seed, threads=rules.threads, **limits):
        outcomes.append(outcome)
        told(f"{outcome.name} on the report's table")
    training: dict[str, Curve] = dict(found.training)
    for workload in workloads:
        if not isinstance(workload, ReadsTables):
            notes.append(f"{workload.name} reads a past, and the report's table has none: left out there")
            continue
        learnt = tabular_workload(
            workload,
            data,
            parts,
            settings=SETTINGS if rules.thorough else SETTINGS[1:],
            epochs=rules.epochs * 2,
            seed=rules.seed,
        )
        outcomes.append(learnt.outcome)
        training.setdefault(workload.name, learnt.curve)
        told(f"{workload.name} on the report's table")
    if not outcomes:
        raise DatasetError(
            "none of these models reads the report's table", hint=f"name some of {', '.join(GRIDS)}, or mlp"
        )
    return replace(
        found,
        tables={**found.tables, REPORT: table_of_outcomes(data, parts, outcomes)},
        tabular=Tabular(data.target[parts.test], tuple(outcomes)),
        training=training,
        notes=(*found.notes, *notes),
    )
