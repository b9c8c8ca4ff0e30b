"""The base model: two hidden layers over a flat view of a window. Two forms share the net.

On *panels* a window of demand and covariates, what is known ahead and what never changes become all periods of the
horizon at once. On *tables* (`rows`) each row is one period by itself, as in the first study of this model: no past,
only attributes and the calendar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from typing import TYPE_CHECKING, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from invplat.data.layout import Layout
from invplat.workload import Chance, Choice, Column, Outputs, Params, Parts, Prediction, Source, Space, Spec, Uniform
from invplat_workloads.flat import FlatBatch, FlatWindows, Shares, order
from invplat_workloads.graft import Labels, flat_columns, graft, head_axes
from invplat_workloads.heads import HEAD_LAYERS, DemandHead, answered, said, told
from invplat_workloads.kept import Kept
from invplat_workloads.layers import Dropout, Identity, Noise, forgetful, led, stacked_ids
from invplat_workloads.losses import demand, pinball, square
from invplat_workloads.phases import last_years
from invplat_workloads.rows import RowBatch, Rows, rows_of

if TYPE_CHECKING:
    from invplat.data.lead_times import LeadTimes
    from invplat.data.panel import Panel
    from invplat.data.windows import Batch, Windows

SPACE = Space(
    {
        "hidden_one": Choice(
            (32, 64, 128, 256, 512),
            default=128,
            grid=(25, 50, 75, 100, 125, 150, 175, 200, 225, 300, 350, 400),
            shape=True,
        ),
        "hidden_two": Choice(
            (32, 64, 128, 256, 512),
            default=128,
            grid=(25, 50, 75, 100, 125, 150, 175, 200, 225, 300, 325, 350, 400),
            shape=True,
        ),
        "dropout_one": Uniform(0.0, 0.5, default=0.1, grid=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
        "dropout_two": Uniform(0.0, 0.5, default=0.1, grid=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
        "learning_rate": Uniform(1e-5, 1e-1, default=1e-3, log=True, grid=(1e-3,)),
        "batch_size": Choice((16, 32, 64, 128, 256, 512), default=256, grid=(256,)),
    }
)
COLUMNS = (
    Column("sales.quantity", "there is nothing to forecast", required=True),
    Column("sales.promotion", "a promotion looks like any other day"),
    Column("sales.price", "a change of price is not felt"),
    Column("sales.available", "a day with an empty shelf looks like a day without demand, unless stock says otherwise"),
    Column("stock.on_hand", "a day with an empty shelf looks like a day without demand"),
    Column("products.category", "a new SKU has no relatives to learn from"),
    Column("events", "holidays and campaigns are not known ahead"),
)


CORRECTS = 4.0


class Net(nn.Module):
    def __init__(self, params: Params, layout: Layout) -> None:
        super().__init__()
        shares, rest = Shares.of(layout), len(layout.sees.names)
        self.past, self.own, self.unseen = layout.past, shares.own, layout.unseen
        one, two = int(params["hidden_one"]), int(params["hidden_two"])
        self.widths = (one, two)
        self.identity = Identity(layout.ids)
        wide = shares.by_period * layout.reach + rest - shares.by_period
        wide += shares.own * (layout.reach + layout.horizon) + len(layout.ahead.names)
        self.trunk_one = nn.Linear(wide + len(layout.static.names) + self.identity.out, one)
        self.trunk_two = nn.Linear(one, two)
        self.chance_one, self.chance_two = Dropout(float(params["dropout_one"])), Dropout(float(params["dropout_two"]))
        self.head = DemandHead(two, layout, shares.phases)

    def forward(
        self,
        past: Tensor,
        now: Tensor,
        ahead: Tensor,
        static: Tensor,
        ids: Tensor,
        phases: Tensor,
        noise_one: Noise = None,
        noise_two: Noise = None,
    ) -> dict[str, Tensor]:
        future = ahead[:, self.past :]
        window = self.window(past, now, ahead, static, ids, noise_one, noise_two)
        found: dict[str, Tensor] = self.head(window, future, past[:, :, 0] if self.past else window, phases)
        return found if self.past else {**found, "mean": bounded(found["mean"])}

    def window(
        self,
        past: Tensor,
        now: Tensor,
        ahead: Tensor,
        static: Tensor,
        ids: Tensor,
        noise_one: Noise = None,
        noise_two: Noise = None,
    ) -> Tensor:
        """What the trunk makes of each window."""
        own = ahead[:, self.unseen :, : self.own]
        parts = [past[:, self.unseen :].flatten(1), now, own.flatten(1), ahead[:, self.past], static]
        window = led(self.trunk_one, parts, self.identity(ids))
        window = self.chance_one(F.elu(window, inplace=True), noise_one)
        found: Tensor = self.chance_two(F.elu(self.trunk_two(window), inplace=True), noise_two)
        return found


def axes(layout: Layout) -> dict[str, tuple[Labels | None, ...]]:
    """What each row and column of its weights is about."""
    return {
        "trunk_one.weight": (None, flat_columns(layout)),
        **head_axes(layout, Shares.of(layout), last_years(layout.ahead.names)),
    }


def bounded(mean: Tensor) -> Tensor:
    """On tables names have said most, and the mean corrects them: up to CORRECTS times either way, in no leaps."""
    most = log(CORRECTS)
    return (most * torch.tanh(mean.clamp(min=1e-6).log() / most)).exp()


class MLP:
    name = "mlp"
    space = SPACE
    columns = COLUMNS
    parts = Parts(trunk=("trunk_", "chance_"), head=("head.",), tenant=("identity.",))
    predicts = frozenset({"quantiles", "mean"})
    scale_free = True
    fusable = True
    rows = staticmethod(rows_of)  # it reads tables too
    layers = (*HEAD_LAYERS, ("trunk_two.",), ("trunk_one.", "identity."))
    cuts = (1, 2, 3)

    def layout(self, windows: Windows | Rows, spec: Spec) -> Layout:
        if isinstance(windows, Rows):
            return windows.layout(spec.quantiles)
        return Layout.of(windows, spec.quantiles, first=order(windows))

    def examples(
        self,
        windows: Windows | Rows,
        layout: Layout,
        *,
        panels: Sequence[Panel] = (),
        lead_times: Sequence[LeadTimes] = (),
    ) -> Source:
        return windows.centred(layout) if isinstance(windows, Rows) else Kept(FlatWindows.of(windows, layout))

    def build(self, params: Params, layout: Layout) -> nn.Module:
        return Net(self.space.complete(params), layout)

    def inputs(self, module: nn.Module, batch: Batch, chance: Chance | None = None) -> dict[str, Tensor]:
        if not isinstance(module, Net) or not isinstance(batch, FlatBatch):
            raise TypeError(f"a {type(module).__name__} and a {type(batch).__name__}: mlp builds and makes others")
        ids = stacked_ids(batch.ids, module.identity.names, batch.level)
        found = {"past": batch.past, "now": batch.now, "ahead": batch.ahead, "static": batch.static, "ids": ids}
        found["phases"] = batch.phases
        if chance is not None:
            found["ids"] = forgetful(ids, chance)
            one, two = module.widths
            found |= {
                "noise_one": chance.uniform((len(ids), one)),
                "noise_two": chance.uniform((len(ids), two)),
            }
        return found

    def told(self, module: nn.Module, inputs: Mapping[str, Tensor], last: int) -> dict[str, Tensor]:
        if not isinstance(module, Net) or not module.past:
            raise TypeError("only a net of windows is cut in two")
        window = module.window(*(inputs[name] for name in ("past", "now", "ahead", "static", "ids")))
        future, seen = inputs["ahead"][:, module.past :], inputs["past"][:, :, 0]
        return told(module.head, window, future, seen, inputs["phases"], last)

    def answered(self, module: nn.Module, told: Mapping[str, Tensor], last: int) -> dict[str, Tensor]:
        return answered(cast(Net, module).head, told, last)

    def grafted(self, module: nn.Module, layout: Layout, params: Params, wanted: Layout) -> nn.Module:
        return graft(module, self.build(params, wanted), axes(layout), axes(wanted))

    def loss(self, outputs: Outputs, batch: Batch, layout: Layout) -> Tensor:
        """Quantiles by pinball loss; the mean by Poisson's deviance, or on tables, as in the study, by its square.
        Windows of panels count by their level: what matters is how many units are missed."""
        if isinstance(batch, RowBatch):
            missed = pinball(outputs["quantiles"], layout.quantiles, batch)
            return 0.1 * missed + square(outputs["mean"], batch) * batch.weight
        if not isinstance(batch, FlatBatch):
            raise TypeError(f"a {type(batch).__name__}: mlp makes others")
        return batch.weight * demand(outputs, layout.quantiles, batch)

    def predict(self, outputs: Outputs, batch: Batch, layout: Layout) -> Prediction:
        return said(outputs, batch, layout)


WORKLOAD = MLP()
