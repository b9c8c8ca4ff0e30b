"""Stores as if they had opened later: what a business with a few weeks of history looks like.

A base learns from long histories. Of a past that is empty but for some weeks it would know only the first weeks of its
own data, which lie on the same days in every store: what happened on those days would be taken for what youth means.
So each store opens again, some times, and on days of its own.
"""

from __future__ import annotations

import math

from invplat.data.dataset import Dataset
from invplat.data.panel import Panel
from invplat.workload import Spec

USUAL = 4  # of a store, for a base of several businesses
MOST = 64  # of a business; of many stores each opens once
LEAST = 3  # horizons from an opening to the end
APART = (math.sqrt(5) - 1) / 2  # shares of a gap, whole ones taken away, that spread however many stores there are


def number_of(dataset: Dataset, wanted: int) -> int:
    """Openings of each store."""
    return min(wanted, max(MOST // max(len(dataset.stores), 1), 1))


def opened(panel: Panel, spec: Spec, number: int, place: int) -> list[Panel]:
    """Evenly apart; each knows nothing of before it, and ends once its past is full. `place`: of the store among
    all."""
    room, late = panel.known - LEAST * spec.horizon, (place + 1) * APART % 1
    starts = {int((opening + late) / number * (room + 1)) for opening in range(number)} if room > 0 else set()
    length = spec.past + spec.horizon
    found = [panel.cut(start, min(start + length, panel.known)) for start in sorted(starts - {0})]
    return [one for one in found if len(one.skus)]
