"""A study as one HTML file: what is best and by how much, how to go on, the leaderboard, every picture, what to doubt.

No script, nothing fetched, light and dark, fit to print. Written whole or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from invplat.core.files import write_whole
from invplat.core.page.markup import name, safe, section, table
from invplat.core.page.sheet import sheet
from invplat.core.page.wording import number, percent, plural
from invplat.core.space import Choice, Dimension
from invplat.evaluate.charts import Chart
from invplat.evaluate.pictures.canvas import svg
from invplat.tune.charts import charts
from invplat.tune.study import Study, figure_text, measure, param_text
from invplat.tune.trial import Finished, State
from invplat.tune.verdict import resume_command, tune_command, verdict

ROWS = 15  # of the leaderboard; all are in leaderboard.json and trials.parquet
COLUMNS = 7  # params and metrics that leave room for more
LOST = 8  # trials without a value that are told one by one
FEW = 30  # trials: of fewer, what is best is not settled
SEARCHES = {"grid": "every point of a grid", "random": "drawn at random", "bayes": "Bayesian search (TPE)"}


def write_page(study: Study, path: Path, drawn: Sequence[Chart] | None = None) -> Path:
    return write_whole(path, render(study, drawn).encode())


def render(study: Study, drawn: Sequence[Chart] | None = None) -> str:
    """`drawn`: the study's charts, where somebody has them already."""
    pictures = charts(study) if drawn is None else drawn
    parts = [_head(study), _best(study), *(_picture(chart) for chart in pictures[:1])]
    parts += [_leaderboard(study), *(_picture(chart) for chart in pictures[1:])]
    parts += [_lost(study), _limits(study), _foot(study)]
    return sheet(f"{study.plan.name}: {study.plan.workload} tuned", [part for part in parts if part])


def _head(study: Study) -> str:
    plan, counts = study.plan, study.counts
    tiles = [(f"{number(len(study.finished))}", "trials" if study.complete else f"of {number(study.asked)} trials")]
    tiles += [
        (number(counts[state]), label)
        for state, label in (
            (State.DONE, "trained to the end"),
            (State.STOPPED, "stopped early"),
            (State.DIVERGED, "diverged"),
            (State.FAILED, "failed"),
        )
        if counts[state] or state in (State.DONE, State.STOPPED)
    ]
    tiles.append((_minutes(study.minutes), "of work"))
    if study.rate is not None:
        tiles.append((number(float(f"{study.rate:.3g}")), "trials a minute"))
    shown = "".join(f"<div><b>{value}</b><span>{safe(label)}</span></div>" for value, label in tiles)
    data = " and ".join(f"{tenant} version {version}" for tenant, version in plan.datasets)
    return (
        f'<header><p class="eyebrow">A study of {safe(plan.workload)}</p><h1>{name(plan.name)}</h1>'
        f'<p class="meta">{safe(data)} · {safe(SEARCHES.get(plan.search, plan.search))} · '
        f"at most {plural(plan.epochs, 'epoch')}</p>"
        f'<div class="tiles">{shown}</div></header>'
    )


def _minutes(minutes: float) -> str:
    if minutes < 1:
        return f"{60 * minutes:.0f} s"
    return f"{number(float(f'{minutes:.2g}'))} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _best(study: Study) -> str:
    found, best, default = verdict(study), study.best, study.default
    go_on = (
        f'<p class="after" style="max-width: none">Train a model with these params: <code>{safe(found.next)}</code></p>'
    )
    if best is None:
        note = "Why is told below; a narrower range of learning rates often helps." if study.finished else ""
        return section("The answer", found.finding, note, bad=bool(study.finished))
    heads, rows = ["param", "best"], []
    beside = default is not None and default is not best
    heads += ["default"] if beside else []
    for param, dimension in study.plan.space.dimensions.items():
        cells = [f"<code>{safe(param)}</code>", f"<b>{safe(param_text(best.params[param]))}</b>"]
        cells += [safe(param_text(default.params[param]))] if beside and default is not None else []
        rows.append([*cells, safe(_allowed(dimension, grid=study.plan.search == "grid"))])
    foot = [f"{safe(measure(study.metric).named)}", figure_text(study.value(best))]
    if beside and default is not None:
        early = "*" if default.state is State.STOPPED else ""
        foot.append(f"{figure_text(study.value(default))}{early}")
    note = f"Trial {best.number}. {safe(found.beside)}"
    near = study.near
    if near > 1:
        note += f" {plural(near - 1, 'other trial')} came within one percent of it."
    columns = (1, 2) if beside else (1,)
    return section("The answer", found.finding, note, table([*heads, "could be"], rows, columns, [*foot, ""]), go_on)


