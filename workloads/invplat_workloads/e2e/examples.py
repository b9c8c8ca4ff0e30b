"""Windows as the end-to-end net reads them: the base model's view, lead times, the stock position, and what is asked.

What is asked is how long a period of review lasts, and what holding and lacking a unit cost. It stands beside each
example and may be changed there: `asked`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from invplat.core.errors import SettingRefused
from invplat_workloads.e2e.waits import Waits
from invplat_workloads.flat import FlatBatch, FlatWindows

if TYPE_CHECKING:
    from invplat.data.windows import Batch, Windows

DRAWS = 4  # pairs of lead times that an order's cost is taken over
SEED = 0  # of the draws that stay the same, where nothing is learnt


@dataclass(frozen=True)
class Terms:
    """What an order is judged by."""

    review: int | None = None  # periods from one order to the next; None: half the horizon, seven at most
    holding: float = 1.0  # a unit and period
    shortage: float = 9.0

    def __post_init__(self) -> None:
        if self.review is not None and self.review < 1:
            raise SettingRefused(f"a review every {self.review} periods", hint="write 1 or more")
        if self.holding <= 0 or self.shortage <= 0:
            raise SettingRefused(
                f"holding costs {self.holding:g}, lacking {self.shortage:g}", hint="write costs above zero"
            )

    def every(self, horizon: int) -> int:
        return max(1, min(7, horizon // 2)) if self.review is None else self.review


@dataclass(frozen=True)
class DecisionBatch(FlatBatch):
    points: Tensor  # n × points: equally likely lead times, in periods
    own: Tensor  # n × 2
    came: Tensor  # n: the next order's lead time
    told: Tensor  # n: whether it is known
    days: Tensor  # n: that a period has
    position: Tensor  # n: units on hand, less what is owed, and on order; 0 where nobody says
    review: Tensor  # n: periods until the next order
    holding: Tensor  # n
    shortage: Tensor  # n
    chance: Tensor  # n × draws × 2: where between 0 and 1 the lead times lie that the cost is taken over


def asked(batch: Batch, terms: Terms) -> DecisionBatch:
    """The same examples under other terms."""
    if not isinstance(batch, DecisionBatch):
        raise TypeError(f"a {type(batch).__name__}: e2e makes others")
    same = torch.ones_like(batch.level)
    return replace(
        batch,
        review=same * terms.every(batch.target.shape[-1]),
        holding=same * terms.holding,
        shortage=same * terms.shortage,
    )


@dataclass(frozen=True)
class Decisions:
    flat: FlatWindows
    waits: Waits
    position: Tensor
    chance: Tensor
    terms: Terms

    @classmethod
    def of(cls, windows: Windows, flat: FlatWindows, waits: Waits, terms: Terms) -> Decisions:
        generator = torch.Generator().manual_seed(SEED)
        chance = torch.rand((len(windows), DRAWS, 2), generator=generator)
        return cls(flat, waits, stock_position(windows), chance, terms)

    def __len__(self) -> int:
        return len(self.flat)

    def to(self, device: str) -> Decisions:
        moved: dict[str, Any] = {
            name: getattr(self, name).to(device) for name in ("flat", "waits", "position", "chance")
        }
        return replace(self, **moved)

    def batch(self, which: Tensor) -> DecisionBatch:
        seen = self.flat.batch(which)
        same = torch.ones_like(seen.level)
        told: dict[str, Any] = {**vars(seen), **self.waits.at(which)}
        return DecisionBatch(
            **told,
            position=self.position[which],
            review=same * self.terms.every(self.flat.horizon),
            holding=same * self.terms.holding,
            shortage=same * self.terms.shortage,
            chance=self.chance[which],
        )


def stock_position(windows: Windows) -> Tensor:
    """At the end of each window's past, in units."""
    now = windows.starts + windows.past - 1
    found = torch.zeros(len(windows), device=windows.starts.device)
    for name in ("on_hand", "on_order"):
        if name in windows.past_names:
            found = found + windows.columns.past[now, windows.past_names.index(name)]
    return found
