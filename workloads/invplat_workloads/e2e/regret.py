"""What an order costs beyond the least it could have cost, over the time that it alone decides.

An order placed now arrives with one lead time, the next with another: from one arrival to the other the stock is the
level less the demand since now, whatever was ordered before or after. Its cost is the simulator's, holding 1 - r and
lacking r a unit and period, so gradients reach the level. Hindsight's order of the same interval is taken off, which
changes no gradient and leaves zero to the best. Knows nothing of nets.
"""

from __future__ import annotations

import torch
from torch import Tensor


def regret(level: Tensor, demand: Tensor, arrives: Tensor, until: Tensor, ratio: Tensor) -> Tensor:
    """n: mean over draws of the cost a period. `demand` is n × periods from now on; arrivals are n × draws.

    A draw whose interval ends after the last period counts for nothing: nobody knows what it would have cost.
    """
    run = demand.cumsum(dim=-1).unsqueeze(-2)
    best = hindsight_level(run, arrives, until, ratio)
    said = cost(level.unsqueeze(-1), run, arrives, until, ratio)
    return _mean(said - cost(best, run, arrives, until, ratio), run, until)


def square(level: Tensor, demand: Tensor, arrives: Tensor, until: Tensor, ratio: Tensor) -> Tensor:
    """The other teacher, to compare: the squared distance to hindsight's level."""
    run = demand.cumsum(dim=-1).unsqueeze(-2)
    return _mean((level.unsqueeze(-1) - hindsight_level(run, arrives, until, ratio)).square(), run, until)


def cost(level: Tensor, run: Tensor, arrives: Tensor, until: Tensor, ratio: Tensor) -> Tensor:
    """n × draws: mean over the interval's periods; 0 where it is empty."""
    inside = within(run.shape[-1], arrives, until).to(run.dtype)
    stock = level.unsqueeze(-1) - run
    share = ratio[:, None, None]
    spent = torch.where(stock > 0, (1 - share) * stock, -share * stock)
    return (spent * inside).sum(dim=-1) / inside.sum(dim=-1).clamp(min=1)


def hindsight_level(run: Tensor, arrives: Tensor, until: Tensor, ratio: Tensor) -> Tensor:
    """n × draws: the ratio's quantile of the running demands inside the interval, which only rise."""
    covered = torch.ceil(ratio.unsqueeze(-1) * (until.clamp(max=run.shape[-1]) - arrives) - 1e-4).clamp(min=1)
    place = (arrives + covered - 1).clamp(0, run.shape[-1] - 1).long()
    return run.expand(-1, place.shape[-1], -1).gather(-1, place.unsqueeze(-1)).squeeze(-1)


def within(periods: int, arrives: Tensor, until: Tensor) -> Tensor:
    """n × draws × periods."""
    day = torch.arange(periods, device=arrives.device)
    return (day >= arrives.unsqueeze(-1)) & (day < until.unsqueeze(-1))


def _mean(found: Tensor, run: Tensor, until: Tensor) -> Tensor:
    whole = (until <= run.shape[-1]).to(found.dtype)
    return (found * whole).sum(dim=-1) / whole.sum(dim=-1).clamp(min=1)