def _allowed(dimension: Dimension, *, grid: bool) -> str:
    """What a trial could be given; a grid has values of its own."""
    values = dimension.grid if grid and dimension.grid else dimension.options if isinstance(dimension, Choice) else ()
    if values or isinstance(dimension, Choice):
        return ", ".join(param_text(value) for value in values)
    return f"{param_text(dimension.low)} to {param_text(dimension.high)}{', logarithmic' if dimension.log else ''}"


def _leaderboard(study: Study) -> str:
    if not study.ranked:
        return ""
    front = {trial.number for trial in study.front}
    names, metrics, shown = study.varied, study.plan.metrics, study.ranked[:ROWS]
    narrow = len(names) + len(metrics) <= COLUMNS
    heads = ["", "trial", *(safe(measure(metric).head) for metric in metrics), *(safe(one) for one in names)]
    heads += ["epochs", *(["seconds"] if narrow else [])]
    rows = []
    for place, trial in enumerate(shown, 1):
        values = [figure_text(study.value(trial, metric)) for metric in metrics]
        values[0] = f"<b>{values[0]}</b>"
        mark = " ◆" if trial.number in front else ""
        rows.append(
            [
                str(place),
                f"{trial.number}{mark}",
                *values,
                *(safe(param_text(trial.params[one])) for one in names),
                f"{len(trial.validation)}{'*' if trial.state is State.STOPPED else ''}",
                *([f"{trial.seconds:.1f}"] if narrow else []),
            ]
        )
    count = len(study.ranked)
    finding = f"The {len(shown)} best of {count:,} trials" if count > len(shown) else "All trials that came to a value"
    note = "The best first, by figures on validation windows, of which smaller is better. "
    note += "◆ no other trial is better in one metric and as good in the rest. " if front else ""
    note += "* stopped early. " if any(trial.state is State.STOPPED for trial in shown) else ""
    note += "Every trial, with its seed and why it ended, is in trials.parquet." if count > len(shown) else ""
    return section("Leaderboard", finding, note.strip(), table(heads, rows, range(len(heads))))


def _picture(chart: Chart) -> str:
    return section(chart.subject, chart.title, safe(chart.note), f"<figure>{svg(chart.figure)}</figure>")


def _lost(study: Study) -> str:
    """Trials without a value: that they are few is news as well as what they have in common."""
    lost = study.unranked
    if not lost:
        return ""
    rows = [[str(trial.number), trial.state.value, safe(trial.why), _changed(study, trial)] for trial in lost[:LOST]]
    more = f"<p class='after'>and {len(lost) - LOST} more, in trials.parquet</p>" if len(lost) > LOST else ""
    finding = f"{plural(len(lost), 'trial')} of {number(len(study.finished))} came to no value"
    note = "They rank behind all others, and the search was told that they were bad; nothing else was lost by them."
    heads = ["trial", "state", "why", "its params"]
    return section("Diverged and failed", finding, note, table(heads, rows, (0,)), more, bad=True)


def _changed(study: Study, trial: Finished) -> str:
    return ", ".join(f"{safe(one)} {safe(param_text(trial.params[one]))}" for one in study.varied)


def _limits(study: Study) -> str:
    notes = []
    plan, found = study.plan, study.importance()
    if not study.complete:
        notes.append(
            f"the study has {len(study.finished)} of {study.asked} trials: it was interrupted, ran out of time or "
            f"still runs; go on with it: {resume_command(study)}"
        )
    if len(study.ranked) < FEW:
        notes.append(
            f"of {plural(len(study.ranked), 'trial')} the best may well be so by chance: with more it may change"
        )
    notes.append(
        "every figure is of validation windows, on which trials were also chosen: the best of many is in part luck, so "
        "expect a little worse of a trained model; the test part was not read"
    )
    if found.note:
        notes.append(f"importance of params: {found.note}")
    elif found.explained is not None:
        notes.append(
            "importance of params is read off a forest that explains "
            f"{percent(round(max(found.explained, 0.0), 2))} of the order of trials that it had not seen"
        )
    if study.counts[State.STOPPED]:
        notes.append(
            "a trial that was stopped early is judged by the epochs it had; with more it might have come further"
        )
    if len(study.hosts) > 1:
        notes.append("run by " + ", ".join(f"{host} ({plural(count, 'trial')})" for host, count in study.hosts.items()))
    if plan.warm:
        notes.append(f"begun with the best trials of {', '.join(plan.warm)}")
    items = "".join(f"<li>{safe(note[:1].upper() + note[1:])}</li>" for note in notes)
    return section("Limits and notes", "What these figures do not say", "", f"<ul>{items}</ul>")


def _foot(study: Study) -> str:
    plan = study.plan
    code = f", by invplat {safe(plan.code)}" if plan.code else ""
    return (
        f"<footer><p>Asked for as <code>{safe(tune_command(study))}</code>{code}. The same space, seed and number of "
        "packs at once give the same trials.</p></footer>"
    )
