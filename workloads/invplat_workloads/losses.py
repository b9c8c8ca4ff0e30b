"""How wrong quantiles and a mean were, of each example, relative to its level.

A hidden period counts for nothing. One whose shelf was empty for some of it tells only that demand was at least what
was sold: an answer above it is not punished, an answer below is, as much as ever.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from invplat.data.windows import Batch

SMALLEST = 1e-6  # of a mean, whose logarithm is taken


def pinball(quantiles: Tensor, levels: Sequence[float], batch: Batch) -> Tensor:
    """Mean over levels and observed periods, doubled: the median's part is then the absolute error."""
    level = torch.tensor(levels, device=quantiles.device)
    target = batch.target.unsqueeze(-1)
    short = target - quantiles.float()
    # Below nothing is as good as nothing: such an answer is said as none, so it is no worse than that.
    short = torch.where(target > 0, short, short.clamp(max=0))
    # Above the target the loss is (level - 1) * short, which is level * short and once more what it is over by; above a
    # bound it is nothing, which is level times that.
    bound = batch.censored.unsqueeze(-1) > 0
    missed = torch.addcmul(F.relu(-short) * torch.where(bound, level, torch.ones_like(level)), level, short)
    return observed_mean(2 * missed.mean(dim=-1), batch)


def deviance(mean: Tensor, batch: Batch) -> Tensor:
    """Poisson's: least where the mean is right, 0 where it is exact, and milder on peaks than a square."""
    target, found = batch.target, mean.float().clamp(min=SMALLEST)
    information = target * (target.clamp(min=SMALLEST).log() - found.log())
    wrong = 2 * (information - target + found)
    return observed_mean(excused(wrong, found, batch), batch)


def square(mean: Tensor, batch: Batch) -> Tensor:
    return observed_mean(excused((batch.target - mean.float()).square(), mean, batch), batch)


def excused(wrong: Tensor, found: Tensor, batch: Batch) -> Tensor:
    return torch.where((batch.censored > 0) & (found > batch.target), torch.zeros_like(wrong), wrong)


def observed_mean(wrong: Tensor, batch: Batch) -> Tensor:
    """n × horizon → n."""
    seen = batch.observed.to(wrong.dtype)
    return (wrong * seen).sum(dim=-1) / seen.sum(dim=-1).clamp(min=1)
