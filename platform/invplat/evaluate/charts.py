"""The pictures of a comparison: which there are, of whom, and under which title. `pictures` draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from invplat.core.page.wording import percent, plural
from invplat.data.panel import Panel
from invplat.evaluate.answers import Answers, Doubles
from invplat.evaluate.compare import OURS, REPORT, Comparison, Table
from invplat.evaluate.lived import best_seller
from invplat.evaluate.pictures import accuracy, money, time
from invplat.evaluate.pictures.canvas import png, word
from invplat.evaluate.pictures.measures import measure_of

PERIOD = {"daily": "day", "weekly": "week", "monthly": "month"}
HINDSIGHT = "hindsight"
SHOWN = ("rmse", "mae", "wape", "mase", "r2", "correlation", "pinball")
HISTORY = {"daily": 56, "weekly": 52, "monthly": 24}  # periods before a fan
LEAST = 20  # units in the horizon: of less, a share of error says little


@dataclass(frozen=True)
class Chart:
    name: str  # of its file
    subject: str
    title: str  # what it shows, as a finding
    note: str
    figure: Figure


def comparison(found: Comparison, folder: Path) -> list[Path]:
    """Every picture as a PNG, each there whole or not at all."""
    return saved(charts(found), folder)


def saved(drawn: Sequence[Chart], folder: Path) -> list[Path]:
    return [png(chart.figure, folder / f"{chart.name}.png") for chart in drawn]


def charts(found: Comparison) -> list[Chart]:
    """Of what there is, the most telling first."""
    listed: list[Chart | None] = []
    if OURS in found.tables:
        listed += [_bars(found, found.tables[OURS], "accuracy"), _cost(found), _steps(found)]
        listed += [_cloud(found), _fans(found), _stock(found), _stock_of_one(found)]
    if REPORT in found.tables:
        listed += [_bars(found, found.tables[REPORT], "report_accuracy"), _report_cloud(found)]
    listed.append(_training(found))
    return [chart for chart in listed if chart is not None]


def focus(found: Comparison) -> str:
    """The model that pictures of one model are of: the best of ours, or of all where none is ours."""
    rows = found.tables[OURS].rows
    mine = [row.model for row in rows if row.model in found.workloads]
    return (mine or [row.model for row in rows])[0]


def _bars(found: Comparison, table: Table, name: str) -> Chart:
    interval = [metric for metric in table.metrics if metric.startswith("coverage_")][:1]
    metrics = [metric for metric in (*SHOWN, *interval) if metric in table.metrics]
    if table.protocol == REPORT:
        metrics = [metric for metric in table.metrics if metric not in ("wape", "bias")]
    figures = {row.model: {metric: row.figures[metric].value for metric in metrics} for row in table.rows}
    best, count = table.rows[0].model, len(table.rows)
    title = f"{best} has the smallest RMSE of {count} models"
    if count == 1:
        title = f"{best} has an RMSE of {measure_of('rmse').said(table.rows[0].figures['rmse'].value)} units"
    title = f"Without past sales, {title}" if table.protocol == REPORT else title
    note = "The smallest RMSE first; the best of each metric is bold."
    return Chart(name, "Accuracy", title, note, accuracy.bars(figures, found.workloads, title))


def _cost(found: Comparison) -> Chart | None:
    if not found.costs:
        return None
    rows = [(cost.model, cost.holding, cost.stockout) for cost in found.costs]
    best = next((cost for cost in found.costs if cost.model != HINDSIGHT), None)
    title = "What the orders would have cost"
    if best is not None and best.above_hindsight is not None:
        title = f"The cheapest orders are {best.model}'s: {percent(best.above_hindsight)} more than hindsight's"
    drawn = money.costs(rows, found.workloads, title, "cost of holding and of stockouts, all series and origins")
    return Chart("costs", "Decisions", title, "Each model's quantiles, followed as orders on what came.", drawn)


def _steps(found: Comparison) -> Chart | None:
    """By mean absolute error: a share of a day's demand would be endless where shops are closed."""
    if found.backtest is None or found.horizon < 2:
        return None
    errors: dict[str, list[float | None]] = {}
    for record in found.backtest.by("step", ["mae"]):
        value = record["mae"]
        errors.setdefault(str(record["forecaster"]), []).append(value if isinstance(value, float) else None)
    name, unit = focus(found), PERIOD[found.frequency]
    line = errors[name]
    title = f"Error by {unit} of the horizon"
    if line[0] is not None and line[-1] is not None:
        said = [measure_of("mae").said(value) for value in (line[0], line[-1])]
        title = f"{name} is off by {said[0]} units on the first {unit} and by {said[1]} on the last"
    note = f"Mean absolute error of one series on one {unit}."
    return Chart("by_step", "Horizon", title, note, accuracy.error_by_step(errors, "mae", unit, found.workloads, title))


