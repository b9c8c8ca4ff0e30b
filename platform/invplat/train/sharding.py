"""Stores to workers, the heaviest first: each goes to the worker that has least so far. Knows sizes only.

The same stores and the same number of workers give the same shards, on whatever machine they are worked out.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass

from invplat.core.errors import SettingRefused
from invplat.data.dataset import Dataset
from invplat.data.timeline import Timeline, as_day


@dataclass(frozen=True)
class Sharding:
    shards: tuple[tuple[str, ...], ...]  # stores of each worker, in order of their names; the heaviest shard first
    loads: tuple[int, ...]
    asked: int  # workers; there are fewer shards where there are fewer stores that weigh anything

    @property
    def imbalance(self) -> float:
        """How much longer the heaviest shard takes than an equal share of all would."""
        whole = sum(self.loads)
        return max(self.loads) * len(self.loads) / whole - 1 if whole else 0.0

    @property
    def note(self) -> str:
        fewer = ""
        if len(self.shards) < self.asked:
            fewer = f" ({self.asked} were asked for, and a store is not cut in two)"
        if len(self.shards) == 1:
            return f"1 worker with all stores{fewer}"
        least, most = min(map(len, self.shards)), max(map(len, self.shards))
        stores = f"{least:,} to {most:,} stores" if least < most else f"{most:,} store{'s' if most > 1 else ''}"
        over = f"the heaviest has {self.imbalance:.1%} more than an equal share"
        return f"{len(self.shards)} workers{fewer}, {stores} each; {over}"


def sharded(sizes: Mapping[str, int], workers: int) -> Sharding:
    """Stores that weigh nothing get no worker of their own."""
    if workers < 1:
        raise SettingRefused(f"{workers} workers", hint="write --workers 1 or more; without it the fit runs here")
    count = max(min(workers, sum(size > 0 for size in sizes.values())), 1)
    loads = [(0, place) for place in range(count)]
    shards: list[list[str]] = [[] for _ in range(count)]
    for store in sorted(sizes, key=lambda name: (-sizes[name], name)):
        load, place = heapq.heappop(loads)
        shards[place].append(store)
        heapq.heappush(loads, (load + sizes[store], place))
    order = sorted(loads, key=lambda entry: (-entry[0], entry[1]))
    return Sharding(
        tuple(tuple(sorted(shards[place])) for _, place in order), tuple(load for load, _ in order), workers
    )


def sizes(dataset: Dataset, frequency: str, horizon: int) -> dict[str, int]:
    """About the windows that each store gives, as its manifest tells: series by periods from its first sale on."""
    found = dict.fromkeys(dataset.stores, 0)
    last = as_day(dataset.manifest.end)
    for file in dataset.manifest.tables["sales"].files:
        if file.start:
            length = Timeline.covering(frequency, as_day(file.start), last).length
            found[file.store] += file.series * max(length - horizon, 0)
    return found
