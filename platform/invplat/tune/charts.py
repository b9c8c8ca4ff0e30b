"""The pictures of a study: which there are and under which title, each with a sentence on how to read it."""

from __future__ import annotations

import numpy as np

from invplat.core.page.wording import percent, plural
from invplat.evaluate.charts import Chart
from invplat.tune.importance import Importance, place_of
from invplat.tune.pictures.curves import curves
from invplat.tune.pictures.front import front
from invplat.tune.pictures.history import history
from invplat.tune.pictures.importance import importances
from invplat.tune.pictures.parallel import best_of, parallel
from invplat.tune.pictures.slices import slices
from invplat.tune.study import Study, measure, param_text
from invplat.tune.trial import State

NAMES = ("history", "front", "importance", "slices", "parallel", "curves")  # of their files
MOST = 12  # params in one picture, those that matter most
LONG = 10  # trials in a row without a better one
GOOD = 0.95  # of all that was gained
CLOSE = 0.5  # of all trials' spread: where the best agree


def charts(study: Study) -> list[Chart]:
    """Of what there is to see, the most telling first."""
    if not study.finished:
        return []
    found = study.importance()
    listed = [_history(study), _front(study), _importance(study, found)]
    listed += [_slices(study, found), _parallel(study, found), _curves(study)]
    return [chart for chart in listed if chart is not None]


def _history(study: Study) -> Chart | None:
    if len(study.finished) < 2:
        return None
    best, default = study.best, study.default
    title = "No trial came to an end with a value"
    if best is not None:
        count = len(study.finished)
        title = f"Trial {best.number} is the best of {count:,}"
        found = [(step.trial.number, step.best) for step in study.steps if step.best is not None]
        first, last = found[0][1], found[-1][1]
        soon, then = next(one for one in found if first - one[1] >= GOOD * (first - last))
        if soon < best.number and first > last:
            title += f"; {percent(round((first - then) / (first - last), 2))} of the gain had come by trial {soon}"
        elif count - 1 - best.number >= LONG:
            title += f"; none of the {count - 1 - best.number:,} after it was better"
    note = (
        "Each mark is one trial, lower is better; the line is the best so far. "
        "On the left in the order in which trials were asked for, on the right in the order in which they ended."
    )
    early = default is not None and default.state is State.STOPPED
    named = "default params, stopped early" if early else "default params"
    value = study.value(default) if default is not None and default is not best else None
    return Chart(
        "history", "Search", title, note, history(study.steps, measure(study.metric).named, title, value, named)
    )


def _front(study: Study) -> Chart | None:
    if not study.front:
        return None
    metrics = study.plan.metrics
    labels = [measure(metric).label for metric in metrics]
    names = f"{', '.join(labels[:-1])} and {labels[-1]}"
    title = f"{plural(len(study.front), 'trial')} of {len(study.finished):,} can't be beaten in {names} at once"
    note = (
        "Each mark is one trial, and the lower left is best: along the line, less of one metric costs more of another."
    )
    named = [measure(metric).named for metric in metrics]
    return Chart("front", "Several aims", title, note, front(study.ranked, study.front, metrics, named, title))


def _importance(study: Study, found: Importance) -> Chart | None:
    if not found.shares:
        return None
    panels = [
        ("among all trials" if len(study.plan.metrics) == 1 else f"{measure(study.metric).label}, all trials", found)
    ]
    half = study.importance(best_half=True)
    if half.shares:
        panels.append(("among the better half", half))
    for metric in study.plan.metrics[1:3]:
        other = study.importance(metric)
        if other.shares:
            panels.append((f"{measure(metric).label}, all trials", other))
    telling = found.telling
    title = f"Which params matter can't be told from {plural(found.trials, 'trial')}"
    if telling:
        share = found.shares[telling[0]].mean
        title = f"{telling[0]} alone decides {percent(round(share, 2))} of the order of trials"
        refine = [name for name in half.telling if name != telling[0]]
        if half.telling and refine and half.telling[0] != telling[0]:
            title += f"; among the better half {refine[0]} matters most"
    note = (
        "The longer the bar, the more of the order of trials a param explains by itself; "
        "a bar is grey where its range reaches what a param that changes nothing would get."
    )
    return Chart("importance", "Params", title, note, importances(panels, title))


def _slices(study: Study, found: Importance) -> Chart | None:
    names = _names(study, found)
    best = study.best
    if not names or best is None:
        return None
    shown = ", ".join(f"{name} {param_text(best.params[name])}" for name in names[:2])
    title = (
        f"The best trial has {shown}"
        if len(names) > 1
        else f"{names[0]} is best at {param_text(best.params[names[0]])}"
    )
    note = (
        "One picture a param, those that matter most first: each mark is a trial, the line is the median of trials "
        "with about that value, and where it is low, values are good."
    )
    values = [study.value(trial) for trial in study.finished]
    label, space = measure(study.metric).named, study.plan.space
    drawn = slices(space, names, study.finished, values, label, title, space.defaults)
    return Chart("slices", "Params", title, note, drawn)


def _parallel(study: Study, found: Importance) -> Chart | None:
    names = _names(study, found)
    if len(names) < 2 or not study.ranked:
        return None
    title = _alike(study, names)
    note = (
        "Each line is one trial, from the value of each param on the left to what came of it on the right, where low "
        "is good: where dark lines run together, the best trials agree on a param."
    )
    values = [study.value(trial) for trial in study.finished]
    names = [name for name in study.plan.space.dimensions if name in names]
    drawn = parallel(study.plan.space, names, study.finished, values, measure(study.metric).named, title)
    return Chart("parallel", "Params", title, note, drawn)


def _alike(study: Study, names: list[str]) -> str:
    """The param whose values lie closest together among the best, beside those of all trials."""
    best = study.ranked[: best_of(len(study.ranked))]
    closest, where = CLOSE, ""
    for name in names:
        dimension = study.plan.space.dimensions[name]
        apart = [np.std([place_of(dimension, one.params[name]) for one in group]) for group in (best, study.finished)]
        if len(best) < len(study.ranked) and apart[0] < closest * apart[1]:
            closest, where = float(apart[0] / apart[1]), name
    if not where:
        return "The best trials have little in common"
    values = sorted(
        {trial.params[where] for trial in best}, key=lambda value: place_of(study.plan.space.dimensions[where], value)
    )
    said = param_text(values[0]) if len(values) == 1 else f"{param_text(values[0])} to {param_text(values[-1])}"
    return f"The {len(best)} best trials agree most on {where}: {said}"


def _curves(study: Study) -> Chart | None:
    if not any(trial.validation for trial in study.finished):
        return None
    best = study.best
    title = "How the trials learnt"
    if best is not None and best.best:
        title = f"The best trial's weights are those of epoch {best.best} of {len(best.validation)}"
        lost = study.counts[State.DIVERGED]
        title += f"; {plural(lost, 'trial')} diverged" if lost else ""
    note = (
        "Each line is one trial's loss on the validation windows after each epoch; a line that ends early was stopped, "
        "or its loss got no better."
    )
    return Chart("curves", "Learning", title, note, curves(study.ranked, study.unranked, title, study.default))


def _names(study: Study, found: Importance) -> list[str]:
    """Varied params, those that matter most first; in the space's order where that is not known."""
    varied = study.varied
    return sorted(varied, key=lambda name: -found.shares[name].mean if name in found.shares else 0.0)[:MOST]