def _beside(found: Comparison, table: Table) -> list[str]:
    """Ours, the best of the others, and the simplest."""
    mine = [row.model for row in table.rows if row.model in found.workloads][:1]
    others = [row.model for row in table.rows if row.model not in found.workloads]
    simple = [name for name in others if name.startswith("seasonal_naive") or name == "linear"][:1]
    return list(dict.fromkeys([*mine, *others[:1], *simple]))[:3]


def _cloud(found: Comparison) -> Chart | None:
    if found.backtest is None:
        return None
    names = _beside(found, found.tables[OURS])
    pairs = {name: (found.backtest.answers[name].actual, found.backtest.answers[name].predicted) for name in names}
    title = f"What {_listed(names)} said, against what came"
    unit = f"units a {PERIOD[found.frequency]}"
    note = (
        "Every judged step of every series; on the line, the forecast was right. Wide ranges are drawn as logarithms."
    )
    return Chart("actual_predicted", "Answers", title, note, accuracy.actual_against_predicted(pairs, unit, title))


def _report_cloud(found: Comparison) -> Chart | None:
    if found.tabular is None:
        return None
    said = {outcome.name: outcome.predicted for outcome in found.tabular.outcomes}
    names = [name for name in _beside(found, found.tables[REPORT]) if name in said]
    pairs = {name: (found.tabular.actual, said[name]) for name in names}
    title = f"What {_listed(names)} said without past sales, against what came"
    note = "Every test row of the report's table."
    drawn = accuracy.actual_against_predicted(pairs, "units a month", title)
    return Chart("report_actual_predicted", "Answers", title, note, drawn)


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _fans(found: Comparison) -> Chart | None:
    if found.backtest is None or not found.panels:
        return None
    name = focus(found)
    shown = telling(found.backtest.answers[name], found.panels, found.frequency)
    if not shown:
        return None
    title = f"{name} where it foresees best, as usual and worst"
    note = "At the last cutoff, among series with enough demand to tell. Hidden and cut-off periods are left out."
    return Chart("fans", "Single series", title, note, time.fans(shown, f"units a {PERIOD[found.frequency]}", title))


