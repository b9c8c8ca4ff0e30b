"""A comparison as one HTML file: what data, the tables, every picture, what decisions cost, insights, limits.

No script, nothing fetched, light and dark, fit to print; whatever names come in stay text. Written whole or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from invplat.core.files import write_whole
from invplat.core.page.markup import figure, name, safe, section, table
from invplat.core.page.sheet import sheet
from invplat.core.page.wording import compact, day, number, percent, plural
from invplat.data.manifest import Manifest
from invplat.evaluate.charts import HINDSIGHT, PERIOD, Chart, charts, focus
from invplat.evaluate.compare import OURS, REPORT, Comparison, Table
from invplat.evaluate.insights.insight import Insight
from invplat.evaluate.insights.terminal import SHOWN, TELLING
from invplat.evaluate.insights.wording import money
from invplat.evaluate.pictures.canvas import svg
from invplat.evaluate.pictures.measures import measure_of

INSIGHTS = 6  # told, those to act on first
ROWS = 5  # of each
TOGETHER = (  # pictures that share a section; the first one's title is its heading
    ("accuracy",),
    ("costs", "stock", "stock_series"),
    ("by_step",),
    ("actual_predicted",),
    ("fans",),
    ("report_accuracy", "report_actual_predicted"),
    ("training",),
)


@dataclass(frozen=True)
class Report:
    comparison: Comparison
    manifest: Manifest
    command: str  # that makes it again
    insights: Sequence[Insight] = ()
    notes: Sequence[str] = ()  # beside the comparison's own


def write_page(report: Report, path: Path, drawn: Sequence[Chart] | None = None) -> Path:
    return write_whole(path, render(report, drawn).encode())


def render(report: Report, drawn: Sequence[Chart] | None = None) -> str:
    """`drawn`: the comparison's charts, where somebody has them already."""
    found = report.comparison
    by_name = {chart.name: chart for chart in (charts(found) if drawn is None else drawn)}
    parts = [_head(report)]
    for names in TOGETHER:
        there = [by_name[one] for one in names if one in by_name]
        if there:
            parts.append(_section(found, there))
    parts += [_insights(report.insights), _limits(report), _foot(report)]
    return sheet(f"{found.tenant}: forecasts judged", [part for part in parts if part])


def _head(report: Report) -> str:
    found, manifest = report.comparison, report.manifest
    unit = PERIOD[found.frequency]
    tiles = [
        (number(len(manifest.stores)), "store" if len(manifest.stores) == 1 else "stores"),
        (number(manifest.series), "series"),
        (number(len({row.model for each in found.tables.values() for row in each.rows})), "models"),
        (compact(max(each.judged for each in found.tables.values())), "answers judged, each"),
    ]
    if OURS in found.tables:
        best = focus(found)
        row = next(row for row in found.tables[OURS].rows if row.model == best)
        wape = row.figures.get("wape")
        if wape is not None and wape.value is not None:
            tiles.append((percent(wape.value), f"of demand: error of {best} (WAPE)"))
    cheapest = next((cost for cost in found.costs if cost.model != HINDSIGHT), None)
    if cheapest is not None and cheapest.above_hindsight is not None:
        tiles.append((f"+{percent(cheapest.above_hindsight)}", f"cost of orders over hindsight's ({cheapest.model})"))
    shown = "".join(f"<div><b>{value}</b><span>{safe(label)}</span></div>" for value, label in tiles)
    judged = ""
    if found.cutoffs:
        cutoffs = ", ".join(day(str(cutoff)) for cutoff in found.cutoffs)
        judged = f" · {plural(found.horizon, unit)} after {cutoffs}"
    return (
        f'<header><p class="eyebrow">Forecasts judged</p><h1>{name(found.tenant)}</h1>'
        f'<p class="meta">dataset version {manifest.version}, {day(manifest.start)} to {day(manifest.end)} · '
        f"{safe(found.frequency)}{judged}</p>"
        f'<div class="tiles">{shown}</div></header>'
    )


def _section(found: Comparison, there: Sequence[Chart]) -> str:
    first = there[0]
    parts = []
    if first.name in ("accuracy", "report_accuracy"):
        judged = found.tables[OURS if first.name == "accuracy" else REPORT]
        parts.append(_table(judged, found.workloads))
    if first.name == "costs":
        parts.append(_costs(found))
    for place, chart in enumerate(there):
        caption = "" if place == 0 else safe(chart.title)
        unit = "" if place == 0 else safe(chart.note)
        # A picture that has its section's heading needs no caption of its own.
        parts.append(figure(caption, unit, svg(chart.figure)) if place else f"<figure>{svg(chart.figure)}</figure>")
    about = found.tables[OURS].about if first.name == "accuracy" else ""
    about = found.tables[REPORT].about if first.name == "report_accuracy" else about
    note = f"{about[:1].upper()}{about[1:]}. {first.note}" if about else first.note
    return section(first.subject, first.title, safe(note), *parts)


