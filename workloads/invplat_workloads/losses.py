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
from invplat.workload import Outputs

SMALLEST = 1e-6  # of a mean, whose logarithm is taken


def demand(outputs: Outputs, levels: Sequence[float], batch: Batch) -> Tensor:
    """Quantiles by pinball loss and the mean by Poisson's deviance, together."""
    missed = missed_by_period(outputs["quantiles"], levels, batch)
    return observed_mean(missed + deviance_by_period(outputs["mean"], batch, 0.5), batch)


def pinball(quantiles: Tensor, levels: Sequence[float], batch: Batch) -> Tensor:
    """Mean over levels and observed periods, doubled: the median's part is then the absolute error."""
    return observed_mean(missed_by_period(quantiles, levels, batch), batch)


def missed_by_period(quantiles: Tensor, levels: Sequence[float], batch: Batch) -> Tensor:
    """Of an answer `above` its target the loss is what it is over by, less level * above; of one below, -level * above.
    So sums over levels are products with 1 and with the levels, and each period counts them as its own case asks:

    - above a bound the answer is right: the level times what it is over by stands against the other part;
    - below nothing is as good as nothing: such an answer is said as none. Where nothing came, level * above is left
      out, and of what it is over by the level's share.
    """
    above = (quantiles.float().movedim(-1, 0) - batch.target).flatten(1)
    share = 2 / len(levels)
    by = torch.tensor([[share] * len(levels), [share * level for level in levels]], device=above.device)
    over, part = (by @ F.relu(above)).view(2, *batch.target.shape).unbind(0)
    all_ways = (by[1:] @ above).view(batch.target.shape)
    bound, nothing = (batch.censored > 0).float(), (batch.target <= 0).float()
    return (1 - bound) * over + (bound - nothing) * part - (1 - nothing) * all_ways


def deviance(mean: Tensor, batch: Batch) -> Tensor:
    """Poisson's: least where the mean is right, 0 where it is exact, and milder on peaks than a square."""
    return observed_mean(deviance_by_period(mean, batch), batch)


def deviance_by_period(mean: Tensor, batch: Batch, times: float = 1.0) -> Tensor:
    target, found = batch.target, mean.float().clamp(min=SMALLEST)
    exact = target - torch.xlogy(target, target)  # what the right answer would have
    wrong = torch.addcmul(found, target, found.log(), value=-1) - exact
    counts = ~((batch.censored > 0) & (found > target))
    return wrong * (2 * times * counts)


def square(mean: Tensor, batch: Batch) -> Tensor:
    return observed_mean(excused((batch.target - mean.float()).square(), mean, batch), batch)


def excused(wrong: Tensor, found: Tensor, batch: Batch) -> Tensor:
    return torch.where((batch.censored > 0) & (found > batch.target), torch.zeros_like(wrong), wrong)


def observed_mean(wrong: Tensor, batch: Batch) -> Tensor:
    """n × horizon → n."""
    seen = batch.observed.to(wrong.dtype)
    return (wrong * seen).sum(dim=-1) / seen.sum(dim=-1).clamp(min=1)
