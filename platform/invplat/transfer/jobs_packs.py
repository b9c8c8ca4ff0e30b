"""Which businesses are adapted together: packs of about equal work, each small enough to be held in memory.

What a pack carries is all that the process that adapts it may know of the registry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from invplat.core.process import Process
from invplat.registry.versions import Version
from invplat.transfer.jobs_asked import Asked

MOST = 64  # businesses in a pack
ROWS = 4_000_000  # of sales in a pack
EACH = 20_000  # rows that a business costs beside its own


@dataclass(frozen=True)
class Wanted:
    """One business, as the registry knows it when its pack is sent."""

    tenant: str
    dataset: int | None  # its newest version; none: it has no data yet
    rows: int = 0
    champion: Version | None = None

    @property
    def weight(self) -> int:
        return self.rows + EACH


@dataclass(frozen=True)
class Pack:
    number: int
    job: str
    storage: str  # its URL
    asked: Asked
    bases: tuple[Version, ...]
    wanted: tuple[Wanted, ...]
    owner: Process | None = None  # the job's; where it is gone nobody waits for a result any more
    tries: int = 0  # processes that died of it

    @property
    def tenants(self) -> list[str]:
        return [each.tenant for each in self.wanted]

    def halves(self) -> tuple[Pack, Pack]:
        middle = len(self.wanted) // 2
        return replace(self, wanted=self.wanted[:middle], tries=0), replace(self, wanted=self.wanted[middle:], tries=0)


@dataclass(frozen=True)
class Died:
    """Of a pack that brought no result, why."""

    why: str


def cut(wanted: Sequence[Wanted], at_once: int) -> list[list[Wanted]]:
    """The largest first, so that mates are of about one size; every process gets as many packs as any other."""
    if not wanted:
        return []
    listed = sorted(wanted, key=lambda each: (-each.rows, each.tenant))
    total = sum(each.weight for each in listed)
    least = max(-(-len(listed) // MOST), -(-total // (ROWS + MOST * EACH)))
    count = -(-least // max(at_once, 1)) * max(at_once, 1)
    share = total / count
    packs: list[list[Wanted]] = [[]]
    held = 0
    for each in listed:
        if packs[-1] and (held + each.weight / 2 > share or len(packs[-1]) == MOST):
            packs.append([])
            held = 0
        packs[-1].append(each)
        held += each.weight
    return packs
