"""What monitoring found as one HTML file: findings first, then how right forecasts were over time, and drift.

No script, nothing fetched, light and dark, fit to print; whatever names come in stay text. Written whole or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from invplat.core.files import write_whole
from invplat.core.page.markup import figure, meter, name, pair, safe, section, table
from invplat.core.page.sheet import sheet
from invplat.core.page.wording import compact, day, number, percent, plural
from invplat.evaluate.pictures.canvas import svg, title_of
from invplat.monitor import pictures
from invplat.monitor.finding import HIGH, KINDS
from invplat.monitor.inputs import COLUMNS, GREAT, Drift
from invplat.monitor.look import Look
from invplat.monitor.matching import STATES

TOLD = 20  # businesses that are told in full: those in most trouble
STEPS = 14  # rows of a table by step
WEEKS = 2  # of fewer there is nothing to draw


def write_page(looks: Sequence[Look], path: Path) -> Path:
    return write_whole(path, render(looks).encode())


def render(looks: Sequence[Look]) -> str:
    parts = [_head(looks)]
    if len(looks) > 1:
        parts.append(_overview(looks))
    for one in sorted(looks, key=_trouble)[:TOLD]:
        of = f" · {name(one.tenant)}" if len(looks) > 1 else ""
        parts += [_findings(one, of), _accuracy(one, of), _groups(one, of), _drift(one, of), _left_out(one, of)]
    title = f"{looks[0].tenant}: monitoring" if len(looks) == 1 else "Monitoring"
    return sheet(title, [part for part in parts if part])


def _trouble(one: Look) -> tuple[int, int, str]:
    return -sum(1 for each in one.findings if each.severity == HIGH), -len(one.findings), one.tenant


def _head(looks: Sequence[Look]) -> str:
    findings = [each for one in looks for each in one.findings]
    severe = sum(1 for each in findings if each.severity == HIGH)
    tiles = [
        (number(len(findings)), "finding" if len(findings) == 1 else "findings"),
        (number(severe), "of them severe"),
    ]
    if len(looks) == 1:
        figures = looks[0].accuracy
        for key, label in (
            ("wape", "error of the last weeks (WAPE)"),
            ("naive_wape", "error of the seasonal naive"),
            ("coverage", "inside the outer interval"),
        ):
            if figures.get(key) is not None:
                promised = f" of {percent(figures['promised'])}" if key == "coverage" else ""
                tiles.append((percent(figures[key]), label + (f",{promised} promised" if promised else "")))
        tiles.append((compact(looks[0].predictions), "forecasts given in all"))
        heading, about = name(looks[0].tenant), _about(looks[0])
    else:
        tiles.insert(0, (number(len(looks)), "businesses"))
        heading = "Monitoring"
        about = f"looked at on {day(looks[0].today)}" if looks else "there is no business yet"
    shown = "".join(f"<div><b>{value}</b><span>{safe(label)}</span></div>" for value, label in tiles)
    return (
        f'<header><p class="eyebrow">Monitoring</p><h1>{heading}</h1>'
        f'<p class="meta">{about}</p><div class="tiles">{shown}</div></header>'
    )


def _about(one: Look) -> str:
    if one.dataset is None or one.end is None:
        return f"looked at on {day(one.today)} · no usable data"
    learnt = f" · the model has learnt from data up to {day(one.learnt)}" if one.learnt else ""
    return f"looked at on {day(one.today)} · dataset version {one.dataset}, known up to {day(one.end)}{learnt}"


def _overview(looks: Sequence[Look]) -> str:
    rows = []
    for one in sorted(looks, key=_trouble):
        severe = sum(1 for each in one.findings if each.severity == HIGH)
        figures = one.accuracy
        rows.append(
            [
                name(one.tenant),
                number(len(one.findings)),
                number(severe),
                _share(figures.get("wape")),
                _share(figures.get("naive_wape")),
                _share(figures.get("coverage")),
                day(one.end or ""),
            ]
        )
    heads = ("Business", "Findings", "Severe", "Error", "Naive's", "Coverage", "Known up to")
    troubled = sum(1 for one in looks if one.findings)
    said = f"{troubled} of {plural(len(looks), 'business', 'businesses')} have something to be looked at"
    note = f"Told in full below: the {TOLD} in most trouble." if len(looks) > TOLD else ""
    return section("All businesses", said, note, table(heads, rows, numeric=(1, 2, 3, 4, 5)))


def _share(value: Any) -> str:
    return "–" if value is None else percent(float(value))


def _findings(one: Look, of: str) -> str:
    eyebrow = f"Findings{of}"
    if not one.findings:
        return section(eyebrow, "Nothing to report", "", *_notes(one))
    rows = [
        [
            f"<b>{safe(each.severity)}</b>" if each.severity == HIGH else safe(each.severity),
            day(each.since),
            f"<b>{safe(KINDS[each.kind])}</b><br>{safe(each.sentence)}",
            safe(each.remedy),
        ]
        for each in one.findings
    ]
    severe = any(each.severity == HIGH for each in one.findings)
    heads = ("Severity", "Since", "What", "What to do")
    return section(eyebrow, one.findings[0].sentence, "", table(heads, rows), *_notes(one), bad=severe)


def _notes(one: Look) -> list[str]:
    return [f'<p class="soft after">{safe(note[:1].upper() + note[1:])}.</p>' for note in one.notes]


def _accuracy(one: Look, of: str) -> str:
    if len(one.weeks) < WEEKS:
        return ""
    began = sorted({each.since for each in one.findings if each.kind in ("accuracy_worse", "bias", "worse_than_naive")})
    inside = [since for since in began if str(one.weeks[0]["week"]) <= since]
    drawn: list[Figure | None] = [pictures.accuracy(one.weeks, inside)]
    drawn += [pictures.by_category(one.sums), pictures.by_step(one.sums), pictures.bias(one.weeks)]
    if any(week.get("coverage") is not None for week in one.weeks):
        drawn.append(pictures.coverage(one.weeks))
    figures, wape, naive = one.accuracy, one.accuracy.get("wape"), one.accuracy.get("naive_wape")
    if wape is None:
        said = "Nothing was sold in the last weeks"
    elif not naive:
        said = f"The forecasts err by {percent(wape)} of what is sold"
    else:
        way = "less" if wape < naive else "more"
        said = (
            f"The forecasts err by {percent(wape)} of what is sold, {way} than the seasonal naive with {percent(naive)}"
        )
    note = f"{figures['cells']:,} forecasts of the last {plural(min(len(one.weeks), 4), 'week')}, each step of the "
    note += "horizon by itself. Days on which the shelf was empty are left out."
    if inside:
        note += " Dotted lines: when what was found began."
    shown = [figure(safe(title_of(each)), "", svg(each)) for each in drawn if each is not None]
    return section(f"Accuracy over time{of}", said, note, *shown)


def _groups(one: Look, of: str) -> str:
    parts = []
    for key, head in (("category", "Category"), ("step", "Step ahead"), ("model", "Model")):
        rows = [row for row in one.groups.get(key, []) if row["wape"] is not None]
        if len(rows) < 2:
            continue
        shown = rows if len(rows) <= STEPS else [rows[round(at * (len(rows) - 1) / (STEPS - 1))] for at in range(STEPS)]
        cells = [_row(row, key) for row in shown]
        parts.append(table((head, "Error", "Naive's", "Bias", "Coverage", "Forecasts"), cells, numeric=(1, 2, 3, 4, 5)))
    if not parts:
        return ""
    return section(f"Where{of}", "How right forecasts of the last weeks were, by what they were of", "", pair(*parts))


def _row(row: Mapping[str, Any], key: str) -> list[str]:
    label = str(row[key]) if row[key] != "" else "(none)"
    biased = "–" if row["bias"] is None else f"{100 * float(row['bias']):+.1f} %"
    return [
        name(label),
        percent(float(row["wape"])),
        _share(row["naive_wape"]),
        biased,
        _share(row.get("coverage")),
        compact(row["cells"]),
    ]


def _drift(one: Look, of: str) -> str:
    if not one.drifts:
        return ""
    rows = [_drift_row(each) for each in one.drifts if not each.category or each.found]
    found = [each for each in one.drifts if each.found]
    judged = [each for each in one.drifts if each.psi is not None]
    if found:
        said = "What the model is told is not what it has learnt from: " + ", ".join(
            dict.fromkeys(COLUMNS[each.column][0] for each in found)
        )
    else:
        said = "What the model is told is like what it has learnt from" if judged else "Drift could not be judged yet"
    note = (
        f"PSI and Kolmogorov-Smirnov's distance of the last weeks to the weeks before. Drift is what lies above "
        f"{GREAT} and differs more than stretches of the past do among themselves."
    )
    heads = ("Column", "PSI", "", "Usual, at most", "KS", "Mean now", "Values", "")
    return section(f"Drift{of}", said, note, table(heads, rows, numeric=(1, 3, 4, 5, 6)))


def _drift_row(one: Drift) -> list[str]:
    label = COLUMNS[one.column][0] + (f" of {one.category}" if one.category else "")

    def figured(value: float | None, digits: int = 2) -> str:
        return "–" if value is None else f"{value:.{digits}f}"

    note = "<b>drift</b>" if one.found else safe(one.note)
    bar = meter(one.psi, 2.0) if one.psi is not None else ""
    return [
        name(label),
        figured(one.psi),
        bar,
        figured(one.usual),
        figured(one.ks),
        figured(one.now),
        number(one.values),
        note,
    ]


def _left_out(one: Look, of: str) -> str:
    rows = [[safe(about), number(one.cells[state])] for state, about in STATES.items() if one.cells.get(state)]
    if not rows:
        return ""
    total = sum(one.cells.values())
    said = f"{plural(total, 'forecast')} were looked at this time"
    return section(f"What became of them{of}", said, "", table(("Forecasts", "Number"), rows, numeric=(1,)))
