"""What the same phase of past seasons said: for every row, sums of demand over it and the rows whole seasons before.

The phase of a period ahead is that of a row in the last season seen, so a window gathers a season of these rows and
knows the usual demand of every weekday. Rows before a window's past are never among them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from invplat.data.layout import Layout

WEEK = 7
MOST = 8  # seasons looked back
PRIOR = (1.0, 0.5, 0.1)  # periods that the level counts for, in the mean of all seasons, of half of them, of the last


def season(layout: Layout) -> int:
    """A week where periods are days and two of them are seen; otherwise every period is alike."""
    daily = any(name.startswith("day_of_week") for name in layout.ahead.names)
    return WEEK if daily and layout.past >= 2 * WEEK else 1


def turns(past: int, season: int) -> int:
    return max(min(past // season, MOST), 1)


def last_years(names: Sequence[str]) -> list[int]:
    """Which columns known ahead say what a year ago was, beside the level that it had then."""
    return [place for place, name in enumerate(names) if name in ("last_year", "last_year_smooth")]


def running(demand: Tensor, sure: Tensor, season: int, turns: int) -> Tensor:
    """rows × 6: sums of demand known whole over all turns, half of them and the last, then how many each holds."""
    there = sure.to(demand.dtype)
    values = torch.cat([demand * there, there], dim=1)
    total, parts = torch.zeros_like(values), {}
    for turn in range(turns):
        before = turn * season
        total[before:] += values[: len(values) - before] if before else values
        parts[turn + 1] = total.clone() if turn + 1 in (1, max(turns // 2, 1)) else total
    kinds = [parts[turns], parts[max(turns // 2, 1)], parts[1]]
    return torch.cat([kind[:, :1] for kind in kinds] + [kind[:, 1:] for kind in kinds], dim=1)