def _table(judged: Table, ours: Sequence[str]) -> str:
    """The best of each metric is strong; workloads are marked by a word, not by colour alone."""
    best = {metric: judged.best(metric) for metric in judged.metrics}
    rows = []
    for row in judged.rows:
        cells = [name(row.model) + (' <span class="soft">workload</span>' if row.model in ours else "")]
        for metric in judged.metrics:
            said = measure_of(metric).said(row.figures[metric].value if metric in row.figures else None)
            cells.append(f"<b>{said}</b>" if row.model in best[metric] else said)
        cells.append(f"{row.seconds:.1f}")
        rows.append(cells)
    heads = ["model", *(safe(measure_of(metric).head) for metric in judged.metrics), "seconds"]
    return table(heads, rows, range(1, len(heads)))


def _costs(found: Comparison) -> str:
    rows = []
    for cost in found.costs:
        above = "–" if cost.above_hindsight is None or cost.model == HINDSIGHT else f"+{percent(cost.above_hindsight)}"
        rows.append(
            [
                name(cost.model),
                number(round(cost.holding)),
                number(round(cost.stockout)),
                f"<b>{number(round(cost.total))}</b>",
                above,
                f"{cost.turnover:.1f}",
                percent(round(cost.stockout_rate, 4)),
                percent(round(cost.fill_rate, 4)),
            ]
        )
    heads = ["orders by", "holding", "stockouts", "together", "over hindsight", "turns a year"]
    return table([*heads, "series-periods out of stock", "demand served"], rows, range(1, 8))


def _insights(insights: Sequence[Insight]) -> str:
    told = [insight for insight in insights if insight.known][:INSIGHTS]
    if not told:
        return ""
    parts = []
    for insight in told:
        amount = f" <span>{money(insight.money.amount)} {_per(insight)}</span>" if insight.money.amount else ""
        parts.append(f'<h3 class="next">{safe(insight.title)}{amount}</h3><p>{safe(insight.sentence)}</p>')
        columns = SHOWN.get(insight.name, ())
        rows = [] if insight.name in TELLING else insight.rows.head(ROWS).to_dicts()
        if columns and rows:
            cells = [
                ["–" if row[column] is None else _cell(row[column], write(row[column])) for column, _, write in columns]
                for row in rows
            ]
            numeric = [place for place, (column, _, _) in enumerate(columns) if not isinstance(rows[0][column], str)]
            parts.append(table([safe(head) for _, head, _ in columns], cells, numeric))
    note = "What to mend comes first, by its money, in the business's own units of cost and price."
    return section("Insights", "What the data say about the business itself", note, *parts)


def _per(insight: Insight) -> str:
    return "a year" if insight.money.per == "year" else "once"


def _cell(value: object, written: str) -> str:
    return name(written) if isinstance(value, str) else safe(written)


def _limits(report: Report) -> str:
    found = report.comparison
    notes = [*found.notes, *report.notes, *_left_out(found)]
    if OURS in found.tables:
        notes.append("every model saw only what was known at each cutoff, and was judged on what followed")
    if REPORT in found.tables:
        notes.append("the table without past sales is split at random, as its source has it: it judges no forecast")
    if found.costs:
        notes.append("costs are of simulated orders on recorded demand; hindsight is the least they could have been")
    items = "".join(f"<li>{safe(note[:1].upper() + note[1:])}</li>" for note in dict.fromkeys(notes))
    return section("Limits and notes", "What these figures do not say", "", f"<ul>{items}</ul>") if items else ""


def _left_out(found: Comparison) -> list[str]:
    """What metrics leave out, such as MAPE its zeros: once where it is the same for every model."""
    said: dict[tuple[str, str], list[str]] = {}
    models: set[str] = set()
    for judged in found.tables.values():
        for row in judged.rows:
            models.add(row.model)
            for metric, one in row.figures.items():
                if one.note:
                    said.setdefault((metric, one.note), []).append(row.model)
    notes = []
    for (metric, note), who in said.items():
        whose = "" if len(set(who)) > 1 and len(set(who)) > len(models) / 2 else f" of {', '.join(dict.fromkeys(who))}"
        notes.append(f"{measure_of(metric).label}{whose}: {note}")
    return notes


def _foot(report: Report) -> str:
    manifest = report.manifest
    return (
        f"<footer><p>Made again by <code>{safe(report.command)}</code></p>"
        f"<p>Dataset {safe(manifest.tenant)} version {manifest.version}, content {safe(manifest.content_hash[:16])}, "
        f"written by invplat {safe(manifest.code)}.</p></footer>"
    )
