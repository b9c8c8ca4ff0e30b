"""One fit by several workers: every batch is the one that a fit alone would see, and each worker learns its own part.

Losses are divided by the size of the whole batch and gradients are summed, in one exchange a step; while it is under
way the next batch is gathered. So all workers take the same steps, and N of them end with the weights of one, to the
order of summing. Knows a batch's examples by their number among all; whose they are is settled before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from invplat.data.windows import Batch
from invplat.train.chance import Draws
from invplat.train.exchange import Exchange
from invplat.workload import Source

NOBODY = -1


@dataclass(frozen=True)
class Part:
    """What this worker has of a batch."""

    whole: torch.Tensor  # the batch, by number
    inside: torch.Tensor  # where in it this worker's examples stand
    batch: Batch  # of those; where it has none, of one example that `Crew` does not count


class Shared:
    """Examples of all workers by number, of which those of this one can be seen."""

    def __init__(self, mine: Source, places: torch.Tensor) -> None:
        """`places`: of every example of all workers, its place in `mine`, or NOBODY."""
        self.mine, self.places = mine, places
        self.coming: Iterator[torch.Tensor] = iter(())
        self.ahead: Part | None = None
        self.part: Part | None = None

    def __len__(self) -> int:
        return len(self.places)

    def to(self, device: str) -> Shared:
        return Shared(self.mine.to(device), self.places.to(device))

    def begin(self, batches: Sequence[torch.Tensor]) -> None:
        """The batches of an epoch, in the order in which they will be asked for."""
        self.coming = iter(batches)
        self.look_ahead()

    def look_ahead(self) -> None:
        which = next(self.coming, None)
        self.ahead = None if which is None else self._part(which)

    def batch(self, which: torch.Tensor) -> Batch:
        ready = self.ahead is not None and self.ahead.whole is which
        self.part = self.ahead if ready and self.ahead is not None else self._part(which)
        return self.part.batch

    def _part(self, which: torch.Tensor) -> Part:
        places = self.places[which]
        inside = (places != NOBODY).nonzero().squeeze(1)
        return Part(which, inside, self.mine.batch(places[inside] if len(inside) else places.new_zeros(1)))


class Slices:
    """The chance of a fit alone, of which a worker sees what belongs to its part of the batch."""

    def __init__(self, seed: int, device: str, source: Shared) -> None:
        self.draws, self.source = Draws((seed,), device), source

    def begin(self, epoch: int) -> None:
        self.draws.begin(epoch)

    def uniform(self, shape: Sequence[int]) -> torch.Tensor:
        part = self.source.part
        if part is None:
            raise RuntimeError("nothing is drawn before the first batch")
        each = 1
        for number in shape[1:]:
            each *= number
        whole = self.draws.take(len(part.whole) * each)[0].view(len(part.whole), *shape[1:])
        return whole[part.inside] if len(part.inside) else whole[:1]


class Crew:
    """The workers of one fit, as the loop asks them."""

    def __init__(
        self, exchange: Exchange, train: Shared, learning: Sequence[torch.nn.Parameter], seed: int, device: str
    ) -> None:
        self.exchange, self.train = exchange, train
        self.chance = Slices(seed, device, train)
        # All gradients and the loss in one run of numbers: one exchange a step. A gradient is a view of its stretch.
        self.sums = torch.zeros(sum(value.numel() for value in learning) + 1, device=device)
        first = 0
        for value in learning:
            value.grad = self.sums[first : first + value.numel()].view_as(value)
            first += value.numel()

    def learn(self, losses: torch.Tensor) -> torch.Tensor:
        """From the losses of this worker's part to the gradient and the mean loss of the whole batch."""
        part = self.train.part
        if part is None:
            raise RuntimeError("nothing is learnt before the first batch")
        self.sums.zero_()
        mine = losses[: len(part.inside)].sum() / len(part.whole)
        mine.backward()  # type: ignore[no-untyped-call]
        self.sums[-1] = mine.detach()
        wait = self.exchange.sum(self.sums)
        self.train.look_ahead()
        wait()
        return self.sums[-1].clone()

    def total(self, value: torch.Tensor) -> torch.Tensor:
        """Over all workers."""
        self.exchange.sum(value)()
        return value
