"""A net for another layout that begins as a given one: weights move by what each of their rows and columns is about.

A column or name that the given net did not know begins with no weight, so it changes nothing until it has learnt; a
period that it did not answer for begins as the nearest earlier one of the same weekday.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import torch
from torch import Tensor, nn

from invplat.data.layout import Layout
from invplat_workloads.flat import Shares
from invplat_workloads.heads import PERIOD
from invplat_workloads.layers import Identity, width
from invplat_workloads.phases import PRIOR, WEEK

Labels = Sequence[Hashable]
Axes = Mapping[str, tuple[Labels | None, ...]]  # of each weight, what its axes are about; None: alike in both nets
STEP = "step"  # (STEP, period ahead, …): of these the nearest stands in


def graft(given: nn.Module, fresh: nn.Module, have: Axes, want: Axes, *, reads: str = "trunk_one") -> nn.Module:
    """`reads`: the layer that reads identities. Both nets have an `identity`."""
    theirs, found = given.state_dict(), fresh.state_dict()
    for name in found:
        if name.startswith("identity."):
            found[name] = torch.zeros_like(found[name])
        elif name in theirs:
            found[name] = moved(theirs[name], found[name], have.get(name, ()), want.get(name, ()))
        else:
            found[name] = torch.zeros_like(found[name])
    nobody = unknown(given)
    if len(nobody):  # what the given net thinks of a name it doesn't know stands in the bias
        weight = theirs[f"{reads}.weight"]
        found[f"{reads}.bias"] = theirs[f"{reads}.bias"] + weight[:, -len(nobody) :] @ nobody
    fresh.load_state_dict(found)
    return fresh


def unknown(net: nn.Module) -> Tensor:
    identity = net.identity
    assert isinstance(identity, Identity)
    nobody = torch.zeros((1, len(identity.names)), dtype=torch.int64, device=next(net.parameters()).device)
    found: Tensor = identity(nobody)[0].detach().float()
    return found


def moved(theirs: Tensor, like: Tensor, have: Sequence[Labels | None], want: Sequence[Labels | None]) -> Tensor:
    found = theirs
    for axis, (ours, wanted) in enumerate(zip(have, want, strict=True)):  # nothing said: alike in both
        if ours is None or wanted is None:
            continue
        place = {label: number for number, label in enumerate(ours)}
        last = max((label[1] for label in ours if isinstance(label, tuple) and label[0] == STEP), default=-1)
        index = torch.tensor([place.get(label, place.get(_nearest(label, last), -1)) for label in wanted])
        index = index.to(found.device)
        there = (index >= 0).to(found.dtype)
        shape = [-1 if place_ == axis else 1 for place_ in range(found.dim())]
        found = found.index_select(axis, index.clamp(min=0)) * there.view(shape)
    return found.reshape(like.shape).clone()


def _nearest(label: Hashable, last: int) -> Hashable:
    """The last period answered for that falls on this one's weekday, or simply the last."""
    if not isinstance(label, tuple) or label[0] != STEP or label[1] <= last:
        return None
    back = label[1] - WEEK * -(-(label[1] - last) // WEEK)
    return (STEP, back if back >= 0 else last, *label[2:])


def flat_columns(layout: Layout) -> Labels:
    """Of the layer that reads a flat window: see `flat.FlatBatch`, and the identities last."""
    shares, reach = Shares.of(layout), layout.reach
    sees, ahead = layout.sees.names, layout.ahead.names
    found: list[Hashable] = [("past", name, back) for back in range(reach, 0, -1) for name in sees[: shares.by_period]]
    found += [("now", name) for name in sees[shares.by_period :]]
    periods = range(-reach, layout.horizon)
    found += [("ahead", name, period) for period in periods for name in ahead[: shares.own]]
    found += [("first", name) for name in ahead]
    found += [("static", name) for name in layout.static.names]
    return found + id_columns(layout)


def id_columns(layout: Layout) -> list[Hashable]:
    return [("id", name, place) for name, rows in layout.ids.items() for place in range(width(rows))]


def head_axes(
    layout: Layout, shares: Shares, years: Sequence[int], head: str = "head"
) -> dict[str, tuple[Labels | None, ...]]:
    """`years`: which columns known ahead say what a year ago was."""
    known: list[Hashable] = [("told", place) for place in range(PERIOD)]
    known += [("ahead", name) for name in layout.ahead.names]
    if shares.phases:
        usual = [*(f"phase {place}" for place in range(len(PRIOR))), *(layout.ahead.names[place] for place in years)]
        known += [(kind, name) for kind in ("relative", "centred") for name in usual] + ["seen"]
    steps = range(layout.horizon)
    levels: list[Hashable] = [*layout.quantiles, "mean"]
    told = [(STEP, step, place) for step in steps for place in range(PERIOD)]
    return {
        f"{head}.periods.weight": (told, None),
        f"{head}.periods.bias": (told,),
        f"{head}.hidden.weight": (None, known),
        f"{head}.says.weight": (levels, None),
        f"{head}.says.bias": (levels,),
        f"{head}.line.weight": (
            [(STEP, step) for step in steps],
            [("past", back) for back in range(layout.reach, 0, -1)],
        ),
        f"{head}.usual.weight": (None, known),
    }
