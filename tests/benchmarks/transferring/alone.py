"""The other side of finetune_throughput: one tenant by the platform's plain loop, what does not learn frozen."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch

from invplat.model import Model
from invplat.train.loop import fit
from invplat.train.plan import Plan
from invplat.transfer.batch import Settings, steps_of
from invplat.transfer.examples import CHOOSE, JUDGE, LEARN, Examples, examples_of
from invplat.transfer.tenants import Tenant
from invplat.workload import Source


class Counted:
    """Some examples with what their part knows of their targets, each weighted by how much that is."""

    def __init__(self, examples: Examples, part: int, source: Source | None = None) -> None:
        self.whole = examples.source() if source is None else source
        rows = examples.rows(part)
        self.rows, self.room = rows, examples.rooms[rows, part]
        observed = self.whole.batch(rows).observed
        self.ahead = torch.arange(observed.shape[1])
        seen = (observed & (self.ahead < self.room[:, None])).float().mean(dim=1)
        kept = seen > 0
        self.rows, self.room, seen = rows[kept], self.room[kept], seen[kept]
        self.share = seen / seen.mean()

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: str) -> Counted:
        if device != "cpu":
            self.whole = self.whole.to(device)
            self.rows, self.room, self.ahead, self.share = (
                part.to(device) for part in (self.rows, self.room, self.ahead, self.share)
            )
        return self

    def batch(self, which: torch.Tensor) -> object:
        batch = self.whole.batch(self.rows[which])
        seen = batch.observed & (self.ahead < self.room[which, None])
        return replace(batch, observed=seen, weight=batch.weight * self.share[which])  # type: ignore[call-arg]


def adapted_alone(
    donor: Model, tenant: Tenant, settings: Settings, most: int, device: str = "cpu"
) -> tuple[dict[str, torch.Tensor], float]:
    """What it learnt, and its best loss on the windows for choosing."""
    examples = examples_of(donor, tenant, most=most).without(JUDGE)
    net = copy.deepcopy(donor.module)
    for name, value in net.named_parameters():
        value.requires_grad_(name.startswith(settings.way.learns))
    source = examples.source()
    parts = [Counted(examples, part, source) for part in (LEARN, CHOOSE)]
    batch = -(-len(parts[0]) // steps_of(len(parts[0]), settings.batch))  # as many steps an epoch as in a pack
    plan = Plan(epochs=settings.epochs, batch_size=batch, learning_rate=settings.rate, patience=0)
    found = fit(donor.workload, donor.params, donor.layout, *parts, plan=plan, module=net, device=device)  # type: ignore[arg-type]
    weights = {name: value.detach().cpu() for name, value in found.module.named_parameters() if value.requires_grad}
    return weights, float(found.loss or 0.0)