def telling(answers: Answers, panels: tuple[Panel, ...], frequency: str) -> list[time.Fan]:
    """The series with the least, the median and the largest WAPE at the last cutoff."""
    cutoff = max(answers.label("cutoff").names)
    last = answers.where(answers.label("cutoff").codes == answers.label("cutoff").names.index(cutoff))
    series = last.label("series")
    wrong, demand = (
        np.bincount(series.codes, values, len(series.names))
        for values in (np.abs(last.predicted - last.actual), last.actual)
    )
    judged = np.bincount(series.codes, minlength=len(series.names))
    told = judged >= judged.max(initial=0) / 2
    enough = np.flatnonzero(told & (demand >= min(LEAST, float(demand[told].max(initial=0)))))
    ranked = sorted((float(wrong[code] / demand[code]), int(code)) for code in enough if demand[code] > 0)
    if not ranked:
        return []
    places = dict.fromkeys((0, len(ranked) // 2, len(ranked) - 1))
    words = ("best", "median", "worst") if len(places) == 3 else ("best", "worst")
    found = []
    for place, kind in zip(places, words, strict=False):
        error, code = ranked[place]
        note = f"{kind} of {len(ranked):,}: WAPE {percent(error)}"
        fan = _fan(last.where(series.codes == code), panels, cutoff, frequency, note)
        found += [fan] if fan is not None else []
    return found


def _fan(mine: Answers, panels: tuple[Panel, ...], cutoff: object, frequency: str, note: str) -> time.Fan | None:
    store, sku = (mine.label(key).names[mine.label(key).codes[0]] for key in ("store", "sku"))
    panel = next((panel for panel in panels if panel.store == store and sku in panel.skus), None)
    if panel is None:
        return None
    row, now = panel.skus.index(sku), panel.period(cutoff)
    steps = np.array(mine.label("step").names)[mine.label("step").codes]
    horizon = len(mine.label("step").names)
    known = _known(panel, row)
    first = max(now + 1 - HISTORY[frequency], int(panel.launch[row]), 0)
    dates = panel.dates.tolist()
    shape = (horizon, mine.quantiles.shape[1])
    mean, quantiles = np.full(horizon, np.nan), np.full(shape, np.nan)
    mean[steps - 1], quantiles[steps - 1] = mine.predicted, mine.quantiles
    return time.Fan(
        name=f"{store} · {sku}",
        history=dates[first : now + 1],
        demand=known[first : now + 1],
        ahead=dates[now + 1 : now + 1 + horizon],
        actual=known[now + 1 : now + 1 + horizon],
        mean=mean,
        quantiles=quantiles,
        levels=mine.levels,
        note=note,
    )


def _known(panel: Panel, row: int) -> Doubles:
    sure = panel.observed[row] & ~panel.censored[row]
    return np.where(sure, panel.demand[row].astype(np.float64), np.nan)


def _stock(found: Comparison) -> Chart | None:
    """All series together, under the orders of the model in focus and of hindsight."""
    by_model = {cost.model: cost.on_hand for cost in found.costs if cost.on_hand}
    name = focus(found)
    if HINDSIGHT not in by_model or name not in by_model:
        return None
    first = {name: by_model.pop(name), HINDSIGHT: by_model.pop(HINDSIGHT)}
    shown: Mapping[str, tuple[float, ...]] = {**first, **by_model}
    means = [float(np.mean(shown[key])) for key in (name, HINDSIGHT)]
    title = f"Stock by {name}'s orders and by hindsight's"
    if means[1] > 0:
        times = means[0] / means[1]
        title = f"By {name}'s orders {times:.1f} times as much lies on the shelf as hindsight needs"
    note = "All series together, mean over the origins, from the day on which the first order can arrive."
    return Chart("stock", "Decisions", title, note, time.stock_of_all(shown, PERIOD[found.frequency], title))


def _stock_of_one(found: Comparison) -> Chart | None:
    """The best seller, period by period, under the orders of the model in focus and of hindsight."""
    name = focus(found)
    cost = next((cost for cost in found.costs if cost.model == name), None)
    if found.backtest is None or cost is None or cost.terms is None:
        return None
    seen = best_seller(found.backtest.answers[name], found.panels, cost.terms)
    if seen is None:
        return None
    ours, best = (
        time.Stock(label, lived.on_hand, lived.order, lived.owed)
        for label, lived in ((f"{name}'s orders", seen.model), ("hindsight's", seen.hindsight))
    )
    unit = PERIOD[found.frequency]
    title = f"{word(seen.sku)} in {word(seen.store)}, the best seller, by {name}'s orders and by hindsight's"
    every = unit if cost.terms.review == 1 else plural(cost.terms.review, unit)
    note = f"Orders every {every}, {plural(cost.terms.lead, unit)} on their way."
    drawn = time.stock_curves(seen.days, seen.demand, ours, best, title)
    return Chart("stock_series", "Decisions", title, note, drawn)


def _training(found: Comparison) -> Chart | None:
    if not found.training:
        return None
    histories = {name: time.Losses(curve.train, curve.validation, curve.best) for name, curve in found.training.items()}
    name, curve = next(iter(found.training.items()))
    title = "How training went"
    if len(histories) == 1 and curve.best:
        title = f"{name} is best after epoch {curve.best} of {len(curve.train)}"
    note = "The fit that chose how long to learn; the loss on what was held out decides."
    return Chart("training", "Training", title, note, time.training(histories, title))
