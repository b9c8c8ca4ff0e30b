"""A tenant's windows as its donor's net reads them, once: what is frozen is asked here and never again.

Rows know the part they lie in and how far that part, or the whole history, knows what followed them.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from invplat.core.errors import DatasetError
from invplat.data.features import Recipe
from invplat.data.layout import Layout, Numbers
from invplat.data.panel import Panel
from invplat.data.windows import Batch, Windows
from invplat.evaluate.lagged import vocabularies
from invplat.model import Model, Preparation
from invplat.transfer.tenants import Parts, Tenant, between, checked, roomy
from invplat.transfer.ways import Way, grafts
from invplat.workload import Layered, Spec, Workload

MOST = 1_500  # windows of a tenant in each part
YOUNG = 6  # this part of a history is too young to stand for what comes
AT_ONCE = 4096  # windows whose frozen part is computed at once
FEW = 2  # of them tell what the loss reads
LEARN, CHOOSE, JUDGE = range(3)
GROUPS = ("sees", "ahead", "static")


@dataclass(frozen=True)
class Frozen:
    """What the layers that learn are told of each window, and what their answers are judged by."""

    told: dict[str, Tensor]
    batch: Batch  # only the fields that the loss reads are kept whole

    def nbytes(self) -> int:
        return sum(value.nbytes for value in self.told.values()) + sum(value.nbytes for value in self.kept.values())

    @cached_property
    def kept(self) -> dict[str, Tensor]:
        rows = len(next(iter(self.told.values())))
        return {name: value for name, value in plain(self.batch).items() if len(value) == rows}


@dataclass(frozen=True)
class Examples:
    tenant: Tenant
    workload: Workload
    layout: Layout
    spec: Spec
    preparation: Preparation
    windows: Windows
    panels: tuple[Panel, ...]  # as the windows were cut from
    parts: Parts
    rooms: Tensor  # n × 3: periods that each part knows after the cutoff; none or less where it does not reach it
    part: Tensor  # n: the part in which the cutoff lies
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.part)

    def rows(self, part: int) -> Tensor:
        return (self.part == part).nonzero().flatten()

    def without(self, part: int) -> Examples:
        """The rows of the other parts."""
        kept = self.part != part
        windows = self.windows.select(kept.numpy())
        return replace(self, windows=windows, rooms=self.rooms[kept], part=self.part[kept])

    @property
    def periods(self) -> int:
        return len(self.tenant.dates())

    def source(self) -> Any:
        times = [self.tenant.lead_times] * len(self.panels) if self.tenant.lead_times is not None else []
        decides = bool({"vlt", "order"} & self.workload.predicts)
        return self.workload.examples(
            self.windows, self.layout, panels=self.panels, lead_times=times if decides else ()
        )

    @torch.no_grad()
    def frozen(self, net: torch.nn.Module, way: Way, device: str = "cpu") -> Frozen:
        """`net`: the one whose weights stay."""
        source = self.source().to(device)
        told: dict[str, list[Tensor]] = {}
        batches = []
        needed: frozenset[str] | None = None
        for which in torch.split(torch.arange(len(source), device=device), AT_ONCE):
            batch = source.batch(which)
            inputs = self.workload.inputs(net, batch)
            if way.last and isinstance(self.workload, Layered):
                inputs = self.workload.told(net, inputs, way.last)
            for name, value in inputs.items():
                told.setdefault(name, []).append(value)
            if needed is None:
                few = source.batch(which[:FEW])
                needed = read_by_loss(self.workload, net, few, self.layout)
            batches.append(batch)
        kept = needed or frozenset()
        whole = {
            name: torch.cat([plain(batch)[name] for batch in batches]) if name in kept else value[:1]
            for name, value in plain(batches[0]).items()
        }
        return Frozen({name: torch.cat(parts) for name, parts in told.items()}, rebuilt(batches[0], whole))


def plain(batch: Batch) -> dict[str, Tensor]:
    found = {field.name: getattr(batch, field.name) for field in fields(batch) if field.name != "ids"}
    return {**found, **{f"ids.{name}": codes for name, codes in batch.ids.items()}}


def rebuilt(like: Batch, values: Mapping[str, Any]) -> Batch:
    found = {name: value for name, value in values.items() if not name.startswith("ids.")}
    return replace(like, **found, ids={name: values[f"ids.{name}"] for name in like.ids})


def read_by_loss(workload: Workload, net: torch.nn.Module, batch: Batch, layout: Layout) -> frozenset[str]:
    """Which fields of a batch its loss looks at, and those that any judgement needs."""
    asked: set[str] = {"target", "observed", "level"}
    names = {field.name for field in fields(batch)}

    def noticed(self: Any, name: str) -> Any:
        if name in names:
            asked.add(name)
        return object.__getattribute__(self, name)

    watched = copy.copy(batch)
    object.__setattr__(watched, "__class__", type("Watched", (type(batch),), {"__getattribute__": noticed}))
    outputs = net(**workload.inputs(net, batch))
    workload.loss(outputs, watched, layout)
    workload.predict(outputs, watched, layout)
    if "ids" in asked:
        asked |= {f"ids.{name}" for name in batch.ids}
    return frozenset(asked)


def examples_of(
    donor: Model,
    tenant: Tenant,
    *,
    own: bool = False,
    horizon: int | None = None,
    names: bool = False,
    known: bool = False,
    most: int = MOST,
) -> Examples:
    """`own`: with the columns that only this tenant has. `horizon`: another than the donor's. `names`: with embeddings
    for its own SKUs and stores. `known`: the donor is this tenant's own model, its names are known to it."""
    spec = donor.spec if horizon is None else replace(donor.spec, horizon=horizon)
    changed = own or names or spec != donor.spec
    if changed and not grafts(donor.workload):
        raise DatasetError(
            f"{donor.workload.name} goes on with its donor's columns, names and periods only",
            hint="leave extra inputs, identities and another horizon out, or choose a workload that grafts",
        )
    checked(tenant, donor.preparation.frequency)
    wide = [roomy(panel, spec.past, spec.horizon) for panel in tenant.panels]
    parts = Parts.of(tenant.dates(), spec.horizon)
    encoders = donor.preparation.encoders if known else {}
    preparation = Preparation(_reaching(donor.preparation.recipe, spec), donor.preparation.frequency, encoders)
    panels = tuple(preparation.ready(wide, tenant.dataset))
    if names and not known:
        preparation = replace(preparation, encoders=vocabularies(panels, parts.judge, spec.ids or Spec().ids))
    cutoffs = _cutoffs(tenant, most)
    windows = preparation.cut(panels, spec, cutoffs)
    rooms = np.stack([between(tenant.frequency, windows.cutoffs, end) for end in parts.ends], axis=1)
    part = (rooms[:, :2] <= 0).sum(axis=1)
    layout = donor.layout
    if changed:
        learnt = windows.select(rooms[:, 0] > 0) if (rooms[:, 0] > 0).any() else windows
        layout = layout_with(donor, learnt, spec, own=own, names=names)
    lacking = [name for name in donor.layout.lacking(windows) if name not in donor.layout.ids]
    notes = (
        (f"{tenant.name} lacks {len(lacking)} columns its donor knows: {', '.join(lacking[:4])}",) if lacking else ()
    )
    return Examples(
        tenant,
        donor.workload,
        layout,
        spec,
        preparation,
        windows,
        panels,
        parts,
        torch.from_numpy(rooms),
        torch.from_numpy(part),
        notes,
    )


