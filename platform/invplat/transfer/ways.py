"""The ways to make a donor a tenant's own: what learns, what stays, and what stays nearly.

A workload supports a way by its parts; where it is `Layered`, what stays is computed once. Knows no data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import torch

from invplat.core.errors import SettingRefused
from invplat.workload import Grafts, Layered, Workload

NAMES = ("untouched", "last", "head", "adapter", "all")
AUTO = "auto"
RANK = 4  # of an adapter
SLOW = 0.1  # of the head's rate, for what is shared


@dataclass(frozen=True)
class Way:
    name: str
    learns: tuple[str, ...]  # beginnings of parameter names
    last: int = 0  # of the workload's layers, before which the net is cut; 0: all of it runs at every step
    rank: int = 0  # of what is added to the trunk's matrices; 0: nothing is

    @property
    def label(self) -> str:
        return f"{self.name} {self.last}" if self.name == "last" and self.last > 1 else self.name


def ways_of(workload: Workload, layers: int = 1) -> dict[str, Way]:
    """What a workload supports, by name. `layers`: how many are the last."""
    found = {
        "untouched": Way("untouched", ()),
        "head": Way("head", workload.parts.head, _cut(workload, workload.parts.head)),
        "all": Way("all", (*workload.parts.head, *workload.parts.trunk, *workload.parts.tenant)),
    }
    last = workload.parts.head
    if isinstance(workload, Layered):
        if not 1 <= layers <= len(workload.layers):
            raise SettingRefused(
                f"the last {layers} layers of {workload.name}", hint=f"write 1 to {len(workload.layers)}"
            )
        last = tuple(name for layer in workload.layers[:layers] for name in layer)
        found["last"] = Way("last", last, layers if layers in workload.cuts else 0)
    found["adapter"] = Way("adapter", last, rank=RANK)
    return found


def way_of(workload: Workload, name: str, layers: int = 1) -> Way:
    known = ways_of(workload, layers)
    if name not in known:
        near = get_close_matches(name, known, n=1)
        raise SettingRefused(
            f"{workload.name} can't be adapted by {name!r}",
            hint=(f"did you mean {near[0]}? " if near else "") + f"write {AUTO}, {', '.join(known)}",
        )
    return known[name]


def grafts(workload: Workload) -> bool:
    """Whether it goes on with other columns, names or periods than its donor's."""
    return isinstance(workload, Grafts)


def learning(way: Way, net: torch.nn.Module) -> tuple[str, ...]:
    """Parameters that change, an adapter's apart."""
    return tuple(name for name, _ in net.named_parameters() if way.learns and name.startswith(way.learns))


def adapted(way: Way, workload: Workload, net: torch.nn.Module) -> tuple[str, ...]:
    """The trunk's matrices that something of low rank is added to."""
    if not way.rank:
        return ()
    kept = learning(way, net)
    return tuple(
        name
        for name, value in net.named_parameters()
        if value.dim() == 2 and name not in kept and workload.parts.of(name) == "trunk"
    )


def pace(workload: Workload, names: Mapping[str, int], slow: float = SLOW) -> tuple[torch.Tensor, torch.Tensor]:
    """Of every number of these parameters (name → how many): its share of the rate, and whether it is pulled back."""
    rates, pulled = [], []
    for name, count in names.items():
        part = workload.parts.of(name)
        rates.append(torch.full((count,), slow if part == "trunk" else 1.0))
        pulled.append(torch.full((count,), 0.0 if part == "tenant" else 1.0))
    return torch.cat(rates), torch.cat(pulled)


def _cut(workload: Workload, learns: tuple[str, ...]) -> int:
    """How many last layers hold all that learns; 0 where the workload can't be cut there."""
    if not isinstance(workload, Layered):
        return 0
    for last in workload.cuts:
        behind = tuple(name for layer in workload.layers[:last] for name in layer)
        beyond = tuple(name for layer in workload.layers[last:] for name in layer)
        if all(any(one.startswith(name) for one in behind) for name in learns) and not any(
            one.startswith(learns) for one in beyond
        ):
            return last
    return 0
