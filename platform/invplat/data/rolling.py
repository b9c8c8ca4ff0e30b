"""Numbers of each series as of each period: lags, rolling and weighted statistics, time since and until.

Arrays are series × periods, NaN where unknown, in and out. Nothing here looks ahead of its period, save `until`.
Sums run inside a series, so one series never changes another's last digit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from invplat.data.dense import Bools, Floats, last_seen

Doubles = npt.NDArray[np.float64]
BLOCK = 16_000_000  # cells that a sorted view may take at a time


def lag(values: Floats, periods: int) -> Floats:
    found = np.full_like(values, np.nan)
    if periods < values.shape[1]:
        found[:, periods:] = values[:, : values.shape[1] - periods]
    return found


def window_sums(values: npt.ArrayLike, width: int | None) -> Doubles:
    """Sums over the last `width` periods, this one included; over all so far where width is None."""
    totals = np.cumsum(np.asarray(values), axis=1, dtype=np.float64)
    if width is not None and width < totals.shape[1]:
        totals[:, width:] = totals[:, width:] - totals[:, : totals.shape[1] - width]
    return totals


def share(top: Doubles, bottom: Doubles) -> Floats:
    """top / bottom, unknown where the bottom is zero."""
    found: Doubles = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
    return found.astype(np.float32)


def mean(values: Floats, width: int | None) -> Floats:
    known = np.isfinite(values)
    return share(window_sums(np.where(known, values, 0), width), window_sums(known, width))


def deviation(values: Floats, width: int | None) -> Floats:
    """Population standard deviation of what is known."""
    known = np.isfinite(values)
    # Around the first known value, so that large levels don't drown small movements.
    first = np.take_along_axis(values, np.argmax(known, axis=1)[:, None], axis=1).astype(np.float64)
    moved = np.where(known, values - np.nan_to_num(first), 0.0)
    number = np.maximum(window_sums(known, width), 0)
    sums, squares = window_sums(moved, width), window_sums(moved * moved, width)
    whole = np.maximum(number, 1)
    spread = np.sqrt(np.maximum(squares / whole - (sums / whole) ** 2, 0))
    return np.where(number > 0, spread, np.nan).astype(np.float32)


def lowest(values: Floats, width: int) -> Floats:
    return -highest(-values, width)


def highest(values: Floats, width: int) -> Floats:
    """Spans double until they cover the window, so a year costs nine passes."""
    found = np.where(np.isfinite(values), values, np.float32(-np.inf))
    covered = 1
    while covered < min(width, values.shape[1]):
        step = min(covered, width - covered)
        found[:, step:] = np.maximum(found[:, step:], found[:, :-step].copy())
        covered += step
    return np.where(np.isfinite(found), found, np.float32(np.nan))


def quantile(values: Floats, width: int, share_below: float) -> Floats:
    """The lower of the neighbouring values, of those known."""
    series, periods = values.shape
    padded = np.full((series, periods + width - 1), np.inf, np.float32)
    padded[:, width - 1 :] = np.where(np.isfinite(values), values, np.float32(np.inf))
    found = np.empty_like(values)
    step = max(1, BLOCK // (periods * width))
    for first in range(0, series, step):
        view = np.lib.stride_tricks.sliding_window_view(padded[first : first + step], width, axis=1)
        ordered = np.sort(view, axis=2)
        number = np.isfinite(ordered).sum(axis=2)
        place = np.floor(np.maximum(number - 1, 0) * share_below).astype(np.int64)
        chosen = np.take_along_axis(ordered, place[:, :, None], axis=2)[:, :, 0]
        found[first : first + step] = np.where(number > 0, chosen, np.nan)
    return found


def weighted(values: Floats, half_life: float) -> Floats:
    """Exponentially weighted mean: a value counts half as much `half_life` periods later; unknown periods pass by."""
    keep = 0.5 ** (1.0 / half_life)
    known = np.isfinite(values)
    filled = np.where(known, values, 0).astype(np.float64)
    found = np.empty(values.shape, np.float64)
    total, weight = np.zeros(len(values)), np.zeros(len(values))
    for period in range(values.shape[1]):
        total = total * keep + filled[:, period]
        weight = weight * keep + known[:, period]
        found[:, period] = np.where(weight > 0, total / np.maximum(weight, 1e-300), np.nan)
    return found.astype(np.float32)


def since(marks: Bools, cap: int) -> Floats:
    """Periods since the last mark as a share of `cap`; 1 where it is longer ago or never was."""
    last = last_seen(marks)
    gap = np.where(last < 0, cap, np.arange(marks.shape[-1], dtype=np.int32) - last)
    return (np.minimum(gap, cap) / cap).astype(np.float32)


def until(marks: Bools, cap: int) -> Floats:
    """Periods until the next mark as a share of `cap`. Looks ahead: only for what is planned."""
    return since(marks[..., ::-1], cap)[..., ::-1]