def layout_with(donor: Model, windows: Windows, spec: Spec, *, own: bool, names: bool) -> Layout:
    """The donor's layout, with the tenant's own columns and names; what both know is centred as the donor does."""
    base = replace(donor.layout, past=spec.past, horizon=spec.horizon)
    if own:
        fresh = Layout.of(windows, base.quantiles)
        groups: dict[str, Any] = {group: _joined(getattr(base, group), getattr(fresh, group)) for group in GROUPS}
        base = replace(base, **groups, quantities=tuple(dict.fromkeys((*base.quantities, *fresh.quantities))))
        whole = donor.workload.layout(base.align(windows), spec)  # the workload's own order of columns
        ordered: dict[str, Any] = {group: getattr(base, group).sorted(getattr(whole, group).names) for group in GROUPS}
        base = replace(base, **ordered, quantities=whole.quantities)
    if not names:
        return base
    return replace(base, ids=donor.workload.layout(windows, spec).ids)


def _joined(have: Numbers, new: Numbers) -> Numbers:
    extra = [place for place, name in enumerate(new.names) if name not in have.names]
    return Numbers(
        (*have.names, *(new.names[place] for place in extra)),
        (*have.centres, *(new.centres[place] for place in extra)),
        (*have.spreads, *(new.spreads[place] for place in extra)),
    )


def _reaching(recipe: Recipe, spec: Spec) -> Recipe:
    """A year ago is looked at as far as the answers reach."""
    return replace(recipe, last_year=spec.horizon) if recipe.last_year else recipe


def _cutoffs(tenant: Tenant, most: int) -> list[Any]:
    """Of the whole history but its last period, and its first, which know next to nothing of a past; every so many
    where all would be too many windows, never whole weeks apart, and counted back from the end."""
    dates = tenant.dates()
    dates = dates[len(dates) // YOUNG : -1]
    stride = max(-(-tenant.series * len(dates) // (2 * most)), 1)
    stride += stride > 1 and stride % 7 == 0
    return dates[::-1][::stride][::-1]
