"""The base model: two hidden layers over a flat view of a window. Two forms share the net.

On *panels* a window of demand and covariates, what is known ahead and what never changes become all periods of the
horizon at once. On *tables* (`rows`) each row is one period by itself, as in the first study of this model: no past,
only attributes and the calendar.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from invplat.data.layout import Layout
from invplat.workload import Choice, Column, Outputs, Params, Parts, Prediction, Source, Space, Spec, Uniform
from invplat_workloads.heads import DemandHead
from invplat_workloads.layers import Centred, Dropout, Identity, Noise, forgetful, stacked_ids, uniform
from invplat_workloads.losses import deviance, pinball, square
from invplat_workloads.rows import Rows

if TYPE_CHECKING:
    from invplat.data.lead_times import LeadTimes
    from invplat.data.panel import Panel
    from invplat.data.windows import Batch, Windows

DEMAND = "demand"
# Columns whose every period is looked at; of the others, which sum up the past, the last says all.
BY_PERIOD = (DEMAND, "observed", "censored", "available", "promotion", "discount", "price_cut", "price_ratio")
CYCLES = ("month", "week_of_year", "day_of_week", "day_of_month", "weekend", "payday")  # the same for every series

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


class Net(nn.Module):
    """Demand is the first column of the past; columns that are looked at by period come before the others."""

    def __init__(self, params: Params, layout: Layout) -> None:
        super().__init__()
        self.by_period = sum(name in BY_PERIOD for name in layout.sees.names)
        self.own_ahead = sum(not name.startswith(CYCLES) for name in layout.ahead.names)
        self.past = layout.past
        one, two = int(params["hidden_one"]), int(params["hidden_two"])
        self.widths = (one, two)
        self.scaling_sees, self.scaling_ahead = Centred(layout.sees), Centred(layout.ahead)
        self.scaling_static = Centred(layout.static)
        self.identity = Identity(layout.ids)
        wide = self.by_period * layout.past + (len(layout.sees.names) - self.by_period) * bool(layout.past)
        wide += self.own_ahead * (layout.past + layout.horizon) + len(layout.ahead.names)
        self.trunk_one = nn.Linear(wide + len(layout.static.names) + self.identity.out, one)
        self.trunk_two = nn.Linear(one, two)
        self.chance_one, self.chance_two = Dropout(float(params["dropout_one"])), Dropout(float(params["dropout_two"]))
        self.head = DemandHead(two, layout)

    def forward(
        self,
        past: Tensor,
        ahead: Tensor,
        static: Tensor,
        ids: Tensor,
        noise_one: Noise = None,
        noise_two: Noise = None,
    ) -> dict[str, Tensor]:
        seen, known = self.scaling_sees(past), self.scaling_ahead(ahead)
        future = known[:, self.past :]
        window = torch.cat(
            [
                seen[:, :, : self.by_period].flatten(1),
                seen[:, -1:, self.by_period :].flatten(1),
                known[:, :, : self.own_ahead].flatten(1),
                future[:, 0],
                self.scaling_static(static),
                self.identity(ids),
            ],
            dim=-1,
        )
        window = self.chance_one(F.elu(self.trunk_one(window)), noise_one)
        window = self.chance_two(F.elu(self.trunk_two(window)), noise_two)
        found: dict[str, Tensor] = self.head(window, future, seen[:, :, 0] if self.past else window)
        return found


class MLP:
    name = "mlp"
    space = SPACE
    columns = COLUMNS
    parts = Parts(trunk=("trunk_", "chance_"), head=("head.",), tenant=("identity.", "scaling_"))
    predicts = frozenset({"quantiles", "mean"})
    scale_free = True
    fusable = True

    def layout(self, windows: Windows | Rows, spec: Spec) -> Layout:
        if isinstance(windows, Rows):
            return windows.layout(spec.quantiles)
        own = [name for name in windows.ahead_names if not name.startswith(CYCLES)]
        return Layout.of(windows, spec.quantiles, first=(*BY_PERIOD, *own))

    def examples(
        self,
        windows: Windows | Rows,
        layout: Layout,
        *,
        panels: Sequence[Panel] = (),
        lead_times: Sequence[LeadTimes] = (),
    ) -> Source:
        return windows if isinstance(windows, Rows) else layout.align(windows)

    def build(self, params: Params, layout: Layout) -> nn.Module:
        return Net(self.space.check(params), layout)

    def inputs(self, module: nn.Module, batch: Batch, generator: torch.Generator | None = None) -> dict[str, Tensor]:
        if not isinstance(module, Net):
            raise TypeError(f"a {type(module).__name__} is not the net that mlp builds")
        ids = stacked_ids(batch.ids, module.identity.names, batch.level)
        found = {"past": batch.past, "ahead": batch.ahead, "static": batch.static, "ids": ids}
        if generator is not None:
            found["ids"] = forgetful(ids, generator)
            one, two = module.widths
            found |= {
                "noise_one": uniform((len(ids), one), generator),
                "noise_two": uniform((len(ids), two), generator),
            }
        return found

    def loss(self, outputs: Outputs, batch: Batch, layout: Layout) -> Tensor:
        """Quantiles by pinball loss; the mean by Poisson's deviance, or on tables, as in the study, by its square."""
        mean = deviance(outputs["mean"], batch) if layout.past else square(outputs["mean"], batch)
        return pinball(outputs["quantiles"], layout.quantiles, batch) + 0.5 * mean

    def predict(self, outputs: Outputs, batch: Batch, layout: Layout) -> Prediction:
        level = batch.level[:, None]
        return Prediction(outputs["quantiles"] * level.unsqueeze(-1), layout.quantiles, outputs["mean"] * level)


WORKLOAD = MLP()
