"""Metrics of forecasts, over all rows or group by group in one pass of arrays.

Shares and percentages are fractions (MAPE 0.85 is 85 %). A figure that can't be had is None with its reason.
Knows nothing of models or of where answers come from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from invplat.core.errors import DatasetError
from invplat.evaluate.answers import Answers, Doubles, Ints
from invplat.evaluate.figures import Figure, Record, as_record

EMPTY = "no rows"
FLAT = 1e-12  # a spread below this share of the level is a constant


class Groups:
    """Answers sorted into groups, with the sums that metrics share."""

    def __init__(self, answers: Answers, group: Ints, number: int) -> None:
        self.answers, self.group, self.number = answers, group, number

    def total(self, values: npt.ArrayLike) -> Doubles:
        return tallied(self.group, values, self.number)

    def mean(self, values: npt.ArrayLike) -> Doubles:
        return divided(self.total(values), self.count)

    @cached_property
    def count(self) -> Doubles:
        return self.total(np.ones(len(self.group)))

    @cached_property
    def error(self) -> Doubles:
        return self.answers.predicted - self.answers.actual

    @cached_property
    def absolute(self) -> Doubles:
        return np.abs(self.error)

    @cached_property
    def off_centre(self) -> Doubles:
        """Each actual value less the mean of its group; exactly 0 throughout a constant group."""
        return self._centred(self.answers.actual)

    @cached_property
    def said_off_centre(self) -> Doubles:
        return self._centred(self.answers.predicted)

    def _centred(self, values: Doubles) -> Doubles:
        centred: Doubles = values - self.mean(values)[self.group]
        top = np.zeros(self.number)
        np.maximum.at(top, self.group, np.abs(values))
        spread = np.zeros(self.number)
        np.maximum.at(spread, self.group, np.abs(centred))
        return np.where((spread <= FLAT * top)[self.group], 0.0, centred)


Outcome = tuple[Doubles, str, list[str] | None]  # NaN where there is none; why; what else is to be said of each group
Metric = Callable[[Groups], Outcome]


def tallied(places: Ints, values: npt.ArrayLike, number: int) -> Doubles:
    """Sums of the values that share a place."""
    return np.bincount(places, np.asarray(values, np.float64), number).astype(np.float64, copy=False)


def divided(top: Doubles, bottom: Doubles) -> Doubles:
    """NaN where the bottom is zero."""
    found: Doubles = np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom != 0)
    return found


def _mse(groups: Groups) -> Outcome:
    return groups.mean(groups.error**2), EMPTY, None


def _rmse(groups: Groups) -> Outcome:
    return np.sqrt(groups.mean(groups.error**2)), EMPTY, None


def _mae(groups: Groups) -> Outcome:
    return groups.mean(groups.absolute), EMPTY, None


def _bias(groups: Groups) -> Outcome:
    return groups.mean(groups.error), EMPTY, None


def _mape(groups: Groups) -> Outcome:
    actual = np.abs(groups.answers.actual)
    there = actual > 0
    number = groups.total(there)
    share = np.divide(groups.absolute, actual, out=np.zeros(len(actual)), where=there)
    zeros = (groups.count - number).astype(int)
    notes = [f"{left:,} rows with actual 0 left out" if left else "" for left in zeros.tolist()]
    return divided(groups.total(share), number), "every actual value is 0", notes


def _smape(groups: Groups) -> Outcome:
    size = np.abs(groups.answers.actual) + np.abs(groups.answers.predicted)
    share = np.divide(2 * groups.absolute, size, out=np.zeros(len(size)), where=size > 0)  # 0 said and 0 come: no error
    return groups.mean(share), EMPTY, None


def _wape(groups: Groups) -> Outcome:
    size = groups.total(np.abs(groups.answers.actual))
    return divided(groups.total(groups.absolute), size), "every actual value is 0", None


def _r2(groups: Groups) -> Outcome:
    spread = groups.total(groups.off_centre**2)
    return 1 - divided(groups.total(groups.error**2), spread), "the actual values are all the same", None


def _rrse(groups: Groups) -> Outcome:
    spread = groups.total(groups.off_centre**2)
    return np.sqrt(divided(groups.total(groups.error**2), spread)), "the actual values are all the same", None


def _rae(groups: Groups) -> Outcome:
    spread = groups.total(np.abs(groups.off_centre))
    return divided(groups.total(groups.absolute), spread), "the actual values are all the same", None


def _correlation(groups: Groups) -> Outcome:
    one, other = groups.off_centre, groups.said_off_centre
    both = np.sqrt(groups.total(one**2)) * np.sqrt(groups.total(other**2))
    found = np.clip(divided(groups.total(one * other), both), -1, 1)
    return found, "the actual or the predicted values are all the same", None


def _mase(groups: Groups) -> Outcome:
    scale = groups.answers.absolute_scale
    if scale is None:
        return _none(groups), "no scale of the naive forecast was given", None
    there = np.isfinite(scale) & (scale > 0)
    share = np.divide(groups.absolute, scale, out=np.zeros(len(scale)), where=there)
    number = groups.total(there)
    return divided(groups.total(share), number), _UNSCALED, _left_out(groups, number)


def _rmsse(groups: Groups) -> Outcome:
    """Root of each series' mean scaled squared error, then their mean, each series counting the same."""
    scale = groups.answers.squared_scale
    if scale is None or "series" not in groups.answers.labels:
        return _none(groups), "no scale of the naive forecast, or no series, was given", None
    there = np.isfinite(scale) & (scale > 0)
    share = np.divide(groups.error**2, scale, out=np.zeros(len(scale)), where=there)
    label = groups.answers.label("series")
    pairs, place = np.unique(groups.group * len(label.names) + label.codes, return_inverse=True)
    number = tallied(place, there, len(pairs))
    roots = np.sqrt(divided(tallied(place, share, len(pairs)), number))
    usable = number > 0
    owner = (pairs // max(len(label.names), 1))[usable]
    top, bottom = tallied(owner, roots[usable], groups.number), tallied(owner, usable[usable], groups.number)
    return divided(top, bottom), _UNSCALED, _left_out(groups, groups.total(there))


_UNSCALED = "the naive forecast made no error in the past of any series"


def _none(groups: Groups) -> Doubles:
    return np.full(groups.number, np.nan)


def _left_out(groups: Groups, number: Doubles) -> list[str]:
    lost = (groups.count - number).astype(int).tolist()
    return [f"{left:,} rows of series without a scale left out" if left else "" for left in lost]


def pinball_losses(actual: Doubles, quantiles: Doubles, levels: Sequence[float]) -> Doubles:
    """Rows × levels: what each quantile's miss costs."""
    gap = actual[:, None] - quantiles
    part = np.asarray(levels, np.float64)
    return np.maximum(part * gap, (part - 1) * gap)


def _pinball(groups: Groups) -> Outcome:
    losses = pinball_losses(groups.answers.actual, groups.answers.quantiles, groups.answers.levels)
    return groups.mean(losses.mean(axis=1)), EMPTY, None


def _weighted_quantile_loss(groups: Groups) -> Outcome:
    losses = pinball_losses(groups.answers.actual, groups.answers.quantiles, groups.answers.levels)
    size = groups.total(np.abs(groups.answers.actual))
    return divided(groups.total(2 * losses.mean(axis=1)), size), "every actual value is 0", None


def _interval(low: int, high: int, width: bool) -> Metric:
    def measured(groups: Groups) -> Outcome:
        below, above = groups.answers.quantiles[:, low], groups.answers.quantiles[:, high]
        if width:
            return groups.mean(above - below), EMPTY, None
        actual = groups.answers.actual
        return groups.mean((below <= actual) & (actual <= above)), EMPTY, None

    return measured


POINT: dict[str, Metric] = {
    "rmse": _rmse,
    "correlation": _correlation,
    "mae": _mae,
    "rae": _rae,
    "rrse": _rrse,
    "mape": _mape,
    "r2": _r2,
    "mse": _mse,
    "smape": _smape,
    "wape": _wape,
    "bias": _bias,
    "mase": _mase,
    "rmsse": _rmsse,
}
QUANTILE: dict[str, Metric] = {"pinball": _pinball, "weighted_quantile_loss": _weighted_quantile_loss}


def intervals(levels: Sequence[float]) -> dict[str, Metric]:
    """Coverage and mean width of each central interval among the levels: 0.1 and 0.9 make `coverage_80`."""
    found: dict[str, Metric] = {}
    for low, level in enumerate(levels):
        for high in range(low + 1, len(levels)):
            if level < 0.5 and abs(level + levels[high] - 1) < 1e-9:
                name = f"{100 * (levels[high] - level):.4g}"
                found[f"coverage_{name}"] = _interval(low, high, False)
                found[f"width_{name}"] = _interval(low, high, True)
    return found


def available(answers: Answers) -> dict[str, Metric]:
    return {**POINT, **(QUANTILE | intervals(answers.levels) if answers.levels else {})}


def measure(answers: Answers, metrics: Sequence[str] | None = None) -> dict[str, Figure]:
    """Figures over all rows."""
    return _figures(Groups(answers, np.zeros(len(answers), np.int64), 1), metrics)[0]


def by(answers: Answers, keys: str | Sequence[str], metrics: Sequence[str] | None = None) -> list[Record]:
    """One record a group of rows with the same labels, such as "store" or ["category", "step"], in their order."""
    names = [keys] if isinstance(keys, str) else list(keys)
    labels = [answers.label(name) for name in names]
    whole = np.zeros(len(answers), np.int64)
    for label in labels:
        whole = whole * max(len(label.names), 1) + label.codes
    found, place = np.unique(whole, return_inverse=True)
    figures = _figures(Groups(answers, place, len(found)), metrics)
    sizes = np.bincount(place, minlength=len(found)).tolist()
    records = []
    for code, size, figured in zip(found.tolist(), sizes, figures, strict=True):
        parts: Record = {}
        for name, label in zip(reversed(names), reversed(labels), strict=True):
            code, at = divmod(code, len(label.names))
            parts[name] = label.names[at]
        records.append({**{name: parts[name] for name in names}, "rows": size, **as_record(figured)})
    return records


def _figures(groups: Groups, metrics: Sequence[str] | None) -> list[dict[str, Figure]]:
    known = available(groups.answers)
    chosen = list(known) if metrics is None else list(metrics)
    for name in chosen:
        if name not in known:
            raise DatasetError(
                f"there is no metric {name!r} of these answers", hint=f"write some of {', '.join(known)}"
            )
    answers = groups.answers
    bad = groups.total(~(np.isfinite(answers.actual) & np.isfinite(answers.predicted)))
    lost = groups.total(~np.isfinite(answers.quantiles).all(axis=1))
    found: list[dict[str, Figure]] = [{} for _ in range(groups.number)]
    with np.errstate(invalid="ignore", over="ignore"):
        for name in chosen:
            values, reason, notes = known[name](groups)
            broken = bad if name in POINT else bad + lost
            for place in range(groups.number):
                note = notes[place] if notes else ""
                found[place][name] = _figure(values[place], int(groups.count[place]), int(broken[place]), reason, note)
    return found


def _figure(value: Any, rows: int, broken: int, reason: str, note: str) -> Figure:
    if not rows:
        return Figure(None, EMPTY)
    if broken:
        return Figure(None, f"{broken:,} of {rows:,} rows are not finite numbers")
    return Figure(float(value), note) if np.isfinite(value) else Figure(None, reason)
