"""The last layers: what a net knows of a window and what is known of each period ahead → quantiles and mean of demand.

One small net speaks for every period, so what it learns of a promotion holds on all of them. Beside it straight lines
carry what needs no trunk: from the demand seen to each period's answer weeks and trends, from what is known of a period
(its plans, what its phase said in past weeks and years) what is usual for it. The net learns what is left.

A fine-tune that leaves the net as it is but for its last layers asks the head in two steps: `told`, then `answered`.

Quantiles may come out below nothing, where half the days have no demand; `said` takes them as nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from invplat.data.layout import Layout
from invplat.data.windows import Batch
from invplat.workload import Outputs, Prediction
from invplat_workloads.layers import beside, climb

# Beginnings of the head's parameter names, the last layer first.
HEAD_LAYERS = (("head.says.", "head.line.", "head.usual."), ("head.hidden.",), ("head.periods.",))
PERIOD = 16  # numbers that the window tells each period
HIDDEN = 32


class DemandHead(nn.Module):
    def __init__(self, width: int, layout: Layout, phases: int = 0) -> None:
        """`phases`: columns of what is known of a period, beside those of the layout."""
        super().__init__()
        self.horizon, self.levels = layout.horizon, len(layout.quantiles)
        self.middle = layout.quantiles.index(0.5)
        self.signs = climb(self.levels, self.middle)
        self.periods = nn.Linear(width, layout.horizon * PERIOD)
        known = len(layout.ahead.names) + phases
        self.hidden = nn.Linear(PERIOD + known, HIDDEN)
        self.says = nn.Linear(HIDDEN, self.levels + 1)
        self.unseen = layout.unseen
        self.line = nn.Linear(layout.reach, layout.horizon, bias=False) if layout.past else None
        self.usual = nn.Linear(PERIOD + known, 1, bias=False) if phases else None
        for straight in (self.line, self.usual):
            if straight is not None:
                nn.init.zeros_(straight.weight)
        with torch.no_grad():
            self.says.bias.fill_(-1.0)  # steps between quantiles of about 0.3 levels
            self.says.bias[self.middle], self.says.bias[-1] = 0.8, 0.5  # the middle and the mean at about one level

    def forward(self, window: Tensor, future: Tensor, seen: Tensor, phases: Tensor | None = None) -> dict[str, Tensor]:
        """window: n × width; future and phases: n × horizon × columns; seen: n × past, past demand; all centred."""
        told = self.periods(window).view(-1, PERIOD)
        known = (future if phases is None else torch.cat([future, phases], dim=-1)).flatten(0, 1)
        hidden = F.relu(beside(self.hidden, told, known), inplace=True)
        line = None
        if self.line is not None:
            line = self.line(seen[:, self.unseen :]).view(-1, 1)
            line = line if self.usual is None else beside(self.usual, told, known, line)
        return self.spoken(hidden, line)

    def told(self, window: Tensor, future: Tensor, phases: Tensor | None = None) -> Tensor:
        """n × horizon × what is known of each period: what the hidden layer sees."""
        told = self.periods(window).unflatten(1, (self.horizon, PERIOD))
        return torch.cat([told, future] if phases is None else [told, future, phases], dim=-1)

    def answered(self, periods: Tensor, seen: Tensor, hidden: Tensor | None = None) -> dict[str, Tensor]:
        """From what was `told`; `hidden`: what the hidden layer made of it, where that is known."""
        if hidden is None:
            hidden = F.relu(self.hidden(periods))
        line = None
        if self.line is not None:
            line = self.line(seen[:, self.unseen :]).view(-1, 1)
            line = line if self.usual is None else line + self.usual(periods).view(-1, 1)
        return self.spoken(hidden.flatten(0, 1), line)

    def spoken(self, hidden: Tensor, line: Tensor | None) -> dict[str, Tensor]:
        """hidden: a row for each example and period; line: what is added to the middle and the mean of each."""
        # A row for each level, the mean last, so that what is done to one of them runs along memory.
        raw = torch.addmm(self.says.bias.unsqueeze(1), self.says.weight, hidden.t())
        steps, mean = torch.split(raw, [self.levels, 1])
        middle = steps[self.middle : self.middle + 1]
        if line is not None:
            middle, mean = middle + line.view(1, -1), mean + line.view(1, -1)
        signs = torch.tensor(self.signs, dtype=raw.dtype, device=raw.device)
        quantiles = torch.addmm(middle, signs.t(), F.softplus(steps))
        shape = (-1, self.horizon)
        return {
            "quantiles": quantiles.view(self.levels, *shape).permute(1, 2, 0),
            "mean": F.softplus(mean).view(shape),
        }


def said(outputs: Outputs, batch: Batch, layout: Layout) -> Prediction:
    """In units: relative answers times each example's level."""
    level = batch.level[:, None]
    quantiles = outputs["quantiles"].clamp(min=0) * level.unsqueeze(-1)
    return Prediction(quantiles, layout.quantiles, outputs["mean"] * level)


def told(
    head: DemandHead, window: Tensor, future: Tensor, seen: Tensor, phases: Tensor | None, last: int
) -> dict[str, Tensor]:
    """What the last layers of the head are told, where so many of them learn: see `workload.Layered`."""
    if last == len(HEAD_LAYERS):
        found = {"window": window, "future": future, "seen": seen}
        return found if phases is None else {**found, "phases": phases}
    periods = head.told(window, future, phases)
    found = {"periods": periods, "seen": seen}
    return found if last > 1 else {**found, "hidden": F.relu(head.hidden(periods))}


def answered(head: DemandHead, told: Mapping[str, Tensor], last: int) -> dict[str, Tensor]:
    if last < len(HEAD_LAYERS):
        return head.answered(**told)
    found: dict[str, Tensor] = head(told["window"], told["future"], told["seen"], told.get("phases"))
    return found
