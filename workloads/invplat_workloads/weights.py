"""How much each window matters: by its level beside the usual one of its store.

Relative errors count then by what they cost in units, as they will be judged; a series that hardly sells, whose
relative errors are endless, no longer drowns the others. Within stores, as units of one may be money of another.
"""

from __future__ import annotations

from itertools import groupby

import torch
from torch import Tensor

from invplat.data.windows import Windows


def weights(windows: Windows) -> Tensor:
    """Of every window; their mean is 1 in each store."""
    # Series of a store stand together; stores of two businesses may have one name, so runs tell them apart.
    runs = [len(list(run)) for _, run in groupby(windows.texts.get("store", (None,) * len(windows.columns.static)))]
    whose = torch.arange(len(runs)).repeat_interleave(torch.tensor(runs))
    level = windows.levels.double()
    group = whose.to(level.device)[windows.columns.series]
    total = torch.zeros(len(runs), dtype=level.dtype, device=level.device).index_add(0, group, level)
    number = torch.zeros_like(total).index_add(0, group, torch.ones_like(level))
    usual = total / number.clamp(min=1)
    return (level / usual[group].clamp(min=1e-30)).float()
